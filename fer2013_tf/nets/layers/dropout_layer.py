"""Dropout with random values that a resumed run repeats."""

from fer2013_tf.nets.layers import random_values
from fer2013_tf.nets.layers.feature_map import FeatureMap
from fer2013_tf.utils.tf1 import tf


def dropout(x, rate, *, training, context):
    """Return x, a FeatureMap or tensor, with a fraction `rate` zero, the rest over 1 - rate.

    Outside of training x comes back as it is. The random values are a stateless function of the
    context's seed, so that a resumed run repeats them.
    """
    if not training or rate == 0:
        return x
    if isinstance(x, FeatureMap):
        how = {"training": training, "context": context}
        return x.map(lambda tensor: dropout(tensor, rate, **how))
    bits = tf.reshape(random_values.random_bits(tf.size(x), context), tf.shape(x))
    is_kept = bits >= min(round(rate * 2**16), 2**16 - 1)
    return tf.where_v2(is_kept, x * tf.cast(1 / (1 - rate), x.dtype), tf.zeros([], x.dtype))
