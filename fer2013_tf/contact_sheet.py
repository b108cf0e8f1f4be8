"""Draw images beside their augmented versions: `python -m fer2013_tf.contact_sheet`."""

import argparse
import sys

import numpy as np

from fer2013_tf import recipes
from fer2013_tf.data import records
from fer2013_tf.utils import cli, constants, outputs
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.contact_sheet                          as recipe lenet augments
  python -m fer2013_tf.contact_sheet --recipe blocks --out blocks.png
  python -m fer2013_tf.contact_sheet --set "augment=cutout(side=16) | noise(20.0)"
  python -m fer2013_tf.contact_sheet --recipe blocks --rows 182,3139,3981
  python -m fer2013_tf.contact_sheet --rows 1,2 --set augment=none --set blur=0.7 --columns 1

Each row is one image: as it is, then preprocessed and augmented, as the net meets it before it is
standardized.
The sheet shows images of your data; mind its terms before you publish it.
"""
MOST = 12
# Rows that may be asked for.
MOST_ASKED = 32


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.contact_sheet",
        description="Draw originals beside their augmented versions, titled by class.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--recipe", metavar="NAME", default="lenet", help="recipe to start from (default: lenet)")
    cli.add_settings(result, "such as augment or fill_mode")
    written = "where to write (default: %(default)s)"
    add("--out", metavar="FILE.png", default="augmented.png", help=written)
    add("--columns", type=int, metavar="N", default=8, help="versions of each (default: 8)")
    add("--seed", type=int, metavar="N", default=0, help="seed of random values (default: 0)")
    cli.add_rows(result, "one image per class of Training, at random")
    cli.add_folders(result, "records")
    cli.add_overwrite(result)
    return result


def run(args):
    """Draw what `args` (see `parser`) asks for. Return the exit status."""
    if not 1 <= args.columns <= 32:
        raise UserError(f"--columns {args.columns}: give 1 to 32")
    if len(args.rows or ()) > MOST_ASKED:
        raise UserError(f"--rows: {len(args.rows)} images; give up to {MOST_ASKED}")
    outputs.check([outputs.File("--out", args.out)], overwrite=args.overwrite)
    recipe = recipes.with_settings(recipes.load(args.recipe), args.settings)
    record_set = records.RecordSet(args.records)
    classes = record_set.manifest["classes"]
    if args.rows:
        images, labels, _ = record_set.read_rows(args.rows)[0]
        titles = [f"{classes[label]}\nrow {row}" for label, row in zip(labels, args.rows)]
    else:
        images, labels = _one_per_class(record_set, classes, args.seed)
        titles = [classes[label] for label in labels]
    versions = _augmented(images, recipe, args.columns, args.seed)
    from fer2013_tf.visualization import comparison

    comparison.contact_sheet(images, versions, titles, args.out, _heading(recipe))
    shown = cli.counted(len(titles), "image"), cli.counted(args.columns, "version")
    print(f"{', '.join(shown)} of each: {args.out}")
    return 0


def _heading(recipe):
    """Return what is done to the images."""
    steps = [f"blur of {recipe.blur:g} pixels"] if recipe.blur else []
    steps += ["equalizing"] if recipe.equalize else []
    return " | ".join([*steps, recipe.augment])


def _one_per_class(record_set, classes, seed):
    """(images uint8 [m, h, w], labels): one Training image of each of the first twelve classes."""
    training = record_set.split(constants.TRAINING)
    rng = np.random.default_rng(seed)
    there = [np.flatnonzero(training.labels == label) for label in range(len(classes))]
    chosen = np.array([rng.choice(of_class) for of_class in there if len(of_class)][:MOST])
    return training.read(chosen)


def _augmented(images, recipe, columns, seed):
    """uint8 [m, columns, h, w(, 3)]."""
    from fer2013_tf.preprocessing import augment, image_ops
    from fer2013_tf.utils.tf1 import tf

    repeated = np.repeat(images, columns, axis=0)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = image_ops.preprocess(tf.constant(repeated), recipe)
        seeds = tf.constant([seed, 0], tf.int64)
        pixels = augment.apply(fed, recipe.augment, seed=seeds, fill_mode=recipe.fill_mode)
        made = session.run(tf.cast(tf.round(pixels), tf.uint8))
    return made.reshape(len(images), columns, *images.shape[1:])


def main(argv=None):
    """Entry point; returns the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
