"""Memory layouts of image tensors, and which one makes a convolution fastest."""

from fer2013_tf.nets.layers import fft_conv
from fer2013_tf.utils.tf1 import tf

# Order of a tensor's axes: images, height, width, channels.
NHWC, HWNC = "NHWC", "HWNC"
# Smallest saving of multiplications that pays: the Fourier transform moves more memory.
FFT_CONV_FROM = 2.5
EIGHT_BYTES = 8


def layout_for(x, filters, size, *, layout=NHWC, context):
    """Return the layout in which `conv` of x is fastest: HWNC for `fft_conv`, else NHWC."""
    height, width, channels = (x.shape[layout.index(axis)] for axis in "HWC")
    known = None not in (height, width)
    gain = known and fft_conv.saving(height, width, size, channels, filters)
    return HWNC if context.use_fft_conv and gain > FFT_CONV_FROM else NHWC


def transpose_layout(x, old, new):
    """Return x, of layout `old`, in layout `new`."""
    if old == new:
        return x
    order, back = ([a.index(axis) for axis in b] for a, b in ((old, new), (new, old)))
    at_once = EIGHT_BYTES // x.dtype.size
    if x.dtype != tf.bfloat16 or x.shape[-1] % at_once:
        return tf.transpose(x, order)

    # TensorFlow moves one element at a time: four of bfloat16 as one of float64 are 2.5 times as
    # fast.
    def reordered(x, order):
        wide = tf.reshape(x, [*sizes(x)[:3], x.shape[-1] // at_once, at_once])
        wide = tf.transpose(tf.bitcast(wide, tf.float64), order)
        narrow = tf.bitcast(wide, x.dtype)
        return tf.reshape(narrow, [*sizes(wide)[:3], x.shape[-1]])

    @tf.custom_gradient
    def forward(x):
        return reordered(x, order), lambda upstream: reordered(upstream, back)

    return forward(x)


def sizes(x):
    """Return the sizes of x's axes: ints where they are known, else scalar tensors."""
    return [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape.as_list())]
