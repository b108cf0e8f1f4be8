"""Folder of numpy arrays: x_train.npy and y_train.npy, perhaps x_val, y_val and x_test, y_test.

Pictures [n, height, width], [n, height, width, 1] or in colour [n, height, width, 3], uint8, or
fractions 0 to 1 as article a2 keeps them; labels integers [n] or one-hot [n, classes]. Without
x_val a tenth of each class of Training becomes PublicTest. Arrays of objects (pickles) are refused.
"""

import hashlib
from pathlib import Path

import numpy as np

from fer2013_tf import emotions
from fer2013_tf.errors import UserError
from fer2013_tf.sources import BadFace, Face, Source, held_out

SEED = 2013
PARTS = {
    "train": emotions.TRAINING,
    "val": emotions.PUBLIC_TEST,
    "test": emotions.PRIVATE_TEST,
}
_BLOCK = 1 << 20


def sniff(path):
    """True for a folder that holds x_train.npy."""
    return path is not None and (Path(path) / "x_train.npy").is_file()


def open(path, *, seed=SEED, classes=()):
    """Opens a folder. classes: names in the order of the labels; else FER2013's where labels are
    below 7 and pictures 48x48, otherwise the numbers.

    Raises UserError naming the file.
    """
    parts = {}
    for part, split in PARTS.items():
        pictures, labels = Path(path) / f"x_{part}.npy", Path(path) / f"y_{part}.npy"
        if pictures.exists() or part == "train":
            parts[split] = _pictures(pictures), _labels(labels), pictures
            if len(parts[split][0]) != len(parts[split][1]):
                raise UserError(
                    f"{labels}: {len(parts[split][1])} labels, {pictures.name} has "
                    f"{len(parts[split][0])} pictures"
                )
    highest = max(int(labels.max(initial=0)) for _, labels, _ in parts.values())
    classes = _classes(path, classes, highest, parts[emotions.TRAINING][0].shape[1:3])

    def checked():
        row = 0
        for split, (pictures, labels, file) in parts.items():
            for picture, label in zip(pictures, labels):
                row += 1
                try:
                    yield Face(_pixels(picture), int(label), split, row, file.name)
                except ValueError as error:
                    yield BadFace(row, file.name, str(error))

    opened, splits = checked, "files"
    if emotions.PUBLIC_TEST not in parts:
        opened = lambda: held_out(checked(), seed)  # noqa: E731
        splits = f"of x_train one in ten of each class, drawn with seed {seed}, is PublicTest"
    description = {"format": "arrays", "name": Path(path).resolve().name, "splits": splits}
    total = sum(len(labels) for _, labels, _ in parts.values())
    return Source(classes, description, _sha256(path), opened, total)


def _load(path):
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: not there; give it beside the others") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: cannot be read ({reason}); write it by numpy.save") from None


def _pictures(path):
    array = _load(path)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if (
        not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3))
        or 0 in array.shape
        or array.dtype.kind not in "uif"
    ):
        raise UserError(
            f"{path}: {array.dtype} {array.shape}; expected pictures [n, height, width] or [..., 3]"
        )
    return array


def _labels(path):
    array = _load(path)
    if array.ndim == 2:
        sums = np.asarray(array).sum(axis=1)
        if not (np.isin(array, (0, 1)).all() and (sums == 1).all()):
            raise UserError(f"{path}: rows that are not one-hot; give one 1 a row, else 0")
        array = np.asarray(array).argmax(axis=1)
    whole = array.ndim == 1 and array.size and array.dtype.kind in "uif"
    if not whole or not (np.asarray(array) == np.floor(array)).all() or array.min() < 0:
        raise UserError(f"{path}: {array.dtype} {array.shape}; expected labels from 0 up [n]")
    return np.asarray(array).astype(np.int64)


def _classes(path, wanted, highest, size):
    usual = highest < len(emotions.FER2013) and size == (emotions.PICTURE_SIZE,) * 2
    classes = tuple(wanted or (emotions.FER2013 if usual else map(str, range(highest + 1))))
    if highest >= len(classes):
        raise UserError(f"{path}: label {highest}, but {len(classes)} classes are named")
    return classes


def _pixels(picture):
    """uint8 of a picture of 0..255, or of fractions. Raises ValueError for what is neither."""
    if picture.dtype == np.uint8:
        return np.array(picture)
    values = np.asarray(picture, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("pixels that are no numbers")
    if values.dtype.kind == "f" and picture.dtype.kind == "f" and values.max() <= 1:
        values = values * 255
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"pixels from {values.min():g} to {values.max():g}, expected 0 to 255")
    return np.rint(values).astype(np.uint8)


def _sha256(path):
    digest = hashlib.sha256()
    for file in sorted(Path(path).glob("[xy]_*.npy")):
        digest.update(f"{file.name}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
