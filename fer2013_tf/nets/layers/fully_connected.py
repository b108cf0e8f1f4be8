"""Fully connected layers."""

from fer2013_tf.nets.layers import initializers
from fer2013_tf.utils import constants
from fer2013_tf.utils.tf1 import tf


def dense(x, units, *, context, kind=constants.DENSE, initializer=None):
    """Return the product, without bias, of x [n, c] with a new kernel: [n, units]."""
    kernel = initializers.kernel_of([x.shape[-1], units], kind, context, initializer)
    return tf.matmul(x, initializers.cast_kernel(kernel, context))


def dense_as_torch(x, units, *, context, kind=constants.DENSE):
    """Return a dense layer of x [n, c] with bias, initialized as PyTorch's `nn.Linear`: [n, units].

    kind: the output layer's bias and result are float32.
    """
    inputs = int(x.shape[-1])
    x = dense(x, units, context=context, kind=kind, initializer=initializers.fan_in_uniform())
    return initializers.bias(
        tf.cast(x, tf.float32) if kind == constants.OUTPUT else x,
        initializers.fan_in_bounds(inputs),
    )
