"""Measure accuracy and confidence on corrupted images: `python -m fer2013_tf.robustness`."""

import argparse
import sys

from fer2013_tf.data import records
from fer2013_tf.evaluation import ensembles, outputs, robustness_report
from fer2013_tf.utils import cli, constants
from fer2013_tf.utils.outputs import File, check

EXAMPLES = """\
examples:
  python -m fer2013_tf.robustness                        newest run, best checkpoint
  python -m fer2013_tf.robustness --run lenet:last5 --tta flip --plot corruptions.png
  python -m fer2013_tf.robustness --run shipped --ferplus fer2013new.csv --json result.json

Confidence is the probability of the predicted class, calibrated with the temperatures of the
weights.
"""


def parser():
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.robustness",
        description="Accuracy and confidence on corrupted images: darkened, blurred, rotated, "
        "occluded, ...; agreement with the votes of FER+.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_model_options(result.add_argument_group("weights"))
    _add_images(result.add_argument_group("images"))
    _add_outputs(result.add_argument_group("results"))
    return result


def _add_images(group):
    add = group.add_argument
    cli.add_folders(group, "records")
    add(
        "--split",
        choices=constants.SPLITS,
        default=constants.PRIVATE_TEST,
        help="split to evaluate (default: %(default)s)",
    )
    add("--ferplus", metavar="FILE", help="FER+'s votes, fer2013new.csv: measure the agreement")


def _add_outputs(group):
    add = group.add_argument
    add("--json", metavar="FILE", help="write the results as JSON; - is standard output")
    add(
        "--plot",
        metavar="FILE.png",
        help="plot accuracy and confidence over severity, a panel per corruption",
    )
    cli.add_overwrite(group)


def run(args):
    """Measure what `args` (see `parser`) says. Return the exit status."""
    declared = [outputs.json_file(args.json), File("--plot", args.plot)]
    check(declared, [args.ferplus] if args.ferplus else [], overwrite=args.overwrite)
    say = outputs.text_printer(args.json)
    chosen = ensembles.choose_members(args.ckpt, args.run, args.ensemble)
    record_set = records.RecordSet(args.records)
    members = ensembles.for_records(chosen.members, record_set)
    faces = record_set.read(args.split)
    votes = _votes(args, record_set, faces.rows)
    result = {
        "run": chosen.name,
        "checkpoints": [member.name for member in chosen.members],
        "tta": args.tta,
        "split": records.split_titles(record_set.manifest)[args.split],
        **robustness_report.measure(members, faces, tta=args.tta, votes=votes),
    }
    say("\n".join(filter(None, (chosen.text, ensembles.classes_note(members)))))
    say(f"\n{robustness_report.table(result)}")
    if result["ferplus"]:
        say(robustness_report.agreement_text(result["ferplus"], args.ferplus))
    outputs.write_json(args.json, result)
    _plot(args.plot, result)
    return 0


def _votes(args, record_set, rows):
    if not args.ferplus:
        return None
    how = {"record_set": record_set, "split": args.split, "rows": rows}
    return robustness_report.read_votes(args.ferplus, **how)


def _plot(path, result):
    if path:
        from fer2013_tf.visualization import reliability

        title = f"{result['split']}: {', '.join(result['checkpoints'])}"
        reliability.robustness(result, path, title)


def main(argv=None):
    """Run the command. Return its exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
