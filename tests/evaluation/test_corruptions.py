"""Corruptions: exact values on small images, and properties of all images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fer2013_tf.evaluation import corruptions
from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError

SHAPES = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9), st.sampled_from([0, 3]))
IMAGES = SHAPES.flatmap(lambda shape: arrays.arrays(np.uint8, shape[:3] if not shape[3] else shape))
SPECS = [series.spec(severity) for series in corruptions.SERIES for severity in series.severities]
SQUARE = np.arange(16, dtype=np.uint8).reshape(1, 4, 4) * 16


def point(size, value=255):
    """Return a black image with one pixel of `value` in its center."""
    image = np.zeros((1, size, size), np.uint8)
    image[0, size // 2, size // 2] = value
    return image


@pytest.mark.parametrize("spec", SPECS, ids=str)
@settings(max_examples=20, deadline=None)
@given(images=IMAGES)
def test_apply_keeps_shape_and_type_and_copies(spec, images):
    before = images.copy()
    first, second = (corruptions.apply(spec, images) for _ in range(2))
    assert first.shape == images.shape and first.dtype == np.uint8
    assert (images == before).all() and (first == second).all()
    assert not np.shares_memory(first, images)


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
@settings(max_examples=20, deadline=None)
@given(images=IMAGES)
def test_apply_without_severity_keeps_images(name, images):
    assert (corruptions.apply(registry.Spec(name), images) == images).all()


@pytest.mark.parametrize(
    "spec", [s for s in SPECS if s.name not in ("gaussian_noise", "occlude")], ids=str
)
@pytest.mark.parametrize("value", [0, 77, 255])
def test_apply_keeps_constant_images_constant(spec, value):
    made = corruptions.apply(spec, np.full((2, 12, 12), value, np.uint8))
    assert (made == round(value * spec.options.get("factor", 1.0))).all()


def test_series_cover_all_corruptions_with_valid_options():
    assert {series.corruption for series in corruptions.SERIES} == set(corruptions.CORRUPTIONS)
    for spec in SPECS:
        corruptions.CORRUPTIONS.resolve(spec)


def test_darken_rounds():
    values = np.array([[[0, 1, 101, 255]]], np.uint8)
    assert corruptions.darken(values, factor=0.5).tolist() == [[[0, 0, 50, 128]]]


def test_gaussian_blur_of_a_point_is_the_gaussian():
    made = corruptions.gaussian_blur(point(9), sigma=1.0)[0].astype(int)
    weights = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    weights /= weights.sum()
    expected = np.rint(255 * np.outer(weights, weights)).astype(int)
    assert (made[1:8, 1:8] == expected).all() and made[0].sum() == 0


def test_rotate_right_angle_to_either_side():
    made = corruptions.rotate(np.repeat(SQUARE, 16, axis=0), degrees=90.0)
    rotated = [np.rot90(SQUARE[0], k).tolist() for k in (1, -1)]
    seen = {rotated.index(image.tolist()) for image in made}
    assert seen == {0, 1}


def test_rotate_few_degrees_moves_the_ends_of_a_bar():
    bar = np.zeros((1, 21, 21), np.uint8)
    bar[:, :, 10] = 255
    made = corruptions.rotate(bar, degrees=20.0)[0]
    ends = sorted(int(made[row].argmax()) for row in (0, 20))
    # Ten pixels out, 20 degrees are 10 * tan(20) = 3.6 pixels aside, on opposite sides.
    assert ends[0] in (6, 7) and ends[1] in (13, 14)


def test_downsample_averages_small_details():
    checks = np.indices((1, 8, 8)).sum(axis=0).astype(np.uint8) % 2 * 200
    assert (corruptions.downsample(checks, pixels=4) == 100).all()


def test_downsample_keeps_aspect_ratio():
    halves = np.zeros((1, 4, 8), np.uint8)
    halves[:, 2:] = 200
    made = corruptions.downsample(halves, pixels=4)
    assert made.shape == (1, 4, 8) and (made[0, 0] < made[0, 3]).all()


@pytest.mark.parametrize(
    "half, where",
    [
        ("upper", np.s_[:2]),
        ("lower", np.s_[3:]),
        ("left", np.s_[:, :2]),
        ("right", np.s_[:, 3:]),
    ],
)
def test_occlude_hides_one_half(half, where):
    made = corruptions.occlude(np.full((1, 5, 5), 9, np.uint8), half=half)[0]
    expected = np.full((5, 5), 9)
    expected[where] = corruptions.MID_GRAY
    assert (made == expected).all()


def test_occlude_unknown_half_lists_the_known():
    with pytest.raises(UserError, match="half 'middle'; known: none, upper, lower, left, right"):
        corruptions.occlude(SQUARE, half="middle")


def test_translate_one_direction_and_repeats_the_edge():
    made = corruptions.translate(np.repeat(SQUARE, 32, axis=0), pixels=1)
    padded = np.pad(SQUARE[0], 1, mode="edge")
    directions = {
        "down": padded[:4, 1:5],
        "up": padded[2:, 1:5],
        "right": padded[1:5, :4],
        "left": padded[1:5, 2:],
    }
    seen = {name for image in made for name, way in directions.items() if (image == way).all()}
    assert seen == set(directions)
    assert all(any((image == way).all() for way in directions.values()) for image in made)


def test_gaussian_noise_has_the_std_asked_for():
    made = corruptions.gaussian_noise(np.full((4, 100, 100), 128, np.uint8), std=10.0).astype(float)
    assert made.mean() == pytest.approx(128, abs=0.3) and made.std() == pytest.approx(10, rel=0.03)
    other = corruptions.gaussian_noise(np.full((4, 100, 100), 128, np.uint8), std=10.0, seed=1)
    assert (made != other).any()
