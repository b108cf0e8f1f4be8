"""Stream one file out of gzip, tar and zip archives, without unpacking anything to disk.

unpacked = archives.unpack(file, path, score, limit=archives.LIMIT)
... unpacked.stream.read(...) ...
unpacked.finish()      # reads the rest: verifies checksums and that no second file is wanted

`score(head)` judges a file by its first bytes: 0 for a file that is not wanted, higher is better.
Names of members appear in messages only, so that "../" in them does no harm. Links and folders are
skipped. Archives inside archives are not opened, except gzip around tar. `unpacking` unpacks many
files.
"""

import functools
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from fer2013_tf.utils.errors import UserError

LIMIT = 4 << 30  # bytes, unpacked
# Exceptions that damaged archives raise. NotImplementedError: a zip's compression is unknown.
DAMAGE = (
    *(EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    NotImplementedError,
)

_BLOCK = 1 << 20
_HEAD = 512
_GZIP = 31  # zlib: expect a gzip header


class NotThere(Exception):
    """An archive has no wanted member. The message lists its members."""


class NothingWanted(UserError):
    """The same as an error for users."""


def over_limit(path, limit):
    """Return the UserError of an archive that unpacks to more than `limit` bytes."""
    return UserError(
        f"{path}: unpacks to more than {limit / 2**30:.3g} GB; "
        "--max-unpacked sets the limit, if you trust the file"
    )


class Unpacked(NamedTuple):
    """A file inside an archive, open for reading."""

    stream: Any  # binary, buffered
    member: str | None  # its name in an archive
    finish: Callable  # finish(): call it after the stream has been read


def unpack(stream, path, score, *, limit):
    """Return the wanted file of `stream`, a BufferedReader, as `Unpacked`; path: for messages.

    Raises UserError for an encrypted zip, for more than `limit` unpacked bytes and for several
    members of the same score; NotThere where no member is wanted; one of DAMAGE for a damaged
    archive.
    """
    member, packed, rest = None, None, iter(())
    while True:
        head = stream.peek(_HEAD)
        if head.startswith(b"PK\x03\x04"):
            stream, member = _best(zipfile.ZipFile(stream), path, score, limit)
        elif head[257:262] == b"ustar":
            rest = _tar_members(stream)
            stream, member = _first(rest, score)
        elif head.startswith(b"\x1f\x8b"):
            stream = packed = io.BufferedReader(_Gunzip(stream, path, limit), _BLOCK)
        else:
            finish = functools.partial(_finish, member, rest, packed, path, score)
            return Unpacked(stream, member, finish)


def _finish(member, rest, packed, path, score):
    for name, stream in rest:
        if score(stream.peek(_HEAD)):
            raise _several([member, name], path)
    # A gzip file's checksum is at its end, after the archive's last member.
    while packed and packed.read(_BLOCK):
        pass


def _several(names, path):
    listed = ", ".join(names[:5])
    return UserError(f"{path}: holds several files of faces ({listed}); unpack it and name one")


def _best(archive, path, score, limit):
    """Return (stream, name) of the member of a zip that has the highest score."""
    scores = {}
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise UserError(f"{path}: {info.filename} is encrypted; unpack it and name the CSV")
        if not info.is_dir():
            with archive.open(info) as stream:
                scores[info.filename] = score(stream.peek(_HEAD))
    highest = max(scores.values(), default=0)
    if not highest:
        raise _not_there(list(scores))
    best = [name for name, value in scores.items() if value == highest]
    if len(best) > 1:
        raise _several(best, path)
    counted = _Counted(archive.open(best[0]), path, limit)
    return io.BufferedReader(counted, _BLOCK), best[0]


def _tar_members(stream):
    # Not closed here: the members are read from it later.
    archive = tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK)  # noqa: SIM115
    for info in archive:
        if info.isfile():
            yield info.name, archive.extractfile(info)


def _first(members, score):
    """Return (stream, name) of the first member that is wanted; a stream cannot go back."""
    seen = []
    for name, stream in members:
        if score(stream.peek(_HEAD)):
            return stream, name
        seen.append(name)
    raise _not_there(seen)


def _not_there(names):
    return NotThere((", ".join(names[:5]) or "no file") + (", ..." if len(names) > 5 else ""))


class _Counted(io.RawIOBase):
    """A stream that raises UserError after more than `limit` bytes were read from it."""

    def __init__(self, stream, path, limit):
        self._stream, self._path, self._limit, self._count = stream, path, limit, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._next(len(buffer))
        self._count += len(data)
        if self._count > self._limit:
            raise over_limit(self._path, self._limit)
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size):
        return self._stream.read(size)


class _Gunzip(_Counted):
    """The content of a gzip stream, checked against its checksums.

    gzip.GzipFile reads pieces of a few KB, and a thread waits for the interpreter between any two.
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
