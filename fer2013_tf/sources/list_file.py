"""List of pictures, a line each: path, label and perhaps split, with commas or tabs between.

    angry/1.jpg,angry            names of classes, or
    0.jpg<TAB>0<TAB>Training     numbers from 0 up, as image_emotion.csv of article a3 has them

Paths are taken from the list's own folder. A first line that names no picture is a header. Fields
may be quoted. Without a third field a tenth of each class becomes PublicTest, the rest Training.
"""

import csv
import hashlib
from pathlib import Path

from fer2013_tf import emotions
from fer2013_tf.errors import UserError
from fer2013_tf.sources import BadFace, Face, PictureReader, Source, held_out
from fer2013_tf.sources.folder import SPLITS, SUFFIXES

SEED = 2013
EXPECTED = "expected lines of a picture's path and its label"


def sniff(path):
    """True for a text file whose first or second line begins with a picture's name."""
    if path is None or not Path(path).is_file():
        return False
    try:
        with Path(path).open("rb") as file:
            head = file.read(1 << 14).decode("utf-8-sig", "replace").splitlines()[:2]
        return any(_names_picture(line) for line in _lines(head))
    except csv.Error:
        return False


def open(path, *, seed=SEED, classes=(), resize=None, colour=False):
    """Opens a list. classes: names in the order of the labels; else those found, sorted, or the
    numbers up to the largest. resize: (height, width) to bring all pictures to. colour: as RGB.

    Raises UserError naming file and line.
    """
    root = Path(path).parent
    rows = _rows(path)
    classes, labels = _classes(path, rows, classes)
    read = PictureReader(resize, colour=colour)

    def checked():
        for row, (line, name, label, split) in enumerate(rows, start=1):
            where = f"{Path(path).name}, line {line}: {name}"
            if label not in labels:
                yield BadFace(row, where, f"label {label!r}, expected {', '.join(labels)}")
                continue
            try:
                yield Face(read(root / name), labels[label], split, row, where)
            except UserError as error:
                yield BadFace(row, where, f"unusable picture: {error}")

    opened, splits = checked, "third field"
    if not any(split == emotions.PUBLIC_TEST for *_, split in rows):
        opened = lambda: held_out(checked(), seed)  # noqa: E731
        splits = f"of Training one in ten of each class, drawn with seed {seed}, is PublicTest"
    description = {"format": "list_file", "name": Path(path).name, "splits": splits}
    return Source(classes, description, _sha256(path, root, rows), opened, len(rows))


def _lines(lines):
    """[fields]; tabs are between them where the first line has one, else commas."""
    lines = list(lines)
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    read = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    return [[field.strip() for field in fields] for fields in read]


def _names_picture(fields):
    return bool(fields) and fields[0].lower().endswith(SUFFIXES)


def _rows(path):
    """[(line, path, label, split)]."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        lines = _lines(text.splitlines())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); {EXPECTED}") from None
    rows = []
    for number, fields in enumerate(lines, start=1):
        if not any(fields) or (number == 1 and not _names_picture(fields)):
            continue
        rows.append(_row(f"{path}, line {number}", number, fields))
    if not rows:
        raise UserError(f"{path}: no picture; {EXPECTED}")
    return rows


def _row(where, number, fields):
    if len(fields) not in (2, 3) or not fields[0]:
        raise UserError(f"{where}: {len(fields)} fields; {EXPECTED}, and perhaps a split")
    split = emotions.TRAINING
    if len(fields) == 3:
        split = SPLITS.get(fields[2].lower())
        if not split:
            raise UserError(f"{where}: split {fields[2]!r}, expected {', '.join(emotions.SPLITS)}")
    return number, fields[0], fields[1], split


def _classes(path, rows, wanted):
    """(class names, {text in the list: label})."""
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
    digest = hashlib.sha256(Path(path).read_bytes())
    for _, name, _, _ in rows:
        file = root / name
        data = file.read_bytes() if file.is_file() else b""
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()
