"""The synthetic sample: its contents, that it stays the same, that no linear model solves it."""

from collections import Counter

import numpy as np
import pytest

from fer2013_tf.data.readers import synthetic
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

# Mean and standard deviation of images 1..7 of seed 2013. A change here is a new synthetic.VERSION.
GOLDEN = [
    (151.56, 50.46),
    (157.70, 45.81),
    (89.12, 36.10),
    (163.35, 53.92),
    (102.94, 35.89),
    (124.09, 82.67),
    (124.68, 53.48),
]


@pytest.fixture(scope="module")
def images():
    return list(synthetic.open().examples())


def _few(**options):
    counts = {constants.TRAINING: 7, constants.PRIVATE_TEST: 7}
    return list(synthetic.open(counts=counts, **options).examples())


def _split(images, split):
    chosen = [image for image in images if image.split == split]
    pixels = np.stack([image.pixels.ravel() for image in chosen]).astype(np.float32)
    return pixels, np.array([image.label for image in chosen])


def _linear_accuracies(train, test, steps=60, rate=0.03):
    """Softmax regression by Nesterov's gradient descent; test accuracy every tenth step.

    Stopping early stands in for L2, so the best of the steps is the best regularization.
    """
    (pixels, labels), (test_pixels, test_labels) = train, test
    mean, std = pixels.mean(0), pixels.std(0) + 1e-3
    pixels, test_pixels = (pixels - mean) / std, (test_pixels - mean) / std
    targets = np.eye(len(constants.FER2013), dtype=np.float32)[labels]
    weights = np.zeros((pixels.shape[1], targets.shape[1]), np.float32)
    velocity = np.zeros_like(weights)
    for step in range(1, steps + 1):
        logits = pixels @ (weights + 0.9 * velocity)
        exp = np.exp(logits - logits.max(1, keepdims=True))
        gradient = pixels.T @ (exp / exp.sum(1, keepdims=True) - targets) / len(pixels)
        velocity = 0.9 * velocity - rate * gradient
        weights += velocity
        if step % 10 == 0:
            yield float(((test_pixels @ weights).argmax(1) == test_labels).mean())


def test_sniff_takes_only_no_path(tmp_path):
    assert synthetic.sniff(None)
    assert not synthetic.sniff(tmp_path)


def test_open_refuses_a_path():
    with pytest.raises(UserError, match="faces.csv"):
        synthetic.open("faces.csv")


def test_open_yields_checked_images(images):
    size = constants.IMAGE_SIZE
    assert {(image.pixels.shape, image.pixels.dtype) for image in images} == {
        ((size, size), np.dtype("uint8"))
    }
    assert [image.row for image in images] == list(range(1, len(images) + 1))
    assert {image.where for image in images} == {"synthetic"}
    assert min(image.pixels.std() for image in images) > 5


def test_open_has_all_classes_equally_often(images):
    source = synthetic.open()
    assert source.classes == constants.FER2013
    assert source.total == len(images) == sum(synthetic.COUNTS.values())
    assert list(dict.fromkeys(image.split for image in images)) == list(constants.SPLITS)
    counts = Counter((image.split, image.label) for image in images)
    for split, total in synthetic.COUNTS.items():
        assert [counts[split, label] for label in range(7)] == [total // 7] * 7


def test_draw_makes_no_two_identical_images(images):
    assert len({image.pixels.tobytes() for image in images}) == len(images)


def test_draw_depends_on_seed_and_number_only(images):
    for few, image in zip(_few(), images):
        assert few.label == image.label
        np.testing.assert_array_equal(few.pixels, image.pixels)
    other = _few(seed=1)
    assert not any(np.array_equal(a.pixels, b.pixels) for a, b in zip(other, images))


def test_open_has_a_digest_of_seed_and_counts():
    opened = [
        synthetic.open(),
        synthetic.open(seed=1),
        synthetic.open(counts={constants.TRAINING: 7}),
    ]
    assert len({source.sha256 for source in opened}) == 3
    assert synthetic.open().sha256 == opened[0].sha256
    assert opened[2].description == {
        "format": "synthetic",
        "version": synthetic.VERSION,
        "seed": 2013,
        "counts": {"Training": 7, "PublicTest": 0, "PrivateTest": 0},
    }


def test_draw_of_golden_images(images):
    # A tolerance, as another Pillow may round a polygon's edge differently.
    measured = [(image.pixels.mean(), image.pixels.std()) for image in images[:7]]
    np.testing.assert_allclose(measured, GOLDEN, atol=0.3)


def test_draw_leaves_a_linear_model_under_70_percent(images):
    train = _split(images, constants.TRAINING)
    test = _split(images, constants.PRIVATE_TEST)
    assert max(_linear_accuracies(train, test)) < 0.70
