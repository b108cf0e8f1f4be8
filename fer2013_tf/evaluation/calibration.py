"""Temperature scaling, and the calibration error that shows what it is good for (numpy only).

Logits divided by one number, the temperature, give probabilities whose mean agrees with the
accuracy; the predicted class stays the same (Guo et al. 2017, On calibration of modern neural
networks). A net is overconfident when it predicts some classes and underconfident with others, so
there is one temperature per predicted class. They are fitted on PublicTest after every epoch and
kept beside the weights.

The mean over the members of an ensemble, or over a face and its mirror image, is less confident
than each of them, and right more often. So temperatures of the mean itself are fitted, see
`Combination` (Rahaman and Thiery 2021, Uncertainty quantification and deep ensembles).

A net trained on smoothed labels predicts smoothed probabilities: never near 1, and overconfident
where it is unsure. No temperature corrects both, so label smoothing is undone first.
"""

import dataclasses
import math

import numpy as np

BINS = 15
# A class that is predicted for fewer images than this gets the temperature of all images together.
MIN_IMAGES = 100
# A temperature outside of these is no matter of confidence: such a net has learnt nothing.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
# The search ends where the bracket is narrower than this fraction of the temperature.
PRECISION = 1e-4
_GOLDEN = (math.sqrt(5) - 1) / 2
# Smoothing alone gives a class some probability; a class that got no more than that keeps this
# fraction of it. Chosen on PublicTest, for recipe lenet, by the cross-entropy, which is much the
# same from 0.03 to 0.1.
FLOOR = 0.05


@dataclasses.dataclass(frozen=True)
class Calibration:
    """How logits become probabilities; the default is softmax as it is."""

    temperatures: tuple = (1.0,)  # one for all classes, or one per predicted class
    smoothing: float = 0.0  # label smoothing of the training, see losses.softmax

    def probabilities(self, logits):
        """Return calibrated probabilities of logits, see `probabilities`."""
        return probabilities(logits, self.temperatures, self.smoothing)


def probabilities(logits, temperatures=(1.0,), smoothing=0.0):
    """Compute softmax(logits / temperature of the predicted class), label smoothing undone.

    logits: float [..., k]. temperatures, smoothing: see `Calibration`. Returns float64 [..., k].
    """
    logits = undo_label_smoothing(logits, smoothing)
    per_class = np.broadcast_to(temperatures, logits.shape[-1])
    scaled = logits / per_class[logits.argmax(axis=-1)][..., None]
    exponents = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def undo_label_smoothing(logits, smoothing):
    """Return logits of the probabilities before label smoothing, float64 [..., k].

    Label smoothing e (Szegedy et al. 2016, section 7) makes q = (1 - e) p + e / k of probabilities
    p, so p is proportional to q - e / k. The predicted class does not change.
    """
    logits = np.asarray(logits, np.float64)
    if not smoothing:
        return logits
    even = smoothing / logits.shape[-1]
    return np.log(np.maximum(probabilities(logits) - even, FLOOR * even))


@dataclasses.dataclass(frozen=True)
class Combination:
    """How the logits of the members and views of an ensemble become its probabilities."""

    members: tuple  # the `Calibration` of each member
    fitted: Calibration | None  # of the mean of just these members and views; None: not fitted
    places: tuple = ()  # per member those of the classes that are kept, see `keep`; (): all

    def probabilities(self, logits):
        """Compute calibrated probabilities float64 [n, k] of logits [members][views, n, own k].

        Where the mean was not fitted, it is the mean of what each member's own calibration gives,
        which is less confident than it is right. Members of different classes have no mean of their
        logits; none is ever fitted for them.
        """
        if self.fitted is None:
            return ensemble_probabilities(logits, self.members, self.places)
        probable = self.fitted.probabilities(mean_logits(logits))
        return keep(probable, self.places[0]) if self.places else probable


def keep(probabilities, places):
    """Return the probabilities of some classes, divided by their sum: float64 [..., len(places)].

    probabilities: float [..., k]. places: of the classes that are kept; None keeps all.
    """
    if places is None:
        return probabilities
    kept = np.maximum(probabilities[..., list(places)], np.finfo(np.float64).tiny)
    return kept / kept.sum(axis=-1, keepdims=True)


def ensemble_probabilities(logits, calibrations, places=()):
    """Compute the mean over members and views of calibrated probabilities, float64 [n, k].

    logits: float [members][views, n, own k], see `Classifier.tta_logits`. calibrations: one per
    member. places: one per member, see `keep`; without any, all classes are kept.
    """
    each = zip(logits, calibrations, places or [None] * len(calibrations), strict=True)
    means = [keep(own.probabilities(of), kept).mean(axis=0) for of, own, kept in each]
    return np.mean(means, axis=0)


def mean_logits(logits):
    """Return logits float64 [n, k] of the mean probabilities over members and views.

    logits: float [members, views, n, k]; of one member and view they are returned as they are.
    """
    logits = np.asarray(logits, np.float64)
    if logits.shape[:2] == (1, 1):
        return logits[0, 0]
    mean = probabilities(logits).mean(axis=(0, 1))
    return np.log(np.maximum(mean, np.finfo(np.float64).tiny))


def fit_mean(logits, labels, smoothings):
    """Return the `Calibration` of the mean over members and views with the least cross-entropy.

    logits: float [members, views, n, k]. labels: integers [n]. smoothings: label smoothing of each
    member's training; label smoothing of the mean is their mean.
    """
    return fit(mean_logits(logits), labels, float(np.mean(smoothings)))


def fit(logits, labels, smoothing=0.0):
    """Return the `Calibration` with the least cross-entropy.

    logits: float [n, k]. labels: integers [n]. smoothing: label smoothing of the training, which is
    not fitted. Raises ValueError for other shapes and for no image at all.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if logits.ndim != 2 or len(logits) != len(labels) or not len(labels):
        raise ValueError(f"logits {logits.shape} and labels {labels.shape}: expected [n, k], [n]")
    logits = undo_label_smoothing(logits, smoothing)
    predicted, of_all = logits.argmax(axis=1), _fit_temperature(logits, labels)
    temperatures = []
    for of_class in (predicted == k for k in range(logits.shape[1])):
        often = of_class.sum() >= MIN_IMAGES
        fitted = _fit_temperature(logits[of_class], labels[of_class]) if often else of_all
        temperatures.append(fitted)
    return Calibration(tuple(temperatures), smoothing)


def _fit_temperature(logits, labels):
    """Find the temperature with the least cross-entropy, by golden-section search.

    The cross-entropy is convex in 1 / temperature, so there is one minimum.
    """
    of_truth = logits[np.arange(len(labels)), labels]

    def loss(logarithm):
        scale = math.exp(-logarithm)
        largest = logits.max(axis=1)
        rest = np.exp(scale * (logits - largest[:, None])).sum(axis=1)
        return (np.log(rest) + scale * (largest - of_truth)).mean()

    low, high = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
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


def reliability(probabilities, labels, bins=BINS):
    """Compute accuracy and mean confidence per bin of confidence; bins have equal width.

    probabilities: float [n, k], labels: integers [n]. Returns [{"low", "high": bounds of the
    confidence, "n": images, "confidence": its mean, "accuracy"}]; the means of an empty bin are
    None.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows = []
    for number in range(bins):
        inside = which == number
        count = int(inside.sum())
        means = [float(v[inside].mean()) if count else None for v in (confidence, correct)]
        bounds = {"low": number / bins, "high": (number + 1) / bins}
        rows.append({**bounds, "n": count, "confidence": means[0], "accuracy": means[1]})
    return rows


def ece(rows):
    """Compute the expected calibration error, 0..1, of what `reliability` returns.

    It is the mean over images of their bin's |confidence - accuracy|.
    """
    total = sum(row["n"] for row in rows)
    gaps = (row["n"] * abs(row["confidence"] - row["accuracy"]) for row in rows if row["n"])
    return float(sum(gaps) / total)
