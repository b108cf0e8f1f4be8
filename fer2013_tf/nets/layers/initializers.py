"""Variables of layers and their initial values."""

from fer2013_tf.nets.layers import build_context
from fer2013_tf.utils.tf1 import tf

WEIGHT_STDDEV = 0.05
BIAS = 0.1


def variable(name, shape, initializer, trainable=True):
    """Make a float32 variable in the current variable scope. Return it."""
    return tf.get_variable(
        name, shape, tf.float32, initializer, trainable=trainable, use_resource=True
    )


def truncated_normal(stddev=WEIGHT_STDDEV):
    """Return an initializer: normal, truncated at two standard deviations."""
    return tf.truncated_normal_initializer(stddev=stddev)


def normal(stddev):
    """Return an initializer: normal, mean 0."""
    return tf.random_normal_initializer(stddev=stddev)


def glorot_uniform():
    """Return Keras's default: uniform within sqrt(6 / (inputs + outputs)); Glorot & Bengio 2010."""
    return tf.glorot_uniform_initializer()


def fan_in_uniform():
    """Return PyTorch's default for kernels: uniform within 1 / sqrt(inputs)."""
    return tf.variance_scaling_initializer(1 / 3, "fan_in", "uniform")


def fan_in_bounds(inputs):
    """Return PyTorch's (low, high) for the initial biases of a layer: within 1 / sqrt(inputs)."""
    return -(inputs**-0.5), inputs**-0.5


def kernel_of(shape, kind, context, initializer=None):
    """Make a layer's kernel, float32, in the current variable scope; append it to context.weights.

    kind: one of `constants.WEIGHT_KINDS`. Returns the variable.
    """
    kernel = variable("kernel", shape, initializer or truncated_normal())
    context.weights.append(build_context.Weight(kernel, kind))
    return kernel


def bias(x, initial=BIAS):
    """Return x [..., channels] plus a new bias per channel.

    initial: a number, or (low, high) of a uniform distribution.
    """
    if isinstance(initial, tuple):
        initializer = tf.random_uniform_initializer(*initial)
    else:
        initializer = tf.constant_initializer(initial)
    own = variable("bias", [x.shape[-1]], initializer)
    return tf.nn.bias_add(x, tf.cast(own, x.dtype))


def cast_kernel(x, kernel, context):
    """Return the kernel in x's dtype, cached where the variables are fixed."""
    return kernel if kernel.dtype == x.dtype else context.cached(tf.cast(kernel, x.dtype))
