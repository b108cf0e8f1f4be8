"""Folder of numpy arrays: x_train.npy and y_train.npy, perhaps x_val, y_val and x_test, y_test.

Images are [n, height, width], [n, height, width, 1] or in color [n, height, width, 3], of uint8 or
of fractions 0 to 1 as Feng 2022 keeps them. Labels are integers [n] or one-hot [n, classes].
Without x_val a tenth of each class of Training becomes PublicTest. Arrays of objects (pickles) are
refused.
"""

from pathlib import Path

import numpy as np

from fer2013_tf.data.readers import (
    SEED,
    SPLIT_NAMES,
    BadRow,
    LabeledImage,
    Source,
    sha256_of,
    with_public_test,
)
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

NAMES = ("train", "val", "test")


def sniff(path):
    """Return True for a folder that holds x_train.npy."""
    return path is not None and (Path(path) / "x_train.npy").is_file()


def open(path, *, seed=SEED, classes=()):
    """Open a folder of arrays. Raises UserError naming the file.

    seed: of the images that become PublicTest where there is no x_val. classes: names in the order
    of the labels; else FER2013's where labels are below 7 and images 48x48, otherwise the numbers.
    """
    splits = _load_splits(Path(path))
    highest = max(int(labels.max(initial=0)) for _, labels, _ in splits.values())
    classes = _classes(path, classes, highest, splits[constants.TRAINING][0].shape[1:3])

    def checked():
        row = 0
        for split, (images, labels, file) in splits.items():
            for image, label in zip(images, labels):
                row += 1
                try:
                    yield LabeledImage(_pixels(image), int(label), split, row, file.name)
                except ValueError as error:
                    yield BadRow(row, file.name, str(error))

    description = {"format": "arrays", "name": Path(path).resolve().name, "splits": "files"}
    total = sum(len(labels) for _, labels, _ in splits.values())
    source = Source(classes, description, _sha256(path), checked, total)
    return source if constants.PUBLIC_TEST in splits else with_public_test(source, seed)


def _load_splits(folder):
    """Return {split: (images, labels, path of the images)}."""
    splits = {}
    for name in NAMES:
        path, labels_path = folder / f"x_{name}.npy", folder / f"y_{name}.npy"
        if path.exists() or name == "train":
            images, labels = _images(path), _labels(labels_path)
            if len(images) != len(labels):
                raise UserError(
                    f"{labels_path}: {len(labels)} labels, {path.name} has {len(images)} images"
                )
            splits[SPLIT_NAMES[name]] = images, labels, path
    return splits


def _load(path):
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; put it beside the other arrays") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: cannot be read ({reason}); write it by numpy.save") from None


def _images(path):
    array = _load(path)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if (
        not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3))
        or 0 in array.shape
        or array.dtype.kind not in "uif"
    ):
        raise UserError(
            f"{path}: {array.dtype} {array.shape}; expected images [n, height, width] or [..., 3]"
        )
    return array


def _labels(path):
    array = _load(path)
    if array.ndim == 2:
        sums = np.asarray(array).sum(axis=1)
        if not (np.isin(array, (0, 1)).all() and (sums == 1).all()):
            raise UserError(f"{path}: rows that are not one-hot; give one 1 per row, else 0")
        array = np.asarray(array).argmax(axis=1)
    whole = array.ndim == 1 and array.size and array.dtype.kind in "uif"
    if not whole or not (np.asarray(array) == np.floor(array)).all() or array.min() < 0:
        raise UserError(f"{path}: {array.dtype} {array.shape}; expected labels from 0 up [n]")
    return np.asarray(array).astype(np.int64)


def _classes(path, wanted, highest, size):
    usual = highest < len(constants.FER2013) and size == (constants.IMAGE_SIZE,) * 2
    classes = tuple(wanted or (constants.FER2013 if usual else map(str, range(highest + 1))))
    if highest >= len(classes):
        raise UserError(f"{path}: label {highest}, but {len(classes)} classes are named")
    return classes


def _pixels(image):
    """Return an image of 0..255, or of fractions, as uint8. Raises ValueError for any other."""
    if image.dtype == np.uint8:
        return np.array(image)
    values = np.asarray(image, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("pixels that are not finite numbers")
    if values.dtype.kind == "f" and image.dtype.kind == "f" and values.max() <= 1:
        values = values * 255
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"pixels from {values.min():g} to {values.max():g}, expected 0 to 255")
    return np.rint(values).astype(np.uint8)


def _sha256(path):
    files = sorted(Path(path).glob("[xy]_*.npy"))
    return sha256_of(part for file in files for part in (f"{file.name}\0".encode(), file))
