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

from fer2013_tf import emotions
from fer2013_tf.errors import UserError

AUTO = "auto"


class Face(NamedTuple):
    """One checked picture."""

    pixels: np.ndarray  # uint8 (height, width)
    label: int  # index into Source.classes
    split: str  # one of emotions.SPLITS
    row: int  # 1-based data row (or picture number) in the source, for messages and reports
    where: str  # file (or archive member) the face came from


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
        raise UserError(f"{path}: format {format} has no use for {name.replace('_', '-')}")
    return opener(path, **options)


def held_out(faces, seed):
    """Moves one Training face in ten of each class to PublicTest; the rest passes unchanged.

    Of every ten faces of a class, in their order, one is drawn by `seed`. So the share is the same
    in all classes, and a face's fate does not hang on what comes after it.
    """
    seen = Counter()
    for face in faces:
        if isinstance(face, Face) and face.split == emotions.TRAINING:
            ten, place = divmod(seen[face.label], 10)
            seen[face.label] += 1
            draw = random.Random(f"{seed}/{face.label}/{ten}")  # no secret  # nosec B311
            if place == draw.randrange(10):
                face = face._replace(split=emotions.PUBLIC_TEST)
        yield face
