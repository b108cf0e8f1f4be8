"""Sources: one file a format; each yields checked faces in a fixed order.

A source module has

    sniff(path) -> bool          can this module read what is at `path`? (path may be None)
    open(path, **options) -> Source

and is found by its name (`--format fer2013_csv` imports `fer2013_tf.sources.fer2013_csv`). The
first line of its docstring says what it reads; error messages quote it.
"""

import importlib
import inspect
import pkgutil
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf import emotions, faces
from fer2013_tf.errors import UserError

AUTO = "auto"
# What make_records calls them, where that differs.
OPTIONS = {"resize": "size"}


class Face(NamedTuple):
    """One checked picture."""

    pixels: np.ndarray  # uint8 (height, width), or (height, width, 3) in colour
    label: int  # index into Source.classes
    split: str  # one of emotions.SPLITS
    row: int  # 1-based data row (or picture number) in the source, for messages and reports
    where: str  # file (or archive member) the face came from
    votes: np.ndarray | None = None  # uint8 [k], people's votes, the classes' first (see ferplus)


class BadFace(NamedTuple):
    """A row or picture that cannot be used, and why."""

    row: int
    where: str
    reason: str


class Source(NamedTuple):
    """What a format module opens."""

    classes: tuple  # class names, in the order of the labels
    description: dict  # goes into the manifest: format, path's base name, how splits were made
    sha256: str  # of the input (a file's bytes; of sorted names and bytes for a folder)
    faces: Callable[[], Iterator[Face | BadFace]]  # a fresh pass over the pictures
    total: int | None = None  # number of pictures where it is known beforehand (progress bar)
    # Otherwise, if given: the share of the input, 0 to 1, that the newest pass has read so far.
    progress: Callable[[], float] | None = None


def names():
    """Names of the formats: the modules in this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def open_source(path, format=AUTO, **options):
    """Opens `path` in `format`, or with "auto" in the one format that knows it (None: drawn).

    Raises UserError for a path that is not there and for an unknown format, listing the known ones.
    """
    if format != AUTO and format not in names():
        raise UserError(f"unknown format {format!r}; known are {', '.join([AUTO, *names()])}")
    if path is not None and not Path(path).exists():
        raise UserError(f"{path}: no such file or folder")
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names()}
    if format == AUTO:
        format = next((name for name, module in modules.items() if module.sniff(path)), None)
    elif path is None and not modules[format].sniff(None):
        raise UserError(f"format {format} needs a source: name the file or folder to read")
    if format is None:
        known = [f"{name}: {module.__doc__.splitlines()[0]}" for name, module in modules.items()]
        raise UserError(f"{path}: in none of the known formats; choose one by --format", known)
    opener = modules[format].open
    for name in set(options) - set(inspect.signature(opener).parameters):
        option = OPTIONS.get(name, name)
        raise UserError(f"{path}: format {format} has no use for --{option.replace('_', '-')}")
    return opener(path, **options)


class PictureReader:
    """Reads picture files as pixels of one size, grey or in colour.

    resize: (height, width) that all are cropped, about their centre, and scaled to; else they must
    have the size `expected`, or where that is None, that of the first one read.
    """

    def __init__(self, resize=None, expected=None, colour=False):
        self._resize, self._expected, self._colour = resize, expected, colour

    def __call__(self, path):
        """uint8 [height, width], or [height, width, 3]. UserErrors lack the file's name."""
        try:
            image = faces.open_picture(path).image
        except UserError as error:
            raise UserError(str(error).removeprefix(f"{path}: ")) from None
        if self._resize:
            return faces.centre_crop(image, (*self._resize, 3) if self._colour else self._resize)
        width, height = image.size
        self._expected = self._expected or (height, width)
        if (height, width) != self._expected:
            wanted = "{1}x{0}".format(*self._expected)
            raise UserError(f"{width}x{height} pixels, expected {wanted}; --size brings all to one")
        return np.asarray(image.convert("RGB" if self._colour else "L"))


def held_out(stream, seed):
    """Moves one Training face in ten of each class to PublicTest; the rest passes unchanged.

    Of every ten faces of a class, in their order, one is drawn by `seed`. So the share is the same
    in all classes, and a face's fate does not hang on what comes after it.
    """
    seen = Counter()
    for face in stream:
        if isinstance(face, Face) and face.split == emotions.TRAINING:
            ten, place = divmod(seen[face.label], 10)
            seen[face.label] += 1
            draw = random.Random(f"{seed}/{face.label}/{ten}")  # no secret  # nosec B311
            if place == draw.randrange(10):
                face = face._replace(split=emotions.PUBLIC_TEST)
        yield face
