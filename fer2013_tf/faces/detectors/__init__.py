"""Face detectors: one file per detector, each with `load() -> detect`, loaded by its name.

    detect = detectors.load("blazeface")
    for face in detect(image, search_tiles=True): ...      # alignment.Face, from left to right

BlazeFace is part of the core installation; OpenCV's Haar cascade needs the extra `[haar]`. Nothing
is downloaded at run time. Measured against each other: docs/detectors.md.
"""

import importlib.util
import pkgutil

from fer2013_tf.faces import alignment
from fer2013_tf.utils.errors import UserError

DEFAULT = "blazeface"


def names():
    """Return the names of all detectors."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name):
    """Return detect(image of mode L or RGB, *, search_tiles=True) -> [Face], left to right.

    search_tiles: whether to search overlapping tiles of the image too, for small faces. Boxes are
    clipped to the image. The function is not thread-safe. Raises UserError for an unknown detector,
    or where a package that it needs is not installed.
    """
    if name not in names():
        raise UserError(f"--detector {name}: not known; known: {', '.join(names())}")
    find = _module(name).load()

    def detect(image, *, search_tiles=True):
        faces = find(image, search_tiles=search_tiles)
        return [alignment.clipped(face, image.size) for face in faces]

    return detect


def installed(name=DEFAULT):
    """Return whether the packages that a detector needs are installed, without importing them."""
    return all(importlib.util.find_spec(module) for module in _module(name).MODULES)


def missing(name):
    """Return the UserError for a detector whose packages are not installed."""
    return UserError(f"--detector {name}: not installed; {how_to_install(name)}")


def how_to_install(name=DEFAULT):
    """Return the command that installs the packages of a detector."""
    return _module(name).INSTALL


def _module(name):
    return importlib.import_module(f"{__name__}.{name}")
