"""Read plans of experiments: TOML files that name a recipe and what to vary.

recipe = "blocks"                 # what every trial starts from
set = ["epochs=8"]                # settings of every trial
order = "grid"                    # every combination; or "one" axis at a time; or "greedy": one
                                  # axis after the other, each with the best of those before
seeds = [1, 2, 3]                 # train each trial once per seed (default: [0])
minutes = 20                      # see train --minutes (default: no limit)
keep = 2                          # checkpoints kept per run, beside the best (default: 2)

[[axis]]                          # values of one setting ...
key = "net.dropout_rate"
values = [0.2, 0.4]

[[axis]]                          # ... or of several that change together, each with its name
name = "blocks"
values = [
  { label = "2", set = ["net.block_num=2", "net.filters=(64, 128)"] },
  { label = "other", recipe = "lenet" },
]
"""

import itertools
import re
import sys
from pathlib import Path
from typing import NamedTuple

from fer2013_tf import recipes
from fer2013_tf.recipes import Recipe
from fer2013_tf.utils import names as names_of_files
from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


# Bytes kept free in a run's name for its seed.
SEED_ROOM = len("_seed-9999999999")
PLAN_FILES = Path(__file__).parent / "plan_files"
ORDERS = ("grid", "one", "greedy")
# Keys of a plan, each with a value of its type.
KEYS = {
    "about": "",
    "recipe": "",
    "set": ("",),
    "order": "",
    "seeds": (0,),
    "minutes": 0.0,
    "keep": 0,
    "axis": ({},),
}
AXIS_KEYS = {"name": "", "key": ""}
VALUE_KEYS = {"label": "", "set": ("",), "recipe": ""}


class Value(NamedTuple):
    """One value of an axis."""

    label: str
    settings: tuple = ()  # as --set takes them
    recipe: str | None = None  # instead of the plan's


class Axis(NamedTuple):
    """A name and the values to try."""

    name: str
    values: tuple


class Trial(NamedTuple):
    """One combination of values, trained once per seed."""

    name: str  # also the run's
    choices: dict  # axis -> label
    recipe: Recipe


class Plan(NamedTuple):
    """The content of a plan file."""

    name: str
    about: str
    recipe: str
    settings: tuple
    order: str
    seeds: tuple
    minutes: float | None
    keep: int
    axes: tuple

    def trial(self, chosen):
        """Return the Trial of {axis name: Value}; other axes stay as in the recipe."""
        names = [value.recipe for value in chosen.values() if value.recipe]
        recipe = recipes.load(names[-1] if names else self.recipe)
        own = [text for value in chosen.values() for text in value.settings]
        recipe = recipes.with_settings(recipe, [*self.settings, *own])
        labels = {axis: value.label for axis, value in chosen.items()}
        return Trial(_run_name(labels), labels, recipe)

    def trials(self, stage, winners):
        """Return the trials of a stage.

        winners: {axis name: Value}, the best of the stages before; used by order "greedy".
        """
        if self.order == "grid":
            names = [axis.name for axis in self.axes]
            combinations = itertools.product(*(axis.values for axis in self.axes))
            return [self.trial(dict(zip(names, values))) for values in combinations]
        axis = self.axes[stage]
        fixed = winners if self.order == "greedy" else {}
        return [self.trial({**fixed, axis.name: value}) for value in axis.values]

    @property
    def stages(self):
        """The number of stages; trials of one may depend on results of those before."""
        return 1 if self.order == "grid" else len(self.axes)

    def value(self, trial, axis):
        """Return the Value that a trial has on an axis."""
        return next(v for v in axis.values if v.label == trial.choices[axis.name])


def names():
    """Return the names of the plans that come with the package."""
    return sorted(path.stem for path in PLAN_FILES.glob("*.toml"))


def load(file):
    """Return the plan in a file, or of that name. Raises UserError naming file and key."""
    path = PLAN_FILES / f"{file}.toml" if file in names() else Path(file)
    if not path.is_file():
        raise UserError(f"{file}: no such plan; name a TOML file, or one of {', '.join(names())}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML ({error})") from None
    _check(content, KEYS, path)
    if not content.get("axis"):
        raise UserError(f"{path}: no [[axis]]; say what varies")
    plan = Plan(
        name=names_of_files.plain(path.stem),
        about=content.get("about", ""),
        recipe=content.get("recipe", "lenet"),
        settings=tuple(content.get("set", ())),
        order=content.get("order", "grid"),
        seeds=tuple(content.get("seeds", (0,))),
        minutes=content.get("minutes"),
        keep=content.get("keep", 2),
        axes=tuple(_axis(axis, f"{path}, axis {n}") for n, axis in enumerate(content["axis"], 1)),
    )
    _check_plan(plan, path)
    return plan


def _check(content, known, where):
    for key, value in content.items():
        if key not in known:
            raise UserError(f"{where}: unknown key {key!r}; known: {', '.join(known)}")
        if not registry.is_type_compatible(value, known[key]):
            raise UserError(f"{where}: {key} = {value!r} is not of the type of {known[key]!r}")


def _check_plan(plan, path):
    if plan.order not in ORDERS:
        raise UserError(f"{path}: order = {plan.order!r}; known: {', '.join(ORDERS)}")
    if not plan.seeds or min(plan.seeds) < 0 or len(set(plan.seeds)) < len(plan.seeds):
        raise UserError(f"{path}: seeds = {list(plan.seeds)}; give different numbers from 0 up")
    if plan.keep < 1 or (plan.minutes is not None and not plan.minutes > 0):
        raise UserError(f"{path}: keep and minutes must be over 0")
    axes = [axis.name for axis in plan.axes]
    if len(set(axes)) < len(axes):
        raise UserError(f"{path}: two axes of one name; name them apart")
    # Makes every trial once, so that a wrong value is an error before anything is trained.
    alone = [
        (axis.name, names_of_files.fold(plan.trial({axis.name: value}).name))
        for axis in plan.axes
        for value in axis.values
    ]
    if len(set(alone)) < len(alone):
        raise UserError(f"{path}: two values of an axis have one name; label them apart")


def _axis(content, where):
    key, values = content.get("key"), content.get("values")
    _check(content, AXIS_KEYS | {"values": values}, where)
    if not isinstance(values, list) or not values or not (key or content.get("name")):
        raise UserError(f"{where}: give it a key or a name, and values")
    name = content.get("name") or key.rpartition(".")[2]
    return Axis(name, tuple(_value(value, key, where) for value in values))


def _value(value, key, where):
    if isinstance(value, dict):
        _check(value, VALUE_KEYS, where)
        if not value.get("label"):
            raise UserError(f"{where}: a value without a label")
        return Value(value["label"], tuple(value.get("set", ())), value.get("recipe"))
    if not key:
        raise UserError(f"{where}: {value!r} needs a key, or write {{ label = ..., set = [...] }}")
    literal = tuple(value) if isinstance(value, list) else value
    return Value(str(value), (f"{key}={literal}",))


def _run_name(labels):
    """Return the run's name: {"block_num": "2", "rate": "0.4"} -> "block_num-2_rate-0.4".

    A single label that begins with a letter is the name itself.
    """
    words = []
    for axis, label in labels.items():
        slug = re.sub(r"[^\w.+-]+", "-", label).strip("-.")
        alone = len(labels) == 1 and slug[:1].isalpha()
        words.append(slug if alone else f"{axis}-{slug}")
    return names_of_files.plain("_".join(words), room=SEED_ROOM)
