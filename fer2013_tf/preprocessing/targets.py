"""Training targets: one-hot labels, soft labels of FER+ votes, sampled labels."""

import numpy as np

from fer2013_tf.data import ferplus
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

SAMPLED = "sampled"
# Apart from the augmentations, which fold their places 0, 1, ... into the same seed.
LABEL_FOLD = 2**31 - 2
# Soft labels sum to one within this.
TOLERANCE = 1e-5


def soft_labels(split, labels, classes, where):
    """Return (targets float32 [n, classes], indices int64 [m] of the images to train on).

    split: `records.Split`. labels: "hard" for the records' own, or a scheme of `ferplus` for
    records with votes. where: what error messages name. Raises UserError where there are no votes,
    or no image is left.
    """
    if labels == ferplus.HARD:
        return np.eye(classes, dtype=np.float32)[split.labels], np.arange(len(split))
    if split.votes is None:
        raise UserError(
            f"{where}: labels={labels}, but no votes in these records; make them with "
            "make_records --ferplus fer2013new.csv"
        )
    targets, kept = ferplus.targets(labels, split.votes, num_classes=classes)
    if not kept.any():
        raise UserError(f"{where}: labels={labels} leaves no Training image")
    _check(targets[kept], f"{where}: labels={labels}")
    return targets, np.flatnonzero(kept)


def _check(targets, where):
    """Raise UserError where targets are negative or do not sum to one."""
    off = (targets < 0).any(axis=1) | ~(np.abs(targets.sum(axis=1) - 1) < TOLERANCE)
    if off.any():
        raise UserError(
            f"{where}: the soft labels of {off.sum()} images are negative or do not sum to one"
        )


def sample_labels(soft, seed):
    """Return one-hot labels [n, k], each class sampled by its soft label; soft: float32 [n, k]."""
    seed = tf.random.experimental.stateless_fold_in(seed, LABEL_FOLD)
    above = tf.random.stateless_uniform([soft.shape[0], 1], seed, alg="philox")
    reached = tf.cast(tf.cumsum(soft, axis=1) <= above, tf.int32)
    # Sums of soft labels may miss one by a last digit.
    last = tf.reduce_max(tf.where_v2(soft > 0, tf.range(soft.shape[1]), -1), axis=1)
    return tf.one_hot(tf.minimum(tf.reduce_sum(reached, axis=1), last), soft.shape[1])
