"""The one file that is wanted inside gzip, tar and zip, as a stream: nothing is unpacked to disk.

unpacked = archives.unpack(file, path, worth, limit=archives.LIMIT)
... unpacked.stream.read(...) ...
unpacked.finish()      # the rest of the archive: checksums, and that no second file is wanted

`worth(head)` tells from a file's first bytes whether it is wanted: 0 no, more the better. Names of
members are for messages only, so it does not matter whether they climb out of a folder; links and
folders are passed over, and archives inside archives are not opened but for gzip around tar.
"""

import functools
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from fer2013_tf.errors import UserError

LIMIT = 4 << 30
# What damaged archives raise. The last one: a zip packed by a method that Python cannot undo.
DAMAGE = (
    *(EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    NotImplementedError,
)

_BLOCK = 1 << 20
_HEAD = 512
_GZIP = 31  # zlib: a gzip header is to be expected


class NotThere(Exception):
    """No member is wanted; the text lists what is there."""


class Unpacked(NamedTuple):
    """An open file, and where it came from."""

    stream: Any  # binary, buffered
    member: str | None  # its name in an archive
    finish: Callable  # finish(): once the stream has been read


def unpack(stream, path, worth, *, limit):
    """Undoes gzip, tar and zip around `stream` (a BufferedReader), in whatever order they are.

    Raises UserError for an encrypted zip, for more than `limit` unpacked bytes and where several
    members are wanted alike; NotThere where none is; one of DAMAGE for a damaged archive.
    """
    member, packed, rest = None, None, iter(())
    while True:
        head = stream.peek(_HEAD)
        if head.startswith(b"PK\x03\x04"):
            stream, member = _best(zipfile.ZipFile(stream), path, worth, limit)
        elif head[257:262] == b"ustar":
            rest = _tarred(stream)
            stream, member = _first(rest, worth)
        elif head.startswith(b"\x1f\x8b"):
            stream = packed = io.BufferedReader(_Gunzip(stream, path, limit), _BLOCK)
        else:
            finish = functools.partial(_finish, member, rest, packed, path, worth)
            return Unpacked(stream, member, finish)


def _finish(member, rest, packed, path, worth):
    for name, stream in rest:
        if worth(stream.peek(_HEAD)):
            raise _several([member, name], path)
    # A gzip file's checksum stands at its end, behind the archive's last member.
    while packed and packed.read(_BLOCK):
        pass


def _several(names, path):
    listed = ", ".join(names[:5])
    return UserError(f"{path}: holds several files of faces ({listed}); unpack it and name one")


def _best(archive, path, worth, limit):
    """(stream, name) of the member of a zip that is worth most."""
    found = {}
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise UserError(f"{path}: {info.filename} is encrypted; unpack it and name the CSV")
        if not info.is_dir():
            with archive.open(info) as stream:
                found[info.filename] = worth(stream.peek(_HEAD))
    most = max(found.values(), default=0)
    if not most:
        raise _not_there(list(found))
    best = [name for name, value in found.items() if value == most]
    if len(best) > 1:
        raise _several(best, path)
    counted = _Counted(archive.open(best[0]), path, limit)
    return io.BufferedReader(counted, _BLOCK), best[0]


def _tarred(stream):
    # Open for as long as the member that is read from it.
    archive = tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK)  # noqa: SIM115
    for info in archive:
        if info.isfile():
            yield info.name, archive.extractfile(info)


def _first(members, worth):
    """(stream, name) of the first member that is wanted; a stream cannot be wound back."""
    seen = []
    for name, stream in members:
        if worth(stream.peek(_HEAD)):
            return stream, name
        seen.append(name)
    raise _not_there(seen)


def _not_there(names):
    return NotThere((", ".join(names[:5]) or "no file") + (", ..." if len(names) > 5 else ""))


class _Counted(io.RawIOBase):
    """A stream that ends in a UserError once more than `limit` bytes were read from it."""

    def __init__(self, stream, path, limit):
        self._stream, self._path, self._limit, self._count = stream, path, limit, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._next(len(buffer))
        self._count += len(data)
        if self._count > self._limit:
            raise UserError(
                f"{self._path}: unpacks to more than {self._limit / 2**30:.3g} GB; "
                "--max-unpacked sets the limit, if the file is what you think it is"
            )
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size):
        return self._stream.read(size)


class _Gunzip(_Counted):
    """The bytes in a gzip stream, checked against its checksums.

    gzip.GzipFile works in pieces of a few KB, between which a thread has to wait for its turn.
    """

    def __init__(self, stream, path, limit):
        super().__init__(stream, path, limit)
        self._packed, self._inflate = b"", zlib.decompressobj(_GZIP)

    def _next(self, size):
        data = b""
        while not data:
            packed = self._packed or self._stream.read(_BLOCK // 4)
            if self._inflate.eof:
                if not packed:
                    return b""
                # Padding, or another member.
                self._packed = packed.lstrip(b"\0")
                if self._packed:
                    self._inflate = zlib.decompressobj(_GZIP)
                continue
            data = self._inflate.decompress(packed, size)
            self._packed = self._inflate.unconsumed_tail or self._inflate.unused_data
            if not (data or packed or self._inflate.eof):
                raise EOFError("ends too early")
        return data
