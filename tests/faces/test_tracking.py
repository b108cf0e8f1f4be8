"""Tracks across frames, and smoothing of their probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf.faces import tracking
from fer2013_tf.faces.alignment import Face


def face(x, y=0.0, side=10.0):
    return Face((x, y, x + side, y + side))


def one_hot(*classes):
    return [np.eye(3)[c] for c in classes]


def smoothed(smoothing, frames):
    smooth = tracking.SMOOTHERS[smoothing]()
    return [smooth(probabilities) for probabilities in frames]


def test_update_of_moving_faces_keeps_their_tracks():
    tracker = tracking.Tracker()
    for step in range(20):
        found = sorted([face(2.0 * step), face(100 - 2.0 * step, y=40)], key=lambda f: f.box)
        now = {track.number: track.face.box[1] for track in tracker.update(found)}
        assert now == {1: 0, 2: 40}


def test_update_after_a_gap_continues_the_track_and_after_a_long_one_begins_another():
    tracker = tracking.Tracker()
    tracker.update([face(0), face(50)])
    for _ in range(tracking.MAX_MISSED - 1):
        assert [t.number for t in tracker.update([face(50)])] == [2]
        assert [t.number for t in tracker.visible()] == [2]
    assert [t.number for t in tracker.update([face(0), face(50)])] == [1, 2]
    for _ in range(tracking.MAX_MISSED):
        tracker.update([face(50)])
    assert [t.number for t in tracker.update([face(0), face(50)])] == [3, 2]


def test_update_prefers_the_larger_overlap():
    tracker = tracking.Tracker()
    tracker.update([face(0), face(8)])
    assert [t.number for t in tracker.update([face(5), face(9)])] == [1, 2]


def test_mode_is_of_the_last_ten_frames():
    frames = one_hot(*[0] * 6, *[1] * 20)
    classes = [int(each.argmax()) for each in smoothed("mode", frames)]
    # Of 6 and 5 the older ones, of 5 and 5 the newest, and so on; ten are kept.
    assert classes[:10] == [0] * 10 and classes[11:] == [1] * 15


def test_mode_averages_the_frames_of_its_class():
    last = smoothed("mode", [np.array([0.8, 0.2]), np.array([0.1, 0.9]), np.array([0.6, 0.4])])[-1]
    np.testing.assert_allclose(last, [0.7, 0.3])


def test_exponential_and_none_by_hand():
    first, second = smoothed("exponential", one_hot(0, 1))
    np.testing.assert_allclose(first, [1, 0, 0])
    np.testing.assert_allclose(second, [1 - tracking.WEIGHT, tracking.WEIGHT, 0])
    np.testing.assert_array_equal(smoothed("none", one_hot(0, 1, 2)), one_hot(0, 1, 2))


@given(
    st.sampled_from(sorted(tracking.SMOOTHERS)),
    st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=1, max_size=30),
)
def test_smoothers_give_a_distribution(smoothing, rows):
    frames = [np.array(row) / sum(row) for row in rows]
    for each in smoothed(smoothing, frames):
        assert each.sum() == pytest.approx(1) and (each >= 0).all()


def test_after_the_end_faces_at_the_same_place_begin_other_tracks():
    tracker = tracking.Tracker()
    tracker.update([face(0), face(50)])
    tracker.end()
    assert tracker.visible() == []
    assert [t.number for t in tracker.update([face(0), face(50)])] == [3, 4]
