"""Translate the names of earlier versions into today's; the only place that knows the old ones.

`recipe`, `settings` and `manifest` take the dict that was read from a file and return it with
today's names; a dict that has these already comes back as it is. tests/before/ holds such files.
"""

import re

from fer2013_tf.utils.errors import UserError

RECIPE_KEYS = {
    "l2": "weight_decay",
    "l2_on": "weight_decay_on",
    "equalise": "equalize",
    "fill": "fill_mode",
}
DATA_KEYS = {"deviation": "std"}
FORMATS = {"drawn": "synthetic"}
MADE_WITH_KEYS = {"colour": "color", "split": "resplit"}
RESULT_KEYS = {"setting": "trial"}
# Names and options inside specs such as `l2svm` or `draw(most=2)`, by the key that holds the spec.
SPEC_WORDS = {
    "net": {
        r"\bbn_by_hand=(?i:true)": "bn_fused=False",
        r"\bbn_by_hand=(?i:false)": "bn_fused=True",
    },
    "loss": {r"\bl2svm\b": "squared_hinge", r"\bany_of\b": "max_over_labels"},
    "augment": {r"\bshift\b": "translate", r"\bdeviation=": "std="},
    "labels": {
        r"\bleading\b": "plurality",
        r"\bdraw\b": "sampled",
        r"\bmost=": "max_classes=",
        r"\bshare=": "coverage=",
        r"\bleast=": "min_fraction=",
    },
    "scaling": {r"^picture$": "per_image"},
    "resplit": {r"^merged\b": "train_val", r"^first\b": "first_rows"},
}


def recipe(values):
    """Return a recipe's dict, as recipe.json holds it, with today's keys, names and options."""
    return {RECIPE_KEYS.get(key, key): spec(key, value) for key, value in values.items()}


def settings(values):
    """Return what recipe.json holds beside the recipe, with today's keys."""
    result = dict(values)
    if "data" in result:
        result["data"] = _renamed(result["data"], DATA_KEYS)
    return result


def manifest(values):
    """Return a manifest of records with today's keys."""
    result = _renamed(values, DATA_KEYS)
    if "made_with" in result:
        made_with = _renamed(result["made_with"], MADE_WITH_KEYS)
        result["made_with"] = {key: spec(key, value) for key, value in made_with.items()}
    source = result.get("source", {})
    if source.get("format") in FORMATS:
        result["source"] = {**source, "format": FORMATS[source["format"]]}
    return result


def result(values):
    """Return what a sweep's result.json holds with today's keys; its recipe stays as written."""
    return _renamed(values, RESULT_KEYS)


def spec(key, value):
    """Return the value of a setting `key` with today's names where it is a spec in old ones."""
    if isinstance(value, str):
        for old, new in SPEC_WORDS.get(key, {}).items():
            value = re.sub(old, new, value)
    return value


def refuse_old_words(key, text):
    """Raise UserError that names today's words where `--set key=text` is in old ones."""
    name, dot, option = key.partition(".")
    name = RECIPE_KEYS.get(name, name)
    value = spec(name, f"{option}={text}" if dot else text)
    today = f"{name}.{value}" if dot else f"{name}={value}"
    if today != f"{key}={text}":
        raise UserError(f"--set {key}={text} is now --set {today}")


def _renamed(values, keys):
    return {keys.get(key, key): value for key, value in values.items()}
