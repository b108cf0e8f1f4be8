"""Calibration and its error: exact values, and that fitting finds the minimum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer2013_tf.evaluation import calibration, metrics


def sampled(temperature, n=4000, k=7, seed=0):
    """Return (logits, labels): labels sampled from the logits' probabilities at `temperature`."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (n, k))
    probabilities = calibration.probabilities(logits, temperature)
    return logits, (probabilities.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)


def test_probabilities_softmax_of_scaled_logits():
    logits = np.log([[1.0, 2.0, 5.0]])
    np.testing.assert_allclose(calibration.probabilities(logits), [[0.125, 0.25, 0.625]])
    squared = np.array([1.0, 4.0, 25.0])
    half = calibration.probabilities(logits, (0.5,))
    np.testing.assert_allclose(half, [squared / squared.sum()])
    huge = calibration.probabilities(np.array([[1000.0, -1000.0]]))
    np.testing.assert_allclose(huge, [[1.0, 0.0]])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_finds_temperature_of_sampled_labels(temperature):
    fitted = calibration.fit(*sampled(temperature, n=20_000))
    assert fitted.temperatures == pytest.approx([temperature] * 7, rel=0.1)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.3, 3.0))
def test_fit_no_other_temperature_has_less_cross_entropy(seed, temperature):
    logits, labels = sampled(temperature, n=900, seed=seed)
    fitted = calibration.fit(logits, labels).temperatures
    often = np.bincount(logits.argmax(axis=1), minlength=7) >= calibration.MIN_IMAGES

    def loss(t):
        return metrics.cross_entropy(calibration.probabilities(logits, t), labels)

    for predicted in np.flatnonzero(often):
        for factor in (0.9, 0.99, 1.01, 1.1):
            other = np.where(np.arange(7) == predicted, factor, 1.0) * fitted
            assert loss(fitted) <= loss(other) + 1e-9
    assert len({t for t, o in zip(fitted, often) if not o}) <= 1


def test_calibration_keeps_predicted_classes_and_lowers_ece():
    logits, labels = sampled(2.5)
    scaled = calibration.fit(logits, labels).probabilities(logits)
    plain = calibration.probabilities(logits)
    assert (scaled.argmax(axis=1) == plain.argmax(axis=1)).all()
    before, after = (
        calibration.ece(calibration.reliability(each, labels)) for each in (plain, scaled)
    )
    assert before > 0.1 and after < 0.03


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.floats(0.01, 0.5), st.integers(2, 9))
def test_undo_label_smoothing_exactly(seed, smoothing, k):
    expected = np.random.default_rng(seed).dirichlet(np.ones(k), 20)
    # Lower probabilities would become `FLOOR`.
    expected = np.maximum(expected, 0.5 * smoothing / k)
    expected /= expected.sum(axis=1, keepdims=True)
    smoothed = (1 - smoothing) * expected + smoothing / k
    logits = np.log(smoothed) + 3
    undone = calibration.probabilities(logits, smoothing=smoothing)
    np.testing.assert_allclose(undone, expected, rtol=1e-6)
    assert (calibration.undo_label_smoothing(logits, 0.0) == logits).all()


def test_undo_label_smoothing_keeps_floor_and_predicted_class():
    logits = np.array([[9.0, 0.0, -50.0], [0.1, 0.0, 0.2]])
    undone = calibration.probabilities(logits, smoothing=0.3)
    assert undone[0, 0] > 0.98 and undone[0, 1] == undone[0, 2] > 0.004
    assert (undone.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_fit_undoes_label_smoothing_first():
    logits, labels = sampled(1.0)
    smoothed = np.log(0.8 * calibration.probabilities(logits) + 0.2 / 7)
    assert calibration.fit(smoothed, labels, 0.2).temperatures == pytest.approx([1] * 7, rel=0.3)
    errors = [
        calibration.ece(calibration.reliability(fitted.probabilities(smoothed), labels))
        for fitted in (calibration.fit(smoothed, labels, e) for e in (0.0, 0.2))
    ]
    assert errors[1] < 0.02 < errors[0]


def test_fit_per_predicted_class_and_of_all_for_rare_one():
    sure, unsure = (sampled(t, n=6000, k=3, seed=s) for t, s in ((1.0, 1), (3.0, 2)))
    keep, more = sure[0].argmax(axis=1) == 0, unsure[0].argmax(axis=1) == 1
    rare = (sure[0].argmax(axis=1) == 2).nonzero()[0][: calibration.MIN_IMAGES - 1]
    logits, labels = (np.concatenate([a[keep], b[more], a[rare]]) for a, b in zip(sure, unsure))
    first, second, third = calibration.fit(logits, labels).temperatures
    assert first == pytest.approx(1.0, rel=0.15) and second == pytest.approx(3.0, rel=0.15)
    assert first < third < second
    together = calibration.probabilities(logits, (first, second, third))
    alone = calibration.probabilities(sure[0][keep], (first,))
    np.testing.assert_allclose(together[: keep.sum()], alone)


def test_fit_stays_within_bounds_where_all_or_nothing_is_correct():
    correct = 5 * np.eye(3)
    for logits, bound in (
        (correct, calibration.MIN_TEMPERATURE),
        (-correct, calibration.MAX_TEMPERATURE),
    ):
        fitted = calibration.fit(logits, [0, 1, 2])
        assert fitted.temperatures == pytest.approx([bound] * 3, rel=1e-3)
    with pytest.raises(ValueError, match="expected"):
        calibration.fit(np.zeros((0, 7)), [])


def test_reliability_and_ece_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.45, 0.55]])
    rows = calibration.reliability(probabilities, [0, 1, 0, 1], bins=2)
    assert [row["n"] for row in rows] == [0, 4] and rows[0]["accuracy"] is None
    assert rows[1]["accuracy"] == 0.75 and rows[1]["confidence"] == pytest.approx(0.7125)
    assert calibration.ece(rows) == pytest.approx(0.75 - 0.7125)
    # A confidence on an edge falls into the bin below it, certainty into the last.
    rows = calibration.reliability(np.array([[0.5, 0.5], [1.0, 0.0]]), [0, 0], bins=2)
    assert [row["n"] for row in rows] == [1, 1]


def test_ensemble_probabilities_mean_over_members_and_views():
    logits = np.random.default_rng(0).normal(size=(2, 2, 5, 3))
    first, second = (
        np.mean([calibration.probabilities(view, (t,)) for view in member], axis=0)
        for member, t in zip(logits, (0.5, 2.0))
    )
    np.testing.assert_allclose(
        calibration.ensemble_probabilities(
            logits, [calibration.Calibration((0.5,)), calibration.Calibration((2.0,))]
        ),
        (first + second) / 2,
    )
