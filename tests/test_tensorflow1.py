"""TensorFlow comes without Keras, and Keras is there for whoever asks afterwards."""

import subprocess
import sys


def answers(code):
    """What the code prints, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_keras_is_not_imported_until_it_is_asked_for():
    code = """
import sys
from fer2013_tf.tensorflow1 import tf
print("keras" in sys.modules, "keras.src.optimizers" in sys.modules)
from tensorflow.keras import layers
import keras
print(layers.Dense is keras.layers.Dense, tf.keras.layers.Dense is keras.layers.Dense)
"""
    assert answers(code) == ["False", "False", "True", "True"]


def test_who_has_imported_tensorflow_before_keeps_keras():
    code = """
import sys
import tensorflow
before = sys.modules["keras.src.optimizers"]
from fer2013_tf.tensorflow1 import tf
print(sys.modules["keras.src.optimizers"] is before, tf is tensorflow.compat.v1)
"""
    assert answers(code) == ["True", "True"]
