"""The command that packs a run's shadow variables small: `python -m fer2013_tf.ship`."""

import argparse
import io
import sys
from pathlib import Path

import numpy as np

from fer2013_tf import checkpoints, command, files
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.ship --run lenet
  python -m fer2013_tf.eval --run shipped --json fer2013_tf/weights/evaluation.json

Writes weights.npz (the shadow variables as float16) and recipe.json.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.ship",
        description="Make a checkpoint the weights that come with the program.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--run", metavar="NAME", required=True, help="run under --ckpt")
    add(
        "--checkpoint",
        metavar="WHICH",
        default="best",
        help="best, latest or STEP (default: %(default)s)",
    )
    command.add_folders(result, ckpt="where the runs are")
    add("--out", metavar="DIR", default=str(checkpoints.SHIPPED), help="default: %(default)s")
    return result


def run(args):
    """Packs one checkpoint. Returns the exit status."""
    this = checkpoints.Run(args.ckpt, args.run)
    recipe, settings = this.read()
    (chosen,) = checkpoints.select(this, args.checkpoint)[-1:]
    shadows = checkpoints.read_shadows(chosen.prefix)
    for name, values in shadows.items():
        if not (np.abs(values) <= np.finfo(np.float16).max).all():
            raise UserError(f"{chosen.prefix}: {name} does not fit into float16")
    packed = {name: values.astype(np.float16) for name, values in shadows.items()}
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(sorted(packed.items())))
    files.write_atomically(out / checkpoints.WEIGHTS, buffer.getvalue())
    origin = {"run": args.run, "step": chosen.step, "chosen": args.checkpoint}
    temperatures = this.temperatures().get(chosen.step)
    settings = {**settings, "from": origin, "temperatures": temperatures}
    checkpoints.write_recipe(out / "recipe.json", recipe, settings)
    size = len(buffer.getvalue()) / 2**20
    print(f"{out / checkpoints.WEIGHTS}: step {chosen.step} of {args.run}, {size:.1f} MB")
    return 0


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
