"""The tf.data input, and what every picture goes through on its way into a net.

    pipeline = inputs.build(folder, recipe, seed=seed, step=global_step)
    pipeline.start(session)        # from the session's global step on
    ... pipeline.images, pipeline.labels ...
    pipeline.stop()

`queue_inputs.build` has the same signature and the same `Pipeline`.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from fer2013_tf import augment, emotions, records
from fer2013_tf.errors import UserError
from fer2013_tf.shards import Shards

SCALINGS = ("unit", "mean", "picture")


class Pipeline(NamedTuple):
    """Endless batches of augmented, standardised Training pictures."""

    images: tf.Tensor  # float32 [batch, height, width, 1]
    labels: tf.Tensor  # int64 [batch]
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
    "picture" gives each picture mean 0 and deviation 1 (a constant picture becomes 0).
    """
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

    recipe: has equalise, augment, fill, scaling. data: has mean and deviation of Training.
    """
    if recipe.equalise:
        images = equalise(images)
    if seed is None:
        pixels = tf.cast(images[..., tf.newaxis], tf.float32)
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


def build(folder, recipe, *, seed, step):
    """The Training split, read where it lies. step: the graph's global step variable."""
    data = records.load(folder)
    shards = Shards(folder, emotions.TRAINING)
    with tf.device("/cpu:0"), tf.name_scope("input"):
        first_step = tf.placeholder(tf.int64, [], "first_step")

        # AutoGraph has nothing to convert here, and would wrap a UserError in one of its own.
        @tf.autograph.experimental.do_not_convert
        def batch_at(number):
            positions = number * recipe.batch_size + tf.range(recipe.batch_size, dtype=tf.int64)
            chosen = shuffled(positions, len(shards), seed)
            draw = tf.stack([tf.constant(seed, tf.int64), number])
            pictures, labels = tf.numpy_function(shards.read, [chosen], [tf.uint8, tf.int64])
            pictures.set_shape([recipe.batch_size, *data["size"]])
            labels.set_shape([recipe.batch_size])
            return prepare(pictures, recipe, data, seed=draw), labels

        steps = tf.data.Dataset.counter(first_step)
        batches = steps.map(batch_at, num_parallel_calls=1, deterministic=True).prefetch(2)
        iterator = tf.data.make_initializable_iterator(batches)
        images, targets = iterator.get_next()

    def start(session):
        session.run(iterator.initializer, {first_step: session.run(step)})

    return Pipeline(images, targets, start, lambda: None)
