"""Import TensorFlow 1.x's interface without Keras: from fer2013_tf.utils.tf1 import tf

At its end `import tensorflow` imports Keras and, where installed, scikit-learn, SciPy, pandas and
matplotlib, which nearly doubles the time. No command needs them. TensorFlow works without: where
the import of Keras fails, it tries again at the first use of `tf.keras`.
"""

import sys

from fer2013_tf.utils import quiet

_EAGER = "keras.src.optimizers"  # TensorFlow's last lines import it

_halted = _EAGER not in sys.modules
if _halted:
    sys.modules[_EAGER] = None  # makes an import of it fail
try:
    with quiet.importing():
        import tensorflow.compat.v1 as tf
finally:
    if _halted:
        del sys.modules[_EAGER]

__all__ = ["custom_gradient", "tf"]

_GRADIENT = "Fer2013CustomGradient"


def custom_gradient(function):
    """Give a function of tensors another gradient, as tf.custom_gradient does.

    function: (*tensors) -> (tensor, backward); backward: gradient of that tensor -> gradients of
    the tensors, one or a sequence. TensorFlow's own keeps each graph in which it was used, for as
    long as the process lives. This one keeps `backward` in the graph.
    """

    def with_gradient(*tensors):
        result, backward = function(*tensors)
        graph = result.graph
        with graph.gradient_override_map({"IdentityN": _GRADIENT}):
            outputs = tf.identity_n([result, *tensors])
        if not hasattr(graph, _GRADIENT):
            setattr(graph, _GRADIENT, {})
        getattr(graph, _GRADIENT)[outputs[0].op.name] = backward
        return outputs[0]

    return with_gradient


@tf.RegisterGradient(_GRADIENT)
def _gradient(operation, upstream, *_):
    of_inputs = getattr(operation.graph, _GRADIENT)[operation.name](upstream)
    return None, *(of_inputs if isinstance(of_inputs, (list, tuple)) else [of_inputs])
