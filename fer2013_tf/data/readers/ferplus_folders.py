"""FER+'s own folders, FER2013Train, FER2013Valid, FER2013Test, each with images and a label.csv.

A line of label.csv has an image's name, a box and ten votes: `fer0000000.png,"(0, 0, 48, 48)",4,0,
0,1,3,2,0,0,0,0`. Labels are the class of the most votes, without single ones; images with equal top
votes are left out, as FER2013's label, which decides elsewhere (ferplus.py), is not there. So are
images of held-out splits without a majority. The votes are kept with the images.
"""

import csv
from pathlib import Path

import numpy as np

from fer2013_tf.data import ferplus
from fer2013_tf.data.readers import (
    SEED,
    BadRow,
    ImageReader,
    LabeledImage,
    Source,
    image_sha256,
    sha256_of,
    tree_splits,
    with_public_test,
)
from fer2013_tf.faces import image_files
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

LIST = "label.csv"
_FIELDS = 2 + len(ferplus.COLUMNS)
EXPECTED = 'expected lines such as fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0'


def sniff(path):
    """Return True for a folder that has, or whose folders have, FER+'s label.csv."""
    return path is not None and Path(path).is_dir() and bool(_lists(Path(path)))


def open(path, *, seed=SEED, resize=None, color=False, split_names=None, ferplus_classes=8):
    """Open FER+'s folders.

    seed: of the tenth of Training that becomes PublicTest where no folder is it. resize: (height,
    width) to bring all images to. color: read as RGB, not gray. split_names: as of the format
    folder. ferplus_classes: 8 expressions, 10 with unknown and NF, or FER2013's 7. Raises UserError
    naming file and line.
    """
    root = Path(path)
    lists = _lists(root)
    if not lists:
        raise UserError(f"{path}: no {LIST} of FER+ in it nor in its folders; {EXPECTED}")
    rows = [row for name in lists for row in _rows(root, name)]
    # Where the folder itself has the list, its own name says the split.
    top = root.resolve().name if lists == [LIST] else ""
    names = [f"{top}/{name}" if top else name for name, _ in rows]
    splits = tree_splits.of(root, [f"{name.rpartition('/')[0]}/-/-" for name in names], split_names)
    counts = np.array([votes for _, votes in rows], np.uint8)
    votes, labels, has_majority = _labels(counts, ferplus_classes)
    read = ImageReader(resize, (constants.IMAGE_SIZE,) * 2, color)
    found = []
    for number, (name, _) in enumerate(rows):
        split = splits.by_image.get(f"{names[number].rpartition('/')[0]}/-/-")
        if split and labels[number] >= 0 and (split == constants.TRAINING or has_majority[number]):
            found.append((number, name, split))

    def checked():
        for number, name, split in found:
            row, label = number + 1, int(labels[number])
            try:
                yield LabeledImage(read(root / name), label, split, row, name, votes[number])
            except UserError as error:
                yield BadRow(row, name, f"unusable image: {error}")

    made = {"name": LIST, "classes": ferplus_classes, "left_out": len(rows) - len(found)}
    description = {"format": "ferplus_folders", "name": root.resolve().name, **splits.description}
    source = Source(
        ferplus.CLASSES[ferplus_classes],
        {**description, "ferplus": made},
        _sha256(root, lists, [name for name, _ in rows]),
        checked,
        len(found),
        notes=(splits.note,),
    )
    has_public_test = any(split == constants.PUBLIC_TEST for *_, split in found)
    return source if has_public_test else with_public_test(source, seed)


def _lists(root):
    """Return the names of FER+'s lists in a folder and its folders."""
    below = sorted(entry.name for entry in root.iterdir() if not image_files.is_hidden(entry.name))
    names = [LIST, *(f"{name}/{LIST}" for name in below)]
    return [name for name in names if _is_list(root / name)]


def _is_list(path):
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _parsed(next(csv.reader(file), [])) is not None
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _parsed(fields):
    """Return (image's name, ten votes), or None for another line."""
    name, *texts = (field.strip() for field in (fields[:1] + fields[2:] or [""]))
    votes = [int(text) for text in texts if text.isdecimal() and int(text) <= ferplus.VOTERS]
    fits = len(fields) == _FIELDS and len(votes) == len(ferplus.COLUMNS)
    return (name, votes) if fits and image_files.is_image(name) else None


def _rows(root, name):
    """Return [(image's name relative to root, ten votes)] of a list."""
    folder, rows = name.rpartition("/")[0], []
    try:
        with (root / name).open(newline="", encoding="utf-8-sig") as file:
            for number, fields in enumerate(csv.reader(file), start=1):
                if not fields:
                    continue
                parsed = _parsed(fields)
                if parsed is None:
                    raise UserError(f"{root / name}, line {number}: not a line of FER+; {EXPECTED}")
                rows.append((f"{folder}/{parsed[0]}".lstrip("/"), parsed[1]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{root / name}: cannot be read ({reason}); {EXPECTED}") from None
    return rows


def _labels(counts, classes):
    """Return votes uint8 [n, 10], the classes' first; labels int [n], -1 for none; majorities."""
    votes = ferplus.votes_by_class(counts, classes)
    denoised = ferplus.denoise_votes(votes)
    top = (denoised == denoised.max(axis=1, keepdims=True)) & (denoised > 0)
    labels = np.where(top.sum(axis=1) == 1, top.argmax(axis=1), -1)
    labels[labels >= classes] = -1
    return votes, labels, ferplus.targets("majority", votes, num_classes=classes)[1]


def _sha256(root, lists, names):
    return sha256_of(
        [*(root / name for name in lists), *(image_sha256(root / name) for name in names)]
    )
