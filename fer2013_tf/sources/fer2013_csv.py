"""CSV with the columns emotion, pixels and perhaps Usage (fer2013.csv and its kin), also packed.

Reads `fer2013.csv`, `icml_face_data.csv` (names with leading spaces, another order of columns) and
the challenge's `train.csv` (no Usage: all Training, of which a tenth becomes PublicTest), each
plain or inside gzip, tar or zip, whatever the file is called. The input is read as a stream,
nothing is unpacked to disk. A row is one line; fields may be quoted.
"""

import contextlib
import csv
import hashlib
import io
import lzma
import tarfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np

from fer2013_tf import emotions
from fer2013_tf.errors import UserError
from fer2013_tf.sources import BadFace, Face, Source, held_out

SEED = 2013
SUFFIXES = (".csv", ".gz", ".tar", ".tgz", ".zip")
EXPECTED = "expected a CSV with the columns emotion, pixels and perhaps Usage"
SIZE = (emotions.PICTURE_SIZE,) * 2
PIXELS = SIZE[0] * SIZE[1]

_BLOCK = 1 << 20
_GZIP = 31  # zlib: a gzip header is to be expected
# The last one: a zip packed by a method that Python cannot undo.
_DAMAGE = (
    *(EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    NotImplementedError,
)
_LABELS = {str(label).encode(): label for label in range(len(emotions.FER2013))}
_SPLITS = {split.encode(): split for split in emotions.SPLITS}


def sniff(path):
    """True for a file whose header has a pixels column, or that is damaged but named like one."""
    if path is None or not Path(path).is_file():
        return False
    try:
        return "pixels" in _Table(path).columns()
    except UserError:
        return str(path).lower().endswith(SUFFIXES)


def open(path, *, seed=SEED):
    """Opens a file; where it has no Usage column, `seed` draws the tenth that is PublicTest.

    Raises UserError for a file without a CSV of faces, here, and for a damaged one, here or later.
    """
    table = _Table(path)
    columns = table.columns()
    missing = [name for name in ("emotion", "pixels") if name not in columns]
    if missing:
        raise UserError(f"{path}: no column {' and no '.join(missing)}; {EXPECTED}")
    faces, splits = table.faces, "column Usage"
    if "usage" not in columns:
        faces = lambda: held_out(table.faces(), seed)  # noqa: E731
        splits = "no column Usage: all Training, but one in ten of each class PublicTest, drawn "
        splits += f"with seed {seed}"
    description = {"format": "fer2013_csv", "name": table.path.name, "member": table.member}
    description["splits"] = splits
    progress = lambda: table.progress  # noqa: E731
    return Source(emotions.FER2013, description, _sha256(table.path), faces, progress=progress)


def _sha256(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class _Table:
    """The CSV in a file: the names of its columns, and passes over its rows."""

    def __init__(self, path):
        self.path = Path(path)
        self.member = None  # the CSV's name inside an archive
        self.progress = 0.0  # share of the file's bytes that the newest pass has read

    def columns(self):
        """Names of the columns, in lower case. Raises UserError where there is no first line."""
        with self._lines() as lines:
            return self._header(lines)

    def faces(self):
        """Yields a `Face` or a `BadFace` a row."""
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
        """Yields an iterator over the lines, without their ends and without blank ones."""
        try:
            with self.path.open("rb") as file:
                stream, self.member, packed = _unpacked(file, self.path)
                # Ends the thread that reads ahead before the file is closed.
                with contextlib.closing(self._batches(file, stream, packed)) as batches:
                    yield chain.from_iterable(batches)
        except (*_DAMAGE, OSError) as error:
            # bz2 raises an OSError of no number for damaged data; others come from the system.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            said = str(error) or type(error).__name__
            raise UserError(f"{self.path}: cannot be read ({said}); download it again") from None

    def _batches(self, file, stream, packed):
        size, rest = self.path.stat().st_size, b""
        for block in _read_ahead(stream):
            self.progress = file.tell() / size
            *lines, rest = _lines_of(rest + block)
            if len(rest) > _BLOCK:
                raise UserError(f"{self.path}: no line end in {_BLOCK} bytes; {EXPECTED}")
            yield [line for line in lines if line and not line.isspace()]
        if rest.strip():
            yield [rest]
        # A gzip file's checksum stands at its end, behind the archive's last member.
        while packed and packed.read(_BLOCK):
            pass


def _read_ahead(stream):
    """A stream's blocks; while one is in use, a thread reads and unpacks the next."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(stream.read, _BLOCK)
        while block := coming.result():
            coming = pool.submit(stream.read, _BLOCK)
            yield block


class _Gunzip(io.RawIOBase):
    """The bytes in a gzip stream, checked against its checksums.

    gzip.GzipFile works in pieces of a few KB, between which a thread has to wait for its turn.
    """

    def __init__(self, stream):
        self._stream, self._packed = stream, b""
        self._inflate = zlib.decompressobj(_GZIP)

    def readable(self):
        return True

    def readinto(self, buffer):
        data = b""
        while not data:
            packed = self._packed or self._stream.read(_BLOCK // 4)
            if self._inflate.eof:
                if not packed:
                    return 0
                # Padding, or another member.
                self._packed = packed.lstrip(b"\0")
                if self._packed:
                    self._inflate = zlib.decompressobj(_GZIP)
                continue
            data = self._inflate.decompress(packed, len(buffer))
            self._packed = self._inflate.unconsumed_tail or self._inflate.unused_data
            if not (data or packed or self._inflate.eof):
                raise EOFError("ends too early")
        buffer[: len(data)] = data
        return len(data)


def _unpacked(stream, path):
    """(stream of the CSV, its name in an archive or None, the gzip layer or None)."""
    member = packed = None
    while True:
        head = stream.peek(512)
        if head.startswith(b"PK\x03\x04"):
            stream, member = _first_csv(_zipped(stream, path), path)
        elif head[257:262] == b"ustar":
            stream, member = _first_csv(_tarred(stream), path)
        elif head.startswith(b"\x1f\x8b"):
            stream = packed = io.BufferedReader(_Gunzip(stream), _BLOCK)
        else:
            return stream, member, packed


def _zipped(stream, path):
    archive = zipfile.ZipFile(stream)
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise UserError(f"{path}: {info.filename} is encrypted; unpack it and name the CSV")
        if not info.is_dir():
            yield info.filename, io.BufferedReader(archive.open(info), _BLOCK)


def _tarred(stream):
    # Open for as long as the member that is read from it.
    archive = tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK)  # noqa: SIM115
    for info in archive:
        if info.isfile():
            yield info.name, archive.extractfile(info)


def _first_csv(members, path):
    """The first member of (name, stream) that has the columns, as (stream, name)."""
    seen = []
    for name, stream in members:
        head, *_ = _lines_of(stream.peek(512))
        if {"emotion", "pixels"} <= set(_names(head)):
            return stream, name
        seen.append(name)
    held = ", ".join(seen[:5]) + (", ..." if len(seen) > 5 else "")
    raise UserError(f"{path}: holds {held or 'no file'}; {EXPECTED} (or unpack a tree of pictures)")


def _lines_of(data):
    """Lines by any line end; \\r\\n makes a blank one more, and blank lines are left out anyway."""
    return data.replace(b"\r", b"\n").split(b"\n")


def _names(line):
    """Names in a header, in lower case; none where it is no line of a CSV."""
    try:
        fields = _fields(line.removeprefix(b"\xef\xbb\xbf").strip())
    except csv.Error:
        return []
    return [field.decode("utf-8", "replace").lower() for field in fields]


def _fields(line):
    """A line's fields without quotes and outer spaces. Raises csv.Error for an unclosed quote."""
    if b'"' in line:
        text = line.decode("utf-8", "replace")
        line_of = csv.reader([text], strict=True, skipinitialspace=True)
        return [field.strip().encode() for field in next(line_of)]
    return [field.strip() for field in line.split(b",")]


class _Check:
    """Turns a line into a `Face`, or into a `BadFace` that says what is wrong with it."""

    def __init__(self, columns, where):
        self._width, self._where = len(columns), where
        self._label, self._pixels = columns.index("emotion"), columns.index("pixels")
        self._usage = columns.index("usage") if "usage" in columns else None

    def __call__(self, row, line):
        try:
            return Face(*self._read(line), row, self._where)
        except (_Unusable, csv.Error) as error:
            return BadFace(row, self._where, str(error))

    def _read(self, line):
        fields = _fields(line)
        if len(fields) != self._width:
            raise _Unusable(f"{len(fields)} fields, expected {self._width}")
        label = _LABELS.get(fields[self._label])
        if label is None:
            raise _Unusable(f"emotion is {_quote(fields[self._label])}, expected 0 to 6")
        split = emotions.TRAINING
        if self._usage is not None:
            split = _SPLITS.get(fields[self._usage])
        if split is None:
            expected = ", ".join(emotions.SPLITS)
            raise _Unusable(f"Usage is {_quote(fields[self._usage])}, expected one of {expected}")
        return _pixels(fields[self._pixels]), label, split


class _Unusable(Exception):
    """Why a row is no face."""


def _pixels(field):
    """Text of 2304 integers 0..255 -> uint8 (48, 48). Raises _Unusable."""
    # Of digits and spaces alone numpy reads what stands there; of all else it makes up numbers.
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
        if len(value) > 9 or int(value) > 255:
            raise _Unusable(f"pixel {number} is {_quote(value)}, over 255")
    return np.array([int(value) for value in values], np.uint8).reshape(SIZE)


def _quote(field):
    text = field.decode("utf-8", "replace")
    return repr(text if len(text) <= 20 else text[:20] + "...")
