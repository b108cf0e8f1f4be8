"""The queue-runner input of TensorFlow 1.x: string_input_producer, TFRecordReader, shuffle_batch.

`build` has the signature of `input_pipeline.build`. The order of images depends on the threads, so
a resumed run meets other batches than an uninterrupted one. Use `--input tfdata` where runs must
repeat.
"""

from fer2013_tf.data import example, ferplus
from fer2013_tf.preprocessing import image_ops, input_pipeline, mixup
from fer2013_tf.utils import constants, exact_paths
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

# Images in the shuffle queue: enough to mix classes, little memory (20 MB of 48x48 images).
MIN_AFTER_DEQUEUE = 8192


def build(record_set, recipe, *, seed, step):
    """Return the `Pipeline` of a `records.RecordSet`'s Training images, through queues.

    step: the graph's global step variable. Raises UserError for labels other than "hard".
    """
    data = record_set.manifest
    if recipe.labels != ferplus.HARD:
        raise UserError(
            f"labels={recipe.labels}: the queue input takes the records' own labels; "
            "use --input tfdata"
        )
    paths = [exact_paths.exact(path) for path in record_set.shard_paths(constants.TRAINING)]
    queued = min(MIN_AFTER_DEQUEUE, record_set.size(constants.TRAINING))
    with tf.device("/cpu:0"), tf.name_scope("input"):
        names = tf.train.string_input_producer(paths, seed=seed)
        _, serialized = tf.TFRecordReader().read(names)
        batch = tf.train.shuffle_batch(
            [serialized],
            recipe.batch_size,
            capacity=queued + 4 * recipe.batch_size,
            min_after_dequeue=queued,
            seed=seed,
        )
        pixels, labels, _ = example.parse(batch, data["size"])
        pixels.set_shape([recipe.batch_size, *data["size"]])
        batch_seed = tf.stack([tf.constant(seed, tf.int64), step.read_value()])
        labels.set_shape([recipe.batch_size])
        targets = tf.one_hot(labels, len(data["classes"]))
        prepared = image_ops.prepare(pixels, recipe, data, seed=batch_seed)
        images, targets = mixup.mix(prepared, targets, recipe, batch_seed)
    coordinator = tf.train.Coordinator()
    threads = []

    def start(session):
        threads.extend(tf.train.start_queue_runners(session, coordinator))

    def stop():
        coordinator.request_stop()
        try:
            coordinator.join(threads, stop_grace_period_secs=10)
        except tf.errors.DataLossError as error:
            raise UserError(
                f"{record_set}: damaged record ({error.message}); run make_records"
            ) from None

    return input_pipeline.Pipeline(images, targets, start, stop)
