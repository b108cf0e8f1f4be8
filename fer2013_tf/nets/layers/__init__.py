"""Convolution, dense layer, batch normalization and dropout on `get_variable` and `tf.nn`.

Every layer takes its scope name by hand, so that variable names - the checkpoint's format - never
depend on the order of calls. What a layer leaves behind besides its output goes into the `Ledger`
of the build, never into a global collection.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple

from fer2013_tf.nets.layers import spectral
from fer2013_tf.tensorflow1 import tf

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
    frozen: patterns of names of variables that are not trained; BN there uses its statistics.
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
        frozen=(),
    ):
        self.bn_momentum, self.dtype, self.spectral = bn_momentum, dtype, spectral
        self.updates, self.statistics, self.weights, self.prepare = [], [], [], []
        self._seed, self._draws, self._fixed, self._frozen = dropout_seed, 0, fixed, frozen

    @property
    def freezes(self):
        """Whether anything is frozen."""
        return bool(self._frozen)

    def is_frozen(self, variable):
        """Whether a variable's name fits a frozen pattern, such as `conv*` or `fc1/kernel`."""
        return any(fnmatchcase(variable.op.name, pattern) for pattern in self._frozen)

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


def truncated_normal(stddev=WEIGHT_STDDEV):
    """Normal, what is beyond two deviations drawn again."""
    return tf.truncated_normal_initializer(stddev=stddev)


def normal(stddev):
    """Normal."""
    return tf.random_normal_initializer(stddev=stddev)


def glorot_uniform():
    """Uniform within sqrt(6 / (inputs + outputs)), Keras's default (Glorot & Bengio 2010)."""
    return tf.glorot_uniform_initializer()


def fan_in_uniform():
    """Uniform within 1 / sqrt(inputs), PyTorch's default of convolutions and dense layers."""
    return tf.variance_scaling_initializer(1 / 3, "fan_in", "uniform")


def fan_in_bounds(inputs):
    """Where PyTorch draws the biases of a layer: within 1 / sqrt(inputs)."""
    return -(inputs**-0.5), inputs**-0.5


def kernel_of(shape, kind, ledger, initializer=None):
    """A layer's kernel, float32, in the current scope; entered in the ledger."""
    kernel = _variable("kernel", shape, initializer or truncated_normal())
    ledger.weights.append(Weight(kernel, kind))
    return kernel


def bias(x, initial=BIAS):
    """Adds a bias a channel. x: [..., channels]. initial: a number, or bounds to draw between."""
    if isinstance(initial, tuple):
        initializer = tf.random_uniform_initializer(*initial)
    else:
        initializer = tf.constant_initializer(initial)
    own = _variable("bias", [x.shape[-1]], initializer)
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


def conv(x, filters, size, *, stride=1, padding="SAME", layout=NHWC, initializer=None, ledger):
    """Convolution without bias. x: [n, h, w, c] -> [n, h', w', filters], or so in HWNC.

    padding: SAME, VALID, or zeros so many on every side. In HWNC: SAME and stride 1 only.
    """
    kernel = kernel_of([size, size, x.shape[-1], filters], CONV, ledger, initializer)
    if layout == HWNC:
        planes = spectral.planes(tf.cast(kernel, x.dtype), *x.shape[:2])
        return spectral.conv(x, ledger.held(planes), size)
    return convolve(x, in_format_of(x, kernel, ledger), stride=stride, padding=padding)


def convolve(x, kernel, *, stride=1, padding="SAME"):
    """Convolution of x [n, h, w, c] with a kernel that is there already."""
    if isinstance(padding, int):
        x, padding = zeros_around(x, padding), "VALID"
    return tf.nn.conv2d(x, kernel, strides=stride, padding=padding)


def zeros_around(x, width):
    """x [n, h, w, c] with a margin of zeros."""
    return tf.pad(x, [[0, 0], [width, width], [width, width], [0, 0]])


def global_average(x):
    """Mean of each channel over the picture: [n, h, w, c] -> [n, c]."""
    return tf.reduce_mean(x, axis=[1, 2])


def flatten(x):
    """[n, h, w, c] -> [n, h * w * c]."""
    return tf.reshape(x, [-1, x.shape[1:].num_elements()])


def local_response(x):
    """Local response normalization with AlexNet's settings as TensorFlow's tutorials have them.

    x / (1 + 0.001 / 9 * sum of squares over 9 channels) ** 0.75 (Krizhevsky et al. 2012, 3.3).
    """
    # TensorFlow's CPU has no kernel for bfloat16.
    wide = tf.cast(x, tf.float32)
    return tf.cast(tf.nn.lrn(wide, depth_radius=4, bias=1.0, alpha=0.001 / 9, beta=0.75), x.dtype)


def randomized_leaky_relu(x, low=1 / 8, high=1 / 3, *, training, ledger):
    """x, where negative times a slope: drawn for each element in training, else the mean slope.

    Xu et al. 2015, 2.4 (there x over a number drawn from 3 to 8), as PyTorch has it.
    """
    if training:
        draws = ledger.next_seed()
        slope = tf.random.stateless_uniform(tf.shape(x), draws, low, high, alg="philox")
    else:
        slope = tf.constant((low + high) / 2)
    return tf.where_v2(x >= 0, x, x * tf.cast(slope, x.dtype))


def max_pool(x, size, stride, *, padding="SAME", layout=NHWC):
    """Max-pooling over the pictures of x. padding: SAME or VALID; in HWNC only SAME."""
    if layout == NHWC:
        return tf.nn.max_pool2d(x, size, stride, padding)
    # Pictures and channels side by side are the channels of one large picture.
    height, width, n, channels = _sizes(x)
    wide = tf.reshape(x, [1, height, width, n * channels])
    wide = tf.nn.max_pool2d(wide, size, stride, "SAME")
    return tf.reshape(wide, [*_sizes(wide)[1:3], n, channels])


def dense(x, units, *, ledger, kind=DENSE, initializer=None):
    """Matrix product without bias. x: [n, c] -> [n, units]."""
    kernel = kernel_of([x.shape[-1], units], kind, ledger, initializer)
    return tf.matmul(x, in_format_of(x, kernel, ledger))


def conv_as_torch(x, filters, size, *, stride=1, padding=0, ledger):
    """Convolution with bias as PyTorch's `nn.Conv2d` pads (in pixels) and starts it."""
    channels = int(x.shape[-1])
    x = conv(
        x,
        filters,
        size,
        stride=stride,
        padding=padding,
        initializer=fan_in_uniform(),
        ledger=ledger,
    )
    return bias(x, fan_in_bounds(size * size * channels))


def dense_as_torch(x, units, *, ledger, kind=DENSE):
    """Dense layer with bias as PyTorch's `nn.Linear` starts it; the output layer in float32."""
    inputs = int(x.shape[-1])
    x = dense(x, units, ledger=ledger, kind=kind, initializer=fan_in_uniform())
    return bias(tf.cast(x, tf.float32) if kind == OUTPUT else x, fan_in_bounds(inputs))


def in_format_of(x, kernel, ledger):
    """The kernel in x's number format."""
    return kernel if kernel.dtype == x.dtype else ledger.held(tf.cast(kernel, x.dtype))


class Norm:
    """Variables of one batch normalization, in the current scope."""

    def __init__(self, channels, ledger, scale=True):
        self._momentum = ledger.bn_momentum
        shape = [channels]
        self.gamma = _variable("gamma", shape, tf.ones_initializer()) if scale else tf.ones(shape)
        self.beta = _variable("beta", shape, tf.zeros_initializer())
        self.mean = _variable("moving_mean", shape, tf.zeros_initializer(), trainable=False)
        self.variance = _variable("moving_variance", shape, tf.ones_initializer(), trainable=False)
        ledger.statistics += [self.mean, self.variance]

    def moved(self, mean, variance):
        """Ops that move the statistics towards a batch's mean and (unbiased) variance."""
        rate = 1 - self._momentum
        pairs = (self.mean, mean), (self.variance, variance)
        return [moving.assign_sub(rate * (moving - value)) for moving, value in pairs]


def batch_norm(x, *, training, ledger, scale=True, by_hand=False, epsilon=EPSILON):
    """Batch normalization with offset and scale (Ioffe & Szegedy 2015) over all axes but the last.

    x: [n, c] or [n, h, w, c] (or HWNC). In training it normalises by the batch and appends the
    updates of the moving statistics to `ledger.updates`; otherwise it uses those statistics.
    scale: a ReLU after it makes up for its lack in the next layer. by_hand: written out in single
    operations instead of TensorFlow's fused one; equal but for rounding, and slower.
    """
    norm = Norm(x.shape[-1], ledger, scale)
    training = training and not ledger.is_frozen(norm.beta)
    if by_hand:
        return _batch_norm_by_hand(x, norm, training, ledger, epsilon)
    pixels = x if len(x.shape) == 4 else x[:, tf.newaxis, tf.newaxis, :]
    given = {} if training else {"mean": norm.mean, "variance": norm.variance}
    normed, mean, variance = tf.nn.fused_batch_norm(
        pixels, norm.gamma, norm.beta, epsilon=epsilon, is_training=training, **given
    )
    if training:
        ledger.updates += norm.moved(mean, variance)
    return tf.reshape(normed, tf.shape(x)) if pixels is not x else normed


def _batch_norm_by_hand(x, norm, training, ledger, epsilon):
    wide = tf.cast(x, tf.float32)
    if training:
        axes = list(range(len(x.shape) - 1))
        mean, variance = tf.nn.moments(wide, axes)
        count = tf.cast(tf.size(x) / tf.shape(x)[-1], tf.float32)
        ledger.updates += norm.moved(mean, variance * count / (count - 1))
    else:
        mean, variance = norm.mean, norm.variance
    normed = (wide - mean) * tf.math.rsqrt(variance + epsilon) * norm.gamma + norm.beta
    return tf.cast(normed, x.dtype)


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
