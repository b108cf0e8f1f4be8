"""Which images of a tree are in which split, by names of folders, else by prefixes of files.

splits = of(root, ["train/angry/1.jpg", "test/angry/1.jpg"])
splits.by_image     {"train/angry/1.jpg": "Training", "test/angry/1.jpg": "PrivateTest"}
splits.note         "splits: train -> Training, test -> PrivateTest; PublicTest: one in ten ..."
"""

import os
import re
from typing import NamedTuple

from fer2013_tf.data.readers import split_names
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

_PREFIX = re.compile(r"(\D+)\d")
_SHOWN = 5


class Splits(NamedTuple):
    """The splits of a tree's images."""

    by_image: dict  # {image's name: split}, without the images that are left out
    description: dict  # for the manifest
    note: str  # which name became which split


def of(root, names, given=None):
    """Return the `Splits` of images, names relative to `root` with forward slashes.

    given: {key of a folder's name or a prefix: split or LEFT_OUT}, before the table's. Raises
    UserError where some images are below names of splits and others are not, for folders of
    Training inside of held-out ones, and for a name in `given` that is not there.
    """
    given = given or {}
    _check_given(root, names, given)
    meanings = _meanings(names, given)
    shared = os.path.commonpath([name.rpartition("/")[0] for name in names] or [""]).split("/")
    marks = {name: _mark(root, name, meanings, given, shared) for name in names}
    if any(marks.values()):
        _check_folders(root, marks)
    else:
        marks, meanings = _by_prefix(root, names, given)
    by_mark = {mark: meanings[mark] for mark in sorted({*marks.values()} - {None})}
    by_image = {name: by_mark.get(mark, constants.TRAINING) for name, mark in marks.items()}
    left = {name: split for name, split in by_image.items() if split != split_names.LEFT_OUT}
    text = "prefix of the file's name, else a folder's name, else Training"
    return Splits(left, {"splits": text, "split_names": by_mark}, _note(by_mark, left))


def _meanings(names, given):
    """Return {name of a folder or prefix: split, LEFT_OUT or None}; of class folders if given."""
    above, lowest = set(), set()
    for name in names:
        *folders, lowest_folder, _ = ("", *name.split("/"))
        above.update(folders)
        lowest.add(lowest_folder)
    beside = above | {folder for folder in lowest if split_names.key(folder) in given}
    official = {f"{split}_": split for split in constants.SPLITS}
    return {**split_names.assign(beside, given), **official}


def _mark(root, name, meanings, given, shared):
    """Return what says an image's split: its official prefix, a folder's name, or None."""
    *folders, file = name.split("/")
    prefix = file.partition("_")[0]
    if prefix in constants.SPLITS:
        return f"{prefix}_"
    marks = [folder for folder in reversed(folders) if meanings.get(folder)]
    for folder in marks:
        if split_names.key(folder) in given:
            return folder
    held_out = [m for m in marks if meanings[m] != constants.TRAINING and m not in shared]
    if marks and meanings[marks[0]] == constants.TRAINING and held_out:
        raise UserError(
            f"{root}: {name} is in {marks[0]!r} and in {held_out[0]!r}; {split_names.OPTION} "
            "says which of them counts"
        )
    return marks[0] if marks else None


def _check_folders(root, marks):
    """Raise UserError for an image that no name gives a split, where others have one."""
    known, without = set(), None
    for name, mark in marks.items():
        if mark:
            while name := name.rpartition("/")[0]:
                known.add(name)
        else:
            without = without or name
    if without:
        folder, *below = without.split("/")
        while folder in known and below:
            folder += f"/{below.pop(0)}"
        listed = ", ".join(sorted({*marks.values()} - {None})[:_SHOWN])
        raise UserError(
            f"{root}: {folder} names no split, and there are {listed}; {split_names.OPTION} says "
            f"what {os.path.basename(folder)!r} is"
        )


def _by_prefix(root, names, given):
    """Return ({image: prefix or None}, {prefix: split}) of train_1.jpg, test_1.jpg and so on.

    Prefixes count where one of them names a held-out split or was given; then all images need one.
    """
    prefixes = {name: _prefix(name) for name in names}
    meanings = split_names.assign(
        {
            prefix
            for prefix in prefixes.values()
            if prefix and (split_names.key(prefix) in given or split_names.is_plain(prefix))
        },
        given,
    )
    if not set(meanings.values()) - {None, constants.TRAINING}:
        return dict.fromkeys(names), {}
    for name, prefix in prefixes.items():
        if not meanings.get(prefix):
            listed = ", ".join(sorted(meanings)[:_SHOWN])
            raise UserError(
                f"{root}: {name} names no split, and other files begin with {listed}; "
                f"{split_names.OPTION} says what those that begin with {prefix!r} are"
            )
    return prefixes, meanings


def _prefix(name):
    found = _PREFIX.match(name.rpartition("/")[2])
    return found[1].strip(" _.-") if found else ""


def _check_given(root, names, given):
    there = {split_names.key(part) for name in names for part in name.split("/")[:-1]}
    there |= {split_names.key(_prefix(name)) for name in names}
    for name in given:
        if name not in there:
            listed = ", ".join(sorted(there - {""})[:_SHOWN])
            raise UserError(f"{root}: --split-names {name}: no folder of this name; e.g. {listed}")


def _note(by_mark, by_image):
    """Return which name became which split, as one line."""
    said = [
        f"{mark} -> {'left out' if split == split_names.LEFT_OUT else split}"
        for mark, split in sorted(by_mark.items(), key=lambda pair: (_order(pair[1]), pair[0]))
    ] or ["no folder names one, all are Training"]
    there = set(by_image.values())
    if constants.TRAINING in there and constants.PUBLIC_TEST not in there:
        said.append("PublicTest: one in ten of each class of Training")
    return f"splits: {', '.join(said)}"


def _order(split):
    return [*constants.SPLITS, split_names.LEFT_OUT].index(split)
