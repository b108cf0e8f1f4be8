"""Choose how a convolution is computed: directly, by the Fourier transform, or as one product.

The choice is a function of sizes, number format and purpose alone, so that a training repeats:
times measured at its start would choose differently from one start to the next. The rates below
were measured (docs/performance.md has the table, and how well the formula foretells it).
"""

from typing import NamedTuple

from fer2013_tf.nets.layers import fft_conv
from fer2013_tf.nets.layers.feature_map import HWNC, NHWC
from fer2013_tf.utils.tf1 import tf

DIRECT, TRANSFORM, PATCHES, FUSED = "direct", "transform", "patches", "fused"
# Images per batch where the number is not known.
USUAL_BATCH = 128


class Rates(NamedTuple):
    """What one machine computes and moves, per millisecond: 1e6 multiply-adds, 1e6 bytes."""

    direct: float  # multiply-adds of oneDNN's convolutions and of their gradients for the input
    direct_kernel: float  # of their gradients for the kernel, on large planes
    products: float  # of products of large matrices
    transforms: float  # of products with the transforms' small matrices
    of_kernel: float  # of those for kernels, whose rows are few
    memory: float  # bytes read and written


RATES = {
    "bfloat16": Rates(200.0, 150.0, 150.0, 100.0, 15.0, 20.0),
    "float32": Rates(110.0, 100.0, 85.0, 60.0, 10.0, 20.0),
}
# oneDNN's gradient of a kernel is slower on small planes, and with strides.
SMALLEST_SHARE, FULL_PLANE, STRIDED_SHARE = 0.25, 50, 0.4


class Way(NamedTuple):
    """How a convolution is computed, and the time that this is expected to take."""

    name: str
    milliseconds: float  # forward and, in training, both gradients


class Choice(NamedTuple):
    """A convolution of a net and the way that was chosen."""

    scope: str  # the name scope of its operations
    geometry: object
    channels: int
    filters: int
    way: Way


def choose(g, channels, filters, *, layout, images, context):
    """Return the fastest `Way` for a convolution; append a `Choice` to context.choices.

    g: its `geometry.Geometry`. layout: of its input. images: per batch, or None.
    """
    n = images or USUAL_BATCH
    ways = [Way(DIRECT, direct(g, channels, filters, n, context, layout))]
    if context.use_fft_conv:
        ways.append(Way(PATCHES, patches(g, channels, filters, n, context)))
        if g.stride == 1 and g.size > 1:
            ways.append(Way(TRANSFORM, transform(g, channels, filters, n, context, layout)))
    best = min(ways, key=lambda way: way.milliseconds)
    note(g, channels, filters, best, context)
    return best


def note(g, channels, filters, way, context):
    """Append a `Choice`, made in the current name scope, to context.choices."""
    scope = tf.get_default_graph().get_name_scope()
    context.choices.append(Choice(scope, g, channels, filters, way))


def _multiply_adds(g, channels, filters, n):
    return 1e-6 * n * g.out_pixels * g.size**2 * channels * filters


def _megabytes(pixels, channels, n, context):
    return 1e-6 * n * pixels * channels * context.dtype.size


def _rearranging(g, channels, n, context):
    """Return the time to bring the input into another layout, and its gradient back."""
    bytes_moved = 2 * _megabytes(g.height * g.width, channels, n, context)
    return bytes_moved / RATES[context.dtype.name].memory * (1 if context.fixed else 2)


def direct(g, channels, filters, n, context, layout=NHWC):
    """Return the milliseconds of oneDNN's convolution and, in training, of its gradients."""
    rates, count = RATES[context.dtype.name], _multiply_adds(g, channels, filters, n)
    moving = 0 if layout == NHWC else _rearranging(g, channels, n, context)
    if context.fixed:
        return moving + count / rates.direct
    share = min(1, SMALLEST_SHARE + g.out_pixels / FULL_PLANE)
    share *= STRIDED_SHARE if g.stride > 1 else 1
    return moving + 2 * count / rates.direct + count / (rates.direct_kernel * share)


def transform(g, channels, filters, n, context, layout=HWNC):
    """Return the milliseconds of `fft_conv.conv` and, in training, of its gradients."""
    rates, work = RATES[context.dtype.name], fft_conv.work(g, channels, filters)
    moving = 0 if layout == HWNC else _rearranging(g, channels, n, context)
    products = 1e-6 * n * work.products / rates.products
    transforms = 1e-6 * n * work.transforms / rates.transforms
    of_kernel = 1e-6 * work.of_kernel / rates.of_kernel
    if context.fixed:
        return moving + products + transforms
    return moving + 3 * products + 3 * transforms + 2 * of_kernel


def patches(g, channels, filters, n, context):
    """Return the milliseconds of `patch_conv.conv` and, in training, of its gradients."""
    rates, count = RATES[context.dtype.name], _multiply_adds(g, channels, filters, n)
    bytes_moved = 2 * _megabytes(g.out_pixels * g.size**2, channels, n, context)
    copying = bytes_moved / rates.memory if g.size > 1 or g.stride > 1 else 0
    if context.fixed:
        return copying + count / rates.products
    # Backward, the patches' gradients are padded one by one before they are added.
    return 4 * copying + 3 * count / rates.products
