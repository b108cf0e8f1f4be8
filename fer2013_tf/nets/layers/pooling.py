"""Pooling and flattening."""

from fer2013_tf.nets.layers import layouts
from fer2013_tf.utils.tf1 import tf


def global_average(x):
    """Return the mean of each channel of x [n, h, w, c] over the image: [n, c]."""
    return tf.reduce_mean(x, axis=[1, 2])


def flatten(x):
    """Return x [n, h, w, c] as [n, h * w * c]."""
    return tf.reshape(x, [-1, x.shape[1:].num_elements()])


def max_pool(x, size, stride, *, padding="SAME", layout=layouts.NHWC):
    """Return the maxima over windows of size x size pixels of x, in its layout.

    padding: SAME or VALID; in HWNC only SAME.
    """
    if layout == layouts.NHWC:
        return tf.nn.max_pool2d(x, size, stride, padding)
    # Images and channels side by side are the channels of one large image.
    height, width, n, channels = layouts.sizes(x)
    wide = tf.reshape(x, [1, height, width, n * channels])
    wide = tf.nn.max_pool2d(wide, size, stride, "SAME")
    return tf.reshape(wide, [*layouts.sizes(wide)[1:3], n, channels])
