"""Class names and numbers of the labels that a source has as text.

    table = class_table(["1", "02", "3.0", ""], wanted=("glad", "cross", "calm"), path="list.csv")
    table.classes           ("glad", "cross", "calm")
    table.labels            {"1": 0, "02": 1, "3.0": 2}; what is missing there names no class
    table.notes             ["list.csv: labels are the numbers 1 to 3; 1 is the first class"]

`wanted` is what --classes gives: names in the order of the labels, or `1=glad` for each.
"""

import re
import unicodedata
from collections import Counter
from typing import NamedTuple

from fer2013_tf.utils.errors import UserError

# What stands for "no label" in sets in the wild, pandas' and R's included.
MISSING = frozenset(
    ("", "nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "?", "-", "--", "missing")
)
MOST_CLASSES = 1000
# A small sample of a usual set lacks some numbers; numbers such as 0, 90, 180 are no count.
USUAL_CLASSES = 20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")


class ClassTable(NamedTuple):
    """The classes of a source."""

    classes: tuple  # names, in the order of the labels
    labels: dict  # {text as the source has it: label}, of those that name a class
    notes: list  # lines that say what was decided

    def reason(self, text):
        """Return why `text`, which is not in `labels`, names no class."""
        if key_of(text) in MISSING:
            return f"no label ({text!r})" if text.strip() else "no label"
        known = set(map(key_of, self.labels))
        if known <= set(map(key_of, self.classes)):
            known = self.classes
        else:
            known = sorted(map(str, known), key=lambda key: (len(key), key))
        more = ", ..." if len(known) > USUAL_CLASSES else ""
        return f"label {text!r}, expected {', '.join(known[:USUAL_CLASSES])}{more}"


def class_table(texts, wanted=(), path="labels"):
    """Return the `ClassTable` of labels as text, each as often as it occurs.

    Whole numbers in any spelling ("2", "02", "2.0") are numbers, in their order; a set without 0
    that has 1 is numbered from 1. Names that differ in case and spaces only are one class, spelled
    as most of them are; others are in alphabetical order. Missing labels, fractions and negative
    numbers are no classes unless `wanted` names them. Raises UserError, beginning with `path`,
    where no text names a class, and for numbers that do not fit the names wanted.
    """
    spellings = {}
    for text, count in Counter(texts).items():
        spellings.setdefault(key_of(text), Counter())[text] += count
    if any("=" in name for name in wanted):
        return _mapped(spellings, wanted, path)
    named = {key_of(name): label for label, name in enumerate(wanted)}
    if len(named) < len(wanted):
        raise UserError(f"--classes {','.join(wanted)}: two names differ in case or spaces only")
    found = {key for key in spellings if key in named or names_class(key)}
    if not found:
        seen = ", ".join(sorted(map(repr, map(_spelling, spellings.values())))[:3])
        raise UserError(f"{path}: no label that names a class ({seen or 'none at all'})")
    if wanted:
        return _wanted(spellings, found, named, wanted, path)
    if all(isinstance(key, int) for key in found):
        return _numbered(spellings, found, path)
    return _by_name(spellings, found, path)


def key_of(text):
    """Return what texts of one class have in common: an int for a whole number, else text."""
    text = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if _NUMBER.fullmatch(text) and float(text).is_integer():
        return int(float(text))
    return text


def names_class(key):
    """Return whether a key may be a class: not a missing label, a fraction, a negative number."""
    if isinstance(key, int):
        return key >= 0
    return key not in MISSING and not _NUMBER.fullmatch(key)


def _labels(spellings, numbers):
    """Return {text: label} of {key: label}."""
    return {text: label for key, label in numbers.items() for text in spellings.get(key, ())}


def _mapped(spellings, wanted, path):
    """Return the table of `wanted` of the form TEXT=NAME; one name for two texts joins them."""
    pairs = [tuple(part.strip() for part in name.partition("=")) for name in wanted]
    if not all(text and sign and name for text, sign, name in pairs):
        raise UserError(f"--classes {','.join(wanted)}: give each as LABEL=NAME, or names alone")
    keys = [key_of(text) for text, _, _ in pairs]
    if len(set(keys)) < len(keys):
        raise UserError(f"--classes {','.join(wanted)}: names one label twice")
    classes = tuple(dict.fromkeys(name for _, _, name in pairs))
    numbers = {key: classes.index(name) for key, (_, _, name) in zip(keys, pairs)}
    if not numbers.keys() & spellings.keys():
        raise UserError(
            f"{path}: labels are {_listed(spellings)}; --classes names none of them: "
            f"{', '.join(text for text, _, _ in pairs)}"
        )
    return ClassTable(classes, _labels(spellings, numbers), [])


def _wanted(spellings, found, named, wanted, path):
    """Return the table of the names `wanted`: of names by name, of numbers by position."""
    notes, numbers = _joined(spellings, found, path), dict(named)
    whole = {key for key in found if isinstance(key, int)} - named.keys()
    if whole:
        first = _first(whole, len(wanted), path)
        numbers |= {first + label: label for label in range(len(wanted))}
        notes += _from_1(path, whole) * first
    if not numbers.keys() & found:
        raise UserError(
            f"{path}: labels are {_listed(spellings)}; --classes names none of them: "
            f"{', '.join(wanted)}; LABEL=NAME gives a label another name"
        )
    return ClassTable(tuple(wanted), _labels(spellings, numbers), notes)


def _numbered(spellings, found, path):
    """Return the table of numbers, counted from 0 or from 1."""
    first, highest = int(0 not in found and 1 in found), max(found)
    _check_dense(found, highest + 1 - first, path)
    numbers = range(first, highest + 1)
    labels = _labels(spellings, {number: label for label, number in enumerate(numbers)})
    return ClassTable(tuple(map(str, numbers)), labels, _from_1(path, found) * first)


def _from_1(path, found):
    return [f"{path}: labels are the numbers 1 to {max(found)}; 1 is the first class"]


def _first(found, count, path):
    """Return 0 or 1, where numbers begin that `count` names are given for."""
    highest, lowest = max(found), min(found)
    said = f"{path}: labels are the numbers {lowest} to {highest}, --classes has {count} names"
    if highest > count or (highest == count and 0 in found):
        from_0 = f"{highest + 1} names" + ("" if 0 in found else f", or {highest} from 1 up,")
        raise UserError(f"{said}; give {from_0} or LABEL=NAME for each, such as {lowest}=angry")
    if highest < count and 0 not in found:
        raise UserError(
            f"{said}, and none is labeled 0: the first name may be 0's or 1's; "
            "give LABEL=NAME for each, such as 0=angry,1=disgust"
        )
    return int(highest == count)


def _check_dense(found, count, path):
    """Raise UserError for numbers that are hardly the labels of `count` classes."""
    if count > MOST_CLASSES or (count > USUAL_CLASSES and 2 * len(found) < count):
        raise UserError(
            f"{path}: label {max(found)}, but only {len(found)} different labels; name those that "
            f"are classes: --classes {min(found)}=NAME,..."
        )


def _by_name(spellings, found, path):
    """Return the table of names, of which some may be numbers."""
    notes, shown = _joined(spellings, found, path), {}
    whole = sorted(key for key in found if isinstance(key, int))
    if whole:
        notes.append(f"{path}: labels are numbers ({whole[0]}) as well as names; each is a class")
    shown = {key: _spelling(spellings[key]) for key in found if key not in whole}
    keys = [*whole, *sorted(shown, key=shown.get)]
    classes = tuple(shown.get(key, str(key)) for key in keys)
    numbers = {key: label for label, key in enumerate(keys)}
    return ClassTable(classes, _labels(spellings, numbers), notes)


def _joined(spellings, found, path):
    """Return a line for each class whose name has several spellings."""
    notes = []
    for key in found:
        names = sorted({text.strip() for text in spellings.get(key, ())})
        if len(names) > 1 and not isinstance(key, int):
            joined = " and ".join(map(repr, names))
            notes.append(f"{path}: {joined} are one class: {_spelling(spellings[key])!r}")
    return sorted(notes)


def _spelling(texts):
    """Return the spelling that most have, the first in alphabetical order of equals."""
    names = Counter()
    for text, count in texts.items():
        names[" ".join(text.split())] += count
    return min(names, key=lambda name: (-names[name], name))


def _listed(spellings):
    """Return the labels that are there as text: the first few."""
    names = sorted(map(_spelling, spellings.values()))
    return ", ".join(map(repr, names[:USUAL_CLASSES])) + (", ..." * (len(names) > USUAL_CLASSES))
