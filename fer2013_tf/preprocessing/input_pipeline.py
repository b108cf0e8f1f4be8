"""The tf.data input: endless batches of augmented Training images.

    pipeline = input_pipeline.build(record_set, recipe, seed=seed, step=global_step)
    pipeline.start(session)        # from the session's global step on
    ... pipeline.images, pipeline.targets ...
    pipeline.stop()

`queue_runners.build` has the same signature and returns a `Pipeline` too.
"""

from collections.abc import Callable
from typing import NamedTuple

from fer2013_tf.preprocessing import image_ops, mixup, targets
from fer2013_tf.utils import constants, registry
from fer2013_tf.utils.tf1 import tf


class Pipeline(NamedTuple):
    """Endless batches of augmented, standardized Training images."""

    images: tf.Tensor  # float32 [batch, height, width, channels]
    targets: tf.Tensor  # float32 [batch, classes]: one-hot or soft labels, each row sums to one
    start: Callable  # start(session): begin at the session's global step
    stop: Callable  # stop(): end the threads


def shuffled(positions, n, seed):
    """Return the indices of the images at positions of an endless stream of n images.

    positions: int64 [m]. Returns int64 [m]. Every n positions are one epoch, which holds each image
    once, in an order of its own. The order is a function of position and seed alone, so that a
    resumed run meets the same images.
    """
    epochs = positions // n
    seeds = tf.stack(
        [tf.fill(tf.shape(epochs), tf.cast(seed, tf.int64)), epochs, 0 * epochs], axis=1
    )
    # With the 4 rounds that tf.random.experimental.index_shuffle takes, the orders of two epochs
    # are correlated by up to 0.45; with 16 no more than by chance.
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % n, seed=seeds, max_index=tf.constant(n - 1, tf.int64), rounds=16
    )


def build(record_set, recipe, *, seed, step):
    """Return the `Pipeline` of a `records.RecordSet`'s Training images.

    step: the graph's global step variable. Raises UserError where the recipe's labels do not fit.
    """
    training = record_set.split(constants.TRAINING)
    batch_of = _batch_of(record_set, training, recipe, seed)
    with tf.device("/cpu:0"), tf.name_scope("input"):
        first_step = tf.placeholder(tf.int64, [], "first_step")
        steps = tf.data.Dataset.counter(first_step)
        batches = steps.map(batch_of, num_parallel_calls=1, deterministic=True).prefetch(2)
        iterator = tf.data.make_initializable_iterator(batches)
        images, soft_labels = iterator.get_next()

    def start(session):
        session.run(iterator.initializer, {first_step: session.run(step)})

    return Pipeline(images, soft_labels, start, lambda: None)


def _batch_of(record_set, training, recipe, seed):
    """Return the function of a step's number that gives the batch of that step."""
    data = record_set.manifest
    classes = len(data["classes"])
    soft_labels, usable = targets.soft_labels(training, recipe.labels, classes, record_set)
    is_sampled = registry.parse(recipe.labels).name == targets.SAMPLED

    def read(chosen):
        return training.read(chosen)[0], soft_labels[chosen]

    # AutoGraph has nothing to convert here, and would wrap a UserError in one of its own.
    @tf.autograph.experimental.do_not_convert
    def batch_of(number):
        positions = number * recipe.batch_size + tf.range(recipe.batch_size, dtype=tf.int64)
        chosen = tf.gather(usable, shuffled(positions, len(usable), seed))
        batch_seed = tf.stack([tf.constant(seed, tf.int64), number])
        pixels, labels = tf.numpy_function(read, [chosen], [tf.uint8, tf.float32])
        pixels.set_shape([recipe.batch_size, *data["size"]])
        labels.set_shape([recipe.batch_size, classes])
        labels = targets.sample_labels(labels, batch_seed) if is_sampled else labels
        images = image_ops.prepare(pixels, recipe, data, seed=batch_seed)
        return mixup.mix(images, labels, recipe, batch_seed)

    return batch_of
