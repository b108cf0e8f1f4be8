"""Activation functions of feature maps and of dense layers' outputs."""

from fer2013_tf.nets.layers import random_values
from fer2013_tf.nets.layers.feature_map import FeatureMap
from fer2013_tf.utils.tf1 import tf


def relu(x):
    """Return max(x, 0) of a FeatureMap or a tensor."""
    return _monotone(tf.nn.relu, x)


def leaky_relu(x):
    """Return x, a FeatureMap or tensor, with negative elements multiplied by 0.2."""
    return _monotone(tf.nn.leaky_relu, x)


def _monotone(function, x):
    """Apply a function that never falls: it commutes with a maximum, so a max-pool comes first."""
    return x.later(function) if isinstance(x, FeatureMap) else function(x)


def randomized_leaky_relu(x, low=1 / 8, high=1 / 3, *, training, context):
    """Return x, a FeatureMap or tensor, with negative elements times a slope of low to high.

    In training the slope is random per element, else it is the mean. Xu et al. 2015, 2.4 (there x
    over a random number from 3 to 8), as PyTorch has it.
    """
    if isinstance(x, FeatureMap):
        how = {"training": training, "context": context}
        return x.map(lambda tensor: randomized_leaky_relu(tensor, low, high, **how))
    if not training:
        return tf.where_v2(x >= 0, x, x * tf.cast((low + high) / 2, x.dtype))
    # 16 random bits are enough for a slope.
    bits = tf.reshape(random_values.random_bits(tf.size(x), context), tf.shape(x))
    slope = low + (high - low) / 2**16 * tf.cast(bits, x.dtype)
    return tf.where_v2(x >= 0, x, x * tf.cast(slope, x.dtype))
