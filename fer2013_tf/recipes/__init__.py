"""Recipes: all settings of a training, as data. One file per recipe, found by its name.

    recipe = recipes.load("lenet")
    recipe = recipes.with_settings(recipe, ["epochs=20", "net.dropout_rates=(0.3, 0.3, 0.3)"])

`net`, `loss`, `augment`, `optimizer` and `schedule` are specs (see utils/registry.py); an option of
one is set as `net.norm='lrn'`. What each can be: docs/settings.md.
"""

import ast
import dataclasses
import importlib
import pkgutil

from fer2013_tf.utils import legacy, registry
from fer2013_tf.utils.constants import WEIGHT_KINDS
from fer2013_tf.utils.errors import UserError

SPECS = ("net", "loss", "optimizer", "schedule")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All settings of a training, without the seed and the places of files."""

    name: str
    net: str
    loss: str = "softmax"
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    epochs: int = 40
    batch_size: int = 128
    augment: str = "none"  # chain of augmentations, joined by |
    fill_mode: str = "nearest"  # of pixels from outside the image: nearest, reflect, constant
    scaling: str = "mean"  # unit, mean, per_image or none; see image_ops.standardize
    blur: float = 0.0  # > 0: images are blurred first, by a Gaussian of so many pixels
    equalize: bool = False  # whether histograms are equalized, before any augmentation
    labels: str = "hard"  # the records' own, or a scheme of ferplus for records with votes
    mixup: float = 0.0  # > 0: mix pairs of images, weights from Beta(mixup, mixup)
    freeze: tuple = ()  # patterns of variables that are not trained: conv*, block1_*/kernel
    weight_decay: float = 0.0  # coefficient of |w|^2 / 2
    weight_decay_on: tuple = WEIGHT_KINDS
    bn_momentum: float = 0.99
    ema_decay: float = 0.999

    @property
    def label_smoothing(self):
        """Return the loss's label smoothing, 0..1: what each label gives to all classes equally."""
        loss = registry.parse(self.loss)
        # It is the first option of loss softmax, and no other loss has it.
        first = loss.args[:1] if loss.name == "softmax" else ()
        return float(next(iter(first), loss.options.get("label_smoothing", 0.0)))


def names():
    """Return the names of the recipes, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def settable():
    """Return the keys that `with_settings` takes, without the options of specs."""
    return [field.name for field in dataclasses.fields(Recipe) if field.name != "name"]


def load(name):
    """Return the recipe of that name. Raises UserError listing the known ones."""
    if name not in names():
        raise UserError(f"unknown recipe {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"fer2013_tf.recipes.{name}").RECIPE


def from_dict(values, where):
    """Return the recipe of a dict read from JSON. Raises UserError naming `where`: unknown keys."""
    fields = {field.name: field for field in dataclasses.fields(Recipe)}
    unknown = sorted(set(values) - set(fields))
    missing = [n for n in ("name", "net") if n not in values]
    if unknown or missing:
        raise UserError(f"{where}: not a recipe of this version (keys {unknown or missing})")
    lists = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    return Recipe(**lists)


def with_settings(recipe, settings):
    """Return `recipe` with `key=value` settings applied.

    Raises UserError for an unknown key, a value of another type or out of range, and for names of
    earlier versions, with today's.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting}: write it as key=value")
        key, text = key.strip(), text.strip()
        legacy.refuse_old_words(key, text)
        recipe = _with(recipe, key, text)
    return _checked(recipe)


def _with(recipe, key, text):
    part, dot, option = key.partition(".")
    if part not in settable() or (dot and part not in SPECS):
        known = ", ".join(settable())
        raise UserError(f"--set {key}: unknown key; known: {known}, net.OPTION, ...")
    current = getattr(recipe, part)
    if dot:
        return dataclasses.replace(
            recipe, **{part: registry.with_option(current, option, _literal(text))}
        )
    if isinstance(current, str):
        return dataclasses.replace(recipe, **{part: text})
    value = _literal(text)
    if isinstance(current, tuple) and isinstance(value, str):
        value = tuple(word.strip() for word in value.split(","))
    if not registry.is_type_compatible(value, current):
        raise UserError(f"--set {key}={text}: expected {type(current).__name__}, as in {current!r}")
    value = float(value) if isinstance(current, float) else value
    return dataclasses.replace(recipe, **{part: value})


def _literal(text):
    """Return a Python literal, or a bare word as it is; true and false in any case."""
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
    for key in ("learning_rate", "weight_decay", "mixup", "blur"):
        if not 0 <= getattr(recipe, key) < float("inf"):
            raise UserError(f"--set {key}={getattr(recipe, key)}: must be finite and not negative")
    for key in ("ema_decay", "bn_momentum"):
        if not 0 <= getattr(recipe, key) < 1:
            raise UserError(f"--set {key}={getattr(recipe, key)}: must be in [0, 1)")
    if unknown := sorted({str(kind) for kind in recipe.weight_decay_on} - set(WEIGHT_KINDS)):
        known = ", ".join(WEIGHT_KINDS)
        raise UserError(f"--set weight_decay_on: unknown {unknown[0]!r}; known: {known}")
    for key in (*SPECS, "labels"):
        registry.parse(getattr(recipe, key))
    registry.parse_chain(recipe.augment)
    return recipe
