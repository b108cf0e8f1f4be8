"""List of images, one per line: path, label and perhaps split, separated by commas or tabs.

    angry/1.jpg,angry            names of classes, or
    0.jpg<TAB>0<TAB>Training     numbers from 0 up, as image_emotion.csv of Yunwei 2025 has them

Paths are relative to the list's own folder. A first line that names no image is a header. Fields
may be quoted. Without a third field a tenth of each class becomes PublicTest, the rest Training.
"""

import csv
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

EXPECTED = "expected lines of an image's path and its label"


def sniff(path):
    """Return True for a text file whose first or second line begins with an image's name."""
    if path is None or not Path(path).is_file():
        return False
    try:
        with Path(path).open("rb") as file:
            head = file.read(1 << 14).decode("utf-8-sig", "replace").splitlines()[:2]
        return any(_names_image(line) for line in _lines(head))
    except csv.Error:
        return False


def open(path, *, seed=SEED, classes=(), resize=None, color=False):
    """Open a list of images. Raises UserError naming file and line.

    seed: of the tenth of Training that becomes PublicTest where no image is in it. classes: names
    in the order of the labels; else those found, sorted, or the numbers up to the largest. resize:
    (height, width) to bring all images to. color: read as RGB, not gray.
    """
    root = Path(path).parent
    rows = _rows(path)
    classes, labels = _classes(path, rows, classes)
    read = ImageReader(resize, color=color)

    def checked():
        for row, (line, name, label, split) in enumerate(rows, start=1):
            where = f"{Path(path).name}, line {line}: {name}"
            if label not in labels:
                yield BadRow(row, where, f"label {label!r}, expected {', '.join(labels)}")
                continue
            try:
                yield LabeledImage(read(root / name), labels[label], split, row, where)
            except UserError as error:
                yield BadRow(row, where, f"unusable image: {error}")

    splits = "third field, else Training"
    description = {"format": "list_file", "name": Path(path).name, "splits": splits}
    source = Source(classes, description, _sha256(path, root, rows), checked, len(rows))
    has_public_test = any(split == constants.PUBLIC_TEST for *_, split in rows)
    return source if has_public_test else with_public_test(source, seed)


def _lines(lines):
    """Return the fields of each line, separated by tabs where the first line has one, or commas."""
    lines = list(lines)
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    read = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    return [[field.strip() for field in fields] for fields in read]


def _names_image(fields):
    return bool(fields) and fields[0].lower().endswith(tuple(IMAGE_SUFFIXES))


def _rows(path):
    """Return [(line number, path, label, split)]."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        lines = _lines(text.splitlines())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); {EXPECTED}") from None
    rows = []
    for number, fields in enumerate(lines, start=1):
        if not any(fields) or (number == 1 and not _names_image(fields)):
            continue
        rows.append(_row(f"{path}, line {number}", number, fields))
    if not rows:
        raise UserError(f"{path}: no image; {EXPECTED}")
    return rows


def _row(where, number, fields):
    if len(fields) not in (2, 3) or not fields[0]:
        raise UserError(f"{where}: {len(fields)} fields; {EXPECTED}, and perhaps a split")
    split = constants.TRAINING
    if len(fields) == 3:
        split = SPLIT_NAMES.get(fields[2].lower())
        if not split:
            raise UserError(f"{where}: split {fields[2]!r}, expected {', '.join(constants.SPLITS)}")
    return number, fields[0], fields[1], split


def _classes(path, rows, wanted):
    """Return (class names, {text in the list: label})."""
    found = {label for _, _, label, _ in rows}
    if all(label.isdecimal() for label in found):
        highest = max(map(int, found))
        classes = tuple(wanted or map(str, range(highest + 1)))
        if highest > 999 or highest >= len(classes):
            raise UserError(f"{path}: label {highest}, but {len(classes)} classes are named")
        return classes, {str(label): label for label in range(len(classes))}
    classes = tuple(wanted or sorted(found))
    return classes, {name: label for label, name in enumerate(classes)}


def _sha256(path, root, rows):
    return sha256_of([Path(path), *(image_sha256(root / name) for _, name, _, _ in rows)])
