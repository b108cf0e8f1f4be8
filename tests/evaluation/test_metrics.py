import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fer2013_tf.evaluation import metrics
from fer2013_tf.utils import constants
from tests import csv_files

CLASSES = ("a", "b", "c")
KEYS = {"n", "accuracy", "ci95", "accuracy_dedup", "n_dedup", "loss", "confusion"}
KEYS |= {"per_class", "averages"}
# A busy machine is no failure.
no_deadline = settings(deadline=None)
MATRIX = [[3, 1, 0], [0, 0, 0], [2, 0, 4]]


def normalized(weights):
    return weights / weights.sum(axis=-1, keepdims=True)


@st.composite
def ensembles(draw):
    """Return members' probabilities float64 [m, n, k] with ties: eighths, then normalized."""
    shape = tuple(draw(st.integers(low, 5)) for low in (1, 1, 2))
    eighths = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 8)))
    eighths[..., 0] += eighths.sum(axis=-1) == 0
    return normalized(eighths.astype(float))


@st.composite
def predictions(draw):
    """Return the number of classes, labels and predicted classes [n]."""
    classes, n = draw(st.integers(1, 6)), draw(st.integers(0, 40))
    column = hnp.arrays(np.int64, n, elements=st.integers(0, classes - 1))
    return classes, draw(column), draw(column)


# Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
@pytest.mark.parametrize(
    ("correct", "n", "lo", "hi"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_accuracy_interval_published_values(correct, n, lo, hi):
    assert metrics.accuracy_interval(correct, n) == pytest.approx((lo, hi), abs=5e-5)


@no_deadline
@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_accuracy_interval_solves_the_score_equation(case):
    correct, n = case
    lo, hi = metrics.accuracy_interval(correct, n)
    assert 0 <= lo <= correct / n <= hi <= 1
    for end in (lo, hi):
        distance = (correct / n - end) ** 2
        assert distance == pytest.approx(metrics.Z95**2 * end * (1 - end) / n, abs=1e-12)


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_accuracy_interval_impossible_counts(correct, n):
    with pytest.raises(ValueError, match=f"{correct} correct of {n}"):
        metrics.accuracy_interval(correct, n)


@no_deadline
@given(predictions())
def test_confusion_counts_every_pair(case):
    classes, labels, predicted = case
    matrix = metrics.confusion(labels, predicted, classes)
    by_hand = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(by_hand, (labels, predicted), 1)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, by_hand)


def test_confusion_rows_are_the_true_class():
    assert metrics.confusion([0, 0, 1], [1, 1, 0], 2).tolist() == [[0, 2], [1, 0]]


@pytest.mark.parametrize(
    ("labels", "predicted", "message"),
    [
        ([0, 3], [0, 0], r"labels\[1\] is 3, expected 0\.\.2"),
        ([0, 1], [-1, 0], r"predicted\[0\] is -1, expected 0\.\.2"),
        ([0.0, 1.0], [0, 0], "labels are float64"),
        ([[0]], [0], r"labels are int64 \(1, 1\)"),
        ([0, 1], [0], "predicted have length 1, but there are 2 labels"),
    ],
)
def test_confusion_malformed_input_named(labels, predicted, message):
    with pytest.raises(ValueError, match=message):
        metrics.confusion(labels, predicted, 3)


def test_per_class_undefined_figures_are_zero():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = metrics.per_class(MATRIX, CLASSES)
    assert figures["a"] == {
        "precision": 0.6,
        "recall": 0.75,
        "f1": pytest.approx(2 / 3),
        "support": 4,
    }
    assert figures["b"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert figures["c"] == {
        "precision": 1.0,
        "recall": pytest.approx(2 / 3),
        "f1": 0.8,
        "support": 6,
    }


def test_averages_alike_and_by_support():
    found = metrics.averages(metrics.per_class(MATRIX, CLASSES))
    assert found["macro"] == {
        "precision": pytest.approx((0.6 + 0 + 1) / 3),
        "recall": pytest.approx((0.75 + 0 + 2 / 3) / 3),
        "f1": pytest.approx((2 / 3 + 0 + 0.8) / 3),
    }
    assert found["weighted"] == {
        "precision": pytest.approx((4 * 0.6 + 6 * 1) / 10),
        "recall": pytest.approx(0.7),  # the accuracy
        "f1": pytest.approx((4 * 2 / 3 + 6 * 0.8) / 10),
    }


def test_averages_without_images_are_zero():
    found = metrics.averages(metrics.per_class(np.zeros((3, 3)), CLASSES))
    assert set(found["weighted"].values()) == {0.0}


def test_per_class_other_number_of_classes():
    with pytest.raises(ValueError, match=r"shape \(3, 3\), but there are 2 classes"):
        metrics.per_class(MATRIX, CLASSES[:2])


def assert_largest(scores, predicted):
    """Assert that each predicted class has the largest score of its row, to rounding."""
    np.testing.assert_allclose(scores[np.arange(len(scores)), predicted], scores.max(axis=-1))


@no_deadline
@given(ensembles())
def test_combine_mean_takes_the_largest_sum(members):
    assert_largest(sum(members), metrics.combine(members, "mean"))


@no_deadline
@given(ensembles())
def test_combine_vote_ties_broken_by_summed_probability(members):
    for image, winner in enumerate(metrics.combine(members, "vote")):
        votes = np.bincount(members[:, image].argmax(axis=-1), minlength=members.shape[-1])
        assert votes[winner] == votes.max()
        rivals = members[:, image].sum(axis=0)[votes == votes.max()]
        assert members[:, image, winner].sum() == pytest.approx(rivals.max(), abs=1e-12)


def test_combine_vote_four_unsure_beat_three_certain():
    members = np.array([[[0.51, 0.49]]] * 4 + [[[0.0, 1.0]]] * 3)
    assert metrics.combine(members, "vote").tolist() == [0]
    assert metrics.combine(members, "mean").tolist() == [1]


def test_evaluate_predicted_other_than_most_probable():
    probabilities = [[0.6, 0.4], [0.6, 0.4]]
    result = metrics.evaluate(probabilities, [0, 1], ("a", "b"), predicted=[1, 1])
    assert result["confusion"] == [[0, 1], [0, 1]] and result["accuracy"] == 0.5
    assert result["loss"] == pytest.approx(-np.log(0.6 * 0.4) / 2)


def test_combine_unknown_lists_the_known():
    with pytest.raises(ValueError, match="'median'; known: mean, vote"):
        metrics.combine(np.ones((1, 1, 1)), "median")


def test_cross_entropy_by_hand():
    probabilities = [[0.5, 0.5], [0.25, 0.75]]
    assert metrics.cross_entropy(probabilities, [0, 1]) == pytest.approx(-np.log(0.375) / 2)


def test_cross_entropy_impossible_class_is_finite():
    assert metrics.cross_entropy([[1.0, 0.0]], [1]) == pytest.approx(-np.log(1e-12))


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([[0.5, np.nan]], [0], r"probabilities\[0, 1\] is nan"),
        ([[1.5, -0.5]], [0], r"probabilities\[0, 1\] is -0.5"),
        ([[0.5, 0.5], [3.0, 4.0]], [0, 0], r"probabilities\[1\] sum to 7, expected 1"),
        ([0.5, 0.5], [0], r"probabilities have shape \(2,\), expected \[n, k\]"),
        (np.zeros((0, 2)), [], r"shape \(0, 2\)"),
        ([[0.5, 0.5]], [0, 1], "probabilities have length 1, but there are 2 labels"),
        ([[0.5, 0.5]], [2], r"labels\[0\] is 2, expected 0\.\.1"),
    ],
)
def test_cross_entropy_malformed_input_named(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        metrics.cross_entropy(probabilities, labels)


def test_evaluate_by_hand():
    probabilities = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0]]
    result = metrics.evaluate(
        np.array(probabilities, np.float32),
        np.array([0, 1, 2, 2], np.int32),
        CLASSES,
        duplicated=np.array([True, False, False, False]),
    )
    assert json.loads(json.dumps(result)) == result
    assert set(result) == KEYS
    assert (result["n"], result["accuracy"]) == (4, 0.75)
    assert (result["n_dedup"], result["accuracy_dedup"]) == (3, pytest.approx(2 / 3))
    assert result["ci95"] == list(metrics.accuracy_interval(3, 4))
    assert result["loss"] == pytest.approx(-np.log(0.8 * 0.7 * 0.3) / 4, rel=1e-6)
    assert result["confusion"] == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert result["per_class"] == metrics.per_class(result["confusion"], CLASSES)


@pytest.mark.parametrize(("duplicated", "expected"), [(None, (None, None)), ([True], (None, 0))])
def test_evaluate_without_duplicates(duplicated, expected):
    result = metrics.evaluate([[0.5, 0.5]], [0], ("a", "b"), duplicated=duplicated)
    assert (result["accuracy_dedup"], result["n_dedup"]) == expected


@pytest.mark.parametrize(
    ("classes", "duplicated", "message"),
    [
        ("a", None, "1 classes, but probabilities of 2"),
        ("abc", None, "3 classes, but probabilities of 2"),
        ("ab", [True], "duplicated have length 1, but there are 2 labels"),
        ("ab", [1, 0], "duplicated is int64"),
    ],
)
def test_evaluate_mismatch_named(classes, duplicated, message):
    with pytest.raises(ValueError, match=message):
        metrics.evaluate([[0.9, 0.1], [0.5, 0.5]], [0, 1], classes, duplicated=duplicated)


def test_evaluate_agrees_with_scikit_learn():
    reference = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    labels, k = random.integers(0, 7, 300), len(constants.FER2013)
    probabilities = normalized(random.dirichlet(np.ones(k), 300) + np.eye(k)[labels] / 3)
    predicted = probabilities.argmax(axis=1)
    result = metrics.evaluate(probabilities, labels, constants.FER2013)
    expected = reference.precision_recall_fscore_support(labels, predicted, labels=range(k))
    found = [list(figures.values()) for figures in result["per_class"].values()]
    np.testing.assert_allclose(np.transpose(found), expected)
    np.testing.assert_array_equal(
        result["confusion"], reference.confusion_matrix(labels, predicted)
    )
    assert result["loss"] == pytest.approx(reference.log_loss(labels, probabilities))


@csv_files.FEW
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(first_alone, second_alone):
    reference = pytest.importorskip("scipy.stats")
    first = np.array([True] * first_alone + [False] * second_alone + [True] * 5, bool)
    second = np.array([False] * first_alone + [True] * second_alone + [True] * 5, bool)
    n = first_alone + second_alone
    expected = reference.binomtest(first_alone, n).pvalue if n else 1.0
    assert metrics.mcnemar(first, second) == pytest.approx(expected, rel=1e-6)


def test_mcnemar_of_many_images():
    first, second = np.zeros((2, 9000), bool)
    first[:4000], second[4000:] = True, True
    assert 0 < metrics.mcnemar(first, second) < 1e-20
