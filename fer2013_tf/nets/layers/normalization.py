"""Batch normalization and local response normalization."""

import numpy as np

from fer2013_tf.nets.layers import initializers
from fer2013_tf.nets.layers.feature_map import FeatureMap
from fer2013_tf.utils.tf1 import tf

# Added to the variance, as in Keras.
EPSILON = 1e-3
# bfloat16 numbers that oneDNN normalizes at once.
REGISTER = 16


# Neighbors on each side, alpha and beta of TensorFlow's tutorials.
LRN_RADIUS, LRN_ALPHA, LRN_BETA = 4, 0.001 / 9, 0.75


def local_response(x):
    """Return a FeatureMap x / (1 + 0.001 / 9 * sum of squares over 9 channels) ** 0.75.

    Krizhevsky et al. 2012, 3.3, with the numbers of TensorFlow's tutorials. The sums are a product
    with a matrix of ones near the diagonal: `tf.nn.lrn` takes ten times as long, and no bfloat16.
    """
    channels = np.arange(x.channels)
    near = np.abs(channels[:, np.newaxis] - channels) <= LRN_RADIUS

    def normalized(tensor):
        wide = tf.cast(tensor, tf.float32)
        flat = tf.reshape(tf.square(wide), [-1, x.channels])
        sums = tf.matmul(flat, tf.constant(LRN_ALPHA * near, tf.float32))
        root = tf.math.rsqrt(1 + tf.reshape(sums, tf.shape(wide)))
        return tf.cast(wide * root * tf.sqrt(root), tensor.dtype)

    return x.map(normalized)


class Norm:
    """Variables of one batch normalization, made in the current variable scope."""

    def __init__(self, channels, context, scale=True):
        self._momentum = context.bn_momentum
        shape = [channels]
        self.gamma = (
            initializers.variable("gamma", shape, tf.ones_initializer())
            if scale
            else tf.ones(shape)
        )
        self.beta = initializers.variable("beta", shape, tf.zeros_initializer())
        self.mean = initializers.variable(
            "moving_mean", shape, tf.zeros_initializer(), trainable=False
        )
        self.variance = initializers.variable(
            "moving_variance", shape, tf.ones_initializer(), trainable=False
        )
        context.statistics += [self.mean, self.variance]

    def update_ops(self, mean, variance):
        """Return ops that move the statistics towards a batch's mean and (unbiased) variance."""
        rate = 1 - self._momentum
        pairs = (self.mean, mean), (self.variance, variance)
        return [moving.assign_sub(rate * (moving - value)) for moving, value in pairs]


def batch_norm(x, *, training, context, scale=True, fused=True, epsilon=EPSILON):
    """Return x batch-normalized per channel (Ioffe & Szegedy 2015).

    x: a FeatureMap, or a tensor [n, c]. In training it normalizes by the batch and appends the
    updates of the moving statistics to `context.updates`; otherwise it uses those statistics.
    scale: whether there is a factor per channel; before a ReLU the next layer can replace it.
    fused: TensorFlow's fused operation; without, single operations, equal but for rounding, slower.
    """
    is_map = isinstance(x, FeatureMap)
    norm = Norm(x.channels if is_map else x.shape[-1], context, scale)
    training = training and not context.is_frozen(norm.beta)
    if not fused:
        how = norm, training, context, epsilon
        return x.map(lambda t: _unfused(t, *how)) if is_map else _unfused(x, *how)
    if not is_map:
        normed = _fused(x[:, tf.newaxis, tf.newaxis, :], norm, training, context, epsilon)
        return tf.reshape(normed, tf.shape(x))
    plain = scale and epsilon == EPSILON and not x.pending
    if plain and hasattr(x.source, "batch_norm"):
        return x.source.batch_norm(norm, training=training)
    return x.map(lambda t: _fused(t, norm, training, context, epsilon))


def _fused(x, norm, training, context, epsilon):
    if training and x.dtype == tf.bfloat16 and x.shape[-1] % REGISTER:
        normed, mean, variance = _padded_batch_norm(x, norm, epsilon)
    else:
        given = {} if training else {"mean": norm.mean, "variance": norm.variance}
        normed, mean, variance = tf.nn.fused_batch_norm(
            x, norm.gamma, norm.beta, epsilon=epsilon, is_training=training, **given
        )
    if training:
        context.updates += norm.update_ops(mean, variance)
    return normed


def _padded_batch_norm(x, norm, epsilon):
    """Compute batch normalization with channels added, a whole number of registers in all.

    In bfloat16 oneDNN is four times as slow on channels that fill none.
    """
    channels = int(x.shape[-1])
    more = -channels % REGISTER
    normed, *moments = tf.nn.fused_batch_norm(
        tf.pad(x, [[0, 0]] * 3 + [[0, more]]),
        *(tf.pad(own, [[0, more]]) for own in (norm.gamma, norm.beta)),
        epsilon=epsilon,
        is_training=True,
    )
    # Not `[..., :channels]`, whose gradient is slower than the whole normalization.
    return tf.slice(normed, [0] * 4, [-1, -1, -1, channels]), *(m[:channels] for m in moments)


def _unfused(x, norm, training, context, epsilon):
    wide = tf.cast(x, tf.float32)
    if training:
        axes = list(range(len(x.shape) - 1))
        mean, variance = tf.nn.moments(wide, axes)
        count = tf.cast(tf.size(x) / tf.shape(x)[-1], tf.float32)
        context.updates += norm.update_ops(mean, variance * count / (count - 1))
    else:
        mean, variance = norm.mean, norm.variance
    normed = (wide - mean) * tf.math.rsqrt(variance + epsilon) * norm.gamma + norm.beta
    return tf.cast(normed, x.dtype)
