"""Facial-expression recognition on FER2013, the TensorFlow 1.x way, on today's TensorFlow."""

__version__ = "0.1.0"

__all__ = ["Recognizer"]


def __getattr__(name):
    """`Recognizer` only when it is asked for: TensorFlow and the rest take seconds to import."""
    if name in __all__:
        from fer2013_tf import recognizer

        return getattr(recognizer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
