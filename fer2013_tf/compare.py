"""Compare runs side by side: `python -m fer2013_tf.compare`."""

import argparse
import json
import sys
from pathlib import Path

from fer2013_tf.data import records
from fer2013_tf.evaluation import text_tables
from fer2013_tf.experiments import run_comparison
from fer2013_tf.utils import cli, constants, files, outputs
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.compare lenet article              two runs, their best checkpoints
  python -m fer2013_tf.compare lenet lenet:last5 --tta flip
  python -m fer2013_tf.compare --ckpt ckpt/nets           every run of a sweep
  python -m fer2013_tf.compare a b --split PrivateTest --out report

Writes compare.json, accuracy.png, curves.png and confusion.png to --out. For every two runs
McNemar's test says whether their predictions of the same images differ by more than chance.
"""

WRITTEN = ("compare.json", "accuracy.png", "curves.png", "confusion.png")


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.compare",
        description="Compare runs: size, speed, accuracy, curves, confusion, a paired test.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        "runs",
        nargs="*",
        metavar="RUN[:WHICH]",
        help="runs under --ckpt; WHICH: best (default), latest, last5, STEP (default: every run "
        "that has checkpoints)",
    )
    add(
        "--split",
        choices=constants.SPLITS,
        default=constants.PUBLIC_TEST,
        help="split to evaluate; choose by PublicTest (default: %(default)s)",
    )
    cli.add_tta(result)
    cli.add_device(result)
    add("--out", metavar="DIR", help="where to write (default: LOGS/compare)")
    cli.add_folders(
        result,
        "records",
        "ckpt",
        logs="results go to DIR/compare",
    )
    cli.add_overwrite(result)
    return result


def run(args):
    """Compare the runs that `args` (see `parser`) names. Return the exit status."""
    wanted = list(dict.fromkeys(args.runs or run_comparison.runs_with_checkpoints(args.ckpt)))
    if len(wanted) < 2:
        raise UserError(f"{args.ckpt}: {len(wanted)} runs to compare; name two or more")
    out = Path(args.out or Path(args.logs) / "compare")
    # The folder below --logs is this program's own.
    outputs.check([outputs.Folder("--out", args.out, WRITTEN)], overwrite=args.overwrite)
    record_set = records.RecordSet(args.records)
    how = {"ckpt": args.ckpt, "tta": args.tta}
    compared = [run_comparison.measure(name, record_set, args.split, **how) for name in wanted]
    pairs = run_comparison.mcnemar_pairs(compared)
    title = records.split_titles(record_set.manifest)[args.split]
    print(text_tables.runs_table(compared, title))
    for one in compared:
        if one["classes_left_out"]:
            left_out = ", ".join(one["classes_left_out"])
            print(f"{one['name']}: left out {left_out}, the rest normalized\n")
    print(text_tables.pairs_table(pairs))
    _write(out, compared, pairs, title)
    print(f"wrote {out}: {', '.join(WRITTEN)}")
    return 0


def _write(out, compared, pairs, title):
    out.mkdir(parents=True, exist_ok=True)
    run_comparison.plot(compared, out, title)
    runs = [{k: v for k, v in one.items() if k != "correct"} for one in compared]
    content = {"split": title, "runs": runs, "pairs": pairs}
    files.write_atomically(out / "compare.json", json.dumps(content, indent=1) + "\n")


def main(argv=None):
    """Entry point; returns the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
