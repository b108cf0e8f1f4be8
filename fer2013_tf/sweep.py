"""Run a plan of experiments: `python -m fer2013_tf.sweep`.

Each trial is a training of its own (`fer2013_tf.train`, in a process of its own) under
`ckpt/PLAN/`, evaluated when it is done. Finished trials are skipped, stopped ones resumed.
"""

import argparse
import sys

from fer2013_tf.checkpoints import run_folder
from fer2013_tf.data import records
from fer2013_tf.experiments import plans, runner
from fer2013_tf.utils import cli, constants, devices
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.sweep feng2022_blocks            what Feng 2022 tuned, axis after axis
  python -m fer2013_tf.sweep feng2022_blocks --dry-run  what would be trained, how long, how large
  python -m fer2013_tf.sweep mine.toml --only depth     a plan of your own, one of its axes
  python -m fer2013_tf.sweep feng2022_blocks --set epochs=8 --name feng2022_short
  tensorboard --logdir logs/feng2022_blocks             curves and the HParams table

The same command resumes after Ctrl-C or a crash, and skips what is done. The first estimate
measures the speed of each trial, some seconds each, and keeps it in logs/PLAN/speed.json; remove
that file to measure again. Results are in logs/PLAN/: results.csv, curves.png, accuracy.png.
How to write a plan: fer2013_tf/experiments/plans.py.

plans: {plans}
"""


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.sweep",
        description="Train and compare every trial of a plan.",
        epilog=EXAMPLES.format(plans=", ".join(plans.names())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("plan", metavar="PLAN", help="a TOML file, or the name of a plan of the package")
    add("--only", metavar="AXIS", action="append", help="only this axis; may be repeated")
    cli.add_settings(result, "in every trial")
    add("--name", help="name of the folders for results (default: the plan's)")
    add("--dry-run", action="store_true", help="estimate time and disk space, train nothing")
    add(
        "--precision",
        choices=devices.PRECISIONS,
        default="auto",
        help="number format (default: %(default)s)",
    )
    cli.add_folders(
        result,
        "records",
        ckpt="checkpoints go to DIR/PLAN/TRIAL",
        logs="events and results go to DIR/PLAN",
    )
    return result


def run(args):
    """Run the plan that `args` (see `parser`) names. Return the exit status."""
    plan = _changed(plans.load(args.plan), args)
    record_set = records.RecordSet(args.records)
    if not record_set.size(constants.PUBLIC_TEST):
        raise UserError(f"{args.records}: no image is in PublicTest, by which trials are compared")
    precision, why = devices.choose_precision(args.precision)
    folders = {"ckpt": args.ckpt, "logs": args.logs}
    sweep = runner.Sweep(plan, record_set, precision=precision, **folders)
    print(f"plan {plan.name}: {plan.about}" if plan.about else f"plan {plan.name}")
    print(f"precision {precision}: {why}")
    if args.dry_run:
        sweep.estimate()
        return 0
    with sweep.lock():
        sweep.estimate()
        return sweep.run()


def _changed(plan, args):
    """Return the plan with the changes that the options ask for."""
    known = [axis.name for axis in plan.axes]
    only = args.only or known
    if unknown := sorted(set(only) - set(known)):
        raise UserError(f"--only {unknown[0]}: no such axis; the plan has {', '.join(known)}")
    name = run_folder.Run(args.ckpt, args.name).name if args.name else plan.name
    plan = plan._replace(
        name=name,
        settings=(*plan.settings, *args.settings),
        axes=tuple(axis for axis in plan.axes if axis.name in only),
    )
    # A wrong --set is an error before anything is measured.
    for axis in plan.axes:
        plan.trial({axis.name: axis.values[0]})
    return plan


def main(argv=None):
    """Entry point; returns the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
