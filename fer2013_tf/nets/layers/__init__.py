"""Convolution, dense layer, batch normalization and dropout on `get_variable` and `tf.nn`.

Every layer takes its scope name by hand, so that variable names - the checkpoint's format - never
depend on the order of calls. What a layer leaves behind besides its output goes into the `Ledger`
of the build, never into a global collection.
"""

from typing import NamedTuple

import tensorflow.compat.v1 as tf

from fer2013_tf.nets.layers import spectral

CONV, DENSE, OUTPUT = WEIGHT_KINDS = ("conv", "dense", "output")
WEIGHT_STDDEV = 0.05
BIAS = 0.1
EPSILON = 1e-3
# Order of a tensor's axes: pictures, height, width, channels.
NHWC, HWNC = "NHWC", "HWNC"
# The transform must save so many times the multiplications: it moves more memory.
SPECTRAL_FROM = 2.5
EIGHT_BYTES = 8
DROPOUT_DRAWS = 2**31 - 1


class Weight(NamedTuple):
    """A kernel and the kind of layer it belongs to, for weight decay."""

    variable: tf.Variable
    kind: str


class Ledger:
    """What one build of a net leaves behind, and how it computes.

    updates: ops that move the BN statistics, to be run before the optimizer's step.
    statistics: the BN moving means and variances (not trainable).
    weights: every kernel as `Weight`.
    dtype: format of activations and products, float32 or bfloat16; variables are float32.
    spectral: whether convolutions may go by their transform (see spectral.py).
    prepare: ops to be run whenever the variables have changed, where `fixed` says they seldom do.
    """

    def __init__(
        self,
        *,
        bn_momentum=0.99,
        dropout_seed=None,
        dtype=tf.float32,
        spectral=False,
        fixed=False,
    ):
        self.bn_momentum, self.dtype, self.spectral = bn_momentum, dtype, spectral
        self.updates, self.statistics, self.weights, self.prepare = [], [], [], []
        self._seed, self._draws, self._fixed = dropout_seed, 0, fixed

    def held(self, value):
        """`value`, which depends on variables alone; while these are fixed, computed only once."""
        if not self._fixed:
            return value
        # In no collection: it is no part of a checkpoint.
        kept = tf.Variable(
            tf.zeros(value.shape, value.dtype), trainable=False, collections=[], use_resource=True
        )
        self.prepare.append(kept.assign(value).op)
        return kept.read_value()

    def next_seed(self):
        """A stateless seed [2] of its own for each dropout layer of the build."""
        self._draws += 1
        fold = tf.random.experimental.stateless_fold_in
        # Apart from the augmentations, which fold their places 0, 1, ... into the same seed.
        return fold(fold(self._seed, DROPOUT_DRAWS), self._draws)


def _variable(name, shape, initializer, trainable=True):
    return tf.get_variable(
        name, shape, tf.float32, initializer, trainable=trainable, use_resource=True
    )


def kernel_of(shape, kind, ledger):
    """A layer's kernel, float32, in the current scope; entered in the ledger."""
    kernel = _variable("kernel", shape, tf.truncated_normal_initializer(stddev=WEIGHT_STDDEV))
    ledger.weights.append(Weight(kernel, kind))
    return kernel


def bias(x):
    """Adds a bias a channel, initialised 0.1. x: [..., channels]."""
    own = _variable("bias", [x.shape[-1]], tf.constant_initializer(BIAS))
    return tf.nn.bias_add(x, tf.cast(own, x.dtype))


def layout_for(x, filters, size, *, layout=NHWC, ledger):
    """The layout in which `conv` of x is fastest: HWNC for going by the transform, else NHWC."""
    height, width, channels = (x.shape[layout.index(axis)] for axis in "HWC")
    known = None not in (height, width)
    gain = known and spectral.saving(height, width, size, channels, filters)
    return HWNC if ledger.spectral and gain > SPECTRAL_FROM else NHWC


def rearrange(x, old, new):
    """x of layout `old` in layout `new`."""
    if old == new:
        return x
    order, back = ([a.index(axis) for axis in b] for a, b in ((old, new), (new, old)))
    at_once = EIGHT_BYTES // x.dtype.size
    if x.dtype != tf.bfloat16 or x.shape[-1] % at_once:
        return tf.transpose(x, order)

    # TensorFlow moves one element at a time: four of bfloat16 as one of float64 are 2.5 times as
    # fast.
    def moved(x, order):
        wide = tf.reshape(x, [*_sizes(x)[:3], x.shape[-1] // at_once, at_once])
        wide = tf.transpose(tf.bitcast(wide, tf.float64), order)
        narrow = tf.bitcast(wide, x.dtype)
        return tf.reshape(narrow, [*_sizes(wide)[:3], x.shape[-1]])

    @tf.custom_gradient
    def forward(x):
        return moved(x, order), lambda upstream: moved(upstream, back)

    return forward(x)


def _sizes(x):
    """Sizes of x's axes: numbers where they are known, else scalars of the graph."""
    return [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape.as_list())]


def conv(x, filters, size, *, layout=NHWC, ledger):
    """SAME convolution, stride 1, no bias. x: [n, h, w, c] -> [n, h, w, filters], or so in HWNC."""
    kernel = kernel_of([size, size, x.shape[-1], filters], CONV, ledger)
    if layout == HWNC:
        planes = spectral.planes(tf.cast(kernel, x.dtype), *x.shape[:2])
        return spectral.conv(x, ledger.held(planes), size)
    return tf.nn.conv2d(x, _in_format_of(x, kernel, ledger), strides=1, padding="SAME")


def max_pool(x, size, stride, *, layout=NHWC):
    """SAME max-pooling over the pictures of x."""
    if layout == NHWC:
        return tf.nn.max_pool2d(x, size, stride, "SAME")
    # Pictures and channels side by side are the channels of one large picture.
    height, width, n, channels = _sizes(x)
    wide = tf.reshape(x, [1, height, width, n * channels])
    wide = tf.nn.max_pool2d(wide, size, stride, "SAME")
    return tf.reshape(wide, [*_sizes(wide)[1:3], n, channels])


def dense(x, units, *, ledger, kind=DENSE):
    """Matrix product without bias. x: [n, c] -> [n, units]."""
    kernel = kernel_of([x.shape[-1], units], kind, ledger)
    return tf.matmul(x, _in_format_of(x, kernel, ledger))


def _in_format_of(x, kernel, ledger):
    """The kernel in x's number format."""
    return kernel if kernel.dtype == x.dtype else ledger.held(tf.cast(kernel, x.dtype))


class Norm:
    """Variables of one batch normalization, in the current scope."""

    def __init__(self, channels, ledger):
        self._momentum = ledger.bn_momentum
        shape = [channels]
        self.gamma = _variable("gamma", shape, tf.ones_initializer())
        self.beta = _variable("beta", shape, tf.zeros_initializer())
        self.mean = _variable("moving_mean", shape, tf.zeros_initializer(), trainable=False)
        self.variance = _variable("moving_variance", shape, tf.ones_initializer(), trainable=False)
        ledger.statistics += [self.mean, self.variance]

    def moved(self, mean, variance):
        """Ops that move the statistics towards a batch's mean and (unbiased) variance."""
        rate = 1 - self._momentum
        pairs = (self.mean, mean), (self.variance, variance)
        return [moving.assign_sub(rate * (moving - value)) for moving, value in pairs]


def batch_norm(x, *, training, ledger, epsilon=EPSILON):
    """Batch normalization with scale and offset (Ioffe & Szegedy 2015) over all axes but the last.

    x: [n, c] or [n, h, w, c] (or HWNC). In training it normalises by the batch and appends the
    updates of the moving statistics to `ledger.updates`; otherwise it uses those statistics.
    """
    norm = Norm(x.shape[-1], ledger)
    pixels = x if len(x.shape) == 4 else x[:, tf.newaxis, tf.newaxis, :]
    given = {} if training else {"mean": norm.mean, "variance": norm.variance}
    normed, mean, variance = tf.nn.fused_batch_norm(
        pixels, norm.gamma, norm.beta, epsilon=epsilon, is_training=training, **given
    )
    if training:
        ledger.updates += norm.moved(mean, variance)
    return tf.reshape(normed, tf.shape(x)) if pixels is not x else normed


def dropout(x, rate, *, training, ledger):
    """Sets a share `rate` of x to zero and scales the rest by 1/(1-rate); in training only.

    The draw is a stateless function of the ledger's seed, so that a resumed run repeats it.
    """
    if not training or rate == 0:
        return x
    count = tf.size(x)
    # Two draws of 16 bits each from one of 32, which is what a draw costs.
    words = tf.random.stateless_uniform(
        [(count + 1) // 2], ledger.next_seed(), None, None, tf.uint32, alg="philox"
    )
    bits = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count]
    kept = tf.reshape(bits, tf.shape(x)) >= min(round(rate * 2**16), 2**16 - 1)
    return tf.where_v2(kept, x * tf.cast(1 / (1 - rate), x.dtype), tf.zeros([], x.dtype))
