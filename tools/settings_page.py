"""Write docs/settings.md, everything a recipe can name, from the functions' signatures.

python -m tools.settings_page        rewrites the page
"""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

from fer2013_tf import nets, recipes
from fer2013_tf.data import ferplus, splits
from fer2013_tf.preprocessing import augment, image_ops
from fer2013_tf.training import losses, optimizers, schedules

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
HEAD = """\
# Settings

The settings of recipes, of plans and of `train --set KEY=VALUE`. This page is made from the code by
`python -m tools.settings_page`; a test holds the two together.

Settings of the form `name(option=value)` take the options listed. `--set net.dropout_rate=0.3` sets
one of them. Augmentations are joined by `|`:
`--set "augment=flip(0.5) | rotate(0.26) | cutout(side=16)"`.
"""


def options(function):
    """Return [`name=default`] of a function's options."""
    parameters = inspect.signature(function).parameters.values()
    return [
        f"`{p.name}={p.default!r}`"
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    ]


def table(functions):
    """Return a table: per function its name, its options, its docstring's first paragraph."""
    rows = ["| name | options | |", "|---|---|---|"]
    for name, (function, document) in sorted(functions.items()):
        text = re.sub(r"\s+", " ", document.strip().split("\n\n")[0]).replace("|", "\\|")
        rows.append(f"| `{name}` | {', '.join(options(function))} | {text} |")
    return "\n".join(rows)


def of_registry(registry):
    """Return {name: (function, docstring)} of a registry."""
    return {name: (function, function.__doc__) for name, function in registry.items()}


def page():
    """Return the whole text of the page."""
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
        "## `loss`\n\n" + table(of_registry(losses.LOSSES)),
        "## `augment`\n\nGeometric ones; together they are one interpolation:\n\n"
        + table(of_registry(augment.GEOMETRIC))
        + "\n\nPixel operations, applied after them in the order given:\n\n"
        + table(of_registry(augment.PIXEL_OPS))
        + f"\n\n`fill_mode`, for pixels from outside the image: {', '.join(augment.FILL_MODES)}."
        + f" `scaling`: {', '.join(image_ops.SCALINGS)}.",
        "## `optimizer`\n\n" + table(of_registry(optimizers.OPTIMIZERS)),
        "## `schedule`\n\n" + table(of_registry(schedules.SCHEDULES)),
        "## `labels`\n\n`hard` takes the records' own. For records made with `--ferplus`:\n\n"
        + table(of_registry(ferplus.SCHEMES)),
        "## `make_records --resplit`\n\n`official` keeps the source's own.\n\n"
        + table(of_registry(splits.RESPLITS)),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
