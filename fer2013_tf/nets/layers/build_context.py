"""The context of one build of a net: how it computes, and the lists that layers append to."""

from fnmatch import fnmatchcase
from typing import NamedTuple

from fer2013_tf.utils.tf1 import tf

# Folded into the seed first, to keep dropout apart from the augmentations: these fold their places
# 0, 1, ... into the same seed.
DROPOUT_STREAM = 2**31 - 1


class Weight(NamedTuple):
    """A kernel and its kind, one of `constants.WEIGHT_KINDS`, for weight decay."""

    variable: tf.Variable
    kind: str


class BuildContext:
    """How one build of a net computes, and what its layers make besides their output.

    updates: ops that move the BN statistics, to be run before the optimizer's step.
    statistics: the BN moving means and variances (not trainable).
    weights: every kernel as `Weight`.
    dtype: format of activations and products, float32 or bfloat16; variables are float32.
    use_fft_conv: whether convolutions may be computed otherwise than directly (see ways.py).
    fixed: whether the variables seldom change, as in evaluation; `cached` then works.
    refresh_ops: ops to run after each change of the variables, where `fixed`.
    choices: how each convolution is computed, see ways.py.
    frozen: patterns of names of variables that are not trained; BN there uses its statistics.
    """

    def __init__(
        self,
        *,
        bn_momentum=0.99,
        dropout_seed=None,
        dtype=tf.float32,
        use_fft_conv=False,
        fixed=False,
        frozen=(),
    ):
        self.bn_momentum, self.dtype, self.use_fft_conv = bn_momentum, dtype, use_fft_conv
        self.updates, self.statistics, self.weights, self.refresh_ops = [], [], [], []
        self.fixed, self.choices = fixed, []
        self._seed, self._seeds_made, self._frozen = dropout_seed, 0, frozen

    @property
    def freezes(self):
        """Return whether anything is frozen."""
        return bool(self._frozen)

    def is_frozen(self, variable):
        """Return whether a variable's name fits a frozen pattern: `conv*`, `fc1/kernel`."""
        return any(fnmatchcase(variable.op.name, pattern) for pattern in self._frozen)

    def cached(self, value):
        """Return a tensor equal to `value`, which must depend on variables alone.

        Where the variables are fixed, it is computed by `refresh_ops` only.
        """
        if not self.fixed:
            return value
        # In no collection: it is no part of a checkpoint.
        cache = tf.Variable(
            tf.zeros(value.shape, value.dtype), trainable=False, collections=[], use_resource=True
        )
        self.refresh_ops.append(cache.assign(value).op)
        return cache.read_value()

    def next_seed(self):
        """Return a stateless seed, int64 [2], another one for each call."""
        self._seeds_made += 1
        fold = tf.random.experimental.stateless_fold_in
        return fold(fold(self._seed, DROPOUT_STREAM), self._seeds_made)
