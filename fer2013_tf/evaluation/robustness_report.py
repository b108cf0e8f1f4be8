"""Measure accuracy under image corruptions, and agreement with the votes of FER+."""

import contextlib

import numpy as np
from tqdm import tqdm

from fer2013_tf.data import ferplus
from fer2013_tf.evaluation import combinations, corruptions, ensembles, metrics
from fer2013_tf.utils import cli, constants
from fer2013_tf.utils.errors import UserError

# FER+'s classes begin with the seven of FER2013, each set in its own order.
COMMON = len(constants.FER2013)
OFFICIAL_SPLITS = "column Usage"
# Rounding leaves this much of the norm of a vote or probability vector that is constant.
SMALLEST_NORM = 1e-12


def measure(members, faces, *, tta, votes=None):
    """Return accuracy and confidence on images as they are and on corrupted ones, ready for JSON.

    members: [ensembles.Member]. faces: records.LabeledImages. tta: "none" or "flip". votes: FER+'s,
    integers [n, 7] in the order of the classes, or None.

    Returns {"n", "plain": figures, "corruptions": [{"corruption", "option", "severity"} and
    figures], "ferplus": what `agreement` returns, or None}; figures are "accuracy", "ci95" and
    "confidence", the mean probability of the predicted class, 0..1.
    """
    tries = [(series, severity) for series in corruptions.SERIES for severity in series.severities]
    bar = tqdm(tries, desc="corruptions", unit=" corruption", disable=None, leave=False)
    rows = []
    with calibrated_ensemble(members, tta) as predict:
        plain = predict(faces.images)
        for series, severity in bar:
            corrupted = corruptions.apply(series.spec(severity), faces.images)
            row = {"corruption": series.corruption, "option": series.option, "severity": severity}
            rows.append({**row, **_figures(predict(corrupted), faces.labels)})
    return {
        "n": len(faces.labels),
        "plain": _figures(plain, faces.labels),
        "corruptions": rows,
        "ferplus": None if votes is None else agreement(plain, votes, faces.labels),
    }


@contextlib.contextmanager
def calibrated_ensemble(members, tta):
    """Yield the function uint8 [n, h, w] -> calibrated probabilities float64 [n, k].

    One net per member is built, once for all calls, and closed at the end.
    """
    combination = combinations.find(members, tta)
    with contextlib.ExitStack() as stack:
        classifiers = [stack.enter_context(each) for each in ensembles.load_classifiers(members)]

        def predict(images):
            logits = [classifier.tta_logits(images, tta) for classifier in classifiers]
            return combination.probabilities(logits)

        yield predict


def _figures(probabilities, labels):
    correct = int((probabilities.argmax(axis=1) == labels).sum())
    return {
        "accuracy": correct / len(labels),
        "ci95": list(metrics.accuracy_interval(correct, len(labels))),
        "confidence": float(probabilities.max(axis=1).mean()),
    }


def read_votes(path, *, record_set, split, rows):
    """Read FER+'s votes for images of records: integers [n, 7] in the order of the classes.

    path: fer2013new.csv. record_set: records.RecordSet. rows: of the images, integers [n].

    Raises UserError where the file cannot be read, and where records and votes do not belong
    together.
    """
    counts, splits = ferplus.read(path)
    classes = tuple(record_set.manifest["classes"])
    source = record_set.manifest.get("source", {})
    if source.get("format") != "fer2013_csv":
        raise UserError(
            f"{record_set}: FER+ names images by their row, these records are not of fer2013.csv; "
            "name others with --records, or leave out --ferplus"
        )
    if classes not in ferplus.CLASSES.values():
        raise UserError(f"{record_set}: classes {', '.join(classes)}; FER+ has no votes for them")
    resplit = source.get("splits") != OFFICIAL_SPLITS
    for row in rows:
        there = splits[row - 1] if row <= len(splits) else "no such row"
        if there != split and not (resplit and row <= len(splits)):
            raise UserError(
                f"{path}, row {row}: {there}, but {record_set} has {split}; "
                "the files do not belong together"
            )
    return ferplus.votes_by_class(counts, len(classes))[rows - 1, :COMMON]


def agreement(probabilities, votes, labels):
    """Compare probabilities with the votes of people, over the images that have votes.

    probabilities: float [n, k]. votes: integers [n, 7] for the first seven of the k classes; other
    classes are left out and the rest is normalized. Single votes count. labels: integers [n].

    Returns {"n", "without_votes": images; "cross_entropy": of the probabilities under the votes,
    "entropy": of the votes, its minimum, both in nats per image; "correlation": mean over images of
    Pearson's correlation over the classes, 0 where undefined; "n_majority": images with more than
    half of the votes for one class; "top1", "labels": fraction of them for which the predicted
    class, the label is that class}. Raises UserError where no image has a vote.
    """
    some = votes.sum(axis=1) > 0
    if not some.any():
        raise UserError("--ferplus: none of the images has a vote for any of the classes")
    voted, predicted = (_normalized(values[some][:, :COMMON]) for values in (votes, probabilities))
    majority = voted.max(axis=1) > 0.5
    plurality = voted.argmax(axis=1)
    result = {
        "n": int(some.sum()),
        "without_votes": int((~some).sum()),
        "cross_entropy": _mean_cross_entropy(voted, predicted),
        "entropy": _mean_cross_entropy(voted, voted),
        "correlation": float(_correlations(voted, predicted).mean()),
        "n_majority": int(majority.sum()),
    }
    for name, chosen in (("top1", predicted.argmax(axis=1)), ("labels", labels[some])):
        same = (chosen == plurality)[majority]
        result[name] = float(same.mean()) if len(same) else None
    return result


def _normalized(values):
    values = np.asarray(values, np.float64)
    return values / values.sum(axis=1, keepdims=True)


def _mean_cross_entropy(targets, probabilities):
    """Return the mean over rows of -sum(targets * log(probabilities)) in nats."""
    logs = np.log(np.maximum(probabilities, metrics.SMALLEST_PROBABILITY))
    return float(-(targets * logs).sum(axis=1).mean())


def _correlations(first, second):
    """Return Pearson's correlation per row, 0 where a row is constant: float64 [n]."""
    first, second = (rows - rows.mean(axis=1, keepdims=True) for rows in (first, second))
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    defined = norms > SMALLEST_NORM
    return np.divide((first * second).sum(axis=1), norms, out=np.zeros(len(norms)), where=defined)


def table(result):
    """Return as text what `measure` returns, with its "split": a line per severity."""
    header = f"{'':<34}{'accuracy':>9}{'95 % interval':>18}{'confidence':>12}"
    lines = [f"{result['split']}, {cli.counted(result['n'], 'image')}", header, "-" * len(header)]
    lines.append(_line("not corrupted", result["plain"]))
    labels = {series.corruption: series.label for series in corruptions.SERIES}
    for row in result["corruptions"]:
        lines.append(_line(f"{labels[row['corruption']]} {row['severity']}", row))
    return "\n".join(lines) + "\n"


def _line(name, figures):
    low, high = (100 * end for end in figures["ci95"])
    interval = f"{low:.2f} to {high:.2f}"
    accuracy, confidence = 100 * figures["accuracy"], 100 * figures["confidence"]
    return f"{name:<34}{accuracy:>7.2f} %{interval:>18}{confidence:>10.2f} %"


def agreement_text(figures, path):
    """Return as text what `agreement` returns. path: the file of the votes."""
    skipped = figures["without_votes"]
    lines = [
        f"votes of {path} on {cli.counted(figures['n'], 'image')} "
        f"({skipped} without votes left out):",
        f"  cross-entropy under the votes {figures['cross_entropy']:.4f} nats; its minimum, the "
        f"entropy of the votes, {figures['entropy']:.4f}",
        f"  Pearson correlation per image, mean {figures['correlation']:.4f}",
    ]
    if figures["n_majority"]:
        lines.append(
            f"  of {figures['n_majority']} images with a majority of the votes for one class: the "
            f"predicted class in {100 * figures['top1']:.2f} %, the label in "
            f"{100 * figures['labels']:.2f} %"
        )
    return "\n".join(lines)
