"""Unpack tar and zip archives of many files into a folder, safely.

    if unpacking.is_archive(path):
        names = unpacking.unpack(path, folder, wanted=lambda name: name.endswith(".png"))

Only files whose names are wanted are written, and links to them. A member or a link that would
reach outside the folder is refused, as are encrypted members and more than `limit` bytes. One file
inside an archive is read without unpacking by `archives`.
"""

import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from fer2013_tf.utils import archives
from fer2013_tf.utils.errors import UserError

_BLOCK = 1 << 20
# A member takes room on the disk even where it is empty.
_LEAST = 4096


class _Member(NamedTuple):
    name: str
    open: Any  # open(): a binary stream; None for a link
    link: str | None = None  # where a link leads, relative to its own folder


def is_archive(path):
    """Return whether a file is a zip or a tar archive, packed by gzip, bzip2 or xz or not at all.

    A damaged file is one if its beginning is whole.
    """
    try:
        return Path(path).is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))
    except (*archives.DAMAGE, OSError):
        return False


def unpack(path, folder, *, wanted, limit=archives.LIMIT):
    """Write the files of `path` whose names are wanted to `folder`. Return the others' names.

    wanted: called with a member's whole name, with forward slashes. limit: bytes, as the members
    unpack to. Raises UserError for a damaged or encrypted archive, for members that reach outside
    the folder, and beyond the limit.
    """
    folder, links, others, room = Path(folder), [], [], limit
    try:
        for member in _members(path):
            target = _inside(folder, member.name, path)
            if member.link is not None:
                links.append((target, member))
            elif not wanted(member.name):
                others.append(member.name)
            else:
                room = _write(member, target, path, room, limit)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise UserError(f"{path}: a file and a folder of one name; unpack it by hand") from None
    except archives.DAMAGE as error:
        said = str(error) or type(error).__name__
        raise UserError(f"{path}: cannot be read ({said}); download it again") from None
    _link(links, folder, path)
    return others


def _members(path):
    """Yield the `_Member`s of an archive: files and links; folders are made where files need."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                # Some programs on Windows write their own sign between folders.
                name = info.filename.replace("\\", "/")
                if info.is_dir() or name.endswith("/"):
                    continue
                if info.flag_bits & 1:
                    raise UserError(f"{path}: {name} is encrypted; unpack it and name the folder")
                link = stat.S_ISLNK(info.external_attr >> 16)
                target = _text(archive, info) if link else None
                yield _Member(name, lambda info=info: archive.open(info), target)
        return
    with tarfile.open(path, errors="surrogateescape") as archive:
        for info in archive:
            if info.isfile():
                yield _Member(info.name, lambda info=info: archive.extractfile(info))
            elif info.issym():
                yield _Member(info.name, None, info.linkname)
            elif info.islnk():
                # Names its target from the top of the archive.
                start = os.path.dirname(info.name) or "."
                yield _Member(info.name, None, os.path.relpath(info.linkname, start))


def _text(archive, info):
    with archive.open(info) as stream:
        return os.fsdecode(stream.read(_LEAST))


def _inside(folder, name, path):
    """Return the path of a member in `folder`. Raises UserError where that leads out of it."""
    if name.startswith("/") or ".." in name.split("/") or "\0" in name or name[1:2] == ":":
        raise UserError(f"{path}: {name!r} leads outside of the archive; unpack what you trust")
    return folder / name


def _write(member, target, path, room, limit):
    """Write a member in blocks. Return the room that is left, in bytes."""
    room -= _LEAST
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as stream, target.open("wb") as file:
        while room >= 0 and (block := stream.read(_BLOCK)):
            room -= len(block)
            file.write(block)
    if room < 0:
        raise archives.over_limit(path, limit)
    return room


def _link(links, folder, path):
    """Make links after all files are written, so that nothing is written through one."""
    root = os.path.realpath(folder)

    def check(member, *places):
        for place in map(os.path.realpath, places):
            if os.path.commonpath((root, place)) != root:
                raise UserError(
                    f"{path}: {member.name!r} links to {member.link!r}, outside of the archive; "
                    "unpack what you trust"
                )

    for target, member in links:
        check(member, target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(target):
            target.symlink_to(member.link)
        check(member, target)
    # A later link may give an earlier one another meaning.
    for target, member in links:
        check(member, target)
