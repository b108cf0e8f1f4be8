"""The two input pipelines, the order of images, and what images go through."""

import numpy as np
import pytest

from fer2013_tf.data import records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.evaluation import eval_graph
from fer2013_tf.preprocessing import image_ops, input_pipeline, mixup, targets
from fer2013_tf.training import train_graph
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf
from tests import toy


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    toy.write_records(folder, images=40)
    return folder


def batches(folder, recipe, count, *, start=0, kind="tfdata", seed=3):
    """[(images, labels)] of some batches of a pipeline that starts at a step."""
    with tf.Graph().as_default():
        step = tf.train.create_global_step()
        pipeline = train_graph.INPUTS[kind](records.RecordSet(folder), recipe, seed=seed, step=step)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(step.assign(start))
            pipeline.start(session)
            try:
                fetches = [pipeline.images, tf.argmax(pipeline.targets, axis=1)]
                return [session.run(fetches) for _ in range(count)]
            finally:
                pipeline.stop()


@pytest.mark.parametrize("kind", ["tfdata", "queue"])
def test_images_keep_their_labels(records_dir, kind):
    faces = records.RecordSet(records_dir).read("Training")
    known = {image.tobytes(): label for image, label in zip(faces.images, faces.labels)}
    plain = toy.recipe(*toy.PLAIN, "scaling=unit")
    for images, labels in batches(records_dir, plain, 5, kind=kind):
        assert images.shape == (16, 48, 48, 1) and images.dtype == np.float32
        for image, label in zip(np.rint(images[..., 0] * 255).astype(np.uint8), labels):
            assert known[image.tobytes()] == label


@pytest.mark.parametrize("kind", ["tfdata", "queue"])
def test_training_images_are_augmented(records_dir, kind):
    faces = records.RecordSet(records_dir).read("Training")
    known = {image.tobytes() for image in faces.images}
    turned = toy.recipe(*toy.PLAIN, "augment=rotate(0.5)", "scaling=unit")
    ((images, _),) = batches(records_dir, turned, 1, kind=kind)
    as_bytes = [i.tobytes() for i in np.rint(images[..., 0] * 255).astype(np.uint8)]
    assert not known & set(as_bytes)


def test_every_epoch_holds_each_image_once_in_another_order():
    n = 1000
    with tf.Graph().as_default(), tf.Session() as session:
        positions = tf.range(3 * n, dtype=tf.int64)
        one, other = session.run([input_pipeline.shuffled(positions, n, s) for s in (1, 2)])
    epochs = one.reshape(3, n)
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    both = [*epochs, other[:n], np.arange(n)]
    for first in range(len(both)):
        for second in range(first):
            assert abs(np.corrcoef(both[first], both[second])[0, 1]) < 0.15
    assert all(abs(np.corrcoef(epoch[:-1], epoch[1:])[0, 1]) < 0.15 for epoch in epochs)


def test_a_pipeline_started_later_meets_the_same_batches(records_dir):
    recipe = toy.recipe("batch_size=16", "augment=flip(0.5) | rotate(0.3)")
    whole = batches(records_dir, recipe, 6)
    later = batches(records_dir, recipe, 2, start=4)
    for (images, labels), (same_images, same_labels) in zip(whole[4:], later):
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(labels, same_labels)
    other = batches(records_dir, recipe, 1, seed=4)
    assert not np.array_equal(other[0][0], whole[0][0])


def test_a_batch_may_be_larger_than_the_split(records_dir):
    recipe = toy.recipe(*toy.PLAIN, "batch_size=100", "scaling=unit")
    ((images, labels),) = batches(records_dir, recipe, 1)
    counts = np.bincount(np.unique(images.reshape(100, -1), axis=0, return_inverse=True)[1].ravel())
    assert len(labels) == 100 and sorted(set(counts)) == [2, 3]


def through(function, images):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(tf.constant(images)))


def equalized(image):
    """The textbook's formula (also OpenCV's), image by image."""
    below = np.searchsorted(np.sort(image.ravel()), np.arange(256), side="right")
    lowest = below[image.min()]
    return np.rint((below[image] - lowest) / (image.size - lowest) * 255)


def test_equalize():
    draw = np.random.default_rng(2)
    images = np.stack([draw.integers(low, low + 60, (48, 48)) for low in (0, 90, 190)])
    images = images.astype(np.uint8)
    ours = through(image_ops.equalize, images)
    assert ours.dtype == np.uint8 and ours.min() == 0 and ours.max() == 255
    for own, image in zip(ours, images):
        assert np.abs(own - equalized(image)).max() <= 1  # ties of rounding


def test_equalize_leaves_a_constant_image_constant():
    ours = through(image_ops.equalize, np.full((1, 48, 48), 77, np.uint8))
    assert len(np.unique(ours)) == 1


def gaussian_blurred(image, sigma):
    """Blur by the definition; the border is mirrored, its pixels twice."""
    reach = int(np.ceil(2 * sigma))
    line = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    padded = np.pad(image.astype(float), reach, mode="symmetric")
    for axis in (0, 1):
        padded = np.apply_along_axis(np.convolve, axis, padded, line / line.sum(), mode="valid")
    return np.rint(padded)


def test_blur_is_fixed_and_comes_before_equalizing():
    images = np.random.default_rng(5).integers(0, 256, (2, 12, 9)).astype(np.uint8)
    ours = through(lambda fed: image_ops.blur(fed, 0.7), images)
    assert ours.dtype == np.uint8 and ours.shape == images.shape
    for own, image in zip(ours, images):
        assert np.abs(own.astype(int) - gaussian_blurred(image, 0.7)).max() <= 1  # ties of rounding
    recipe = toy.recipe("blur=0.7", "equalize=true", "scaling=none")
    data = {"mean": 0.0, "std": 1.0}
    both = through(lambda fed: image_ops.prepare(fed, recipe, data), images)
    np.testing.assert_array_equal(both[..., 0], through(image_ops.equalize, ours))


def test_blur_of_color_and_of_images_that_are_too_small():
    images = np.random.default_rng(5).integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)
    ours = through(lambda fed: image_ops.blur(fed, 1.0), images)
    assert ours.shape == images.shape
    for channel in range(3):
        expected = gaussian_blurred(images[0, ..., channel], 1.0)
        assert np.abs(ours[0, ..., channel].astype(int) - expected).max() <= 1
    with pytest.raises(UserError, match="blur of 5 pixels: wider than images of"):
        through(lambda fed: image_ops.blur(fed, 5.0), images)


@pytest.mark.parametrize("scaling", image_ops.SCALINGS)
def test_standardize(scaling):
    pixels = np.random.default_rng(3).integers(0, 256, (5, 8, 8, 1)).astype(np.float32)
    got = through(lambda x: image_ops.standardize(x, scaling, mean=100.0, std=50.0), pixels)
    if scaling == "unit":
        np.testing.assert_allclose(got, pixels / 255, rtol=1e-6)
    elif scaling == "none":
        np.testing.assert_array_equal(got, pixels)
    elif scaling == "mean":
        np.testing.assert_allclose(got, (pixels - 100) / 50, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_allclose(got.mean(axis=(1, 2, 3)), 0, atol=1e-6)
        np.testing.assert_allclose(got.std(axis=(1, 2, 3)), 1, rtol=1e-4)


def test_a_constant_image_stays_finite():
    black = np.zeros((1, 8, 8, 1), np.float32)
    got = through(lambda x: image_ops.standardize(x, "per_image", mean=0, std=1), black)
    np.testing.assert_array_equal(got, black)


def test_evaluation_is_fed_the_images_as_they_are(records_dir):
    """No augmentation, whatever the recipe has for training."""
    recipe = toy.recipe("augment=flip(1.0) | rotate(0.5) | translate(0.2)", "scaling=unit")
    images = records.RecordSet(records_dir).read("PublicTest").images
    data = {"classes": list("abcdefg"), "size": [48, 48], "mean": 100.0, "std": 50.0}
    evaluation = eval_graph.build_eval(recipe, data)
    fed = next(op for op in evaluation.graph.get_operations() if op.type == "Conv2D").inputs[0]
    with tf.Session(graph=evaluation.graph) as session:
        got = session.run(fed, {evaluation.images: images})
    np.testing.assert_allclose(got[..., 0], images / 255.0, rtol=1e-6)


def test_unknown_scaling_is_refused():
    with pytest.raises(UserError, match="scaling='log'; known: unit, mean, per_image"):
        image_ops.standardize(None, "log", mean=0, std=1)


def damage(folder, tmp_path, change):
    """A copy of the records whose first Training shard went through `change`."""
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    shard = sorted(copy.glob("Training-*.tfrecord"))[0]
    change(shard)
    return copy, shard


@pytest.mark.parametrize("kind", ["tfdata", "queue"])
@pytest.mark.parametrize(
    "change, word",
    [
        (lambda shard: shard.unlink(), "missing"),
        (lambda shard: shard.write_bytes(b""), "empty (0 bytes)"),
        (lambda shard: shard.write_bytes(shard.read_bytes()[:-7]), "expected"),
    ],
)
def test_a_missing_empty_or_truncated_shard_is_named(records_dir, tmp_path, kind, change, word):
    copy, shard = damage(records_dir, tmp_path, change)
    with pytest.raises(UserError) as caught:
        batches(copy, toy.recipe(), 1, kind=kind)
    assert str(shard) in str(caught.value) and word in str(caught.value)


@pytest.mark.parametrize("kind", ["tfdata", "queue"])
def test_a_flipped_byte_is_found(records_dir, tmp_path, kind):
    def flip_byte(shard):
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 0xFF
        shard.write_bytes(bytes(data))

    copy, shard = damage(records_dir, tmp_path, flip_byte)
    with pytest.raises(UserError, match="damaged record"):
        batches(copy, toy.recipe(), 3, kind=kind)


def numbers(function, *arrays):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(*(tf.constant(array) for array in arrays)))


def test_classes_are_drawn_by_their_shares():
    shares = np.tile(np.array([[0.0, 0.2, 0.5, 0.3]], np.float32), (4000, 1))
    made = [
        numbers(lambda s, n=n: targets.sample_labels(s, tf.constant([3, n], tf.int64)), shares)
        for n in (0, 0, 1)
    ]
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])
    assert set(np.unique(made[0])) == {0.0, 1.0} and (made[0].sum(axis=1) == 1).all()
    np.testing.assert_allclose(made[0].mean(axis=0), [0, 0.2, 0.5, 0.3], atol=0.03)


def test_drawn_takes_no_class_of_no_share():
    # Sums that miss one by a last digit must not draw the class behind.
    shares = np.tile(np.array([[0.1] * 3 + [0.7 - 1e-6, 0.0]], np.float32), (5000, 1))
    made = numbers(lambda s: targets.sample_labels(s, tf.constant([1, 2], tf.int64)), shares)
    assert (made[:, 4] == 0).all() and (made.sum(axis=1) == 1).all()


def test_mixup_mixes_images_and_targets_alike():
    images = np.random.default_rng(0).normal(size=(62, 6, 6, 1)).astype(np.float32)
    targets = np.eye(7, dtype=np.float32)[np.arange(62) % 7]
    recipe = toy.recipe("mixup=0.4")
    mix = lambda i, t: mixup.mix(i, t, recipe, tf.constant([1, 2], tf.int64))  # noqa: E731
    mixed, learnt = numbers(mix, images, targets)
    np.testing.assert_allclose(learnt.sum(axis=1), 1, atol=1e-5)
    share = learnt[np.arange(62), np.arange(62) % 7][:, None, None, None]
    expected = share * images + (1 - share) * np.roll(images, 1, axis=0)
    np.testing.assert_allclose(mixed, expected, atol=1e-4)
    assert share.min() < 0.2 and share.max() > 0.8


def test_votes_are_learnt_by_the_scheme_and_others_left_out(tmp_path):
    votes = [[8, 2, 0, 0, 0, 0, 0, 0, 0, 0], [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]] * 8
    draw = np.random.default_rng(0)
    with records.Writer(tmp_path, classes=constants.FERPLUS) as writer:
        for row, voted in enumerate(votes, start=1):
            pixels = draw.integers(0, 256, (48, 48), dtype=np.uint8)
            writer.add(LabeledImage(pixels, 0, "Training", row, "toy", np.array(voted)))
        writer.commit()

    def learnt(scheme, kind="tfdata"):
        recipe = toy.recipe(*toy.PLAIN, f"labels={scheme}")
        with tf.Graph().as_default():
            step = tf.train.create_global_step()
            record_set = records.RecordSet(tmp_path)
            pipeline = train_graph.INPUTS[kind](record_set, recipe, seed=1, step=step)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                pipeline.start(session)
                return {tuple(row) for row in np.round(session.run(pipeline.targets), 3).tolist()}

    one, two, rest = [1.0, 0.0], [0.5, 0.5], [0.0] * 6
    assert learnt("hard") == learnt("majority") == {(*one, *rest)}
    assert learnt("distribution") == {(*one, *rest), (*two, *rest)}
    assert learnt("sampled") == {(*one, *rest), (0.0, 1.0, *rest)}
    with pytest.raises(UserError, match="the queue input takes the records' own labels"):
        learnt("majority", "queue")
    with pytest.raises(UserError, match="unknown labels 'most'; known: distribution"):
        learnt("most")


def test_schemes_need_votes(records_dir):
    with pytest.raises(UserError, match="no votes in these records"):
        batches(records_dir, toy.recipe(*toy.PLAIN, "labels=majority"), 1)
