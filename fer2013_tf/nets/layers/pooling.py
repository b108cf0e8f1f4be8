"""Pools, and what turns feature maps into the inputs of dense layers."""

from fer2013_tf.nets.layers import feature_map
from fer2013_tf.nets.layers.feature_map import HWNC, NHWC, FeatureMap
from fer2013_tf.utils.tf1 import tf


def max_pool(x, size, stride, *, padding="SAME"):
    """Return the maxima of a FeatureMap over windows of size x size pixels.

    padding: SAME, VALID, or the number of pixels, none of which is a maximum, on every side.
    Functions that commute with a maximum are applied after it, where there are fewer elements.
    """
    if x.awaits(tf.nn.relu) and hasattr(x.source, "relu_max_pool"):
        return FeatureMap(x.source.relu_max_pool(size, stride, padding))
    pooled = _windows(tf.nn.max_pool2d, x.raw, x.layout, size, stride, padding, x.raw.dtype.min)
    result = FeatureMap(pooled, x.layout)
    for function, _ in x.pending:
        result = result.later(function)
    return result


def average_pool(x, size, stride):
    """Return the means of a FeatureMap over SAME windows of size x size pixels."""
    return FeatureMap(
        _windows(tf.nn.avg_pool2d, x.tensor, x.layout, size, stride, "SAME"), x.layout
    )


def _windows(pool, x, layout, size, stride, padding, margin=None):
    if isinstance(padding, int):
        around = {axis: [padding] * 2 if axis in "HW" else [0, 0] for axis in layout}
        x = tf.pad(x, list(around.values()), constant_values=margin)
        padding = "VALID"
    if layout == NHWC:
        return pool(x, size, stride, padding)
    # Images and channels side by side are the channels of one large image.
    height, width, n, channels = feature_map.sizes(x)
    wide = pool(tf.reshape(x, [1, height, width, n * channels]), size, stride, padding)
    return tf.reshape(wide, [*feature_map.sizes(wide)[1:3], n, channels])


def global_average(x):
    """Return the mean of each channel of a FeatureMap over the image: [n, c]."""
    axes = [x.layout.index("H"), x.layout.index("W")]
    return tf.reduce_mean(x.tensor, axis=axes)


def flatten(x):
    """Return a FeatureMap as a tensor [n, h * w * c]."""
    # The very tensor that an end point shows, so that Grad-CAM finds the logits' gradient for it.
    return tf.reshape(x.nhwc, [-1, x.nhwc.shape[1:].num_elements()])


def concat(maps):
    """Return a FeatureMap with the channels of several, in the layout of the most."""
    layouts = [x.layout for x in maps]
    layout = max((NHWC, HWNC), key=layouts.count)
    shape = [*maps[0].shape[:3], sum(x.channels for x in maps)]

    def raw():
        return tf.concat([x.to(layout).tensor for x in maps], axis=-1)

    return FeatureMap(raw, layout, shape=shape, parts=maps)


def add(x, y):
    """Return the sum of two FeatureMaps, in the layout of the first."""
    return FeatureMap(x.tensor + y.to(x.layout).tensor, x.layout)


def scale_channels(x, factors):
    """Return a FeatureMap times a factor per image and channel, [n, c]."""
    if x.layout == NHWC:
        factors = factors[:, tf.newaxis, tf.newaxis, :]
    return x.map(lambda tensor: tensor * factors)
