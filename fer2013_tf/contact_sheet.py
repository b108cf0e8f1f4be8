"""The command that shows what augmentation does: `python -m fer2013_tf.contact_sheet`."""

import argparse
import sys

import numpy as np

from fer2013_tf import command, emotions, files, recipes, records
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.contact_sheet                          as recipe lenet augments
  python -m fer2013_tf.contact_sheet --recipe blocks --out blocks.png
  python -m fer2013_tf.contact_sheet --set "augment=cutout(side=16) | noise(20.0)"

Each row is one picture: as it is, then augmented, as the net meets it before it is standardised.
The sheet shows pictures of your data; mind its terms before you publish it.
"""
MOST = 12


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.contact_sheet",
        description="Draw originals beside their augmented versions, titled by class.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--recipe", metavar="NAME", default="lenet", help="whose augmentation (default: lenet)")
    command.add_settings(result, "override a setting, such as augment or fill")
    add("--out", metavar="FILE.png", default="augmented.png", help="default: %(default)s")
    add("--columns", type=int, metavar="N", default=8, help="versions of each (default: 8)")
    add("--seed", type=int, metavar="N", default=0, help="of what is drawn (default: 0)")
    command.add_folders(result, records="where make_records wrote")
    return result


def run(args):
    """Draws what `args` (see `parser`) asks for. Returns the exit status."""
    if not 1 <= args.columns <= 32:
        raise UserError(f"--columns {args.columns}: give 1 to 32")
    files.check_folders(args.out)
    recipe = recipes.with_settings(recipes.load(args.recipe), args.settings)
    manifest = records.load(args.records)
    images, labels = _one_a_class(args.records, manifest["classes"], args.seed)
    versions = _augmented(images, recipe, args.columns, args.seed)
    from fer2013_tf import plots_of_runs

    titles = [manifest["classes"][label] for label in labels]
    plots_of_runs.contact_sheet(images, versions, titles, args.out, recipe.augment)
    print(f"{len(titles)} pictures, {args.columns} versions of each: {args.out}")
    return 0


def _one_a_class(folder, classes, seed):
    """(images uint8 [m, h, w], labels): of each class of Training one, of the first twelve."""
    from fer2013_tf.shards import Shards

    shards = Shards(folder, emotions.TRAINING)
    draw = np.random.default_rng(seed)
    there = [np.flatnonzero(shards.labels == label) for label in range(len(classes))]
    chosen = np.array([draw.choice(of_class) for of_class in there if len(of_class)][:MOST])
    return shards.read(chosen)


def _augmented(images, recipe, columns, seed):
    """uint8 [m, columns, h, w(, 3)]."""
    from fer2013_tf import augment, inputs
    from fer2013_tf.tensorflow1 import tf

    repeated = np.repeat(images, columns, axis=0)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = tf.constant(repeated)
        fed = inputs.equalise(fed) if recipe.equalise else fed
        drawn = tf.constant([seed, 0], tf.int64)
        pixels = augment.apply(fed, recipe.augment, seed=drawn, fill=recipe.fill)
        made = session.run(tf.cast(tf.round(pixels), tf.uint8))
    return made.reshape(len(images), columns, *images.shape[1:])


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
