"""Names of splits as data sets have them: `train_set`, `2_test`, `FER2013Valid`, `Train (1)`.

A name is cut into words at capitals, digits and signs, and the words are looked up in one table. A
name that no word, or words for different splits, are found in names no split.

    split_of("FER2013Valid")            "PublicTest"
    assign(["train", "eval"])           {"train": "Training", "eval": "PrivateTest"}
    assign(["train", "extra"], {"extra": LEFT_OUT})
"""

import re

from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

_TRAINING, _PUBLIC, _PRIVATE = constants.SPLITS
# What `--split-names` calls images that are not to be used.
LEFT_OUT = "none"
# Of sets that are evaluated on: the test split, or where another name means that, the validation.
_EVALUATION = "evaluation"
WORDS = {
    _TRAINING: "train training trn trainset traindata trainingset trainingdata trainval",
    _PUBLIC: "val valid validate validation validating validationset valset validset "
    "dev devel development devset",
    _PRIVATE: "test testing tst testset testdata",
    _EVALUATION: "eval evaluate evaluation evalset holdout heldout",
}
_ROLES = {word: role for role, words in WORDS.items() for word in words.split()}
# The challenge's own words for its two test sets; alone they name other things too.
_OFFICIAL = {"public": _PUBLIC, "private": _PRIVATE}
# What may stand beside these without a meaning of its own.
_FILLERS = {
    *("set", "sets", "data", "dataset", "split", "part", "held", "hold", "out", "x", "y"),
    *("image", "images", "img", "imgs", "im", "pics", "photos", "face", "faces"),
    *("label", "labels", "list", "csv", "fer", "plus", "ferplus"),
}
# Words that --split-names gives to a name.
MEANINGS = {
    "train": _TRAINING,
    "valid": _PUBLIC,
    "test": _PRIVATE,
    **{split.lower(): split for split in constants.SPLITS},
    LEFT_OUT: LEFT_OUT,
}
OPTION = "--split-names NAME=train (or =valid, =test, =none)"


def parse_given(text):
    """Return {name: split or LEFT_OUT} of `NAME=train,NAME=none`. Raises UserError."""
    given = {}
    for part in text.split(","):
        name, equals, meaning = (side.strip() for side in part.rpartition("="))
        if not name or not equals or meaning.lower() not in MEANINGS:
            raise UserError(f"{part!r} is not NAME=train, valid, test or none")
        given[key(name)] = MEANINGS[meaning.lower()]
    return given


def key(name):
    """Return a name as it is compared: case and outer spaces do not count."""
    return name.strip().casefold()


def words_of(name):
    """Return the words of a name, in lower case, without digits: ["fer", "train"]."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def is_plain(name):
    """Return whether a name names a split and nothing else: `train_2`, not `test_tube`."""
    found = words_of(name)
    return _role(name) is not None and all(
        word in _ROLES or word in _OFFICIAL or word in _FILLERS or len(word) == 1 for word in found
    )


def split_of(name):
    """Return the split that a name alone says, or None; sets for evaluation are PrivateTest."""
    role = _role(name)
    return _PRIVATE if role == _EVALUATION else role


def assign(names, given=None):
    """Return {name: split, LEFT_OUT or None} of names that stand beside each other.

    given: {key of a name: split or LEFT_OUT}, which goes before the table. Where one name is for
    evaluation and another for test, the former is PublicTest; else it is PrivateTest.
    """
    given = given or {}
    roles = {name: given.get(key(name)) or _role(name) for name in names}
    evaluation = _PUBLIC if _PRIVATE in roles.values() else _PRIVATE
    return {name: evaluation if role == _EVALUATION else role for name, role in roles.items()}


def _role(name):
    """Return a split, _EVALUATION, or None where no words, or words for different ones, are in."""
    found = words_of(name)
    known = {_ROLES[word] for word in found if word in _ROLES}
    official = {_OFFICIAL[word] for word in found if word in _OFFICIAL}
    if official:
        # public_test, private; not private_car, nor train_public.
        beside = set(found) - set(_OFFICIAL) - _FILLERS - set(WORDS[_PRIVATE].split())
        return official.pop() if len(official) == 1 and not beside else None
    if "out" in found and {"held", "hold"} & set(found):
        known.add(_EVALUATION)
    return known.pop() if len(known) == 1 else None
