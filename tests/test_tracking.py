"""Who is who from frame to frame, and smoothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf import tracking
from fer2013_tf.faces import Face


def face(x, y=0.0, side=10.0):
    return Face((x, y, x + side, y + side))


def one_hot(*classes):
    return [np.eye(3)[c] for c in classes]


def shown(smooth, answers):
    show = tracking.SMOOTHERS[smooth]()
    return [show(answer) for answer in answers]


def test_people_keep_their_numbers_while_they_move():
    people = tracking.People()
    for step in range(20):
        found = sorted([face(2.0 * step), face(100 - 2.0 * step, y=40)], key=lambda f: f.box)
        now = {person.number: person.face.box[1] for person in people.update(found)}
        assert now == {1: 0, 2: 40}


def test_who_leaves_for_a_moment_is_known_again_and_for_long_is_new():
    people = tracking.People()
    people.update([face(0), face(50)])
    for _ in range(tracking.PATIENCE - 1):
        assert [p.number for p in people.update([face(50)])] == [2]
        assert [p.number for p in people.present()] == [2]
    assert [p.number for p in people.update([face(0), face(50)])] == [1, 2]
    for _ in range(tracking.PATIENCE):
        people.update([face(50)])
    assert [p.number for p in people.update([face(0), face(50)])] == [3, 2]


def test_the_larger_overlap_wins():
    people = tracking.People()
    people.update([face(0), face(8)])
    assert [p.number for p in people.update([face(5), face(9)])] == [1, 2]


def test_the_mode_of_the_last_ten():
    answers = one_hot(*[0] * 6, *[1] * 20)
    said = [int(each.argmax()) for each in shown("mode", answers)]
    # Of 6 and 5 the older ones, of 5 and 5 the newest, and so on; ten are kept.
    assert said[:10] == [0] * 10 and said[11:] == [1] * 15


def test_the_mode_averages_those_that_say_so():
    last = shown("mode", [np.array([0.8, 0.2]), np.array([0.1, 0.9]), np.array([0.6, 0.4])])[-1]
    np.testing.assert_allclose(last, [0.7, 0.3])


def test_a_running_mean():
    first, second = shown("exponential", one_hot(0, 1))
    np.testing.assert_allclose(first, [1, 0, 0])
    np.testing.assert_allclose(second, [1 - tracking.WEIGHT, tracking.WEIGHT, 0])
    np.testing.assert_array_equal(shown("none", one_hot(0, 1, 2)), one_hot(0, 1, 2))


@given(
    st.sampled_from(sorted(tracking.SMOOTHERS)),
    st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=1, max_size=30),
)
def test_what_is_shown_stays_a_distribution(smooth, rows):
    answers = [np.array(row) / sum(row) for row in rows]
    for each in shown(smooth, answers):
        assert each.sum() == pytest.approx(1) and (each >= 0).all()
