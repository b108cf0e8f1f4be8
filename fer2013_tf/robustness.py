"""The command that shows how far answers can be trusted: `python -m fer2013_tf.robustness`."""

import argparse
import contextlib
import json
import sys

import numpy as np
from tqdm import tqdm

from fer2013_tf import (
    calibration,
    command,
    emotions,
    evaluation,
    ferplus,
    files,
    harms,
    metrics,
    records,
)
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.robustness                        newest run, best checkpoint
  python -m fer2013_tf.robustness --run lenet --ensemble last5 --tta flip --plot harms.png
  python -m fer2013_tf.robustness --run shipped --ferplus fer2013new.csv --json result.json

Confidence is the probability of the answer, calibrated as fitted for the weights.
"""
# Both sets begin with the seven classes that both have, each in its own order.
COMMON = len(emotions.FER2013)
SPLITS_OF_SOURCE = "column Usage"


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.robustness",
        description="Accuracy and confidence on harmed pictures: dark, blurred, turned, covered, "
        "...; agreement with the votes of FER+.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--run", metavar="NAME", help="run under --ckpt, or shipped (default: the newest run)")
    add("--ensemble", metavar="WHICH", default="best", help="as in eval (default: %(default)s)")
    add(
        "--tta",
        choices=evaluation.TTAS,
        default="none",
        help="flip: average with the mirrored picture (default: %(default)s)",
    )
    add(
        "--split",
        choices=emotions.SPLITS,
        default=emotions.PRIVATE_TEST,
        help="(default: %(default)s)",
    )
    command.add_folders(result, records="where make_records wrote", ckpt="where the runs are")
    add("--ferplus", metavar="CSV", help="fer2013new.csv: how answers agree with people's votes")
    add("--json", metavar="FILE", help="write the result as JSON")
    add("--plot", metavar="FILE.png", help="draw accuracy and confidence, a panel a kind of harm")
    return result


def run(args):
    """Measures what `args` (see `parser`) says. Returns the exit status."""
    files.check_folders(args.json, args.plot)
    name, why = evaluation.choose_run(args.ckpt, args.run)
    members = evaluation.find_members(args.ckpt, name, args.ensemble)
    manifest = records.load(args.records)
    evaluation.check_data(members[0], manifest, args.records)
    read = ferplus.read(args.ferplus) if args.ferplus else None
    faces = records.read(args.records, args.split)
    voted = _voted(*read, args, manifest, faces.rows) if read else None
    title = records.split_names(manifest)[args.split]
    result = {
        "run": name,
        "checkpoints": [member.name for member in members],
        "tta": args.tta,
        "split": title,
        **measured(members, faces, tta=args.tta, voted=voted),
    }
    print(f"run {name} ({why}): {', '.join(result['checkpoints'])}\n")
    print(table(result))
    if result["ferplus"]:
        print(agreement_text(result["ferplus"], args.ferplus))
    _write(args, result)
    return 0


def _write(args, result):
    if args.json:
        files.write_atomically(args.json, json.dumps(result, indent=1) + "\n")
    if args.plot:
        from fer2013_tf import plots_of_trust

        title = f"{result['split']}: {', '.join(result['checkpoints'])}"
        plots_of_trust.robustness(result, args.plot, title)


def measured(members, faces, *, tta, voted=None):
    """Figures of the pictures as they are and harmed, ready for JSON.

    faces: records.Faces. voted: votes [n, 7] of FER+ in the order of the classes, or None.

    Returns {"n", "plain": figures, "harms": [{"harm", "option", "strength"} and figures],
    "ferplus": `agreement`'s or None}; figures are "accuracy", "ci95" and "confidence", the mean
    probability of the answers, 0..1.
    """
    tries = [(tried, strength) for tried in harms.TRIED for strength in tried.strengths]
    rows = []
    with _answering(members, tta) as chances_of:
        plain = chances_of(faces.images)
        for tried, strength in tqdm(tries, desc="harms", unit=" harm", disable=None, leave=False):
            chances = chances_of(harms.apply(tried.spec(strength), faces.images))
            named = {"harm": tried.harm, "option": tried.option, "strength": strength}
            rows.append({**named, **_figures(chances, faces.labels)})
    return {
        "n": len(faces.labels),
        "plain": _figures(plain, faces.labels),
        "harms": rows,
        "ferplus": None if voted is None else agreement(plain, voted, faces.labels),
    }


@contextlib.contextmanager
def _answering(members, tta):
    """The function uint8 [n, h, w] -> calibrated probabilities float64 [n, k]; one net a member,
    built once for all harms."""
    calibrations = [member.calibration for member in members]
    with contextlib.ExitStack() as stack:
        classifiers = [stack.enter_context(each) for each in evaluation.classifiers(members)]

        def chances_of(images):
            logits = [classifier.views(images, tta) for classifier in classifiers]
            return calibration.combined(logits, calibrations)

        yield chances_of


def _figures(chances, labels):
    right = int((chances.argmax(axis=1) == labels).sum())
    return {
        "accuracy": right / len(labels),
        "ci95": list(metrics.accuracy_interval(right, len(labels))),
        "confidence": float(chances.max(axis=1).mean()),
    }


def _voted(votes, splits, args, manifest, rows):
    """The votes of the split's pictures for the classes that both sets have, [n, 7].

    Raises UserError where records and votes do not belong together.
    """
    where, classes = args.records, tuple(manifest["classes"])
    source = manifest.get("source", {})
    if source.get("format") != "fer2013_csv":
        raise UserError(
            f"{where}: FER+ names pictures by their row, these records are not of fer2013.csv; "
            "name others with --records, or leave out --ferplus"
        )
    if classes not in ferplus.CLASSES.values():
        raise UserError(f"{where}: classes {', '.join(classes)}; FER+ has no votes for them")
    parted_anew = source.get("splits") != SPLITS_OF_SOURCE
    for row in rows:
        there = splits[row - 1] if row <= len(splits) else "no such row"
        if there != args.split and not (parted_anew and row <= len(splits)):
            raise UserError(
                f"{args.ferplus}, row {row}: {there}, but {where} has {args.split}; "
                "the files do not belong together"
            )
    return ferplus.of_classes(votes, len(classes))[rows - 1, :COMMON]


def agreement(chances, voted, labels):
    """How probabilities agree with what people saw, over the pictures that have votes.

    chances: float [n, k], voted: votes integers [n, 7] for the first seven of the k classes;
    labels: integers [n]. Further classes are left out and the rest normalised. Single votes count.

    Returns {"n", "without_votes": pictures; "cross_entropy": of the probabilities under the votes,
    "entropy": of the votes, its least, both in nats a picture; "correlation": Pearson's over the
    classes of a picture, its mean, 0 where undefined; "n_majority": pictures with more than half of
    the votes for one class, "top1", "labels": shares of them that answer and label agree with}.
    """
    some = voted.sum(axis=1) > 0
    if not some.any():
        raise UserError("--ferplus: none of the pictures has a vote for any of the classes")
    votes, guess = (_normalised(values[some][:, :COMMON]) for values in (voted, chances))
    majority = votes.max(axis=1) > 0.5
    most = votes.argmax(axis=1)
    result = {
        "n": int(some.sum()),
        "without_votes": int((~some).sum()),
        "cross_entropy": _mean_entropy(votes, guess),
        "entropy": _mean_entropy(votes, votes),
        "correlation": float(_correlations(votes, guess).mean()),
        "n_majority": int(majority.sum()),
    }
    for name, answers in (("top1", guess.argmax(axis=1)), ("labels", labels[some])):
        same = (answers == most)[majority]
        result[name] = float(same.mean()) if len(same) else None
    return result


def _normalised(values):
    values = np.asarray(values, np.float64)
    return values / values.sum(axis=1, keepdims=True)


def _mean_entropy(weights, chances):
    """Mean over rows of -sum(weights * log(chances)) in nats."""
    logs = np.log(np.maximum(chances, metrics.SMALLEST_PROBABILITY))
    return float(-(weights * logs).sum(axis=1).mean())


def _correlations(first, second):
    """Pearson's of each row, 0 where a row is even: float64 [n]."""
    first, second = (rows - rows.mean(axis=1, keepdims=True) for rows in (first, second))
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    # What rounding leaves of an even row.
    defined = norms > 1e-12
    return np.divide((first * second).sum(axis=1), norms, out=np.zeros(len(norms)), where=defined)


def table(result):
    """`measured`'s result as text: a line a harm and strength."""
    header = f"{'':<34}{'accuracy':>9}{'95 % interval':>18}{'confidence':>12}"
    lines = [f"{result['split']}, {result['n']} pictures", header, "-" * len(header)]
    lines.append(_line("as they are", result["plain"]))
    words = {tried.harm: tried.words for tried in harms.TRIED}
    for row in result["harms"]:
        lines.append(_line(f"{words[row['harm']]} {row['strength']}", row))
    return "\n".join(lines) + "\n"


def _line(name, figures):
    low, high = (100 * end for end in figures["ci95"])
    interval = f"{low:.2f} to {high:.2f}"
    accuracy, confidence = 100 * figures["accuracy"], 100 * figures["confidence"]
    return f"{name:<34}{accuracy:>7.2f} %{interval:>18}{confidence:>10.2f} %"


def agreement_text(figures, path):
    """`agreement`'s result as text. path: of the votes."""
    skipped = figures["without_votes"]
    lines = [
        f"votes of {path} on {figures['n']} pictures ({skipped} without one left out):",
        f"  cross-entropy under the votes {figures['cross_entropy']:.4f} nats; the votes' own "
        f"entropy, the least there can be, {figures['entropy']:.4f}",
        f"  Pearson correlation a picture, mean {figures['correlation']:.4f}",
    ]
    if figures["n_majority"]:
        lines.append(
            f"  where most votes are for one class ({figures['n_majority']} pictures) it is the "
            f"answer in {100 * figures['top1']:.2f} %, the label in {100 * figures['labels']:.2f} %"
        )
    return "\n".join(lines)


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
