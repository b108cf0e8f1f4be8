"""Which files are meant: names, folders, patterns, and lists on standard input."""

import glob
import sys
from pathlib import Path

from fer2013_tf.errors import UserError

# What is taken out of a folder; a file that is named itself is tried whatever its name.
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
STANDARD_INPUT = "-"


def expand(names):
    """Yields the names of files: `-` is a name a line of standard input, a folder all its pictures,
    those of its folders too, in alphabetical order; a pattern what it fits.

    A name that is no folder and no pattern is yielded as it is, there or not. Raises UserError for
    a folder without pictures and for a pattern that fits nothing.
    """
    for name in names:
        if name == STANDARD_INPUT:
            lines = (line.rstrip("\r\n") for line in sys.stdin)
            yield from expand([line for line in lines if line and line != STANDARD_INPUT])
        elif Path(name).is_dir():
            yield from _inside(name)
        elif glob.has_magic(name) and not Path(name).exists():
            found = sorted(glob.glob(name, recursive=True))
            if not found:
                raise UserError(f"{name}: no file fits this pattern")
            yield from expand([file for file in found if file != STANDARD_INPUT])
        else:
            yield name


def _inside(folder):
    found = sorted(
        str(path)
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not found:
        known = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        raise UserError(f"{folder}: no pictures in this folder ({known})")
    yield from found
