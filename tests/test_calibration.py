"""Temperature scaling and calibration error: exact values, and that fitting finds the least."""

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
    half = calibration.probabilities(logits, 0.5)
    np.testing.assert_allclose(half, [squared / squared.sum()])
    huge = calibration.probabilities(np.array([[1000.0, -1000.0]]))
    np.testing.assert_allclose(huge, [[1.0, 0.0]])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature):
    assert calibration.fit(*drawn(temperature)) == pytest.approx(temperature, rel=0.06)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.3, 3.0))
def test_no_other_temperature_has_less_cross_entropy(seed, temperature):
    logits, labels = drawn(temperature, n=300, seed=seed)
    fitted = calibration.fit(logits, labels)

    def loss(t):
        return metrics.cross_entropy(calibration.probabilities(logits, t), labels)

    assert all(loss(fitted) <= loss(fitted * factor) + 1e-9 for factor in (0.9, 0.99, 1.01, 1.1))


def test_scaling_keeps_every_answer_and_mends_calibration():
    logits, labels = drawn(2.5)
    scaled = calibration.probabilities(logits, calibration.fit(logits, labels))
    plain = calibration.probabilities(logits)
    assert (scaled.argmax(axis=1) == plain.argmax(axis=1)).all()
    before, after = (
        calibration.expected_error(calibration.reliability(chances, labels))
        for chances in (plain, scaled)
    )
    assert before > 0.1 and after < 0.03


def test_fit_stays_within_bounds_where_all_is_right_or_nothing_is_known():
    right = 5 * np.eye(3)
    assert calibration.fit(right, [0, 1, 2]) == pytest.approx(calibration.LOWEST, rel=1e-3)
    assert calibration.fit(-right, [0, 1, 2]) == pytest.approx(calibration.HIGHEST, rel=1e-3)
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
        np.mean([calibration.probabilities(view, t) for view in member], axis=0)
        for member, t in zip(logits, (0.5, 2.0))
    )
    np.testing.assert_allclose(calibration.combined(logits, [0.5, 2.0]), (first + second) / 2)
