"""Calibration and its error: exact values, and that fitting finds the least."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer2013_tf import calibration, metrics


def drawn(temperature, n=4000, k=7, seed=0):
    """(logits, labels): labels drawn from the probabilities that `temperature` gives the logits."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 3, (n, k))
    chances = calibration.probabilities(logits, temperature)
    return logits, (chances.cumsum(axis=1) > draw.random((n, 1))).argmax(axis=1)


def test_probabilities_are_the_softmax_of_scaled_logits():
    logits = np.log([[1.0, 2.0, 5.0]])
    np.testing.assert_allclose(calibration.probabilities(logits), [[0.125, 0.25, 0.625]])
    squared = np.array([1.0, 4.0, 25.0])
    half = calibration.probabilities(logits, (0.5,))
    np.testing.assert_allclose(half, [squared / squared.sum()])
    huge = calibration.probabilities(np.array([[1000.0, -1000.0]]))
    np.testing.assert_allclose(huge, [[1.0, 0.0]])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature):
    fitted = calibration.fit(*drawn(temperature, n=20_000))
    assert fitted.temperatures == pytest.approx([temperature] * 7, rel=0.1)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.3, 3.0))
def test_no_other_temperature_has_less_cross_entropy(seed, temperature):
    logits, labels = drawn(temperature, n=900, seed=seed)
    fitted = calibration.fit(logits, labels).temperatures
    often = np.bincount(logits.argmax(axis=1), minlength=7) >= calibration.FEWEST

    def loss(t):
        return metrics.cross_entropy(calibration.probabilities(logits, t), labels)

    for answer in np.flatnonzero(often):
        for factor in (0.9, 0.99, 1.01, 1.1):
            other = np.where(np.arange(7) == answer, factor, 1.0) * fitted
            assert loss(fitted) <= loss(other) + 1e-9
    assert len({t for t, o in zip(fitted, often) if not o}) <= 1


def test_scaling_keeps_every_answer_and_mends_calibration():
    logits, labels = drawn(2.5)
    scaled = calibration.probabilities(logits, *calibration.fit(logits, labels))
    plain = calibration.probabilities(logits)
    assert (scaled.argmax(axis=1) == plain.argmax(axis=1)).all()
    before, after = (
        calibration.expected_error(calibration.reliability(chances, labels))
        for chances in (plain, scaled)
    )
    assert before > 0.1 and after < 0.03


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.floats(0.01, 0.5), st.integers(2, 9))
def test_smoothing_is_taken_off_exactly(seed, smoothing, k):
    chances = np.random.default_rng(seed).dirichlet(np.ones(k), 20)
    # Where little is left of a class, what is left is `LEFT`.
    chances = np.maximum(chances, 0.5 * smoothing / k)
    chances /= chances.sum(axis=1, keepdims=True)
    smoothed = (1 - smoothing) * chances + smoothing / k
    logits = np.log(smoothed) + 3
    mended = calibration.probabilities(logits, smoothing=smoothing)
    np.testing.assert_allclose(mended, chances, rtol=1e-6)
    assert (calibration.unsmoothed(logits, 0.0) == logits).all()


def test_what_got_less_than_smoothing_gives_keeps_little_and_answers_stay():
    logits = np.array([[9.0, 0.0, -50.0], [0.1, 0.0, 0.2]])
    mended = calibration.probabilities(logits, smoothing=0.3)
    assert mended[0, 0] > 0.98 and mended[0, 1] == mended[0, 2] > 0.004
    assert (mended.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_the_temperature_is_fitted_to_what_is_left():
    logits, labels = drawn(1.0)
    smoothed = np.log(0.8 * calibration.probabilities(logits) + 0.2 / 7)
    assert calibration.fit(smoothed, labels, 0.2).temperatures == pytest.approx([1] * 7, rel=0.3)
    errors = [
        calibration.expected_error(
            calibration.reliability(calibration.probabilities(smoothed, *fitted), labels)
        )
        for fitted in (calibration.fit(smoothed, labels, e) for e in (0.0, 0.2))
    ]
    assert errors[1] < 0.02 < errors[0]


def test_each_answer_has_its_temperature_and_a_rare_one_that_of_all():
    sure, unsure = (drawn(t, n=6000, k=3, seed=s) for t, s in ((1.0, 1), (3.0, 2)))
    keep, more = sure[0].argmax(axis=1) == 0, unsure[0].argmax(axis=1) == 1
    rare = (sure[0].argmax(axis=1) == 2).nonzero()[0][: calibration.FEWEST - 1]
    logits, labels = (np.concatenate([a[keep], b[more], a[rare]]) for a, b in zip(sure, unsure))
    first, second, third = calibration.fit(logits, labels).temperatures
    assert first == pytest.approx(1.0, rel=0.15) and second == pytest.approx(3.0, rel=0.15)
    assert first < third < second
    chances = calibration.probabilities(logits, (first, second, third))
    alone = calibration.probabilities(sure[0][keep], (first,))
    np.testing.assert_allclose(chances[: keep.sum()], alone)


def test_fit_stays_within_bounds_where_all_is_right_or_nothing_is_known():
    right = 5 * np.eye(3)
    for logits, bound in ((right, calibration.LOWEST), (-right, calibration.HIGHEST)):
        fitted = calibration.fit(logits, [0, 1, 2])
        assert fitted.temperatures == pytest.approx([bound] * 3, rel=1e-3)
    with pytest.raises(ValueError, match="expected"):
        calibration.fit(np.zeros((0, 7)), [])


def test_bins_and_error_by_hand():
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.45, 0.55]])
    rows = calibration.reliability(chances, [0, 1, 0, 1], bins=2)
    assert [row["n"] for row in rows] == [0, 4] and rows[0]["accuracy"] is None
    assert rows[1]["accuracy"] == 0.75 and rows[1]["confidence"] == pytest.approx(0.7125)
    assert calibration.expected_error(rows) == pytest.approx(0.75 - 0.7125)
    # A confidence on an edge falls into the bin below it, certainty into the last.
    rows = calibration.reliability(np.array([[0.5, 0.5], [1.0, 0.0]]), [0, 0], bins=2)
    assert [row["n"] for row in rows] == [1, 1]


def test_an_ensemble_is_the_mean_over_members_and_views_each_scaled():
    logits = np.random.default_rng(0).normal(size=(2, 2, 5, 3))
    first, second = (
        np.mean([calibration.probabilities(view, (t,)) for view in member], axis=0)
        for member, t in zip(logits, (0.5, 2.0))
    )
    np.testing.assert_allclose(
        calibration.combined(logits, [((0.5,), 0.0), ((2.0,), 0.0)]), (first + second) / 2
    )
