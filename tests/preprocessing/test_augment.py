"""Augmentations: per image, exact where they can be, repeatable, and none without a chain."""

import numpy as np
import pytest

from fer2013_tf.preprocessing import augment
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf


def apply(images, chain, *, seed=(1, 2), fill_mode="nearest"):
    with tf.Graph().as_default(), tf.Session() as session:
        seed = tf.constant(seed, tf.int64)
        out = augment.apply(tf.constant(images), chain, seed=seed, fill_mode=fill_mode)
        return session.run(out)[..., 0]


@pytest.fixture(scope="module")
def same():
    """64 copies of one random image: what differs afterwards was drawn for each by itself."""
    image = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    return np.repeat(image[np.newaxis], 64, axis=0)


def test_no_chain_changes_nothing(same):
    np.testing.assert_array_equal(apply(same, "none"), same)


def test_flip_is_exact_and_by_image(same):
    flipped = apply(same, "flip(0.5)")
    mirrored = [np.array_equal(f, s[:, ::-1]) for f, s in zip(flipped, same)]
    straight = [np.array_equal(f, s) for f, s in zip(flipped, same)]
    assert all(m != s for m, s in zip(mirrored, straight))
    assert 16 <= sum(mirrored) <= 48


@pytest.mark.parametrize("chance, count", [(0.0, 0), (1.0, 64)])
def test_flip_probability(same, chance, count):
    flipped = apply(same, f"flip({chance})")
    assert sum(np.array_equal(f, s[:, ::-1]) for f, s in zip(flipped, same)) == count


@pytest.mark.parametrize(
    "chain",
    [
        "rotate(0.5)",
        "zoom(0.2)",
        "translate(0.1)",
        "shear(0.2)",
        "crop(0.2)",
        "brightness(0.5)",
        "contrast(0.5)",
        "noise(10.0)",
        "blur(1.5)",
        "cutout(side=8, probability=1.0)",
        "watermark(probability=1.0)",
    ],
)
def test_every_image_gets_its_own_draw(same, chain):
    assert len({f.tobytes() for f in apply(same, chain)}) == 64


def test_draws_repeat_with_the_seed_and_differ_without(same):
    chain = "flip(0.5) | rotate(0.3) | zoom(0.1) | translate(0.1)"
    first = apply(same, chain, seed=(5, 7))
    np.testing.assert_array_equal(first, apply(same, chain, seed=(5, 7)))
    assert not np.array_equal(first, apply(same, chain, seed=(5, 8)))
    assert not np.array_equal(first, apply(same, chain, seed=(6, 7)))


def matrices(chain, n=2000, size=(48, 48)):
    from fer2013_tf.utils import registry

    with tf.Graph().as_default(), tf.Session() as session:
        seed = tf.constant([1, 2], tf.int64)
        return session.run(augment.transforms(registry.parse_chain(chain), n, size, seed))


def test_rotation_is_uniform_in_the_range_and_keeps_the_center():
    rotation = matrices("rotate(0.5)")
    angles = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    assert -0.5 <= angles.min() < -0.49 and 0.49 < angles.max() < 0.5
    assert abs(angles.mean()) < 0.02 and abs(angles.std() - 1 / np.sqrt(12)) < 0.01
    np.testing.assert_allclose(rotation @ [23.5, 23.5, 1], [[23.5, 23.5, 1]] * 2000, atol=1e-4)


def test_zoom_and_shift_ranges():
    factors = matrices("zoom(0.2)")[:, 0, 0]
    assert 0.8 <= factors.min() < 0.81 and 1.19 < factors.max() < 1.2
    moves = matrices("translate(0.1)", size=(48, 96))
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
    assert apply(bright, "translate(0.4)", fill_mode="constant").min() == 0
    assert apply(bright, "translate(0.4)", fill_mode="nearest").min() == 200
    assert apply(bright, "translate(0.4)", fill_mode="reflect").min() == 200


@pytest.mark.parametrize(
    "chain, fill_mode, word",
    [
        ("spin(1)", "nearest", "unknown augmentation 'spin'; known: blur, brightness, contrast"),
        ("flip(0.5, 0.5)", "nearest", "takes 1 options"),
        ("flip(p=0.5)", "nearest", "no option 'p'"),
        ("flip(0.5)", "wrap", "known: nearest, reflect, constant"),
    ],
)
def test_refusals(same, chain, fill_mode, word):
    with pytest.raises(UserError) as caught:
        apply(same, chain, fill_mode=fill_mode)
    assert word in str(caught.value)


def test_brightness_and_contrast_by_their_formulas(same):
    bright = apply(same // 4, "brightness(0.5)")
    factors = bright[:, 20, 20] / (same[0, 20, 20] // 4)
    expected = (same // 4) * factors[:, None, None]
    np.testing.assert_allclose(bright, expected, rtol=1e-3, atol=1e-2)
    assert factors.min() >= 0.5 and factors.max() < 1.5
    flat = apply(same // 4 + 90, "contrast(0.5)")
    np.testing.assert_allclose(flat.mean(axis=(1, 2)), (same[0] // 4 + 90).mean(), rtol=1e-3)
    spread = flat.std(axis=(1, 2)) / (same[0] // 4).std()
    assert spread.min() >= 0.49 and spread.max() <= 1.51 and np.ptp(spread) > 0.3


def test_tones_stay_in_range(same):
    out = apply(same, "brightness(0.9) | noise(80.0) | contrast(0.9) | watermark(1.0)")
    assert out.min() >= 0 and out.max() <= 255


def test_cutout_blanks_one_square(same):
    chequered = np.zeros_like(same)
    chequered[:, ::2] = 255
    out = apply(chequered, "cutout(side=12, probability=1.0)")
    gone = (out == 127.5).sum(axis=(1, 2))
    assert np.isin(out, (0, 127.5, 255)).all()
    assert (gone <= 144).all() and (gone >= 36).all()
    np.testing.assert_array_equal(apply(same, "cutout(probability=0.0)"), same)


def test_crop_only_enlarges(same):
    from fer2013_tf.utils import registry

    with tf.Graph().as_default(), tf.Session() as session:
        seed = tf.constant([1, 2], tf.int64)
        made = session.run(
            augment.transforms(registry.parse_chain("crop(0.3)"), 500, (48, 48), seed)
        )
    corners = made @ np.array([[0, 0, 1], [47, 0, 1], [0, 47, 1], [47, 47, 1]]).T
    assert corners[:, :2].min() > -0.6 and corners[:, :2].max() < 47.6
    assert made[:, 0, 0].min() >= 0.7 and made[:, 0, 0].max() <= 1


def test_blur_keeps_the_mean_and_lessens_the_spread(same):
    out = apply(same, "blur(2.0)")
    np.testing.assert_allclose(out.mean(axis=(1, 2)), same[0].mean(), rtol=0.02)
    assert (out.std(axis=(1, 2)) <= same[0].std() + 1e-3).all()
    assert out.std(axis=(1, 2)).min() < 0.7 * same[0].std()


def test_colors_are_augmented_alike(same):
    """A gray image in three channels stays gray, and is what one channel gives."""
    chain = "rotate(0.3) | blur(1.0) | cutout(8) | watermark(0.5, probability=1.0) | contrast(0.2)"
    colored = np.repeat(same[:8, ..., np.newaxis], 3, axis=3)
    with tf.Graph().as_default(), tf.Session() as session:
        seed = tf.constant((1, 2), tf.int64)
        out = session.run(
            augment.apply(tf.constant(colored), chain, seed=seed, fill_mode="nearest")
        )
    assert out.shape == (8, 48, 48, 3)
    np.testing.assert_allclose(out[..., 0], out[..., 2], atol=1e-3)
    np.testing.assert_allclose(out[..., 0], apply(same[:8], chain), atol=1e-2)
