"""Cuts of videos."""

import numpy as np
import pytest

from fer2013_tf.faces import scene_cuts
from tests import videos


def scene(seed, at=0, size=(320, 240)):
    """Return a frame of a scene of smooth blobs, moved by `at` pixels: uint8 [h, w]."""
    width, height = size
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    total = np.zeros((height, width))
    for _ in range(12):
        left, top, radius = random.uniform((0, 0, 20), (width, height, 70))
        total += random.uniform(-1, 1) * np.exp(
            -((x + at - left) ** 2 + (y - top) ** 2) / radius**2
        )
    return np.clip(128 + 90 * total, 0, 255).astype(np.uint8)


def cuts_of(frames):
    cuts = scene_cuts.SceneCuts()
    return [number for number, frame in enumerate(frames) if cuts.found(frame)]


@pytest.mark.parametrize("seed", range(8))
def test_cut_between_two_scenes_is_found_once(seed):
    frames = [scene(2 * seed, 2 * n) for n in range(10)]
    frames += [scene(2 * seed + 1, 2 * n) for n in range(10)]
    assert cuts_of(frames) == [10]


def test_cut_right_after_the_first_frame_is_found():
    assert cuts_of([scene(0), scene(1), scene(1), scene(1)]) == [1]


@pytest.mark.parametrize("step", [0, 2, 10, 25])
def test_movement_is_no_cut(step):
    assert cuts_of([scene(0, step * n) for n in range(12)]) == []


@pytest.mark.parametrize("change", [lambda f: f // 3, lambda f: f // 2 + 120])
def test_light_that_changes_is_no_cut(change):
    frames = [scene(0, n) for n in range(20)]
    frames[10:14] = [change(frame) for frame in frames[10:14]]
    assert cuts_of(frames) == []


def test_noise_and_frames_that_stand_still_are_no_cut():
    random = np.random.default_rng(0)
    noisy = [scene(0) // 2 + random.integers(0, 60, (240, 320), np.uint8) for _ in range(12)]
    assert cuts_of(noisy) == [] and cuts_of([scene(0)] * 12) == []


def test_black_between_two_scenes_is_one_cut_each_way():
    black = [np.zeros((240, 320), np.uint8)] * 6
    assert cuts_of([scene(0)] * 6 + black + [scene(1)] * 6) == [6, 12]


def test_every_frame_of_a_slow_video_may_differ():
    """Of one frame in some seconds nothing tells a cut from movement, so faces go on by place."""
    found = cuts_of([scene(n) for n in range(30)])
    assert len([n for n in found if n > 8]) <= 2


def test_another_size_is_a_cut_and_tiny_frames_are_read():
    assert cuts_of([scene(0), scene(0, size=(318, 240)), scene(0)]) == [1, 2]
    assert cuts_of([videos.frame_of(n, (2, 1))[..., 0] for n in range(5)]) == []
