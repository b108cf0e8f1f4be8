"""Convolution, directly or by the Fourier transform."""

from fer2013_tf.nets.layers import fft_conv, initializers, layouts
from fer2013_tf.utils import constants
from fer2013_tf.utils.tf1 import tf


def conv(
    x, filters, size, *, stride=1, padding="SAME", layout=layouts.NHWC, initializer=None, context
):
    """Return the convolution, without bias, of x [n, h, w, c]: [n, h', w', filters].

    Makes the kernel, in the current variable scope. padding: SAME, VALID, or the number of zeros on
    every side. layout: of x and of the result; HWNC takes SAME and stride 1 only.
    """
    kernel = initializers.kernel_of(
        [size, size, x.shape[-1], filters], constants.CONV, context, initializer
    )
    if layout == layouts.HWNC:
        transformed = fft_conv.transformed_kernel(tf.cast(kernel, x.dtype), *x.shape[:2])
        return fft_conv.conv(x, context.cached(transformed), size)
    return convolve(x, initializers.cast_kernel(x, kernel, context), stride=stride, padding=padding)


def convolve(x, kernel, *, stride=1, padding="SAME"):
    """Return the convolution of x [n, h, w, c] with a kernel [k, k, c, d]; padding: see `conv`."""
    if isinstance(padding, int):
        x, padding = pad_zeros(x, padding), "VALID"
    return tf.nn.conv2d(x, kernel, strides=stride, padding=padding)


def pad_zeros(x, width):
    """Return x [n, h, w, c] with a margin of `width` zeros on every side."""
    return tf.pad(x, [[0, 0], [width, width], [width, width], [0, 0]])


def conv_as_torch(x, filters, size, *, stride=1, padding=0, context):
    """Return the convolution of x with bias, padded (in pixels) and initialized as `nn.Conv2d`."""
    channels = int(x.shape[-1])
    x = conv(
        x,
        filters,
        size,
        stride=stride,
        padding=padding,
        initializer=initializers.fan_in_uniform(),
        context=context,
    )
    return initializers.bias(x, initializers.fan_in_bounds(size * size * channels))
