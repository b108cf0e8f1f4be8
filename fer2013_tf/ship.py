"""Pack a run's EMA weights into a small file: `python -m fer2013_tf.ship`."""

import argparse
import sys
from pathlib import Path

from fer2013_tf.checkpoints import run_folder, weights
from fer2013_tf.utils import cli

EXAMPLES = """\
examples:
  python -m fer2013_tf.ship --run lenet
  python -m fer2013_tf.ship --run lenet:latest --out mine
  python -m fer2013_tf.eval --run shipped --json fer2013_tf/weights/evaluation.json

Writes weights.npz (the EMA weights as float16) and recipe.json, which holds their sha256.
"""


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.ship",
        description="Make a checkpoint the weights that ship with the package.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        "--run",
        metavar="RUN[:WHICH]",
        required=True,
        help="run whose weights are used, under --ckpt; WHICH: best (default), latest or STEP",
    )
    cli.add_folders(result, "ckpt")
    written = "where to write (default: the folder of the shipped weights)"
    add("--out", metavar="DIR", default=str(weights.SHIPPED), help=written)
    cli.renamed(result, {"--checkpoint": "--run RUN:WHICH"})
    return result


def run(args):
    """Pack one checkpoint. Return the exit status."""
    name, _, which = args.run.partition(":")
    this = run_folder.Run(args.ckpt, name)
    chosen, size = weights.pack(this, which or "best", args.out)
    path = Path(args.out) / weights.WEIGHTS
    print(f"{path}: step {chosen.step} of {name}, {size / 2**20:.1f} MB")
    return 0


def main(argv=None):
    """Entry point; returns the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
