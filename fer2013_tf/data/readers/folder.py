"""Tree of images, one folder per class, the folders named after the classes.

Kaggle's image version of FER2013 has this layout: `train/angry/Training_123.jpg`,
`test/angry/PublicTest_1.jpg` and `test/angry/PrivateTest_2.jpg`. The prefix of the file's name
gives the split, else the name of a folder above, by its words (see split_names.py). Where some
images are in a folder that names a split, all must be. Where none names a split, all are Training.
Where no image is in PublicTest, a tenth of Training becomes PublicTest. Where no folder is named
after a class of FER2013, the classes are the folders' names in alphabetical order, numbers in
theirs, and images may have any one size. Links to folders are followed; hidden folders and files,
and files without an image's suffix, are passed over (see image_files.py).
"""

from pathlib import Path

from fer2013_tf.data.readers import (
    SEED,
    BadRow,
    ImageReader,
    LabeledImage,
    Source,
    image_sha256,
    labels,
    sha256_of,
    split_names,
    tree_splits,
    with_public_test,
)
from fer2013_tf.faces import image_files
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
    """Return True for a folder."""
    return path is not None and Path(path).is_dir()


def open(path, *, seed=SEED, classes=(), resize=None, color=False, split_names=None):
    """Open a tree of images.

    seed: of the tenth of Training that becomes PublicTest where no image is in it. classes: names
    of the folders in the order of the labels, instead of those that are found. resize: (height,
    width) to bring all images to. color: read as RGB, not gray. split_names: {name of a folder:
    split}, as `split_names.parse_given` returns it. Raises UserError where no image is in a class
    folder, for a folder not named after a class, and for one beside splits that names none.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{path}: not a folder; the format folder reads a tree of images")
    names, passed_over = image_files.walk(root)
    splits = tree_splits.of(root, names, split_names)
    names = [name for name in names if name in splits.by_image]
    if not names:
        raise UserError(f"{path}: no image in a class folder; expected e.g. train/angry/1.jpg")
    classes, label_of, notes = _classes(root, names, classes)
    found = [(name, _label(_folder(root, name), label_of), splits.by_image[name]) for name in names]
    read = ImageReader(resize, SIZE if classes == constants.FER2013 else None, color)

    def checked():
        for row, (name, label, split) in enumerate(found, start=1):
            try:
                yield LabeledImage(read(root / name), label, split, row, name)
            except UserError as error:
                yield BadRow(row, name, f"unusable image: {error}")

    description = {"format": "folder", "name": root.resolve().name, **splits.description}
    notes = (splits.note, *notes, *(f"passed over: {line}" for line in passed_over))
    digest = _sha256(root, names)
    source = Source(classes, description, digest, checked, len(found), notes=notes)
    has_public_test = any(split == constants.PUBLIC_TEST for _, _, split in found)
    return source if has_public_test else with_public_test(source, seed)


def is_known(names):
    """Return whether class folders of a tree are named after FER2013's classes, or are numbers."""
    folders = {name.split("/")[-2].strip().lower() for name in names if "/" in name}
    return bool(folders) and all(name in _LABELS or name.isdecimal() for name in folders)


def _classes(root, images, wanted):
    """Return (class names, {folder's name: label}, notes)."""
    folders = sorted({_folder(root, name) for name in images})
    _check_class_folders(root, images, folders, wanted)
    usual = len(folders) == 1 or any(folder.lower() in _LABELS for folder in folders)
    if usual and tuple(wanted) in ((), constants.FER2013):
        table = constants.FER2013, _LABELS, []
    else:
        table = labels.class_table(folders, wanted, str(root))
    for name in images:
        folder = _folder(root, name)
        if _label(folder, table[1]) is None:
            known = ", ".join(_LABELS if table[1] is _LABELS else table[0])
            raise UserError(
                f"{root / name}: its folder {folder!r} names no class; known are {known}; "
                "give others with --classes"
            )
    return table


def _check_class_folders(root, images, folders, wanted):
    """Raise UserError where images are beside class folders, or in folders that name splits."""
    named = {name.lower() for name in wanted}
    of_splits = [folder for folder in folders if split_names.split_of(folder)]
    plain = [folder for folder in of_splits if split_names.is_plain(folder)]
    if not {folder.lower() for folder in folders} <= named and (plain or of_splits == folders):
        raise UserError(
            f"{root}: there are images in {(plain or of_splits)[0]!r}, which names a split and no "
            f"class; expected e.g. train/angry/1.jpg; {split_names.OPTION} leaves them out"
        )
    places = {name.rpartition("/")[0]: name for name in images}
    for place in sorted(places):
        above = place
        while above:
            above = above.rpartition("/")[0]
            if above in places:
                raise UserError(
                    f"{root}: {places[above]} is an image beside the class folder {place}; move "
                    "it into a class folder"
                )


def _folder(root, name):
    return Path(root.resolve(), name).parent.name.strip()


def _label(folder, known):
    return known.get(folder, known.get(folder.lower()))


def _sha256(root, names):
    encoded = ((name, f"{name}\0".encode("utf-8", "surrogateescape")) for name in names)
    return sha256_of(part for name, head in encoded for part in (head, image_sha256(root / name)))
