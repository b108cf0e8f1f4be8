"""CSV with the columns emotion, pixels and perhaps Usage (fer2013.csv and its kin), also packed.

Reads `fer2013.csv`, `icml_face_data.csv` (names with leading spaces, another order of columns) and
the challenge's `train.csv` (no Usage: all Training, of which a tenth becomes PublicTest), each
plain or inside gzip, tar or zip (see archives.py), whatever the file is called. Columns may have
other usual names, such as Label (columns.py). A row is one line; fields may be quoted. Labels are
FER2013's, as numbers 0 to 6 or names, unless `classes` gives others.
"""

import codecs
import contextlib
import csv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf.data.readers import (
    SEED,
    BadRow,
    LabeledImage,
    Source,
    columns,
    folder,
    labels,
    sha256_of,
    with_public_test,
)
from fer2013_tf.utils import archives, constants
from fer2013_tf.utils.errors import UserError

SUFFIXES = (".csv", ".gz", ".tar", ".tgz", ".zip")
EXPECTED = "expected a CSV with the columns emotion, pixels and perhaps Usage"
SIZE = (constants.IMAGE_SIZE,) * 2
PIXELS = SIZE[0] * SIZE[1]
_BLOCK = 1 << 20
NO_USAGE = "no column Usage"
_CLASSES = len(constants.FER2013)
# Rows with one label beyond FER2013's that are a class, not a slip.
_MANY = 5
_SPLITS = {split.encode(): split for split in constants.SPLITS}


def sniff(path):
    """Return True for a CSV with a column pixels, and for a damaged file with one of SUFFIXES."""
    if path is None or not Path(path).is_file():
        return False
    try:
        return _has(Table(path, archives.LIMIT).header(), "pixels")
    except archives.NothingWanted:
        return False
    except UserError:
        return str(path).lower().endswith(SUFFIXES)


def open(path, *, seed=SEED, classes=(), max_unpacked=archives.LIMIT):
    """Open a CSV file or an archive that holds one.

    seed: of the tenth that becomes PublicTest where there is no column Usage. classes: as
    `labels.class_table` takes them; else FER2013's. max_unpacked: bytes that an archive may unpack
    to. Raises UserError for a file without a CSV of images; for a damaged one now or while it is
    read; and for numbers 1 to 7, which are not FER2013's.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: not a file; {EXPECTED}")
    return open_table(Table(path, max_unpacked), seed, classes)


def open_table(table, seed, classes=()):
    """Return the `Source` of a `Table`."""
    places = table.columns()
    # Reads all rows once more: without a split their number tells which of FER+'s they are.
    texts = table.labels() if classes or places.split is None else None
    found = labels.class_table(texts.elements(), classes, table.path) if classes else None
    total = None if places.split is not None else texts.total()
    description = {"format": "fer2013_csv", "name": table.path.name, "member": table.member}
    description["splits"] = NO_USAGE if places.split is None else "column Usage"
    source = Source(
        found.classes if found else constants.FER2013,
        description,
        table.sha256(),
        lambda: table.examples(found),
        total,
        lambda: table.progress,
        notes=tuple(found.notes) if found else (),
    )
    return source if places.split is not None else with_public_test(source, seed)


class Places(NamedTuple):
    """Where a table's columns are."""

    label: int
    pixels: int
    split: int | None


class Table:
    """The CSV in a file: its columns, and passes over its rows."""

    def __init__(self, path, limit):
        self.path, self._limit = Path(path), limit
        self.member = None  # the CSV's name inside an archive
        self.progress = 0.0  # fraction of the file's bytes that the newest pass has read

    def sha256(self):
        """Return the digest of the file."""
        return sha256_of([self.path])

    def header(self):
        """Return the columns' names. Raises UserError for an empty file."""
        with self._lines() as lines:
            return self._header(lines)

    def columns(self):
        """Return `Places`. Raises UserError where label or pixels are missing, or there twice."""
        return self._places(self.header())

    def labels(self):
        """Return a Counter of the labels as text, read in a pass over all whole rows."""
        with self._lines() as lines:
            header = self._header(lines)
            place, width = self._places(header).label, len(header)
            return Counter(_label_in(line, place, width) for line in lines)

    def examples(self, classes=None):
        """Yield a `LabeledImage` or a `BadRow` per row; classes: a `labels.ClassTable`."""
        row = 0
        with self._lines() as lines:
            where = f"{self.path.name}:{self.member}" if self.member else self.path.name
            header = self._header(lines)
            label_of = _Given(classes) if classes else _FER2013(self.path)
            check = _Check(header, self._places(header), label_of, where)
            for row, line in enumerate(lines, start=1):
                yield check(row, line)
        if not row:
            raise UserError(f"{self.path}: a header and no rows; {EXPECTED}")
        label_of.finish()

    def _places(self, header):
        try:
            found = [columns.find(header, role) for role in ("label", "pixels", "split")]
        except ValueError as error:
            raise UserError(f"{self.path}: more than one column {error}; leave one in") from None
        pairs = zip(("emotion", "pixels"), found)
        if missing := [name for name, place in pairs if place is None]:
            raise UserError(f"{self.path}: no column {' and no '.join(missing)}; {EXPECTED}")
        return Places(*found)

    def _header(self, lines):
        line = next(lines, None)
        if line is None:
            raise UserError(f"{self.path}: empty; {EXPECTED}")
        if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UserError(f"{self.path}: UTF-16 text; save it as UTF-8, and {EXPECTED}")
        return _names(line)

    @contextlib.contextmanager
    def _lines(self):
        """Open the CSV: yield an iterator over its lines, without line ends and blank lines."""
        try:
            with self.path.open("rb") as file:
                unpacked = archives.unpack(file, self.path, _worth, limit=self._limit)
                self.member = unpacked.member
                # Ends the thread that reads ahead before the file is closed.
                with contextlib.closing(self._batches(file, unpacked)) as batches:
                    yield chain.from_iterable(batches)
        except archives.NotThere as error:
            raise archives.NothingWanted(f"{self.path}: holds {error}; {EXPECTED}") from None
        except (*archives.DAMAGE, OSError) as error:
            # bz2 raises an OSError of no number for damaged data; others come from the system.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            said = str(error) or type(error).__name__
            raise UserError(f"{self.path}: cannot be read ({said}); download it again") from None

    def _batches(self, file, unpacked):
        size, rest = self.path.stat().st_size, b""
        for block in _read_ahead(unpacked.stream):
            self.progress = file.tell() / size
            *lines, rest = _lines_of(rest + block)
            if len(rest) > _BLOCK:
                raise UserError(f"{self.path}: no line end in {_BLOCK} bytes; {EXPECTED}")
            yield [line for line in lines if line and not line.isspace()]
        if rest.strip():
            yield [rest]
        unpacked.finish()


def _read_ahead(stream):
    """Yield a stream's blocks; while one is in use, a thread reads and unpacks the next."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(stream.read, _BLOCK)
        while block := coming.result():
            coming = pool.submit(stream.read, _BLOCK)
            yield block


def _worth(head):
    """Rate a file by its first bytes: 2 a CSV of images, 1 one without Usage, 0 any other."""
    header = _names(_lines_of(head)[0])
    return (_has(header, "label") and _has(header, "pixels")) * (1 + _has(header, "split"))


def _has(header, role):
    """Return whether a column with a role is there, be it more than once."""
    try:
        return columns.find(header, role) is not None
    except ValueError:
        return True


def _lines_of(data):
    """Split at any line end; \\r\\n makes one blank line more, and those are skipped."""
    return data.replace(b"\r", b"\n").split(b"\n")


def _names(line):
    """Return the names in a header; none where it is not a line of a CSV."""
    try:
        fields = [] if b"\0" in line else _fields(line.removeprefix(codecs.BOM_UTF8))
    except csv.Error:
        return []
    return [field.decode("utf-8", "replace") for field in fields]


def _fields(line):
    """Return a line's fields, without quotes and outer spaces. Raises csv.Error for open quotes."""
    if b'"' in line:
        text = line.decode("utf-8", "replace")
        line_of = csv.reader([text], strict=True, skipinitialspace=True)
        return [field.encode().strip() for field in next(line_of)]
    return [field.strip() for field in line.split(b",")]


def _label_in(line, place, width):
    """Return the text of a line's label; "" where the line is not one of the table's."""
    try:
        fields = _fields(line)
    except csv.Error:
        return ""
    return fields[place].decode("utf-8", "replace") if len(fields) == width else ""


class _FER2013:
    """Labels of FER2013: whole numbers 0 to 6 in any spelling, or names."""

    def __init__(self, path):
        self._path, self._seen = path, Counter()
        self._labels = {label: label for label in range(_CLASSES)}
        for label, name in enumerate(constants.FER2013):
            self._labels |= dict.fromkeys((name, *folder.SYNONYMS[name]), label)
        self._known = {}

    def __call__(self, field):
        """Return the label of a field; raises _Unusable."""
        key = self._known.get(field)
        if key is None:
            key = self._known[field] = labels.key_of(field.decode("utf-8", "replace"))
        self._seen[key] += 1
        if key in self._labels:
            return self._labels[key]
        whole = isinstance(key, int) and key >= _CLASSES
        more = " (--classes names other classes)" if whole else ""
        raise _Unusable(f"{_quote(field)}, expected 0 to {_CLASSES - 1}{more}")

    def finish(self):
        """Raise UserError where the numbers are 1 to 7, or more classes than FER2013's are there.

        These are no rows to leave out: that would shift or drop a class.
        """
        # Numbers go on from 6 where they are classes; a 9 alone is something else.
        more = [_CLASSES]
        while self._seen[more[-1]] >= _MANY:
            more.append(more[-1] + 1)
        more.pop()
        if not more:
            return
        from_1 = more == [_CLASSES] and not self._seen[0]
        names = constants.FER2013 if from_1 else (*constants.FER2013, "NAME")
        given = ",".join(f"{n}={name}" for n, name in enumerate(names, start=int(from_1)))
        raise UserError(
            f"{self._path}: label {max(more)} is in {self._seen[max(more)]} rows"
            f"{', and 0 in none' * from_1}, but FER2013's labels are 0 to {_CLASSES - 1}; name the "
            f"classes of this set, such as --classes {given}"
        )


class _Given:
    """Labels of a `labels.ClassTable`."""

    def __init__(self, table):
        self._table = table
        self._known = {text.encode(): label for text, label in table.labels.items()}

    def __call__(self, field):
        """Return the label of a field; raises _Unusable."""
        if field in self._known:
            return self._known[field]
        raise _Unusable(self._table.reason(field.decode("utf-8", "replace")))

    def finish(self):
        """Do nothing: all labels were seen before."""


class _Check:
    """Turn a line into a `LabeledImage`, or into a `BadRow` that says what is wrong with it."""

    def __init__(self, header, places, label_of, where):
        self._header, self._places, self._label_of = header, places, label_of
        self._where = where

    def __call__(self, row, line):
        try:
            return LabeledImage(*self._read(line), row, self._where)
        except (_Unusable, csv.Error) as error:
            return BadRow(row, self._where, str(error))

    def _read(self, line):
        fields, places = _fields(line), self._places
        if len(fields) != len(self._header):
            raise _Unusable(f"{len(fields)} fields, expected {len(self._header)}")
        try:
            label = self._label_of(fields[places.label])
        except _Unusable as error:
            raise _Unusable(f"{self._header[places.label]} is {error}") from None
        split = constants.TRAINING
        if places.split is not None:
            split = _SPLITS.get(fields[places.split])
        if split is None:
            name, found = self._header[places.split], _quote(fields[places.split])
            expected = ", ".join(constants.SPLITS)
            raise _Unusable(f"{name} is {found}, expected one of {expected}")
        return _pixels(fields[places.pixels]), label, split


class _Unusable(Exception):
    """Why a row cannot be used."""


def _pixels(field):
    """Parse the text of 2304 integers 0..255 as uint8 [48, 48]. Raises _Unusable."""
    # numpy reads digits and spaces as they are; from any other text it makes up numbers.
    if not field.translate(None, b"0123456789 "):
        values = np.fromstring(field, np.int64, sep=" ")
        if len(values) == PIXELS and values.max() <= 255:
            return values.astype(np.uint8).reshape(SIZE)
    return _pixels_one_by_one(field)


def _pixels_one_by_one(field):
    values = field.split()
    if len(values) != PIXELS:
        raise _Unusable(f"{len(values)} pixels, expected {PIXELS} ({SIZE[0]}x{SIZE[1]})")
    for number, value in enumerate(values, start=1):
        if not value.isdigit():
            raise _Unusable(f"pixel {number} is {_quote(value)}, not an integer from 0 to 255")
    # Python refuses to convert more than 4300 digits.
    values = [value.lstrip(b"0") or b"0" for value in values]
    for number, value in enumerate(values, start=1):
        if len(value) > 3 or int(value) > 255:
            raise _Unusable(f"pixel {number} is {_quote(value)}, over 255")
    return np.array(list(map(int, values)), np.uint8).reshape(SIZE)


def _quote(field):
    text = field.decode("utf-8", "replace")
    return repr(text if len(text) <= 20 else text[:20] + "...")
