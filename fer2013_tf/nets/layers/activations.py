"""Activation functions that TensorFlow does not have."""

from fer2013_tf.utils.tf1 import tf


def randomized_leaky_relu(x, low=1 / 8, high=1 / 3, *, training, context):
    """Return x, with negative elements multiplied by a slope between low and high.

    In training the slope is random per element, else it is the mean. Xu et al. 2015, 2.4 (there x
    over a random number from 3 to 8), as PyTorch has it.
    """
    if training:
        seed = context.next_seed()
        slope = tf.random.stateless_uniform(tf.shape(x), seed, low, high, alg="philox")
    else:
        slope = tf.constant((low + high) / 2)
    return tf.where_v2(x >= 0, x, x * tf.cast(slope, x.dtype))
