"""Write the lists of each net's checkpoint variables, which a test compares with the nets.

python -m tools.golden_lists        rewrites tests/golden/*.txt; commit changes with their reason
"""

from pathlib import Path

from fer2013_tf import nets
from fer2013_tf.evaluation import eval_graph
from fer2013_tf.utils import constants
from tests import toy

FOLDER = Path(__file__).parent.parent / "tests" / "golden"
NETS = nets.names()
DATA = {
    "classes": list(constants.FER2013),
    "size": list(toy.SIZE),
    "mean": 128.0,
    "std": 64.0,
    "counts": {"Training": {"angry": 32}},
}


def variables(net):
    """Return `name:shape` of every variable of a net in evaluation, sorted."""
    graph = eval_graph.build_eval(toy.recipe(f"net={net}"), DATA)
    return sorted(
        f"{name}:{'x'.join(map(str, placeholder.shape.as_list()))}"
        for name, (placeholder, _) in graph.assign.items()
    )


if __name__ == "__main__":
    for each in NETS:
        (FOLDER / f"{each}.txt").write_text("\n".join(variables(each)) + "\n")
        print(f"wrote {FOLDER / each}.txt")
