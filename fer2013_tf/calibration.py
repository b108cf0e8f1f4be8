"""Probabilities that mean what they say: temperature scaling, and how far off they are (numpy
only).

A net's logits divided by one number, the temperature, give probabilities whose mean is the share of
right answers; which class is the likeliest does not change (Guo et al. 2017, On calibration of
modern neural networks). The temperature is fitted on PublicTest, after every epoch, and kept beside
the weights. An ensemble is the mean of its members' probabilities, each by its own temperature.
"""

import math

import numpy as np

BINS = 15
# Temperatures outside of this are no overconfidence, but a net that has learnt nothing.
LOWEST, HIGHEST = 0.05, 20.0
# The search ends where the bracket is narrower than this, as a share of the temperature.
PRECISION = 1e-4
_GOLDEN = (math.sqrt(5) - 1) / 2


def probabilities(logits, temperature=1.0):
    """softmax(logits / temperature): float [..., k] -> float64 [..., k]."""
    scaled = np.asarray(logits, np.float64) / temperature
    exponents = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def combined(logits, temperatures):
    """Members' logits over each picture's views [members, views, n, k] -> float64 [n, k].

    Each member's probabilities by its own temperature, their mean over views and members.
    """
    each = [probabilities(member, t).mean(axis=0) for member, t in zip(logits, temperatures)]
    return np.mean(each, axis=0)


def fit(logits, labels):
    """The temperature of the least cross-entropy: logits float [n, k], labels integers [n].

    The cross-entropy is convex in 1 / temperature, so a golden-section search finds its least.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if logits.ndim != 2 or len(logits) != len(labels) or not len(labels):
        raise ValueError(f"logits {logits.shape} and labels {labels.shape}: expected [n, k], [n]")
    of_truth = logits[np.arange(len(labels)), labels]

    def loss(logarithm):
        scale = math.exp(-logarithm)
        largest = logits.max(axis=1)
        rest = np.exp(scale * (logits - largest[:, None])).sum(axis=1)
        return (np.log(rest) + scale * (largest - of_truth)).mean()

    low, high = math.log(LOWEST), math.log(HIGHEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > PRECISION:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return math.exp((low + high) / 2)


def reliability(chances, labels, bins=BINS):
    """How often answers of some confidence are right: a dict a bin of equal width, empty ones too.

    chances: float [n, k], labels: integers [n]. Returns [{"low", "high": bounds of the confidence,
    "n", "confidence": its mean, "accuracy": share right}]; the means of an empty bin are None.
    """
    chances, labels = np.asarray(chances), np.asarray(labels)
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows = []
    for number in range(bins):
        inside = which == number
        count = int(inside.sum())
        means = [float(v[inside].mean()) if count else None for v in (confidence, right)]
        bounds = {"low": number / bins, "high": (number + 1) / bins}
        rows.append({**bounds, "n": count, "confidence": means[0], "accuracy": means[1]})
    return rows


def expected_error(rows):
    """Expected calibration error, 0..1: mean over pictures of their bin's |confidence -
    accuracy|."""
    total = sum(row["n"] for row in rows)
    gaps = (row["n"] * abs(row["confidence"] - row["accuracy"]) for row in rows if row["n"])
    return float(sum(gaps) / total)
