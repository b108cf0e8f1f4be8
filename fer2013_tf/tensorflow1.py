"""TensorFlow 1.x's interface of today's TensorFlow: from fer2013_tf.tensorflow1 import tf

At its end `import tensorflow` imports Keras, and with it whatever of scikit-learn, SciPy, pandas
and matplotlib is installed, which takes nearly as long as all the rest. No command needs it.
TensorFlow goes on where that import fails, and fetches Keras when `tf.keras` is first asked for.
"""

import sys

_EAGER = "keras.src.optimizers"  # what TensorFlow's last lines import

_halted = _EAGER not in sys.modules
if _halted:
    sys.modules[_EAGER] = None  # as the language has it: importing this fails
try:
    import tensorflow.compat.v1 as tf
finally:
    if _halted:
        del sys.modules[_EAGER]

__all__ = ["tf"]
