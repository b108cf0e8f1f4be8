"""Tree of images, one folder per class, the folders named after the classes.

Kaggle's image version of FER2013 has this layout: `train/angry/Training_123.jpg`,
`test/angry/PublicTest_1.jpg` and `test/angry/PrivateTest_2.jpg`. The prefix of the file's name
gives the split, else the name of a folder above, else it is Training. Where no image is in
PublicTest, a tenth of Training becomes PublicTest. Where no folder is named after a class of
FER2013, the classes are the folders' names in alphabetical order, and images may have any one size.
Hidden folders and files, and files without an image's suffix, are skipped.
"""

import os
from pathlib import Path

from fer2013_tf.data.readers import (
    SEED,
    SPLIT_NAMES,
    BadRow,
    ImageReader,
    LabeledImage,
    Source,
    image_sha256,
    sha256_of,
    with_public_test,
)
from fer2013_tf.faces.image_files import IMAGE_SUFFIXES
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

SIZE = (constants.IMAGE_SIZE,) * 2
SYNONYMS = {
    "angry": ("anger",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "scared", "afraid"),
    "happy": ("happiness", "joy"),
    "sad": ("sadness",),
    "surprise": ("surprised",),
    "neutral": ("neutrality",),
}
_LABELS = {
    name: label
    for label, first in enumerate(constants.FER2013)
    for name in (first, *SYNONYMS[first])
}


def sniff(path):
    """Return True for a folder, unless it holds arrays."""
    return path is not None and Path(path).is_dir() and not list(Path(path).glob("x_*.npy"))


def open(path, *, seed=SEED, classes=(), resize=None, color=False):
    """Open a tree of images.

    seed: of the tenth of Training that becomes PublicTest where no image is in it. classes: names
    of the folders in the order of the labels, instead of those that are found. resize: (height,
    width) to bring all images to. color: read as RGB, not gray. Raises UserError where no image is
    in a class folder, and for a folder not named after a class.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{path}: not a folder; the format folder reads a tree of images")
    images = _images(root)
    if not images:
        raise UserError(f"{path}: no image in a class folder; expected e.g. train/angry/1.jpg")
    classes, labels = _classes(root, images, classes)
    found = [(name, _label(root, name, labels), _split(name)) for name in images]
    read = ImageReader(resize, SIZE if classes == constants.FER2013 else None, color)

    def checked():
        for row, (name, label, split) in enumerate(found, start=1):
            try:
                yield LabeledImage(read(root / name), label, split, row, name)
            except UserError as error:
                yield BadRow(row, name, f"unusable image: {error}")

    splits = "prefix of the file's name, else a folder's name, else Training"
    description = {"format": "folder", "name": root.resolve().name, "splits": splits}
    source = Source(classes, description, _sha256(root, images), checked, len(found))
    has_public_test = any(split == constants.PUBLIC_TEST for _, _, split in found)
    return source if has_public_test else with_public_test(source, seed)


def _images(root):
    """Return the names of the images relative to `root`, with forward slashes, sorted."""
    names = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if not name.startswith((".", "__"))]
        names += [
            Path(folder, name).relative_to(root).as_posix()
            for name in files
            if not name.startswith(".") and name.lower().endswith(tuple(IMAGE_SUFFIXES))
        ]
    return sorted(names)


def _classes(root, images, wanted):
    """Return (class names, {folder's name in lower case: label})."""
    folders = {_folder(root, name) for name in images}
    if of_splits := sorted(folder for folder in folders if folder.lower() in SPLIT_NAMES):
        raise UserError(
            f"{root}: there are images in {of_splits[0]!r}, which names a split and no class; "
            "expected e.g. train/angry/1.jpg"
        )
    alone = len(folders) == 1
    if not wanted and (alone or any(folder.lower() in _LABELS for folder in folders)):
        return constants.FER2013, _LABELS
    classes = tuple(wanted or sorted(folders))
    return classes, {name.lower(): label for label, name in enumerate(classes)}


def _folder(root, name):
    return Path(root.resolve(), name).parent.name.strip()


def _label(root, name, labels):
    folder = _folder(root, name)
    if folder.lower() not in labels:
        known = ", ".join(sorted(labels, key=labels.get))
        raise UserError(
            f"{root / name}: its folder {folder!r} names no class; known are {known}; "
            "give others with --classes"
        )
    return labels[folder.lower()]


def _split(name):
    *folders, file = name.split("/")
    prefix = file.partition("_")[0]
    if prefix in constants.SPLITS:
        return prefix
    lowered = (folder.lower() for folder in reversed(folders))
    known = (SPLIT_NAMES[folder] for folder in lowered if folder in SPLIT_NAMES)
    return next(known, constants.TRAINING)


def _sha256(root, names):
    encoded = ((name, f"{name}\0".encode("utf-8", "surrogateescape")) for name in names)
    return sha256_of(part for name, head in encoded for part in (head, image_sha256(root / name)))
