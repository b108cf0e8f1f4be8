"""Variables of layers and their initial values."""

import zlib

from fer2013_tf.nets.layers import build_context
from fer2013_tf.nets.layers.feature_map import FeatureMap
from fer2013_tf.utils.tf1 import tf

WEIGHT_STDDEV = 0.05
BIAS = 0.1


def variable(name, shape, initializer, trainable=True):
    """Make a float32 variable in the current variable scope. Return it.

    Random initial values depend on the graph's seed and the variable's name alone: not on which
    operations were made before, and so not on how layers are computed.
    """
    full_name = f"{tf.get_variable_scope().name}/{name}"
    config = initializer.get_config()
    if "seed" in config:
        seed = zlib.crc32(full_name.encode()) % 2**31
        del config["dtype"]  # deprecated; it is float32 anyway
        initializer = type(initializer)(**{**config, "seed": seed})
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


def he_normal():
    """Return an initializer: normal, with the variance 2 / inputs (He et al. 2015)."""
    return tf.variance_scaling_initializer(2.0, "fan_in", "untruncated_normal")


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
    """Return x, a FeatureMap or a tensor [..., channels], plus a new bias per channel.

    initial: a number, or (low, high) of a uniform distribution.
    """
    if isinstance(initial, tuple):
        initializer = tf.random_uniform_initializer(*initial)
    else:
        initializer = tf.constant_initializer(initial)
    is_map = isinstance(x, FeatureMap)
    own = variable("bias", [x.channels if is_map else x.shape[-1]], initializer)

    def add(tensor):
        return tf.nn.bias_add(tensor, tf.cast(own, tensor.dtype))

    return x.later(add) if is_map else add(x)


def cast_kernel(kernel, context):
    """Return the kernel in context.dtype, cached where the variables are fixed."""
    same = kernel.dtype == context.dtype
    return kernel if same else context.cached(tf.cast(kernel, context.dtype))
