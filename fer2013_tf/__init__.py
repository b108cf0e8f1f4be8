"""Facial-expression recognition on FER2013, the TensorFlow 1.x way, on today's TensorFlow."""

__version__ = "0.1.0"
