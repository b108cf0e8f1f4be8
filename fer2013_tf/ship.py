"""Pack a run's EMA weights into a small file: `python -m fer2013_tf.ship`."""

import argparse
import sys
from pathlib import Path

from fer2013_tf.checkpoints import run_folder, weights
from fer2013_tf.evaluation import combinations, ensembles
from fer2013_tf.utils import cli, constants, outputs

EXAMPLES = """\
examples:
  python -m fer2013_tf.eval --run lenet --tta flip --split PublicTest
  python -m fer2013_tf.ship --run lenet
  python -m fer2013_tf.ship --run lenet:latest --out mine
  python -m fer2013_tf.eval --run shipped --json fer2013_tf/weights/evaluation.json

Writes weights.npz (the EMA weights as float16) and recipe.json, which holds their sha256 and the
temperatures that calibrate them; those for --tta flip come from the first of these commands.
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
    cli.add_overwrite(result)
    cli.renamed(result, {"--checkpoint": "--run RUN:WHICH"})
    return result


def run(args):
    """Pack one checkpoint. Return the exit status."""
    name, _, which = args.run.partition(":")
    this = run_folder.Run(args.ckpt, name)
    written = (weights.WEIGHTS, weights.RECIPE)
    folder = outputs.Folder("--out", args.out, written, known=weights.are_packed(args.out))
    outputs.check([folder], overwrite=args.overwrite)
    fitted = _tta_temperatures(args.ckpt, name, which or run_folder.BEST)
    chosen, size = weights.pack(this, which or run_folder.BEST, args.out, fitted)
    path = Path(args.out) / weights.WEIGHTS
    print(f"{path}: step {chosen.step} of {name}, {size / 2**20:.1f} MB")
    return 0


def _tta_temperatures(ckpt, name, which):
    """Return {tta: temperatures} that eval fitted for a checkpoint; say so where it has not."""
    members = ensembles.resolve_ensemble(ckpt, name, which)[-1:]
    found = {}
    for tta in constants.TTA_CHOICES[1:]:
        fitted = combinations.find(members, tta).fitted
        if fitted:
            found[tta] = fitted.temperatures
        else:
            note = combinations.unfitted_note(members, tta, ckpt=ckpt, run=f"{name}:{which}")
            print(f"note: {note}", file=sys.stderr)
    return found


def main(argv=None):
    """Entry point; returns the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
