"""CSV with the columns emotion, pixels and perhaps Usage (fer2013.csv and its kin), also packed.

Reads `fer2013.csv`, `icml_face_data.csv` (names with leading spaces, another order of columns) and
the challenge's `train.csv` (no Usage: all Training, of which a tenth becomes PublicTest), each
plain or inside gzip, tar or zip (see archives.py), whatever the file is called. A row is one line;
fields may be quoted.
"""

import contextlib
import csv
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np

from fer2013_tf.data.readers import (
    SEED,
    BadRow,
    LabeledImage,
    Source,
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
_LABELS = {str(label).encode(): label for label in range(len(constants.FER2013))}
_SPLITS = {split.encode(): split for split in constants.SPLITS}


def sniff(path):
    """Return True for a CSV with a column pixels, and for a damaged file with one of SUFFIXES."""
    if path is None or not Path(path).is_file():
        return False
    try:
        return "pixels" in _Table(path, archives.LIMIT).columns()
    except UserError:
        return str(path).lower().endswith(SUFFIXES)


def open(path, *, seed=SEED, max_unpacked=archives.LIMIT):
    """Open a CSV file or an archive that holds one.

    seed: of the tenth that becomes PublicTest where there is no column Usage. max_unpacked: bytes
    that an archive may unpack to. Raises UserError for a file without a CSV of images; for a
    damaged one now or while it is read.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: not a file; {EXPECTED}")
    table = _Table(path, max_unpacked)
    columns = table.columns()
    missing = [name for name in ("emotion", "pixels") if name not in columns]
    if missing:
        raise UserError(f"{path}: no column {' and no '.join(missing)}; {EXPECTED}")
    for name in ("emotion", "pixels", "usage"):
        if columns.count(name) > 1:
            raise UserError(f"{path}: more than one column {name}; leave one in")
    description = {"format": "fer2013_csv", "name": table.path.name, "member": table.member}
    description["splits"] = "column Usage" if "usage" in columns else "no column Usage"
    digest, progress = sha256_of([table.path]), lambda: table.progress
    source = Source(constants.FER2013, description, digest, table.examples, progress=progress)
    return source if "usage" in columns else with_public_test(source, seed)


class _Table:
    """The CSV in a file: the names of its columns, and passes over its rows."""

    def __init__(self, path, limit):
        self.path, self._limit = Path(path), limit
        self.member = None  # the CSV's name inside an archive
        self.progress = 0.0  # fraction of the file's bytes that the newest pass has read

    def columns(self):
        """Return the columns' names in lower case. Raises UserError for an empty file."""
        with self._lines() as lines:
            return self._header(lines)

    def examples(self):
        """Yield a `LabeledImage` or a `BadRow` per row."""
        row = 0
        with self._lines() as lines:
            where = f"{self.path.name}:{self.member}" if self.member else self.path.name
            check = _Check(self._header(lines), where)
            for row, line in enumerate(lines, start=1):
                yield check(row, line)
        if not row:
            raise UserError(f"{self.path}: a header and no rows; {EXPECTED}")

    def _header(self, lines):
        line = next(lines, None)
        if line is None:
            raise UserError(f"{self.path}: empty; {EXPECTED}")
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
            raise UserError(
                f"{self.path}: holds {error}; {EXPECTED} (or unpack a tree of images)"
            ) from None
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
    names = set(_names(_lines_of(head)[0]))
    return ({"emotion", "pixels"} <= names) * (1 + ("usage" in names))


def _lines_of(data):
    """Split at any line end; \\r\\n makes one blank line more, and those are skipped."""
    return data.replace(b"\r", b"\n").split(b"\n")


def _names(line):
    """Return the names in a header, in lower case; none where it is not a line of a CSV."""
    try:
        fields = _fields(line.removeprefix(b"\xef\xbb\xbf"))
    except csv.Error:
        return []
    return [field.decode("utf-8", "replace").lower() for field in fields]


def _fields(line):
    """Return a line's fields, without quotes and outer spaces. Raises csv.Error for open quotes."""
    if b'"' in line:
        text = line.decode("utf-8", "replace")
        line_of = csv.reader([text], strict=True, skipinitialspace=True)
        return [field.encode().strip() for field in next(line_of)]
    return [field.strip() for field in line.split(b",")]


class _Check:
    """Turn a line into a `LabeledImage`, or into a `BadRow` that says what is wrong with it."""

    def __init__(self, columns, where):
        self._width, self._where = len(columns), where
        self._label, self._pixels = columns.index("emotion"), columns.index("pixels")
        self._usage = columns.index("usage") if "usage" in columns else None

    def __call__(self, row, line):
        try:
            return LabeledImage(*self._read(line), row, self._where)
        except (_Unusable, csv.Error) as error:
            return BadRow(row, self._where, str(error))

    def _read(self, line):
        fields = _fields(line)
        if len(fields) != self._width:
            raise _Unusable(f"{len(fields)} fields, expected {self._width}")
        label = _LABELS.get(fields[self._label])
        if label is None:
            raise _Unusable(f"emotion is {_quote(fields[self._label])}, expected 0 to 6")
        split = constants.TRAINING
        if self._usage is not None:
            split = _SPLITS.get(fields[self._usage])
        if split is None:
            expected = ", ".join(constants.SPLITS)
            raise _Unusable(f"Usage is {_quote(fields[self._usage])}, expected one of {expected}")
        return _pixels(fields[self._pixels]), label, split


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
