"""The command that evaluates checkpoints and ensembles: `python -m fer2013_tf.eval`."""

import argparse
import json
import os
import sys
from pathlib import Path

from fer2013_tf import checkpoints, command, emotions, files, records
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.eval                                  newest run, best checkpoint
  python -m fer2013_tf.eval --run lenet --ensemble last5 --tta flip
  python -m fer2013_tf.eval --ensemble lenet:last5,article:best --combine vote
  python -m fer2013_tf.eval --run lenet --ensemble 11200,12320 --json result.json
  python -m fer2013_tf.eval --run lenet --predictions p.csv --mistakes m.png
  python -m fer2013_tf.eval --run lenet --watch              beside a running training

Evaluation uses the shadow variables (moving averages of the weights), in float32. Choose
settings by PublicTest; PrivateTest is the one to report.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.eval",
        description="Accuracy, confusion and per-class figures of a run's checkpoints.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        "--run",
        metavar="NAME",
        help="run under --ckpt, or shipped (default: the newest run, else shipped)",
    )
    add(
        "--ensemble",
        metavar="WHICH",
        default="best",
        help="last5, last10, best, latest, STEP,STEP or RUN:WHICH,RUN:WHICH (default: %(default)s)",
    )
    add(
        "--combine",
        choices=("mean", "vote"),
        default="mean",
        help="mean of probabilities, or majority vote (default: %(default)s)",
    )
    add(
        "--tta",
        choices=("none", "flip"),
        default="none",
        help="flip: average with the mirrored picture (default: %(default)s)",
    )
    add(
        "--split",
        choices=emotions.SPLITS,
        action="append",
        dest="splits",
        help="may be repeated (default: PublicTest and PrivateTest, where they hold pictures)",
    )
    command.add_folders(
        result,
        records="where make_records wrote",
        ckpt="where the runs are",
        logs="confusion matrices go to DIR/RUN",
    )
    add("--json", metavar="FILE", help="write the result as JSON; - for standard output alone")
    add(
        "--predictions",
        metavar="FILE.csv",
        help="write every picture's row, classes and probabilities; of several splits, each to "
        "FILE-SPLIT.csv",
    )
    add(
        "--mistakes",
        metavar="FILE.png",
        help="draw the most confident mistakes; of several splits, each to FILE-SPLIT.png",
    )
    add(
        "--watch",
        action="store_true",
        help="evaluate each new checkpoint on PublicTest until the run is done",
    )
    return result


def run(args):
    """Evaluates what `args` (see `parser`) says. Returns the exit status."""
    if args.watch:
        return _watch(args)
    from fer2013_tf import evaluation

    files.check_folders(args.json, args.predictions, args.mistakes)
    say = print if args.json != "-" else lambda *_: None
    name, members = _members(args, say)
    result = {
        "run": name,
        "recipe": members[0].recipe.name,
        "checkpoints": [member.name for member in members],
        "combine": args.combine,
        "tta": args.tta,
        "splits": {},
    }
    names = records.split_names(records.load(args.records))
    for split in _splits(args, say):
        evaluated = evaluation.evaluate_split(
            members, args.records, split, combine=args.combine, tta=args.tta
        )
        result["splits"][names[split]] = evaluated[0]
        _show(args, members, names[split], evaluated, Path(args.logs) / name, say)
    text = json.dumps(result, indent=1)
    if args.json == "-":
        print(text)
    elif args.json:
        files.write_atomically(args.json, text + "\n")
    return 0


def _splits(args, say):
    """The splits asked for, else the two held out, as far as there are pictures in them."""
    if args.splits:
        return list(dict.fromkeys(args.splits))
    manifest = records.load(args.records)
    held_out = [emotions.PUBLIC_TEST, emotions.PRIVATE_TEST]
    filled = [split for split in held_out if records.split_size(manifest, split)]
    for split in held_out:
        if split not in filled:
            say(f"{split}: left out, {args.records} holds no picture of it")
    return filled or held_out


def _watch(args):
    without = parser()
    for name in ("ensemble", "combine", "tta", "splits", "json", "predictions", "mistakes"):
        if getattr(args, name) != without.get_default(name):
            option = "split" if name == "splits" else name
            raise UserError(f"--watch: evaluates single checkpoints on PublicTest; no --{option}")
    # A training beside this one keeps the accelerator to itself.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from fer2013_tf import evaluation, watching

    name, _ = evaluation.choose_run(args.ckpt, args.run)
    if name == checkpoints.SHIPPED_NAME:
        raise UserError(f"--watch: no run under {args.ckpt}; start one, or name its --ckpt")
    return watching.watch(checkpoints.Run(args.ckpt, name), args.records, Path(args.logs) / name)


def _members(args, say):
    """(name for the result, members); says which run answers where that was not asked for."""
    from fer2013_tf import evaluation

    chosen, why = evaluation.choose_run(args.ckpt, args.run)
    members = evaluation.find_members(args.ckpt, chosen, args.ensemble)
    name = "+".join(dict.fromkeys(member.name.partition(":")[0] for member in members))
    because = f" ({why})" if name == chosen else ""
    say(f"run {name}{because}: {', '.join(member.name for member in members)}")
    return name, members


def _show(args, members, split, evaluated, logs, say):
    """Prints and draws one split."""
    from fer2013_tf import plots, report

    result, faces, predicted, probabilities = evaluated
    classes = members[0].data["classes"]
    title = members[0].name if len(members) == 1 else f"ensemble of {len(members)}"
    title += ", flip" if args.tta == "flip" else ""
    say("\n" + report.table(result, classes, f"{split}: {title}"))
    if len(members) > 1:
        say(report.members_table(result["members"], result["accuracy"]))
    logs.mkdir(parents=True, exist_ok=True)
    picture = logs / f"confusion-{split}.png"
    plots.confusion_matrix(result["confusion"], classes, picture, f"{split}: {title}")
    say(f"confusion matrix: {picture}")
    _show_calibration(result["calibration"], split, title, logs, say)
    if args.predictions:
        path = _per_split(args, args.predictions, split)
        _write_predictions(path, faces, predicted, probabilities, classes)
        say(f"predictions: {path}")
    if args.mistakes:
        path = _per_split(args, args.mistakes, split)
        plots.mistakes(faces, predicted, probabilities, classes, path)
        say(f"mistakes: {path}")


def _show_calibration(figures, split, title, logs, say):
    from fer2013_tf import plots_of_trust, report

    say(report.calibration_line(figures))
    if all(each == [1.0] for each in figures["temperatures"]):
        say("no temperatures were fitted for these weights; train anew to have some")
    picture = logs / f"reliability-{split}.png"
    plots_of_trust.reliability(figures, picture, f"{split}: {title}")
    say(f"reliability diagram: {picture}")


def _per_split(args, file, split):
    """The file as named where one split is evaluated, with the split's name in it otherwise."""
    path = Path(file)
    if args.splits and len(set(args.splits)) == 1:
        return path
    return path.with_name(f"{path.stem}-{split}{path.suffix}")


def _write_predictions(path, faces, predicted, probabilities, classes):
    import pandas as pd

    table = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])
    table.insert(0, "row", faces.rows)
    table.insert(1, "true", [classes[label] for label in faces.labels])
    table.insert(2, "predicted", [classes[label] for label in predicted])
    files.write_atomically(path, table.to_csv(index=False, float_format="%.6f"))


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
