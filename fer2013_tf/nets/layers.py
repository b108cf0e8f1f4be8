"""Convolution, dense layer, batch normalization and dropout on `get_variable` and `tf.nn`.

Every layer takes its scope name by hand, so that variable names - the checkpoint's format - never
depend on the order of calls. What a layer leaves behind besides its output goes into the `Ledger`
of the build, never into a global collection.
"""

from typing import NamedTuple

import tensorflow.compat.v1 as tf

CONV, DENSE, OUTPUT = WEIGHT_KINDS = ("conv", "dense", "output")
WEIGHT_STDDEV = 0.05
BIAS = 0.1


class Weight(NamedTuple):
    """A kernel and the kind of layer it belongs to, for weight decay."""

    variable: tf.Variable
    kind: str


class Ledger:
    """What one build of a net leaves behind.

    updates: ops that move the BN statistics, to be run before the optimizer's step.
    statistics: the BN moving means and variances (not trainable).
    weights: every kernel as `Weight`.
    """

    def __init__(self, *, bn_momentum=0.99, dropout_seed=None):
        self.bn_momentum = bn_momentum
        self.updates, self.statistics, self.weights = [], [], []
        self._seed, self._draws = dropout_seed, 0

    def next_seed(self):
        """A stateless seed [2] of its own for each dropout layer of the build."""
        self._draws += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._draws)


def _variable(name, shape, initializer, trainable=True):
    return tf.get_variable(
        name, shape, tf.float32, initializer, trainable=trainable, use_resource=True
    )


def _kernel(shape, kind, ledger):
    kernel = _variable("kernel", shape, tf.truncated_normal_initializer(stddev=WEIGHT_STDDEV))
    ledger.weights.append(Weight(kernel, kind))
    return kernel


def bias(x):
    """Adds a bias a channel, initialised 0.1. x: float32 [..., channels]."""
    return tf.nn.bias_add(x, _variable("bias", [x.shape[-1]], tf.constant_initializer(BIAS)))


def conv(x, filters, size, *, ledger):
    """SAME convolution, stride 1, no bias. x: float32 [n, h, w, c] -> [n, h, w, filters]."""
    kernel = _kernel([size, size, x.shape[-1], filters], CONV, ledger)
    return tf.nn.conv2d(x, kernel, strides=1, padding="SAME")


def dense(x, units, *, ledger, kind=DENSE):
    """Matrix product without bias. x: float32 [n, c] -> [n, units]."""
    return tf.matmul(x, _kernel([x.shape[-1], units], kind, ledger))


def batch_norm(x, *, training, ledger, epsilon=1e-3):
    """Batch normalization with scale and offset (Ioffe & Szegedy 2015) over all axes but the last.

    x: float32 [n, c] or [n, h, w, c]. In training it normalises by the batch and appends the
    updates of the moving statistics to `ledger.updates`; otherwise it uses those statistics.
    """
    shape = [x.shape[-1]]
    gamma = _variable("gamma", shape, tf.ones_initializer())
    beta = _variable("beta", shape, tf.zeros_initializer())
    moving_mean = _variable("moving_mean", shape, tf.zeros_initializer(), trainable=False)
    moving_variance = _variable("moving_variance", shape, tf.ones_initializer(), trainable=False)
    ledger.statistics += [moving_mean, moving_variance]
    pixels = x if len(x.shape) == 4 else x[:, tf.newaxis, tf.newaxis, :]
    given = {} if training else {"mean": moving_mean, "variance": moving_variance}
    normed, mean, variance = tf.nn.fused_batch_norm(
        pixels, gamma, beta, epsilon=epsilon, is_training=training, **given
    )
    if training:
        rate = 1 - ledger.bn_momentum
        ledger.updates.append(moving_mean.assign_sub(rate * (moving_mean - mean)))
        ledger.updates.append(moving_variance.assign_sub(rate * (moving_variance - variance)))
    return tf.reshape(normed, tf.shape(x)) if pixels is not x else normed


def dropout(x, rate, *, training, ledger):
    """Sets a share `rate` of x to zero and scales the rest by 1/(1-rate); in training only.

    The draw is a stateless function of the ledger's seed, so that a resumed run repeats it.
    """
    if not training or rate == 0:
        return x
    seed = ledger.next_seed()
    return tf.nn.experimental.stateless_dropout(x, rate=rate, seed=seed, rng_alg="philox")
