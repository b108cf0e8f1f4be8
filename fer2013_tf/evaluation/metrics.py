"""Compute exact metrics of a whole split: accuracy with interval, confusion, loss (numpy only).

Throughout: probabilities float [n, k], rows summing to 1; labels integers [n] in 0..k-1; confusion
int64 [k, k], rows = true class, columns = predicted class. Nothing here averages batch means.
Malformed input raises ValueError naming what is wrong.
"""

import math

import numpy as np

Z95 = 1.959963984540054  # 97.5 % quantile of the standard normal distribution
SMALLEST_PROBABILITY = 1e-12
# The p-value below which a difference counts as more than chance.
SIGNIFICANT = 0.05


def accuracy_interval(correct, n):
    """Compute the 95 % score interval of a proportion: (lo, hi), 0 <= lo <= correct / n <= hi <= 1.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if n < 1 or not 0 <= correct <= n:
        raise ValueError(f"{correct} correct of {n}: expected 0 <= correct <= n and n >= 1")
    accuracy, square = correct / n, Z95**2
    center = accuracy + square / (2 * n)
    half = Z95 * math.sqrt(accuracy * (1 - accuracy) / n + square / (4 * n * n))
    lo, hi = ((center + side * half) / (1 + square / n) for side in (-1, 1))
    # Rounding may put an end a last digit past its bound where every or no prediction is correct.
    return min(accuracy, max(0.0, lo)), max(accuracy, min(1.0, hi))


def confusion(labels, predicted, num_classes):
    """Count pairs of true and predicted classes: integers [n] -> int64 [k, k], rows = true."""
    labels = _checked_labels("labels", labels, num_classes)
    predicted = _checked_labels("predicted", predicted, num_classes)
    _check_lengths("predicted", predicted, labels)
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.astype(np.int64).reshape(num_classes, num_classes)


def per_class(confusion, classes):
    """Compute {name: {"precision", "recall", "f1": 0..1, "support": images}} of confusion [k, k].

    Undefined values (of a class never predicted, or without images) are 0.
    """
    matrix = np.asarray(confusion, dtype=np.int64)
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(
            f"confusion has shape {matrix.shape}, but there are {len(classes)} classes"
        )
    hits, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall = _ratio(hits, predicted), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + predicted)
    rows = zip(precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return {
        name: dict(zip(("precision", "recall", "f1", "support"), row, strict=True))
        for name, row in zip(classes, rows, strict=True)
    }


def averages(figures):
    """Compute the means over the classes of what `per_class` returns.

    Returns {"macro", "weighted": {"precision", "recall", "f1": 0..1}}: each class alike, and each
    by its support, as scikit-learn's classification_report has them. Both are 0 without images.
    """
    support = np.array([of_class["support"] for of_class in figures.values()], dtype=float)
    weights = {
        "macro": np.full(len(support), 1 / len(support)),
        "weighted": support / max(support.sum(), 1),
    }
    columns = {
        key: np.array([of_class[key] for of_class in figures.values()])
        for key in ("precision", "recall", "f1")
    }
    return {
        name: {key: float(column @ weight) for key, column in columns.items()}
        for name, weight in weights.items()
    }


def combine(probabilities, how):
    """Return the classes that an ensemble predicts, int64 [n].

    probabilities: of m members, float [m, n, k]. how: "mean" takes the largest mean probability;
    "vote" counts each member's predicted class and breaks ties by the summed probability.
    """
    probabilities = _checked_probabilities(probabilities, dimensions=3)
    mean = probabilities.mean(axis=0)
    if how == "mean":
        return mean.argmax(axis=-1)
    if how != "vote":
        raise ValueError(f"unknown way to combine: {how!r}; known: mean, vote")
    winners = probabilities.argmax(axis=-1)[..., None]
    votes = (winners == np.arange(mean.shape[-1])).sum(axis=0)
    # Half a mean probability never makes up for a whole vote, and orders equal counts.
    return (votes + mean / 2).argmax(axis=-1)


def cross_entropy(probabilities, labels):
    """Compute the mean of -log p(true class) in nats; p is clipped to 1e-12..1: at most 27.6."""
    probabilities, labels = _checked_pair(probabilities, labels)
    of_truth = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(of_truth, SMALLEST_PROBABILITY, 1.0)).mean())


def mcnemar(first, second):
    """Test whether two classifiers differ by more than chance on the same images: p-value, 0..1.

    first, second: bool [n], True where a prediction is correct. The exact two-sided test of McNemar
    (1947): of the images that only one of them predicts correctly, each should have half.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    _check_lengths("second", second, first)
    alone = int((first & ~second).sum()), int((second & ~first).sum())
    n, fewer = sum(alone), min(alone)
    # Logarithms: the binomials of a few thousand images are beyond a float's range.
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(fewer + 1)
    ]
    tail = sum(math.exp(value - n * math.log(2)) for value in logs)
    return min(1.0, 2 * tail)


def evaluate(probabilities, labels, classes, *, predicted=None, duplicated=None):
    """Compute all metrics of one split, as plain Python values, ready for JSON.

    Args:
        probabilities: float [n, k]. labels: integers [n]. classes: the k names.
        predicted: predicted classes, integers [n]; None for the most probable ones.
        duplicated: bool [n], True for images that Training has too; None if not known.

    Returns {"n", "accuracy", "ci95": [lo, hi], "accuracy_dedup", "n_dedup", "loss", "confusion",
    "per_class", "averages"}; the two `dedup` values are over the images that are not duplicated
    (both None where `duplicated` is None; the accuracy of no image is None).
    """
    probabilities, labels = _checked_pair(probabilities, labels)
    if len(classes) != probabilities.shape[-1]:
        known, found = len(classes), probabilities.shape[-1]
        raise ValueError(f"{known} classes, but probabilities of {found}")
    if predicted is None:
        predicted = probabilities.argmax(axis=-1)
    matrix = confusion(labels, predicted, len(classes))
    correct = np.asarray(predicted) == labels
    accuracy_dedup, n_dedup = _without_duplicated(correct, duplicated)
    return {
        "n": len(labels),
        "accuracy": float(correct.mean()),
        "ci95": list(accuracy_interval(int(correct.sum()), len(labels))),
        "accuracy_dedup": accuracy_dedup,
        "n_dedup": n_dedup,
        "loss": cross_entropy(probabilities, labels),
        "confusion": matrix.tolist(),
        "per_class": (figures := per_class(matrix, classes)),
        "averages": averages(figures),
    }


def _without_duplicated(correct, duplicated):
    if duplicated is None:
        return None, None
    duplicated = np.asarray(duplicated)
    if duplicated.dtype != bool or duplicated.ndim != 1:
        raise ValueError(f"duplicated is {duplicated.dtype} {duplicated.shape}, expected bool [n]")
    _check_lengths("duplicated", duplicated, correct)
    kept = correct[~duplicated]
    return (float(kept.mean()) if kept.size else None), int(kept.size)


def _ratio(parts, wholes):
    return np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)


def _checked_pair(probabilities, labels):
    """Return probabilities float64 [n, k] and labels int64 [n] that belong together, n >= 1."""
    probabilities = _checked_probabilities(probabilities, dimensions=2)
    labels = _checked_labels("labels", labels, probabilities.shape[-1])
    _check_lengths("probabilities", probabilities, labels)
    return probabilities, labels


def _checked_probabilities(probabilities, dimensions):
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != dimensions or 0 in probabilities.shape:
        wanted = "[n, k]" if dimensions == 2 else "[members, n, k]"
        raise ValueError(
            f"probabilities have shape {probabilities.shape}, expected {wanted}, none 0"
        )
    unusable = ~np.isfinite(probabilities) | (probabilities < 0)
    if unusable.any():
        where = np.argwhere(unusable)[0].tolist()
        value = probabilities[tuple(where)]
        raise ValueError(f"probabilities{where} is {value}, expected finite and not negative")
    # Wide enough for bfloat16 outputs, narrow enough to notice logits.
    sums = probabilities.sum(axis=-1)
    wrong = np.abs(sums - 1) > 0.02
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise ValueError(f"probabilities{where} sum to {sums[tuple(where)]:.4g}, expected 1")
    return probabilities


def _checked_labels(name, labels, num_classes):
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise ValueError(f"{name} are {labels.dtype} {labels.shape}, expected integers [n]")
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        where = int(outside.argmax())
        raise ValueError(f"{name}[{where}] is {labels[where]}, expected 0..{num_classes - 1}")
    return labels.astype(np.int64)


def _check_lengths(name, values, labels):
    if len(values) != len(labels):
        raise ValueError(f"{name} have length {len(values)}, but there are {len(labels)} labels")
