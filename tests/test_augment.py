"""Augmentations: per picture, exact where they can be, repeatable, and none without a chain."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from fer2013_tf import augment
from fer2013_tf.errors import UserError


def apply(images, chain, *, seed=(1, 2), fill="nearest"):
    with tf.Graph().as_default(), tf.Session() as session:
        seed = tf.constant(seed, tf.int64)
        out = augment.apply(tf.constant(images), chain, seed=seed, fill=fill)
        return session.run(out)[..., 0]


@pytest.fixture(scope="module")
def same():
    """64 copies of one random picture: what differs afterwards was drawn for each by itself."""
    picture = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    return np.repeat(picture[np.newaxis], 64, axis=0)


def test_no_chain_changes_nothing(same):
    np.testing.assert_array_equal(apply(same, "none"), same)


def test_flip_is_exact_and_by_picture(same):
    flipped = apply(same, "flip(0.5)")
    mirrored = [np.array_equal(f, s[:, ::-1]) for f, s in zip(flipped, same)]
    straight = [np.array_equal(f, s) for f, s in zip(flipped, same)]
    assert all(m != s for m, s in zip(mirrored, straight))
    assert 16 <= sum(mirrored) <= 48


@pytest.mark.parametrize("chance, count", [(0.0, 0), (1.0, 64)])
def test_flip_probability(same, chance, count):
    flipped = apply(same, f"flip({chance})")
    assert sum(np.array_equal(f, s[:, ::-1]) for f, s in zip(flipped, same)) == count


@pytest.mark.parametrize("chain", ["rotate(0.5)", "zoom(0.2)", "shift(0.1)"])
def test_every_picture_gets_its_own_draw(same, chain):
    assert len({f.tobytes() for f in apply(same, chain)}) == 64


def test_draws_repeat_with_the_seed_and_differ_without(same):
    chain = "flip(0.5) | rotate(0.3) | zoom(0.1) | shift(0.1)"
    first = apply(same, chain, seed=(5, 7))
    np.testing.assert_array_equal(first, apply(same, chain, seed=(5, 7)))
    assert not np.array_equal(first, apply(same, chain, seed=(5, 8)))
    assert not np.array_equal(first, apply(same, chain, seed=(6, 7)))


def matrices(chain, n=2000, size=(48, 48)):
    from fer2013_tf import specs

    with tf.Graph().as_default(), tf.Session() as session:
        seed = tf.constant([1, 2], tf.int64)
        return session.run(augment.transforms(specs.parse_chain(chain), n, size, seed))


def test_rotation_is_uniform_in_the_range_and_keeps_the_centre():
    rotation = matrices("rotate(0.5)")
    angles = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    assert -0.5 <= angles.min() < -0.49 and 0.49 < angles.max() < 0.5
    assert abs(angles.mean()) < 0.02 and abs(angles.std() - 1 / np.sqrt(12)) < 0.01
    np.testing.assert_allclose(rotation @ [23.5, 23.5, 1], [[23.5, 23.5, 1]] * 2000, atol=1e-4)


def test_zoom_and_shift_ranges():
    factors = matrices("zoom(0.2)")[:, 0, 0]
    assert 0.8 <= factors.min() < 0.81 and 1.19 < factors.max() < 1.2
    moves = matrices("shift(0.1)", size=(48, 96))
    across, down = moves[:, 0, 2], moves[:, 1, 2]
    assert 9.4 < np.abs(across).max() <= 9.6 and 4.7 < np.abs(down).max() <= 4.8
    assert abs(np.corrcoef(across, down)[0, 1]) < 0.1


def test_two_of_a_kind_draw_apart():
    twice = matrices("rotate(0.5) | rotate(0.5)")
    once = matrices("rotate(0.5)")
    doubled = np.arctan2(once[:, 1, 0], once[:, 0, 0]) * 2
    assert not np.allclose(np.arctan2(twice[:, 1, 0], twice[:, 0, 0]), doubled)


def test_fills(same):
    bright = np.full_like(same, 200)
    assert apply(bright, "shift(0.4)", fill="constant").min() == 0
    assert apply(bright, "shift(0.4)", fill="nearest").min() == 200
    assert apply(bright, "shift(0.4)", fill="reflect").min() == 200


@pytest.mark.parametrize(
    "chain, fill, word",
    [
        ("spin(1)", "nearest", "unknown augmentation 'spin'; known: flip, rotate, shift, zoom"),
        ("flip(0.5, 0.5)", "nearest", "takes 1 options"),
        ("flip(p=0.5)", "nearest", "no option 'p'"),
        ("flip(0.5)", "wrap", "known: nearest, reflect, constant"),
    ],
)
def test_refusals(same, chain, fill, word):
    with pytest.raises(UserError) as caught:
        apply(same, chain, fill=fill)
    assert word in str(caught.value)
