"""docs/settings.md: everything a recipe can name, from the functions' own signatures.

python -m tests.settings_page        rewrites the page
"""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

from fer2013_tf import augment, ferplus, inputs, nets, objective, optimise, recipes, splits

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
HEAD = """\
# Settings

What `--set KEY=VALUE` of `train`, a recipe and a plan can say. This page is made from the code by
`python -m tests.settings_page`; a test holds the two together.

Settings of the form `name(option=value)` take the options listed; one of them alone is set as in
`--set net.dropout_rate=0.3`. Augmentations are joined by `|`:
`--set "augment=flip(0.5) | rotate(0.26) | cutout(side=16)"`.
"""


def options(function):
    """[`name=default`] of what can be set."""
    parameters = inspect.signature(function).parameters.values()
    return [
        f"`{p.name}={p.default!r}`"
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    ]


def table(functions):
    """A row a function: its name, its options, the first sentence of what it says of itself."""
    rows = ["| name | options | |", "|---|---|---|"]
    for name, (function, document) in sorted(functions.items()):
        said = re.sub(r"\s+", " ", document.strip().split("\n\n")[0]).replace("|", "\\|")
        rows.append(f"| `{name}` | {', '.join(options(function))} | {said} |")
    return "\n".join(rows)


def of_registry(registry):
    return {name: (function, function.__doc__) for name, function in registry.items()}


def page():
    """The whole text."""
    modules = {n: importlib.import_module(f"fer2013_tf.nets.{n}") for n in nets.names()}
    built = {name: (module.build, module.__doc__) for name, module in modules.items()}
    fields = [
        f"| `{field.name}` | `{field.default!r}` |"
        for field in dataclasses.fields(recipes.Recipe)
        if field.default is not dataclasses.MISSING
    ]
    parts = [
        HEAD,
        "## Defaults\n\n| setting | default |\n|---|---|\n" + "\n".join(fields),
        "## `net`\n\n" + table(built),
        "## `loss`\n\n" + table(of_registry(objective.LOSSES)),
        "## `augment`\n\nThose that move pixels, multiplied and applied in one interpolation:\n\n"
        + table(of_registry(augment.GEOMETRIC))
        + "\n\nThose that change tones, applied after them in their order:\n\n"
        + table(of_registry(augment.TONAL))
        + f"\n\n`fill`, where a picture does not reach: {', '.join(augment.FILLS)}. `scaling`: "
        + f"{', '.join(inputs.SCALINGS)}.",
        "## `optimizer`\n\n" + table(of_registry(optimise.OPTIMIZERS)),
        "## `schedule`\n\n" + table(of_registry(optimise.SCHEDULES)),
        "## `labels`\n\n`hard` takes the records' own; of records made with `--ferplus`:\n\n"
        + table(of_registry(ferplus.SCHEMES)),
        "## `make_records --split`\n\n`official` keeps the source's own.\n\n"
        + table(of_registry(splits.SPLITS)),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
