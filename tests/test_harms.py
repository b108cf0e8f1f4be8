"""Harms: exact values on small pictures, and what holds for any picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fer2013_tf import harms, specs
from fer2013_tf.errors import UserError

SHAPES = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9), st.sampled_from([0, 3]))
PICTURES = SHAPES.flatmap(
    lambda shape: arrays.arrays(np.uint8, shape[:3] if not shape[3] else shape)
)
STRENGTHS = [tried.spec(strength) for tried in harms.TRIED for strength in tried.strengths]
SQUARE = np.arange(16, dtype=np.uint8).reshape(1, 4, 4) * 16


def point(size, value=255):
    """A grey picture, black but for its middle."""
    image = np.zeros((1, size, size), np.uint8)
    image[0, size // 2, size // 2] = value
    return image


@pytest.mark.parametrize("spec", STRENGTHS, ids=str)
@settings(max_examples=20, deadline=None)
@given(images=PICTURES)
def test_shape_and_type_are_kept_and_the_given_is_not_touched(spec, images):
    before = images.copy()
    first, second = (harms.apply(spec, images) for _ in range(2))
    assert first.shape == images.shape and first.dtype == np.uint8
    assert (images == before).all() and (first == second).all()
    assert not np.shares_memory(first, images)


@pytest.mark.parametrize("name", harms.HARMS)
@settings(max_examples=20, deadline=None)
@given(images=PICTURES)
def test_without_strength_pictures_are_left_as_they_are(name, images):
    assert (harms.apply(specs.Spec(name), images) == images).all()


@pytest.mark.parametrize(
    "spec", [s for s in STRENGTHS if s.name not in ("noisy", "covered")], ids=str
)
@pytest.mark.parametrize("level", [0, 77, 255])
def test_an_even_picture_stays_even_but_for_noise_and_covers(spec, level):
    made = harms.apply(spec, np.full((2, 12, 12), level, np.uint8))
    assert (made == round(level * spec.options.get("factor", 1.0))).all()


def test_every_harm_is_tried_and_every_strength_fits_its_option():
    assert {tried.harm for tried in harms.TRIED} == set(harms.HARMS)
    for spec in STRENGTHS:
        harms.HARMS.resolve(spec)


def test_darkened_rounds():
    levels = np.array([[[0, 1, 101, 255]]], np.uint8)
    assert harms.darkened(levels, factor=0.5).tolist() == [[[0, 0, 50, 128]]]


def test_blurred_spreads_by_the_gaussian():
    made = harms.blurred(point(9), sigma=1.0)[0].astype(int)
    weights = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    weights /= weights.sum()
    expected = np.rint(255 * np.outer(weights, weights)).astype(int)
    assert (made[1:8, 1:8] == expected).all() and made[0].sum() == 0


def test_turned_by_a_right_angle_to_either_side():
    made = harms.turned(np.repeat(SQUARE, 16, axis=0), degrees=90.0)
    ways = [np.rot90(SQUARE[0], k).tolist() for k in (1, -1)]
    seen = {ways.index(image.tolist()) for image in made}
    assert seen == {0, 1}


def test_turned_by_a_few_degrees_moves_what_is_far_out():
    bar = np.zeros((1, 21, 21), np.uint8)
    bar[:, :, 10] = 255
    made = harms.turned(bar, degrees=20.0)[0]
    ends = sorted(int(made[row].argmax()) for row in (0, 20))
    # Ten pixels out, 20 degrees are 10 * tan(20) = 3.6 pixels aside, on opposite sides.
    assert ends[0] in (6, 7) and ends[1] in (13, 14)


def test_shrunk_forgets_what_is_small():
    checks = np.indices((1, 8, 8)).sum(axis=0).astype(np.uint8) % 2 * 200
    assert (harms.shrunk(checks, pixels=4) == 100).all()


def test_shrunk_keeps_the_proportions():
    halves = np.zeros((1, 4, 8), np.uint8)
    halves[:, 2:] = 200
    made = harms.shrunk(halves, pixels=4)
    assert made.shape == (1, 4, 8) and (made[0, 0] < made[0, 3]).all()


@pytest.mark.parametrize(
    "part, where",
    [
        ("upper", np.s_[:2]),
        ("lower", np.s_[3:]),
        ("left", np.s_[:, :2]),
        ("right", np.s_[:, 3:]),
    ],
)
def test_covered_hides_one_half(part, where):
    made = harms.covered(np.full((1, 5, 5), 9, np.uint8), part=part)[0]
    expected = np.full((5, 5), 9)
    expected[where] = harms.MID_GREY
    assert (made == expected).all()


def test_covered_knows_its_parts():
    with pytest.raises(UserError, match="part 'middle'; known: none, upper, lower, left, right"):
        harms.covered(SQUARE, part="middle")


def test_shifted_moves_one_way_and_repeats_the_edge():
    made = harms.shifted(np.repeat(SQUARE, 32, axis=0), pixels=1)
    padded = np.pad(SQUARE[0], 1, mode="edge")
    ways = {
        "down": padded[:4, 1:5],
        "up": padded[2:, 1:5],
        "right": padded[1:5, :4],
        "left": padded[1:5, 2:],
    }
    seen = {name for image in made for name, way in ways.items() if (image == way).all()}
    assert seen == set(ways)
    assert all(any((image == way).all() for way in ways.values()) for image in made)


def test_noise_has_the_deviation_asked_for():
    made = harms.noisy(np.full((4, 100, 100), 128, np.uint8), deviation=10.0).astype(float)
    assert made.mean() == pytest.approx(128, abs=0.3) and made.std() == pytest.approx(10, rel=0.03)
    other = harms.noisy(np.full((4, 100, 100), 128, np.uint8), deviation=10.0, seed=1)
    assert (made != other).any()
