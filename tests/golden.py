"""The committed list of checkpoint variables, and the command that makes it again.

python -m tests.golden        rewrites tests/golden/*.txt; commit what changed, with the reason
"""

from pathlib import Path

from fer2013_tf import emotions, graphs, nets
from tests import toy

FOLDER = Path(__file__).parent / "golden"
NETS = nets.names()
DATA = {
    "classes": list(emotions.FER2013),
    "size": list(toy.SIZE),
    "mean": 128.0,
    "deviation": 64.0,
    "counts": {"Training": {"angry": 32}},
}


def variables(net):
    """`name:shape` of every variable of a net in evaluation, sorted."""
    graph = graphs.build_eval(toy.recipe(f"net={net}"), DATA)
    return sorted(
        f"{name}:{'x'.join(map(str, placeholder.shape.as_list()))}"
        for name, (placeholder, _) in graph.assign.items()
    )


if __name__ == "__main__":
    for each in NETS:
        (FOLDER / f"{each}.txt").write_text("\n".join(variables(each)) + "\n")
        print(f"wrote {FOLDER / each}.txt")
