"""List of images, one per line: path, label and perhaps split; by commas, tabs, semicolons, blanks.

    angry/1.jpg,angry            names of classes, or
    0.jpg<TAB>0<TAB>Training     numbers, as image_emotion.csv of Yunwei 2025 has them
    train_00001.jpg 5            from 1 up and with the split in the name, as RAF-DB has them

Paths are relative to the list's own folder. A first line that names no image is a header; its names
say which column is which (columns.py), as in the labels.csv of `make_records --images`. Where no
column has the splits, the paths may; else a tenth of each class becomes PublicTest, the rest
Training. Fields may be quoted.
"""

import codecs
import csv
import re
from pathlib import Path
from typing import NamedTuple

from fer2013_tf.data.readers import (
    SEED,
    BadRow,
    ImageReader,
    LabeledImage,
    Source,
    columns,
    image_sha256,
    list_paths,
    sha256_of,
    split_names,
    with_public_test,
)
from fer2013_tf.data.readers.labels import class_table
from fer2013_tf.faces.image_files import IMAGE_SUFFIXES
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

EXPECTED = "expected lines of an image's path and its label"
_HEAD = 1 << 14
_BLANKS = " "
_DELIMITERS = ("\t", ",", ";", _BLANKS)
# FER+'s own label.csv has a box in the second field, and the votes in ten more.
_FERPLUS_FIELDS = 12
_BOMS = (
    *((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
_SUFFIXES = "|".join(re.escape(suffix) for suffix in IMAGE_SUFFIXES)
_LINE = re.compile(rf'\s*(?:"([^"]+)"|(.+?(?:{_SUFFIXES})))(?:\s+(.*))?', re.IGNORECASE | re.DOTALL)


class Row(NamedTuple):
    """One line of a list."""

    line: int  # 1-based
    path: str  # of the image, as the list has it
    label: str  # as the list has it; "" where it is missing
    split: str | None = None  # as the list has it
    name: str = ""  # of the class, where a column of its own has it


def sniff(path):
    """Return True for a text file one of whose first two lines has an image's name as a field."""
    if path is None or not Path(path).is_file():
        return False
    try:
        with Path(path).open("rb") as file:
            text = _decoded(file.read(_HEAD), "replace")
    except (OSError, UnicodeError):
        return False
    head = text.splitlines()[:2]
    return any(
        _image_field(fields) is not None for one in _DELIMITERS for fields in _split(head, one)
    )


def open(path, *, seed=SEED, classes=(), resize=None, color=False):
    """Open a list of images. Raises UserError naming file and line.

    seed: of the tenth of Training that becomes PublicTest where no image is in it. classes: as
    `labels.class_table` takes them; else those found, or those of a column of names. resize:
    (height, width) to bring all images to. color: read as RGB, not gray.
    """
    rows, notes = _rows(path)
    splits, how, more = list_paths.splits_of(path, rows)
    images, moved = list_paths.find_images(path, rows)
    table = class_table([row.label for row in rows], classes or _named(rows), path)
    read = ImageReader(resize, color=color)

    def checked():
        for number, (row, image, split) in enumerate(zip(rows, images, splits), start=1):
            where = f"{Path(path).name}, line {row.line}: {row.path}"
            if row.label not in table.labels:
                yield BadRow(number, where, table.reason(row.label))
                continue
            try:
                yield LabeledImage(read(image), table.labels[row.label], split, number, where)
            except UserError as error:
                yield BadRow(number, where, f"unusable image: {error}")

    description = {"format": "list_file", "name": Path(path).name, "splits": how}
    digest = sha256_of([Path(path), *map(image_sha256, images)])
    notes = (*notes, *more, *moved, *table.notes)
    source = Source(table.classes, description, digest, checked, len(rows), notes=notes)
    return source if constants.PUBLIC_TEST in splits else with_public_test(source, seed)


def _decoded(data, errors="strict"):
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8-sig")
    return data.decode(encoding, errors)


def _split(lines, delimiter):
    """Return the fields of each line; [] in place of all where quotes are not closed."""
    if delimiter == _BLANKS:
        return list(map(_words, lines))
    try:
        return _fields(lines, delimiter)
    except csv.Error:
        return []


def _fields(lines, delimiter):
    read = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    return [[field.strip() for field in fields] for fields in read]


def _words(line):
    """Return the fields of a line with blanks: a path, which may have some, a label, a split."""
    match = _LINE.fullmatch(line)
    if not match:
        return line.split()
    words = (match[3] or "").split()
    # A label of two words, as in `1.png very happy`; not the fields of a longer table.
    if len(words) == 2 and not (split_names.split_of(words[1]) or _has_digits(words)):
        words = [" ".join(words)]
    return [match[1] or match[2], *words]


def _has_digits(words):
    return any(character.isdigit() for word in words for character in word)


def _image_field(fields):
    """Return the index of the field that names an image, or None."""
    suffixes = tuple(IMAGE_SUFFIXES)
    places = (n for n, field in enumerate(fields) if field.lower().endswith(suffixes))
    return next(places, None)


def _delimiter(lines):
    """Return what separates the fields in most of some lines, a comma where nothing does."""

    def count(delimiter):
        found = [fields for fields in _split(lines, delimiter) if len(fields) > 1]
        return sum(_image_field(fields) is not None for fields in found)

    best = max(_DELIMITERS, key=count)
    return best if count(best) else ","


def _rows(path):
    """Return ([`Row`], lines that say what was decided)."""
    if not Path(path).is_file():
        raise UserError(f"{path}: not a file; {EXPECTED}")
    try:
        lines = _decoded(Path(path).read_bytes()).splitlines()
        delimiter = _delimiter(lines[:50])
        table = _split(lines, _BLANKS) if delimiter == _BLANKS else _fields(lines, delimiter)
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); {EXPECTED}") from None
    table = [(number, fields) for number, fields in enumerate(table, start=1) if any(fields)]
    if nul := next((n for n, line in enumerate(lines, start=1) if "\0" in line), None):
        raise UserError(f"{path}, line {nul}: a NUL character, which no name can have; {EXPECTED}")
    header = []
    if table and _image_field(table[0][1]) is None:
        header = table.pop(0)[1]
    if not table:
        raise UserError(f"{path}: no image; {EXPECTED}")
    place = _image_field(table[0][1]) or 0
    if header:
        return _with_header(path, header, table, place)
    return [_without_header(f"{path}, line {line}", line, row, place) for line, row in table], []


def _without_header(where, line, fields, place):
    if len(fields) == _FERPLUS_FIELDS:
        raise UserError(
            f"{where}: 12 fields, as FER+'s own label.csv has; name its folder as the source, or "
            "fer2013.csv, and give fer2013new.csv by --ferplus"
        )
    if len(fields) > 3 or len(fields) <= place or not fields[place]:
        raise UserError(f"{where}: {len(fields)} fields; {EXPECTED}, and perhaps a split")
    image = fields[place]
    others = fields[:place] + fields[place + 1 :]
    return Row(line, image, *(others or [""]))


def _with_header(path, header, table, place):
    found, notes = _columns(path, header, table, place)

    def cell(fields, column, missing):
        return missing if column is None else fields[column]

    rows = []
    for line, fields in table:
        if len(fields) > len(header):
            said = f"{len(fields)} fields, the header has {len(header)}"
            raise UserError(f"{path}, line {line}: {said}")
        fields = fields + [""] * (len(header) - len(fields))
        if not fields[place]:
            raise UserError(f"{path}, line {line}: no image's path; {EXPECTED}")
        label, split, name = found
        cells = (cell(fields, label, ""), cell(fields, split, None), cell(fields, name, ""))
        rows.append(Row(line, fields[place], *cells))
    return rows, notes


def _columns(path, header, table, place):
    """Return ([columns of label, split and name, or None], notes)."""
    try:
        label, split, name = (columns.find(header, role) for role in ("label", "split", "name"))
    except ValueError as error:
        raise UserError(f"{path}: more than one column {error}; leave one in") from None
    label, name = (name, None) if label is None else (label, name)
    others = [n for n in range(len(header)) if n not in (place, label, split, name)]
    if label is None and len(header) > 3 or len(header) < 2:
        said = "FER+'s votes? give fer2013.csv as source, and this by --ferplus; or "
        said = said if {"contempt", "NF"} <= set(header) else ""
        raise UserError(f"{path}: columns {', '.join(header)}; {said}call one label")
    if label is None:
        label = others.pop(0)
    if split is None and others:
        cells = {fields[others[0]] for _, fields in table if len(fields) > others[0]}
        if all(split_names.split_of(cell) for cell in cells):
            split = others.pop(0)
    unused = [header[n] or f"number {n + 1}" for n in others if header[n] != "row"]
    said = f"{path}: labels are in column {header[label]}; not used: {', '.join(unused)}"
    return (label, split, name), [said] if unused else []


def _named(rows):
    """Return the classes that a column of names gives to numbers, for `class_table`, else ()."""
    names = {}
    for row in rows:
        if not (row.name and row.label.isdecimal()):
            continue
        # One number with two names: the column names something else, such as persons.
        if names.setdefault(int(row.label), row.name) != row.name:
            return ()
    for known in (constants.FER2013, constants.FERPLUS):
        # Of a class without any image the list has no name.
        if names and all(n < len(known) and known[n] == name for n, name in names.items()):
            return tuple(f"{number}={name}" for number, name in enumerate(known))
    return tuple(f"{n}={names.get(n, n)}" for n in range(max(names, default=-1) + 1))
