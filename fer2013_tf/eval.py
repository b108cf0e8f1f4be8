"""Evaluate checkpoints and ensembles on TFRecords: `python -m fer2013_tf.eval`."""

import argparse
import sys
from pathlib import Path

from fer2013_tf.checkpoints import run_folder
from fer2013_tf.data import records
from fer2013_tf.utils import cli, constants, devices
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.outputs import check

EXAMPLES = """\
examples:
  python -m fer2013_tf.eval                                  newest run, best checkpoint
  python -m fer2013_tf.eval --run lenet:last5 --tta flip
  python -m fer2013_tf.eval --ensemble lenet:last5,article:best --combine vote
  python -m fer2013_tf.eval --run lenet --ensemble 11200,12320 --json result.json
  python -m fer2013_tf.eval --run lenet --predictions p.csv --mistakes m.png
  python -m fer2013_tf.eval --run lenet --watch              beside a running training

Evaluation uses the EMA weights, in float32. Choose settings by PublicTest; PrivateTest is the one
to report. On PublicTest an ensemble, or flipping, is calibrated too, for all commands
(docs/calibration.md).
"""
HELD_OUT = (constants.PUBLIC_TEST, constants.PRIVATE_TEST)
# What --watch cannot be combined with: destination -> option.
NOT_WATCHED = {
    **{name: name for name in ("ensemble", "combine", "tta", "json", "predictions", "mistakes")},
    "splits": "split",
}


def parser():
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.eval",
        description="Accuracy, confusion matrix and figures per class of a run's checkpoints.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_weights(result.add_argument_group("weights"))
    _add_images(result.add_argument_group("images"))
    _add_outputs(result.add_argument_group("results"))
    return result


def _add_weights(group):
    cli.add_model_options(group)
    group.add_argument(
        "--combine",
        choices=("mean", "vote"),
        default="mean",
        help="mean of probabilities, or majority vote (default: %(default)s)",
    )
    group.add_argument(
        "--watch",
        action="store_true",
        help="evaluate each new checkpoint on PublicTest until the training of the run is done",
    )


def _add_images(group):
    cli.add_folders(group, "records")
    group.add_argument(
        "--split",
        choices=constants.SPLITS,
        action="append",
        dest="splits",
        help="split to evaluate; may be repeated (default: PublicTest, PrivateTest, if not empty)",
    )


def _add_outputs(group):
    add = group.add_argument
    cli.add_folders(group, logs="confusion matrices and reliability diagrams go to DIR/RUN")
    add("--json", metavar="FILE", help="write the results as JSON; - is standard output")
    add(
        "--predictions",
        metavar="FILE.csv",
        help="write row, classes and probabilities of every image; of several splits, each to "
        "FILE-SPLIT.csv",
    )
    add(
        "--mistakes",
        metavar="FILE.png",
        help="plot the most confident mistakes; of several splits, each to FILE-SPLIT.png",
    )
    cli.add_overwrite(group)


def run(args):
    """Evaluate what `args` (see `parser`) says. Return the exit status."""
    if args.watch:
        return _watch(args)
    from fer2013_tf.evaluation import ensembles, outputs

    say = outputs.text_printer(args.json)
    chosen = ensembles.choose_members(args.ckpt, args.run, args.ensemble)
    say(chosen.text)
    record_set = records.RecordSet(args.records)
    chosen = _for_records(chosen, record_set, say)
    titles = records.split_titles(record_set.manifest)
    _check_outputs(args, titles)
    how = {"combine": args.combine, "tta": args.tta}
    splits = {}
    for split in _splits(args.splits, record_set, say):
        evaluation = ensembles.evaluate_split(chosen.members, record_set, split, **how, fit=True)
        splits[titles[split]] = evaluation.result
        _report(args, chosen, titles[split], evaluation, say)
    outputs.write_json(args.json, {**_description(chosen), **how, "splits": splits})
    return 0


def _for_records(chosen, record_set, say):
    """Return the weights `ensembles.Chosen` with the records' classes; say which are left out."""
    from fer2013_tf.evaluation import ensembles

    chosen = chosen._replace(members=ensembles.for_records(chosen.members, record_set))
    if note := ensembles.classes_note(chosen.members):
        say(note)
    return chosen


def _check_outputs(args, titles):
    """Raise UserError where an output would destroy something. titles: {split: its title}."""
    from fer2013_tf.evaluation import outputs

    declared = [outputs.json_file(args.json)]
    for option, path in (("--predictions", args.predictions), ("--mistakes", args.mistakes)):
        written = [titles[split] for split in args.splits or HELD_OUT]
        declared += outputs.files_for_splits(option, path, written, alone=_alone(args))
    check(declared, overwrite=args.overwrite)


def _alone(args):
    return len(set(args.splits or ())) == 1


def _description(chosen):
    return {
        "run": chosen.name,
        "recipe": chosen.members[0].recipe.name,
        "checkpoints": [member.name for member in chosen.members],
        "classes_left_out": {m.name: m.kept.left_out for m in chosen.members if m.kept},
    }


def _splits(wanted, record_set, say):
    """Return the splits to evaluate: those wanted, else the held-out ones that have images.

    PublicTest comes first: what it calibrates holds for the others.
    """
    if wanted:
        return sorted(dict.fromkeys(wanted), key=lambda split: split != constants.PUBLIC_TEST)
    filled = [split for split in HELD_OUT if record_set.size(split)]
    for split in HELD_OUT:
        if split not in filled:
            say(f"{split}: left out, {record_set} holds no image of it")
    return filled or HELD_OUT


def _report(args, chosen, split, evaluation, say):
    """Print one split's tables, and write its figures and files."""
    from fer2013_tf.evaluation import text_tables

    result, members = evaluation.result, chosen.members
    classes = members[0].classes
    title = members[0].name if len(members) == 1 else f"ensemble of {len(members)}"
    title = f"{split}: {title}{', flip' if args.tta == 'flip' else ''}"
    say("\n" + text_tables.table(result, classes, title))
    if len(members) > 1:
        say(text_tables.members_table(result["members"], result["accuracy"]))
    say(text_tables.calibration_line(result["calibration"]))
    if not result["calibration"]["fitted"]:
        say(_unfitted_note(args, members))
    _plot(Path(args.logs) / chosen.name, split, evaluation, classes, title, say)
    _write_optional(args, split, evaluation, classes, say)


def _unfitted_note(args, members):
    from fer2013_tf.evaluation import combinations, ensembles

    run, _ = ensembles.choose_run(args.ckpt, args.run)
    how = {"ckpt": args.ckpt, "run": run, "ensemble": args.ensemble}
    return combinations.unfitted_note(members, args.tta, **how)


def _plot(logs, split, evaluation, classes, title, say):
    from fer2013_tf.visualization import confusion, reliability

    logs.mkdir(parents=True, exist_ok=True)
    image = logs / f"confusion-{split}.png"
    confusion.confusion_matrix(evaluation.result["confusion"], classes, image, title)
    say(f"confusion matrix: {image}")
    image = logs / f"reliability-{split}.png"
    reliability.reliability(evaluation.result["calibration"], image, title)
    say(f"reliability diagram: {image}")


def _write_optional(args, split, evaluation, classes, say):
    """Write --predictions and --mistakes, where they are asked for."""
    from fer2013_tf.evaluation import outputs
    from fer2013_tf.visualization import confusion

    alone = _alone(args)
    if args.predictions:
        path = outputs.path_for_split(args.predictions, split, alone=alone)
        outputs.write_predictions(path, evaluation, classes)
        say(f"predictions: {path}")
    if args.mistakes:
        path = outputs.path_for_split(args.mistakes, split, alone=alone)
        _, faces, predicted, probabilities = evaluation
        confusion.mistakes(faces, predicted, probabilities, classes, path)
        say(f"mistakes: {path}")


def _watch(args):
    """Follow the training of a run. Return the exit status."""
    defaults = parser()
    for name, option in NOT_WATCHED.items():
        if getattr(args, name) != defaults.get_default(name):
            raise UserError(f"--watch: evaluates single checkpoints on PublicTest; no --{option}")
    # A training beside this one keeps the accelerator to itself.
    devices.use(args.device or devices.CPU)
    from fer2013_tf.training import watch

    watched = _watched_run(args.ckpt, args.run)
    logs = Path(args.logs) / watched.name
    return watch.watch(watched, records.RecordSet(args.records), logs)


def _watched_run(ckpt, name):
    """Return the run that is named, else the newest, which may have no checkpoint yet."""
    there = run_folder.list_runs(ckpt)
    if name == constants.SHIPPED_NAME or not (name or there):
        raise UserError(f"--watch: no run under {ckpt}; start one, or name its --ckpt")
    return run_folder.Run(ckpt, name) if name else there[0]


def main(argv=None):
    """Run the command. Return its exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
