"""Compute the first block of a net on gray images: convolution, batch norm, ReLU, max-pool, fused.

The output before the pool is the largest array of a net; reading and writing it takes most of the
time. So it is written once and read as seldom as possible:

- Mean and variance are computed from the images' patches (patch_moments.py), so that nothing is
  read for statistics. The normalization's scale is multiplied into the kernel.
- Offset and ReLU are applied while the convolution writes (TensorFlow fuses the three).
- Backward, the gradients of offset and ReLU are computed on the pool's output, a quarter of the
  elements: a maximum commutes with adding a constant to all elements and with a ReLU.
"""

from fer2013_tf.nets.layers import initializers, normalization, patch_moments, ways
from fer2013_tf.nets.layers.feature_map import FeatureMap
from fer2013_tf.nets.layers.geometry import geometry
from fer2013_tf.utils.tf1 import custom_gradient, tf


class GrayImages:
    """Source of a FeatureMap: the images that a net is given, float32 [n, h, w, 1]."""

    def __init__(self, images):
        self.images = images


def from_images(images, context):
    """Return the images that a net is given, float32 [n, h, w, c], as a FeatureMap.

    Its numbers are of context.dtype.
    """
    source = GrayImages(images) if images.shape[-1] == 1 else None
    shape = images.shape.as_list()
    return FeatureMap(lambda: tf.cast(images, context.dtype), shape=shape, source=source)


def fits(x, kernel, stride, padding, context):
    """Return whether `conv` takes a FeatureMap and a convolution: SAME, of gray images."""
    known = isinstance(x.source, GrayImages) and None not in x.shape[1:3]
    same = padding in ("SAME", (kernel.shape[0] - 1) / 2)
    return known and same and stride == 1 and not x.pending and not context.freezes


def conv(x, kernel, context):
    """Return the SAME convolution of gray images: a FeatureMap that BN and a pool can fuse with."""
    images = x.source.images
    n, height, width, _ = x.shape
    g = geometry(height, width, kernel.shape[0])
    expected = ways.direct(g, 1, kernel.shape[-1], n or ways.USUAL_BATCH, context)
    ways.note(g, 1, kernel.shape[-1], ways.Way(ways.FUSED, expected), context)

    def raw():
        return tf.nn.conv2d(x.tensor, initializers.cast_kernel(kernel, context), 1, "SAME")

    return _of_images(images, kernel, raw, _Convolved(images, kernel, context))


def _of_images(images, kernel, raw, source):
    shape = [*images.shape.as_list()[:3], kernel.shape[-1]]
    return FeatureMap(raw, shape=shape, source=source)


class _Convolved:
    """Source of a FeatureMap: a convolution of gray images."""

    def __init__(self, images, kernel, context):
        self._images, self._kernel, self._context = images, kernel, context

    def batch_norm(self, norm, *, training):
        """Return the FeatureMap after batch normalization with the variables `norm`."""
        context = self._context
        if training:
            mean, variance, count = patch_moments.of_gray_conv(self._images, self._kernel)
            context.updates += norm.update_ops(mean, variance * (count / (count - 1)))
        else:
            mean, variance = norm.mean, norm.variance
        scale = norm.gamma * tf.math.rsqrt(variance + normalization.EPSILON)
        folded, offset = map(context.cached, (self._kernel * scale, norm.beta - mean * scale))
        images, padding = self._images, "SAME"
        if context.dtype != tf.float32:
            images, offset = _centered(images, folded, offset)
            padding = "VALID"
        parts = [tf.cast(part, context.dtype) for part in (images, folded, offset)]
        source = _Normalized(parts, padding)
        return _of_images(self._images, self._kernel, source.convolved, source)


class _Normalized:
    """Source of a FeatureMap: a convolution of gray images after batch normalization."""

    def __init__(self, parts, padding):
        self._parts, self._padding = parts, padding
        self._scope = tf.get_default_graph().get_name_scope()

    def convolved(self):
        """Return the tensor [n, h, w, filters]."""
        images, kernel, offset = self._parts
        return tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, self._padding), offset)

    def relu_max_pool(self, size, stride, padding):
        """Return the tensor after ReLU and max-pool."""
        window = {"ksize": [1, size, size, 1], "strides": [1, stride, stride, 1]}
        return _conv_relu_pool(
            *self._parts, self._padding, {**window, "padding": padding}, self._scope
        )


def _centered(images, kernel, offset):
    """Return (images of mean zero, padded for VALID; offset), which give the same output.

    bfloat16 rounds the kernel's taps by up to 0.4 %. On images of mean 0.5 that would shift the
    output of each filter, differently in each step, and the statistics would not include the shift:
    a tenth of the output's standard deviation and more for filters that compute differences.
    """
    size = kernel.shape[0]
    around = [(size - 1) // 2, size // 2]
    center = tf.reduce_mean(images)
    # The zeros around an image are pixels too, and are shifted with the others.
    padded = tf.pad(images, [[0, 0], around, around, [0, 0]]) - center
    return padded, offset + center * tf.reduce_sum(kernel, axis=[0, 1, 2])


def _conv_relu(images, kernel, offset, padding):
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, padding), offset))


def _conv_relu_pool(images, kernel, offset, padding, window, conv_scope):
    @custom_gradient
    def forward(kernel, offset):
        with tf.name_scope(f"{conv_scope}/"):
            before_pool = _conv_relu(images, kernel, offset, padding)
        pooled = tf.nn.max_pool(before_pool, **window)

        def backward(upstream):
            inner = tf.raw_ops.ReluGrad(gradients=upstream, features=pooled)
            of_conv = tf.raw_ops.MaxPoolGrad(
                orig_input=before_pool, orig_output=pooled, grad=inner, **window
            )
            of_kernel = tf.nn.conv2d_backprop_filter(
                images, kernel.shape, of_conv, strides=[1, 1, 1, 1], padding=padding
            )
            return of_kernel, tf.raw_ops.BiasAddGrad(out_backprop=inner)

        return pooled, backward

    return forward(kernel, offset)
