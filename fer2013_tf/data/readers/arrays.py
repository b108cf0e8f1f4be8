"""Folder of numpy arrays: x_train.npy and y_train.npy, perhaps x_val, y_val and x_test, y_test.

Names in any case, with the words that split_names.py knows: X_train, x_valid, train_images and
train_labels; images.npy and labels.npy are all Training. Images are [n, height, width], [n, height,
width, 1] or in color [n, height, width, 3], of integers 0 to 255, or of fractions 0 to 1 as Feng
2022 keeps them, which is decided once per array (pixel_values.py). Labels are numbers or names [n]
or [n, 1], or one-hot [n, classes]. Without x_val a tenth of each class of Training becomes
PublicTest. Arrays of objects (pickles) are refused.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf.data.readers import (
    SEED,
    BadRow,
    LabeledImage,
    Source,
    pixel_values,
    sha256_of,
    split_names,
    with_public_test,
)
from fer2013_tf.data.readers.labels import class_table, key_of, names_class
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

_IMAGES = "x|images?|imgs?|pixels|faces|data|features"
_LABELS = "y|labels?|targets?|emotions?|classes"
_NAME = re.compile(
    rf"(?:(?P<x>{_IMAGES})|(?P<y>{_LABELS}))(?:[\W_]*(?P<after>.*))"
    rf"|(?P<before>.*?)[\W_](?:(?P<last_x>{_IMAGES})|(?P<last_y>{_LABELS}))",
    re.IGNORECASE,
)


class Split(NamedTuple):
    """The two arrays of a split."""

    images: np.ndarray
    labels: list  # as text, [n]
    one_hot: int  # number of columns of one-hot labels, else 0
    path: Path  # of the images
    labels_path: Path


def sniff(path):
    """Return True for a folder with an array of images by its name, such as x_train.npy."""
    return path is not None and Path(path).is_dir() and bool(_files(Path(path))[0])


def open(path, *, seed=SEED, classes=()):
    """Open a folder of arrays. Raises UserError naming the file.

    seed: of the images that become PublicTest where there is no x_val. classes: as
    `labels.class_table` takes them; else FER2013's where labels are 0 to 6 and images 48x48,
    otherwise those found.
    """
    splits, notes = _load_splits(Path(path))
    table = _classes(path, classes, splits.values())
    ranges = {}
    for split, (images, _, _, file, _) in splits.items():
        ranges[split] = pixel_values.decide(images, file)
        notes.append(ranges[split].note)

    def checked():
        row = 0
        for split, (images, labels, _, file, _) in splits.items():
            for image, label in zip(images, labels):
                row += 1
                if label not in table.labels:
                    yield BadRow(row, file.name, table.reason(label))
                    continue
                try:
                    pixels = ranges[split].pixels(image)
                    yield LabeledImage(pixels, table.labels[label], split, row, file.name)
                except ValueError as error:
                    yield BadRow(row, file.name, str(error))

    description = {"format": "arrays", "name": Path(path).resolve().name, "splits": "files"}
    total = sum(len(split.labels) for split in splits.values())
    notes = tuple(filter(None, [*notes, *table.notes]))
    source = Source(table.classes, description, _sha256(splits), checked, total, notes=notes)
    return source if constants.PUBLIC_TEST in splits else with_public_test(source, seed)


def _files(folder):
    """Return ({name of a split or "": [files of images]}, the same of labels)."""
    images, labels = {}, {}
    for file in sorted(folder.iterdir()):
        match = _NAME.fullmatch(file.stem)
        if file.suffix.lower() != ".npy" or file.name.startswith(".") or not match:
            continue
        name = match["after"] or match["before"] or ""
        if not name or split_names.split_of(name):
            found = images if match["x"] or match["last_x"] else labels
            found.setdefault(name.casefold(), []).append(file)
    # A lone data.npy may be anything.
    if "" not in labels:
        images.pop("", None)
    return images, labels


def _load_splits(folder):
    """Return ({split: `Split`}, lines that say which file is which)."""
    images, labels = _files(folder)
    meanings = {**split_names.assign({*images, *labels} - {""}), "": constants.TRAINING}
    files, label_files = _by_split(images, meanings), _by_split(labels, meanings)
    if constants.TRAINING not in files:
        raise UserError(f"{folder}: no array of Training images; call one x_train.npy")
    splits = {}
    for split in constants.SPLITS:
        if split in files:
            ((name, file),) = files[split]
            if split not in label_files:
                usual = f"{folder / 'y'}{name and '_'}{name}.npy"
                raise UserError(f"{usual}: missing; put it beside {file.name}")
            splits[split] = _load_split(file, label_files[split][0][1])
    said = ", ".join(f"{split.path.name} is {name}" for name, split in splits.items())
    return splits, [f"{folder}: {said}"]


def _by_split(named, meanings):
    """Return {split: [(name, file)]}. Raises UserError for two files of one."""
    found = {}
    for name, files in named.items():
        found.setdefault(meanings[name], []).extend((name, file) for file in files)
    for split, pairs in found.items():
        if len(pairs) > 1:
            first, second = (file for _, file in pairs[:2])
            raise UserError(f"{first}: {second.name} is {split} as well; leave one")
    return found


def _load_split(file, labels_file):
    images, (texts, one_hot) = _images(file), _labels(labels_file)
    if len(images) != len(texts):
        raise UserError(f"{labels_file}: {len(texts)} labels, {file.name} has {len(images)} images")
    return Split(images, texts, one_hot, file, labels_file)


def _load(path):
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
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
    """Return (labels as text, number of columns where they are one-hot, else 0)."""
    array = np.asarray(_load(path))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "buif":
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise UserError(f"{path}: rows that are not one-hot; give one 1 per row, else 0")
        return list(map(str, array.argmax(axis=1).tolist())), array.shape[1]
    if array.ndim != 1 or not array.size or array.dtype.kind not in "buifUS":
        raise UserError(f"{path}: {array.dtype} {array.shape}; expected labels [n] or one-hot")
    values = array.astype(int) if array.dtype.kind == "b" else array
    if array.dtype.kind == "S":
        values = np.char.decode(array, "utf-8", "replace")
    return list(map(str, values.tolist())), 0


def _classes(path, wanted, splits):
    """Return the `ClassTable` of all splits together."""
    columns = {split.one_hot for split in splits}
    if len(columns) > 1:
        shapes = ", ".join(f"{split.labels_path.name} {split.one_hot or 1}" for split in splits)
        raise UserError(f"{path}: labels of different numbers of columns: {shapes}")
    # Of one-hot labels every column is a class, whether an image has it or not.
    texts = [str(column) for column in range(max(columns))]
    texts = texts or [text for split in splits for text in split.labels]
    usual = {split.images.shape[1:3] for split in splits} == {(constants.IMAGE_SIZE,) * 2}
    numbers = range(len(constants.FER2013))
    if usual and not wanted and set(filter(names_class, map(key_of, set(texts)))) <= set(numbers):
        return class_table([*texts, *map(str, numbers)], constants.FER2013, path)
    return class_table(texts, wanted, path)


def _sha256(splits):
    files = sorted(file for split in splits.values() for file in (split.path, split.labels_path))
    return sha256_of(part for file in files for part in (f"{file.name}\0".encode(), file))
