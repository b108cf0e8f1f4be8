"""Import TensorFlow 1.x's interface without Keras: from fer2013_tf.utils.tf1 import tf

At its end `import tensorflow` imports Keras and, where installed, scikit-learn, SciPy, pandas and
matplotlib, which nearly doubles the time. No command needs them. TensorFlow works without: where
the import of Keras fails, it tries again at the first use of `tf.keras`.
"""

import sys

_EAGER = "keras.src.optimizers"  # TensorFlow's last lines import it

_halted = _EAGER not in sys.modules
if _halted:
    sys.modules[_EAGER] = None  # makes an import of it fail
try:
    import tensorflow.compat.v1 as tf
finally:
    if _halted:
        del sys.modules[_EAGER]

__all__ = ["tf"]
