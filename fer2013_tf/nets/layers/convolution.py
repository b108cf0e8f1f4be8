"""Convolution, in the way that is fastest for its sizes."""

from fer2013_tf.nets.layers import fft_conv, fused_stem, initializers, patch_conv, ways
from fer2013_tf.nets.layers.feature_map import HWNC, NHWC, FeatureMap
from fer2013_tf.nets.layers.geometry import geometry
from fer2013_tf.utils import constants
from fer2013_tf.utils.tf1 import tf


def conv(x, filters, size, *, stride=1, padding="SAME", initializer=None, context):
    """Return the convolution, without bias, of a FeatureMap with a new kernel: another FeatureMap.

    Makes the kernel, [size, size, c, filters], in the current variable scope. padding: SAME, VALID,
    or the number of zeros on every side.
    """
    kernel = initializers.kernel_of(
        [size, size, x.channels, filters], constants.CONV, context, initializer
    )
    if fused_stem.fits(x, kernel, stride, padding, context):
        return fused_stem.conv(x, kernel, context)
    return convolve(x, kernel, stride=stride, padding=padding, context=context)


def convolve(x, kernel, *, stride=1, padding="SAME", context):
    """Return the convolution of a FeatureMap with a kernel float32 [k, k, c, d]; see `conv`."""
    with tf.name_scope("convolution"):
        return _convolved(x, kernel, stride, padding, context)


def _convolved(x, kernel, stride, padding, context):
    size, _, channels, filters = kernel.shape.as_list()
    _, height, width, _ = x.shape
    if height is None or width is None:
        return _directly(x, kernel, stride, padding, context)
    g = geometry(height, width, size, stride=stride, padding=padding)
    way = ways.choose(g, channels, filters, layout=x.layout, images=x.shape[0], context=context)
    if way.name == ways.TRANSFORM:
        transformed = fft_conv.transformed_kernel(tf.cast(kernel, context.dtype), g)
        images = _transformed(x, g)
        y = fft_conv.conv(images, context.cached(transformed), g, x.shape[0])
        return FeatureMap(y, HWNC)
    if way.name == ways.PATCHES:
        cast = initializers.cast_kernel(kernel, context)
        return FeatureMap(patch_conv.conv(x.tensor, cast, g, x.layout), x.layout)
    return _directly(x, kernel, stride, padding, context)


def _transformed(x, g):
    """Return the transform of a FeatureMap, computed once for all convolutions of equal geometry.

    A concatenation's is the concatenation of its parts', which other layers may need too.
    """
    if g not in x.transforms:
        if x.parts:
            x.transforms[g] = tf.concat([_transformed(part, g) for part in x.parts], axis=-1)
        else:
            x.transforms[g] = fft_conv.transformed_images(x.to(HWNC).tensor, g)
    return x.transforms[g]


def _directly(x, kernel, stride, padding, context):
    cast = initializers.cast_kernel(kernel, context)
    pixels = x.nhwc
    if isinstance(padding, int):
        pixels = tf.pad(pixels, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
        padding = "VALID"
    return FeatureMap(tf.nn.conv2d(pixels, cast, strides=stride, padding=padding), NHWC)


def conv_as_torch(x, filters, size, *, stride=1, padding=0, context):
    """Return the convolution of x with bias, padded (in pixels) and initialized as `nn.Conv2d`."""
    bounds = initializers.fan_in_bounds(size * size * x.channels)
    x = conv(
        x,
        filters,
        size,
        stride=stride,
        padding=padding,
        initializer=initializers.fan_in_uniform(),
        context=context,
    )
    return initializers.bias(x, bounds)
