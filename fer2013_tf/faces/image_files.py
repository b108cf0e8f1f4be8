"""Expand the image names of a command line: files, folders, patterns, a list on standard input."""

import glob
import sys
from pathlib import Path

from fer2013_tf.utils.errors import UserError

# The files taken out of a folder; a file that is named itself is tried whatever its name.
IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
STANDARD_INPUT = "-"


def expand(names):
    """Yield the names of files.

    `-` stands for the names on standard input, one per line; a folder for all images in it and in
    its folders, in alphabetical order; a pattern for the files that match it. Any other name is
    yielded as it is, whether the file exists or not. Raises UserError for a folder without images
    and for a pattern that matches nothing.
    """
    for name in names:
        if name == STANDARD_INPUT:
            lines = (line.rstrip("\r\n") for line in sys.stdin)
            yield from expand([line for line in lines if line and line != STANDARD_INPUT])
        elif Path(name).is_dir():
            yield from _in_folder(name)
        elif glob.has_magic(name) and not Path(name).exists():
            found = sorted(glob.glob(name, recursive=True))
            if not found:
                raise UserError(f"{name}: no file fits this pattern")
            yield from expand([file for file in found if file != STANDARD_INPUT])
        else:
            yield name


def _in_folder(folder):
    found = sorted(
        str(path)
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    )
    if not found:
        known = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise UserError(f"{folder}: no images in this folder ({known})")
    yield from found
