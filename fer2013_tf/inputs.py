"""The tf.data input, and what every picture goes through on its way into a net.

    pipeline = inputs.build(folder, recipe, seed=seed, step=global_step)
    pipeline.start(session)        # from the session's global step on
    ... pipeline.images, pipeline.targets ...
    pipeline.stop()

`queue_inputs.build` has the same signature and the same `Pipeline`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fer2013_tf import augment, emotions, ferplus, records, specs
from fer2013_tf.errors import UserError
from fer2013_tf.shards import Shards
from fer2013_tf.tensorflow1 import tf

SCALINGS = ("unit", "mean", "picture", "none")
DRAW = "draw"
# Apart from the augmentations, which fold their places 0, 1, ... into the same seed.
LABEL_DRAWS, MIXUP_DRAWS = 2**31 - 2, 2**31 - 3


class Pipeline(NamedTuple):
    """Endless batches of augmented, standardised Training pictures."""

    images: tf.Tensor  # float32 [batch, height, width, 1]
    targets: tf.Tensor  # float32 [batch, classes]: one-hot, or shares that sum to one
    start: Callable  # start(session): begin at the session's global step
    stop: Callable  # stop(): end the threads


def equalise(images):
    """Histogram equalisation of each picture: uint8 [n, h, w] -> uint8 [n, h, w]."""
    flat = tf.cast(tf.reshape(images, [tf.shape(images)[0], -1]), tf.int32)
    histogram = tf.raw_ops.DenseBincount(input=flat, size=256, weights=tf.constant([], tf.int32))
    below = tf.cast(tf.cumsum(histogram, axis=1), tf.float32)
    lowest = tf.gather(below, tf.reduce_min(flat, axis=1, keepdims=True), batch_dims=1)
    count = tf.cast(tf.shape(flat)[1], tf.float32)
    table = tf.round((below - lowest) / tf.maximum(count - lowest, 1.0) * 255)
    return tf.reshape(tf.cast(tf.gather(table, flat, batch_dims=1), tf.uint8), tf.shape(images))


def standardise(images, scaling, *, mean, deviation):
    """float32 [n, h, w, 1] in 0..255 -> what the net is fed, same shape.

    scaling: "unit" divides by 255; "mean" takes Training's mean and deviation (grey levels);
    "picture" gives each picture mean 0 and deviation 1 (a constant picture becomes 0); "none"
    leaves grey levels as they are.
    """
    if scaling == "none":
        return images
    if scaling == "unit":
        return images / 255.0
    if scaling == "mean":
        return (images - mean) / max(deviation, 1.0)
    if scaling == "picture":
        centre, variance = tf.nn.moments(images, axes=[1, 2, 3], keepdims=True)
        return (images - centre) * tf.math.rsqrt(tf.maximum(variance, 1.0))
    raise UserError(f"scaling={scaling!r}; known: {', '.join(SCALINGS)}")


def prepare(images, recipe, data, *, seed=None):
    """uint8 [n, h, w] -> float32 [n, h, w, 1]: equalised, augmented (given a seed), standardised.

    Or of pictures in colour, uint8 [n, h, w, 3] -> float32 [n, h, w, 3]. recipe: has equalise,
    augment, fill, scaling. data: has mean and deviation of Training.
    """
    if recipe.equalise:
        if len(images.shape) == 4:
            raise UserError("equalise=True: histograms are of grey pictures; these are in colour")
        images = equalise(images)
    if seed is None:
        pixels = tf.cast(augment.with_channels(images), tf.float32)
    else:
        pixels = augment.apply(images, recipe.augment, seed=seed, fill=recipe.fill)
    return standardise(pixels, recipe.scaling, mean=data["mean"], deviation=data["deviation"])


def shuffled(positions, n, seed):
    """Indices into n pictures at the given positions of an endless stream: int64 [m] -> int64 [m].

    Every n positions are one epoch, which holds each picture once, in an order of its own. A
    function of position and seed alone, so that a resumed run meets the same pictures.
    """
    epochs = positions // n
    seeds = tf.stack(
        [tf.fill(tf.shape(epochs), tf.cast(seed, tf.int64)), epochs, 0 * epochs], axis=1
    )
    # With the 4 rounds that tf.random.experimental.index_shuffle takes, the orders of two epochs
    # are correlated by up to 0.45; with 16 no more than chance has it.
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % n, seed=seeds, max_index=tf.constant(n - 1, tf.int64), rounds=16
    )


def targets_of(shards, labels, classes, folder):
    """(targets float32 [n, classes], indices int64 [m] of the pictures that are learnt).

    labels: "hard", the records' own, or a scheme of ferplus for records with votes.
    """
    if labels == ferplus.HARD:
        learnable = np.eye(classes, dtype=np.float32)[shards.labels]
        return learnable, np.arange(len(shards))
    if shards.votes is None:
        raise UserError(
            f"{folder}: labels={labels}, but no votes in these records; make them with "
            "make_records --ferplus fer2013new.csv"
        )
    learnable, kept = ferplus.targets(labels, shards.votes, num_classes=classes)
    if not kept.any():
        raise UserError(f"{folder}: labels={labels} leaves no Training picture")
    _check_targets(learnable[kept], f"{folder}: labels={labels}")
    return learnable, np.flatnonzero(kept)


def _check_targets(learnable, where):
    """Whether targets are non-negative and sum to one. Raises UserError."""
    off = (learnable < 0).any(axis=1) | ~(np.abs(learnable.sum(axis=1) - 1) < 1e-5)
    if off.any():
        raise UserError(f"{where}: {off.sum()} pictures' shares are negative or do not sum to one")


def drawn(shares, seed):
    """Shares [n, k] -> one-hot [n, k], the class drawn by them."""
    seed = tf.random.experimental.stateless_fold_in(seed, LABEL_DRAWS)
    above = tf.random.stateless_uniform([shares.shape[0], 1], seed, alg="philox")
    reached = tf.cast(tf.cumsum(shares, axis=1) <= above, tf.int32)
    # Sums of shares may miss one by a last digit.
    last = tf.reduce_max(tf.where_v2(shares > 0, tf.range(shares.shape[1]), -1), axis=1)
    return tf.one_hot(tf.minimum(tf.reduce_sum(reached, axis=1), last), shares.shape[1])


def mixed(images, targets, recipe, seed):
    """mixup (Zhang et al. 2018): each picture and its target mixed with another of the batch.

    The share is drawn from Beta(recipe.mixup, recipe.mixup), for each picture by itself; nothing is
    mixed where that is 0.
    """
    if not recipe.mixup:
        return images, targets
    n = images.shape[0]
    seed = tf.random.experimental.stateless_fold_in(seed, MIXUP_DRAWS)
    gammas = tf.random.stateless_gamma([2, n], seed, alpha=recipe.mixup)
    # Both may round to zero for a small alpha.
    share = tf.math.divide_no_nan(gammas[0], gammas[0] + gammas[1])
    other = tf.roll(images, 1, axis=0), tf.roll(targets, 1, axis=0)
    wide = share[:, tf.newaxis, tf.newaxis, tf.newaxis]
    share = share[:, tf.newaxis]
    return wide * images + (1 - wide) * other[0], share * targets + (1 - share) * other[1]


def build(folder, recipe, *, seed, step):
    """The Training split, read where it lies. step: the graph's global step variable."""
    data = records.load(folder)
    shards = Shards(folder, emotions.TRAINING)
    learnable, members = targets_of(shards, recipe.labels, len(data["classes"]), folder)
    draws = specs.parse(recipe.labels).name == DRAW

    def read(chosen):
        return shards.read(chosen)[0], learnable[chosen]

    with tf.device("/cpu:0"), tf.name_scope("input"):
        first_step = tf.placeholder(tf.int64, [], "first_step")

        # AutoGraph has nothing to convert here, and would wrap a UserError in one of its own.
        @tf.autograph.experimental.do_not_convert
        def batch_at(number):
            positions = number * recipe.batch_size + tf.range(recipe.batch_size, dtype=tf.int64)
            chosen = tf.gather(members, shuffled(positions, len(members), seed))
            draw = tf.stack([tf.constant(seed, tf.int64), number])
            pictures, learnt = tf.numpy_function(read, [chosen], [tf.uint8, tf.float32])
            pictures.set_shape([recipe.batch_size, *data["size"]])
            learnt.set_shape([recipe.batch_size, len(data["classes"])])
            learnt = drawn(learnt, draw) if draws else learnt
            return mixed(prepare(pictures, recipe, data, seed=draw), learnt, recipe, draw)

        steps = tf.data.Dataset.counter(first_step)
        batches = steps.map(batch_at, num_parallel_calls=1, deterministic=True).prefetch(2)
        iterator = tf.data.make_initializable_iterator(batches)
        images, learnt = iterator.get_next()

    def start(session):
        session.run(iterator.initializer, {first_step: session.run(step)})

    return Pipeline(images, learnt, start, lambda: None)
