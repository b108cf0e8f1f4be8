"""Recipes: everything that decides a result, as data. One file a recipe, found by its name.

    recipe = recipes.load("lenet")
    recipe = recipes.with_settings(recipe, ["epochs=20", "net.dropout_rates=(0.3, 0.3, 0.3)"])

`net`, `loss`, `augment`, `optimizer` and `schedule` are specs (see specs.py); an option inside one
is set as `net.norm='lrn'`.
"""

import ast
import dataclasses
import importlib
import pkgutil

from fer2013_tf import specs
from fer2013_tf.errors import UserError

SPECS = ("net", "loss", "optimizer", "schedule")
WEIGHT_KINDS = ("conv", "dense", "output")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All settings of a training; the seed and where files lie are not part of it."""

    name: str
    net: str
    loss: str = "softmax"
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    epochs: int = 40
    batch_size: int = 128
    augment: str = "none"  # chain of augmentations, joined by |
    fill: str = "nearest"  # where an augmented picture does not reach: nearest, reflect, constant
    scaling: str = "mean"  # unit, mean, picture or none; see inputs.standardise
    equalise: bool = False
    labels: str = "hard"  # the records' own, or a scheme of ferplus for records with votes
    mixup: float = 0.0  # each picture mixed with another by a share from Beta(mixup, mixup)
    freeze: tuple = ()  # patterns of variables that stay as they are: conv*, block1_*/kernel
    l2: float = 0.0  # coefficient of |w|^2 / 2
    l2_on: tuple = WEIGHT_KINDS
    bn_momentum: float = 0.99
    ema_decay: float = 0.999

    @property
    def label_smoothing(self):
        """How much of each label the loss spreads evenly over all classes, 0..1."""
        loss = specs.parse(self.loss)
        # It is the first option of loss softmax, and no other loss has it.
        first = loss.args[:1] if loss.name == "softmax" else ()
        return float(next(iter(first), loss.options.get("label_smoothing", 0.0)))


def names():
    """The recipes there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def settable():
    """The keys that `with_settings` takes, without the options inside specs."""
    return [field.name for field in dataclasses.fields(Recipe) if field.name != "name"]


def load(name):
    """The recipe of that name. Raises UserError listing the known ones."""
    if name not in names():
        raise UserError(f"unknown recipe {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"fer2013_tf.recipes.{name}").RECIPE


def from_dict(values, where):
    """A recipe read back from JSON. Raises UserError naming `where` for keys it does not know."""
    fields = {field.name: field for field in dataclasses.fields(Recipe)}
    unknown = sorted(set(values) - set(fields))
    missing = [n for n in ("name", "net") if n not in values]
    if unknown or missing:
        raise UserError(f"{where}: not a recipe of this version (keys {unknown or missing})")
    lists = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    return Recipe(**lists)


def with_settings(recipe, settings):
    """`recipe` with `key=value` settings applied, types checked against the fields."""
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting}: write it as key=value")
        recipe = _with(recipe, key.strip(), text.strip())
    return _checked(recipe)


def _with(recipe, key, text):
    part, dot, option = key.partition(".")
    if part not in settable() or (dot and part not in SPECS):
        known = ", ".join(settable())
        raise UserError(f"--set {key}: unknown key; known: {known}, net.OPTION, ...")
    current = getattr(recipe, part)
    if dot:
        return dataclasses.replace(
            recipe, **{part: specs.override(current, option, _literal(text))}
        )
    if isinstance(current, str):
        return dataclasses.replace(recipe, **{part: text})
    value = _literal(text)
    if isinstance(current, tuple) and isinstance(value, str):
        value = tuple(word.strip() for word in value.split(","))
    if not specs.fits(value, current):
        raise UserError(f"--set {key}={text}: expected {type(current).__name__}, as in {current!r}")
    value = float(value) if isinstance(current, float) else value
    return dataclasses.replace(recipe, **{part: value})


def _literal(text):
    """A Python literal, or the text itself where it is a bare word; true and false in any case."""
    words = {"true": True, "false": False, "none": "none"}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _checked(recipe):
    for key in ("epochs", "batch_size"):
        if getattr(recipe, key) < 1:
            raise UserError(f"--set {key}={getattr(recipe, key)}: must be at least 1")
    for key in ("learning_rate", "l2", "mixup"):
        if not 0 <= getattr(recipe, key) < float("inf"):
            raise UserError(f"--set {key}={getattr(recipe, key)}: must be finite and not negative")
    for key in ("ema_decay", "bn_momentum"):
        if not 0 <= getattr(recipe, key) < 1:
            raise UserError(f"--set {key}={getattr(recipe, key)}: must be in [0, 1)")
    if unknown := sorted({str(kind) for kind in recipe.l2_on} - set(WEIGHT_KINDS)):
        known = ", ".join(WEIGHT_KINDS)
        raise UserError(f"--set l2_on: unknown {unknown[0]!r}; known: {known}")
    for key in (*SPECS, "labels"):
        specs.parse(getattr(recipe, key))
    specs.parse_chain(recipe.augment)
    return recipe
