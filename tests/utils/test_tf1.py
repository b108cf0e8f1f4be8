"""TensorFlow is imported without Keras, which can still be imported later."""

import subprocess
import sys


def printed(code):
    """The words that code prints in another process."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_tf1_imports_keras_at_its_first_use():
    code = """
import sys
from fer2013_tf.utils.tf1 import tf
print("keras" in sys.modules, "keras.src.optimizers" in sys.modules)
from tensorflow.keras import layers
import keras
print(layers.Dense is keras.layers.Dense, tf.keras.layers.Dense is keras.layers.Dense)
"""
    assert printed(code) == ["False", "False", "True", "True"]


def test_tf1_after_tensorflow_keeps_keras():
    code = """
import sys
import tensorflow
before = sys.modules["keras.src.optimizers"]
from fer2013_tf.utils.tf1 import tf
print(sys.modules["keras.src.optimizers"] is before, tf is tensorflow.compat.v1)
"""
    assert printed(code) == ["True", "True"]
