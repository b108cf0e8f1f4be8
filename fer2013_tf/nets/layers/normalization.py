"""Batch normalization and local response normalization."""

from fer2013_tf.nets.layers import initializers
from fer2013_tf.utils.tf1 import tf

# Added to the variance, as in Keras.
EPSILON = 1e-3


def local_response(x):
    """Return x / (1 + 0.001 / 9 * sum of squares over 9 channels) ** 0.75, same shape and dtype.

    Krizhevsky et al. 2012, 3.3, with the numbers of TensorFlow's tutorials.
    """
    # TensorFlow's CPU has no kernel for bfloat16.
    wide = tf.cast(x, tf.float32)
    return tf.cast(tf.nn.lrn(wide, depth_radius=4, bias=1.0, alpha=0.001 / 9, beta=0.75), x.dtype)


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
    """Return x batch-normalized over all axes but the last (Ioffe & Szegedy 2015), same shape.

    x: [n, c] or [n, h, w, c] (or HWNC). In training it normalizes by the batch and appends the
    updates of the moving statistics to `context.updates`; otherwise it uses those statistics.
    scale: whether there is a factor per channel; before a ReLU the next layer can replace it.
    fused: TensorFlow's fused operation; without, single operations, equal but for rounding, slower.
    """
    norm = Norm(x.shape[-1], context, scale)
    training = training and not context.is_frozen(norm.beta)
    if not fused:
        return _unfused_batch_norm(x, norm, training, context, epsilon)
    pixels = x if len(x.shape) == 4 else x[:, tf.newaxis, tf.newaxis, :]
    given = {} if training else {"mean": norm.mean, "variance": norm.variance}
    normed, mean, variance = tf.nn.fused_batch_norm(
        pixels, norm.gamma, norm.beta, epsilon=epsilon, is_training=training, **given
    )
    if training:
        context.updates += norm.update_ops(mean, variance)
    return tf.reshape(normed, tf.shape(x)) if pixels is not x else normed


def _unfused_batch_norm(x, norm, training, context, epsilon):
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
