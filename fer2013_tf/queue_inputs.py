"""The queue-runner input of the articles: string_input_producer, TFRecordReader, shuffle_batch.

Same signature as `inputs.build`. What it does not promise: the order of pictures depends on the
threads, so a resumed run meets other batches than an uninterrupted one. Use `--input tfdata` where
runs must repeat.
"""

from fer2013_tf import emotions, ferplus, inputs, records
from fer2013_tf.errors import UserError
from fer2013_tf.tensorflow1 import tf

# Pictures in the shuffle queue: enough to mix classes, little memory (20 MB of 48x48 pictures).
MIN_AFTER_DEQUEUE = 8192


def build(folder, recipe, *, seed, step):
    """The Training split through queues. step: the graph's global step variable."""
    data = records.load(folder)
    if recipe.labels != ferplus.HARD:
        raise UserError(
            f"labels={recipe.labels}: the queue input takes the records' own labels; "
            "use --input tfdata"
        )
    paths = records.shard_paths(folder, data, emotions.TRAINING)
    mixed = min(MIN_AFTER_DEQUEUE, records.split_size(data, emotions.TRAINING))
    with tf.device("/cpu:0"), tf.name_scope("input"):
        names = tf.train.string_input_producer(paths, seed=seed)
        _, serialised = tf.TFRecordReader().read(names)
        batch = tf.train.shuffle_batch(
            [serialised],
            recipe.batch_size,
            capacity=mixed + 4 * recipe.batch_size,
            min_after_dequeue=mixed,
            seed=seed,
        )
        pixels, labels, _ = records.parse(batch, data["size"])
        pixels.set_shape([recipe.batch_size, *data["size"]])
        draw = tf.stack([tf.constant(seed, tf.int64), step.read_value()])
        labels.set_shape([recipe.batch_size])
        targets = tf.one_hot(labels, len(data["classes"]))
        pictures = inputs.prepare(pixels, recipe, data, seed=draw)
        images, targets = inputs.mixed(pictures, targets, recipe, draw)
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
                f"{folder}: damaged record ({error.message}); run make_records"
            ) from None

    return inputs.Pipeline(images, targets, start, stop)
