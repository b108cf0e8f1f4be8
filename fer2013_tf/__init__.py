"""Facial-expression recognition on FER2013, the TensorFlow 1.x way, on today's TensorFlow."""

import importlib

__version__ = "0.1.0"

# Names of the library -> the modules they live in.
_MODULES = {
    "Explainer": "fer2013_tf.inference.gradcam",
    "Recognizer": "fer2013_tf.inference.recognizer",
    "UserError": "fer2013_tf.utils.errors",
}
__all__ = [*_MODULES]


def __getattr__(name):
    """Import a name of the library when it is first used: their modules take long to import."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
