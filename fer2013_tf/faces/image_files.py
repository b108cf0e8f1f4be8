"""Find image files: below a folder, and for the names of a command line.

    found = walk("images")              # Found: files, and links that lead nowhere or back
    names = expand(["people.jpg", "holiday/", "*.png", "-"])

Every command walks folders in this one way. Links to folders are followed, each folder is read
once, and hidden files and folders are passed over, those of archivers and network drives too.
"""

import codecs
import fnmatch
import glob
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from fer2013_tf.utils import cli, outputs
from fer2013_tf.utils.errors import UserError

# The files taken out of a folder; a file that is named itself is tried whatever its name.
IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
STANDARD_INPUT = "-"
# Folders that systems, archivers and network drives make beside a user's own, in lower case.
_FOREIGN = {"@eadir", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "lost+found"}
_FOREIGN |= {"system volume information", "thumbs.db", "desktop.ini"}


class Found(NamedTuple):
    """What is in a folder and in its folders."""

    files: list  # names relative to the folder, with forward slashes, in alphabetical order
    passed_over: list  # lines on links that lead to a folder read already, or nowhere


def is_hidden(name):
    """Return whether a file's or folder's name is one that no user gave: .x, __MACOSX, @eaDir."""
    return name.startswith((".", "__")) or name.lower() in _FOREIGN


def is_image(name):
    """Return whether a file's name ends as those of images do."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def walk(folder, wanted=is_image):
    """Return `Found`: the files below `folder`, of which `wanted(name)` is true.

    Folders are read before links to them, so that each has its own name. What this program drew,
    such as annotated images, is passed over. Raises UserError for a folder that cannot be read.
    """
    seen, links, files, passed_over = set(), [""], [], []
    while links:
        link = links.pop(0)
        if _place(folder, link) in seen:
            passed_over.append(f"{link} leads to a folder that is read already")
            continue
        waiting = [link]
        while waiting:
            name = waiting.pop()
            if _place(folder, name) in seen:
                continue
            seen.add(_place(folder, name))
            for entry in _entries(folder, name):
                path = f"{name}/{entry.name}" if name else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_symlink() and os.path.isdir(entry.path):
                    links.append(path)
                elif wanted(entry.name):
                    files.append(path)
                elif entry.is_symlink() and not os.path.exists(entry.path):
                    passed_over.append(f"{path} leads nowhere")
        links.sort()
    found, drawings = _without_drawings(sorted(files), folder)
    return Found(found, passed_over + drawings)


def _without_drawings(names, folder=""):
    """Return (names that are not of drawings of this program, [a line that says so] or [])."""
    drawings = {name for name in names if outputs.is_drawing(os.path.join(folder, name))}
    if not drawings:
        return names, []
    said = f"{cli.counted(len(drawings), 'drawing')} of this program, such as {min(drawings)}"
    return [name for name in names if name not in drawings], [said]


def _place(folder, name):
    return os.path.realpath(os.path.join(folder, name))


def _entries(folder, name):
    path = os.path.join(folder, name) if name else folder
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def expand(names):
    """Yield the names of files.

    `-` stands for the names on standard input, one per line; a folder for all images in it and in
    its folders, in alphabetical order; a pattern for the files that match it, without hidden ones.
    Drawings of this program come from neither; a note on stderr says what was passed over. Any
    other name is yielded as it is, whether the file exists or not. Raises UserError for a folder
    without images and for a pattern that matches nothing.
    """
    for name in names:
        if name == STANDARD_INPUT:
            yield from expand([name for name in _listed() if name != STANDARD_INPUT])
        elif os.path.isdir(name):
            yield from _in_folder(name)
        elif glob.has_magic(name) and not os.path.exists(name):
            yield from expand(_matching(name))
        else:
            yield name


def _listed():
    """Return the names on standard input: one per line, or each before a zero byte (-print0).

    Names need not be text: bytes are read as the system's functions for files take them. A
    byte-order mark is no part of a name; it also tells UTF-16, as Windows writes lists.
    """
    data = getattr(sys.stdin, "buffer", sys.stdin).read()
    if isinstance(data, bytes):
        data = _decoded(data)
    return [name for name in re.split(r"\0" if "\0" in data else r"\r?\n", data) if name]


def _decoded(data):
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return os.fsdecode(data.removeprefix(codecs.BOM_UTF8))


def _say_passed_over(lines):
    for line in lines:
        print(f"note: passed over: {cli.printable(line)}", file=sys.stderr)


def _in_folder(folder):
    found, passed_over = walk(folder)
    _say_passed_over(passed_over)
    if not found:
        known = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise UserError(f"{folder}: no images in this folder ({known})")
    yield from (str(Path(folder, name)) for name in found)


def _matching(pattern):
    """Return the files that match, of each folder once where several links lead to it."""
    found = {}
    matching = _below(pattern) if "**" in Path(pattern).parts else glob.glob(pattern)
    for name in sorted(matching, key=_linked_last):
        if name != STANDARD_INPUT and not _hides(name, pattern):
            folder, file = os.path.split(name)
            found.setdefault((_place(folder, ""), file), name)
    names, drawings = _without_drawings(sorted(found.values()))
    _say_passed_over(drawings)
    if not names:
        raise UserError(f"{pattern}: no {'other ' if found else ''}file fits this pattern")
    return names


def _below(pattern):
    """Return the files that match a pattern with `**`, for which glob follows circles for ever."""
    parts = Path(pattern).parts
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    top = os.path.join("", *parts[:first])
    if not os.path.isdir(top or "."):
        return []
    found, passed_over = walk(top or ".", lambda name: True)
    _say_passed_over(passed_over)
    matching = (name for name in found if _fits(name.split("/"), parts[first:]))
    return [os.path.join(top, name) for name in matching]


def _fits(names, parts):
    """Return whether a path fits a pattern, both in parts; `**` is any number of folders."""
    if not parts or not names:
        return not names and not set(parts) - {"**"}
    if parts[0] == "**":
        return _fits(names, parts[1:]) or _fits(names[1:], parts)
    return fnmatch.fnmatch(names[0], parts[0]) and _fits(names[1:], parts[1:])


def _linked_last(name):
    folder = os.path.dirname(name)
    return _place(folder, "") != os.path.abspath(folder), len(name), name


def _hides(name, pattern):
    """Return whether a part of a name is hidden, and the pattern asks for no such part."""
    asked = [part for part in Path(pattern).parts if is_hidden(part)]
    return any(
        is_hidden(part) and not any(fnmatch.fnmatch(part, wanted) for wanted in asked)
        for part in Path(name).parts
    )
