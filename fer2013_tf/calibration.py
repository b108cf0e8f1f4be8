"""Probabilities that mean what they say: temperature scaling, and how far off they are (numpy
only).

A net's logits divided by one number, the temperature, give probabilities whose mean is the share of
right answers; which class is the likeliest does not change (Guo et al. 2017, On calibration of
modern neural networks). With some answers a net is surer than it should be, with others less, so
each answer has a temperature of its own. They are fitted on PublicTest, after every epoch, and kept
beside the weights. An ensemble is the mean of its members' probabilities, each by its own.

A net trained on smoothed labels answers with smoothed probabilities: never near 1, and too sure
where it is not sure. No temperature mends both, so the smoothing is taken off first.
"""

import math
from typing import NamedTuple

import numpy as np

BINS = 15
# An answer given less often than this has the temperature of all pictures together.
FEWEST = 100
# Temperatures outside of this are no overconfidence, but a net that has learnt nothing.
LOWEST, HIGHEST = 0.05, 20.0
# The search ends where the bracket is narrower than this, as a share of the temperature.
PRECISION = 1e-4
_GOLDEN = (math.sqrt(5) - 1) / 2
# Of what smoothing alone gives a class so much is left to one that got no more. Chosen on
# PublicTest, for recipe lenet, by the cross-entropy, which is much the same from 0.03 to 0.1.
LEFT = 0.05


class Calibration(NamedTuple):
    """What makes probabilities of a net's logits; as it stands here it changes nothing."""

    temperatures: tuple = (1.0,)  # one for all answers, or one for each class that is answered
    smoothing: float = 0.0  # of the labels that the net was trained on, see objective.softmax


def probabilities(logits, temperatures=(1.0,), smoothing=0.0):
    """softmax(unsmoothed(logits) / temperature of the answer): float [..., k] -> float64 [..., k].

    See `Calibration`; the answer is the class of the largest logit.
    """
    logits = unsmoothed(logits, smoothing)
    each = np.broadcast_to(temperatures, logits.shape[-1])
    scaled = logits / each[logits.argmax(axis=-1)][..., None]
    exponents = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def unsmoothed(logits, smoothing):
    """Logits of smoothed probabilities as those of what was smoothed, float64 [..., k].

    Label smoothing e (Szegedy et al. 2016, section 7) makes q = (1 - e) p + e / k of probabilities
    p; so p is q - e / k, but for a factor. Which class is the likeliest does not change.
    """
    logits = np.asarray(logits, np.float64)
    if not smoothing:
        return logits
    even = smoothing / logits.shape[-1]
    return np.log(np.maximum(probabilities(logits) - even, LEFT * even))


def combined(logits, calibrations):
    """Members' logits over each picture's views [members, views, n, k] -> float64 [n, k].

    Each member's probabilities by its own `Calibration`, their mean over views and members.
    """
    each = [probabilities(member, *own).mean(axis=0) for member, own in zip(logits, calibrations)]
    return np.mean(each, axis=0)


def fit(logits, labels, smoothing=0.0):
    """The `Calibration` of the least cross-entropy: logits float [n, k], labels integers [n].

    smoothing: of the labels in training, which stays as it is given.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if logits.ndim != 2 or len(logits) != len(labels) or not len(labels):
        raise ValueError(f"logits {logits.shape} and labels {labels.shape}: expected [n, k], [n]")
    logits = unsmoothed(logits, smoothing)
    answers, of_all = logits.argmax(axis=1), _fitted(logits, labels)
    given = [answers == answer for answer in range(logits.shape[1])]
    return Calibration(
        tuple(_fitted(logits[g], labels[g]) if g.sum() >= FEWEST else of_all for g in given),
        smoothing,
    )


def _fitted(logits, labels):
    """One temperature. The cross-entropy is convex in 1 / temperature, so a golden-section search
    finds its least."""
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
