"""Tree of pictures, one folder a class, the folders named after the classes.

Kaggle's picture version of FER2013 looks so: `train/angry/Training_123.jpg`,
`test/angry/PublicTest_1.jpg` and `test/angry/PrivateTest_2.jpg`. The split is told by the prefix of
the file's name, else by the name of a folder above, else it is Training. Where nothing is
PublicTest, a tenth of Training becomes it. Where no folder is named after a class of FER2013, the
classes are the folders' names in their order, and pictures may be of any one size. Hidden folders
and files, and files that are not named like pictures, are passed over.
"""

import hashlib
import os
from pathlib import Path

from fer2013_tf import emotions
from fer2013_tf.errors import UserError
from fer2013_tf.sources import BadFace, Face, PictureReader, Source, held_out

SEED = 2013
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp")
SIZE = (emotions.PICTURE_SIZE,) * 2

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
    for label, first in enumerate(emotions.FER2013)
    for name in (first, *SYNONYMS[first])
}
SPLITS = {
    **{split.lower(): split for split in emotions.SPLITS},
    "train": emotions.TRAINING,
    "public": emotions.PUBLIC_TEST,
    "public_test": emotions.PUBLIC_TEST,
    "val": emotions.PUBLIC_TEST,
    "valid": emotions.PUBLIC_TEST,
    "validation": emotions.PUBLIC_TEST,
    "private": emotions.PRIVATE_TEST,
    "private_test": emotions.PRIVATE_TEST,
    "test": emotions.PRIVATE_TEST,
}


def sniff(path):
    """True for a folder, unless it holds arrays."""
    return path is not None and Path(path).is_dir() and not list(Path(path).glob("x_*.npy"))


def open(path, *, seed=SEED, classes=(), resize=None, colour=False):
    """Opens a tree; `seed` draws the tenth of Training that is PublicTest where nothing else is.

    classes: names of the folders in the order of the labels, instead of those that are found.
    resize: (height, width) to bring all pictures to. colour: as RGB, not grey. Raises UserError
    where no picture is in a folder, and for a folder not named after a class.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{path}: not a folder; the format folder reads a tree of pictures")
    pictures = _pictures(root)
    if not pictures:
        raise UserError(f"{path}: no picture in a class folder; expected e.g. train/angry/1.jpg")
    classes, labels = _classes(root, pictures, classes)
    found = [(name, _label(root, name, labels), _split(name)) for name in pictures]
    read = PictureReader(resize, SIZE if classes == emotions.FER2013 else None, colour)

    def checked():
        for row, (name, label, split) in enumerate(found, start=1):
            try:
                yield Face(read(root / name), label, split, row, name)
            except UserError as error:
                yield BadFace(row, name, f"unusable picture: {error}")

    splits = "prefix of the file's name, else a folder's name, else Training"
    opened = checked
    if not any(split == emotions.PUBLIC_TEST for _, _, split in found):
        opened = lambda: held_out(checked(), seed)  # noqa: E731
        splits += f"; of Training one in ten of each class, drawn with seed {seed}, is PublicTest"
    description = {"format": "folder", "name": root.resolve().name, "splits": splits}
    names = [name for name, _, _ in found]
    return Source(classes, description, _sha256(root, names), opened, len(found))


def _pictures(root):
    """Names of the pictures relative to `root`, with forward slashes, sorted."""
    names = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if not name.startswith((".", "__"))]
        names += [
            Path(folder, name).relative_to(root).as_posix()
            for name in files
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    return sorted(names)


def _classes(root, pictures, wanted):
    """(class names, {folder's name in lower case: label})."""
    folders = {_folder(root, name) for name in pictures}
    if of_splits := sorted(folder for folder in folders if folder.lower() in SPLITS):
        raise UserError(
            f"{root}: pictures stand in {of_splits[0]!r}, which names a split and no class; "
            "expected e.g. train/angry/1.jpg"
        )
    alone = len(folders) == 1
    if not wanted and (alone or any(folder.lower() in _LABELS for folder in folders)):
        return emotions.FER2013, _LABELS
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
            "--classes names others"
        )
    return labels[folder.lower()]


def _split(name):
    *folders, file = name.split("/")
    prefix = file.partition("_")[0]
    if prefix in emotions.SPLITS:
        return prefix
    known = (SPLITS[folder.lower()] for folder in reversed(folders) if folder.lower() in SPLITS)
    return next(known, emotions.TRAINING)


def _sha256(root, names):
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode("utf-8", "surrogateescape"))
        # Of a broken link or a pipe there is nothing to read.
        data = (root / name).read_bytes() if (root / name).is_file() else b""
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()
