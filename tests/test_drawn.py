"""The embedded sample: what it holds, that it stays the same, that no linear model solves it."""

from collections import Counter

import numpy as np
import pytest

from fer2013_tf import emotions
from fer2013_tf.errors import UserError
from fer2013_tf.sources import drawn

# Mean and standard deviation of faces 1..7 of seed 2013. A change here is a new drawn.VERSION.
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
def faces():
    return list(drawn.open().faces())


def _few(**options):
    counts = {emotions.TRAINING: 7, emotions.PRIVATE_TEST: 7}
    return list(drawn.open(counts=counts, **options).faces())


def _split(faces, split):
    chosen = [face for face in faces if face.split == split]
    pixels = np.stack([face.pixels.ravel() for face in chosen]).astype(np.float32)
    return pixels, np.array([face.label for face in chosen])


def _linear_accuracies(train, test, steps=60, rate=0.03):
    """Softmax regression by Nesterov's gradient descent; test accuracy every tenth step.

    Stopping early stands in for L2, so the best of the steps is the best regularisation.
    """
    (pixels, labels), (test_pixels, test_labels) = train, test
    mean, deviation = pixels.mean(0), pixels.std(0) + 1e-3
    pixels, test_pixels = (pixels - mean) / deviation, (test_pixels - mean) / deviation
    targets = np.eye(len(emotions.FER2013), dtype=np.float32)[labels]
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
    assert drawn.sniff(None)
    assert not drawn.sniff(tmp_path)


def test_a_path_is_refused():
    with pytest.raises(UserError, match="faces.csv"):
        drawn.open("faces.csv")


def test_pictures_are_checked_faces(faces):
    size = emotions.PICTURE_SIZE
    assert {(face.pixels.shape, face.pixels.dtype) for face in faces} == {
        ((size, size), np.dtype("uint8"))
    }
    assert [face.row for face in faces] == list(range(1, len(faces) + 1))
    assert {face.where for face in faces} == {"drawn"}
    assert min(face.pixels.std() for face in faces) > 5


def test_splits_follow_each_other_with_all_classes_alike(faces):
    source = drawn.open()
    assert source.classes == emotions.FER2013
    assert source.total == len(faces) == sum(drawn.COUNTS.values())
    assert list(dict.fromkeys(face.split for face in faces)) == list(emotions.SPLITS)
    counts = Counter((face.split, face.label) for face in faces)
    for split, total in drawn.COUNTS.items():
        assert [counts[split, label] for label in range(7)] == [total // 7] * 7


def test_no_two_pictures_are_identical(faces):
    assert len({face.pixels.tobytes() for face in faces}) == len(faces)


def test_a_face_depends_on_seed_and_number_only(faces):
    for few, face in zip(_few(), faces):
        assert few.label == face.label
        np.testing.assert_array_equal(few.pixels, face.pixels)
    other = _few(seed=1)
    assert not any(np.array_equal(a.pixels, b.pixels) for a, b in zip(other, faces))


def test_digest_names_seed_and_counts():
    opened = [drawn.open(), drawn.open(seed=1), drawn.open(counts={emotions.TRAINING: 7})]
    assert len({source.sha256 for source in opened}) == 3
    assert drawn.open().sha256 == opened[0].sha256
    assert opened[2].description == {
        "format": "drawn",
        "version": drawn.VERSION,
        "seed": 2013,
        "counts": {"Training": 7, "PublicTest": 0, "PrivateTest": 0},
    }


def test_golden_faces(faces):
    # A tolerance, as another Pillow may round a polygon's edge differently.
    measured = [(face.pixels.mean(), face.pixels.std()) for face in faces[:7]]
    np.testing.assert_allclose(measured, GOLDEN, atol=0.3)


def test_a_linear_model_stays_under_70_percent(faces):
    train = _split(faces, emotions.TRAINING)
    test = _split(faces, emotions.PRIVATE_TEST)
    assert max(_linear_accuracies(train, test)) < 0.70
