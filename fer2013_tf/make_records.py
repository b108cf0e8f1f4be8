"""Make TFRecords from FER2013 or another data set: `python -m fer2013_tf.make_records`.

TensorFlow is not needed, and not imported.
"""

import argparse
import math
import sys
from pathlib import Path

from fer2013_tf.data import ferplus, making, readers, records, sinks, splits, statistics
from fer2013_tf.utils import archives, cli, constants
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.make_records fer2013.tar.gz         Kaggle's download, as it is
  python -m fer2013_tf.make_records icml_face_data.csv     its newer layout
  python -m fer2013_tf.make_records images/                train/angry/Training_1.jpg and so on
  python -m fer2013_tf.make_records                        the synthetic sample
  python -m fer2013_tf.make_records fer2013.csv --images images --skip-bad
  python -m fer2013_tf.make_records fer2013.csv --ferplus fer2013new.csv --out ferplus
  python -m fer2013_tf.make_records my.csv --size 128 --classes calm,cross,glad
  python -m fer2013_tf.make_records fer2013.csv --resplit "fold(2, folds=5)" --out fold2

Writes the records, manifest.json and counts.png to --out. A source that has not changed since is
not read again. formats: {formats}

splits: official (the source's own); ratios(0.8, 0.1), sampled from all images, the rest is held
out; first_rows(24000) of Training, its other rows are PublicTest; train_val, Training and
PublicTest together; fold(2, folds=5) of Training and PublicTest.
"""


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.make_records",
        description="Make TFRecords from FER2013 or another data set; check every image.",
        epilog=EXAMPLES.format(formats=", ".join(readers.names())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_source_options(result.add_argument)
    _add_label_options(result.add_argument)
    _add_output_options(result.add_argument)
    cli.renamed(result, {"--split": "--resplit", "--colour": "--color"})
    return result


def _add_source_options(add):
    add("source", nargs="?", metavar="SOURCE", help="CSV, archive or folder (default: the sample)")
    add("--format", metavar="NAME", default=readers.AUTO, help="format of SOURCE (default: auto)")
    add(
        "--size",
        type=_size,
        metavar="N|HxW",
        help="crop the center of every image and scale it to this size (default: unchanged)",
    )
    add("--color", action="store_true", help="keep colors (default: gray)")
    add("--skip-bad", action="store_true", help="leave out rows that cannot be used")
    add(
        "--max-unpacked",
        type=_gigabytes,
        metavar="GB",
        help=f"refuse an archive that unpacks to more (default: {archives.LIMIT / 2**30:g})",
    )


def _add_label_options(add):
    add(
        "--classes",
        type=_names,
        metavar="A,B,C",
        help="names in the order of the labels, or fer2013 or ferplus (default: the source's)",
    )
    add(
        "--resplit",
        metavar="HOW",
        default=splits.OFFICIAL,
        help="other splits than the source's own, see below (default: %(default)s)",
    )
    add("--seed", type=int, metavar="N", default=0, help="seed of random values (default: 0)")
    add(
        "--ferplus", metavar="FILE", help="FER+'s votes, fer2013new.csv: keep them, take its labels"
    )
    add(
        "--ferplus-classes",
        type=int,
        choices=tuple(ferplus.CLASSES),
        default=8,
        help="8 expressions, 10 with unknown and NF, or FER2013's 7 (default: 8)",
    )


def _add_output_options(add):
    add("--out", metavar="DIR", default="tfrecords", help="where to write (default: %(default)s)")
    add("--shards", type=_positive, metavar="N", default=1, help="files per split (default: 1)")
    add(
        "--images",
        metavar="DIR",
        help=f"also write the images as PNG, and {sinks.LABEL_LIST}, to DIR",
    )
    add("--force", action="store_true", help="make the records even if nothing has changed")


def _positive(text):
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number over 0")
    return int(text)


def _names(text):
    known = {"fer2013": constants.FER2013, "ferplus": constants.FERPLUS}
    names = known.get(text.lower()) or tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < max(2, len(names)):
        raise argparse.ArgumentTypeError(f"{text!r}: give two different names or more")
    return names


def _size(text):
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and 10 <= int(side) <= 4096 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 128 or 96x128")
    height, width = map(int, sides * 2 if len(sides) == 1 else sides)
    return height, width


def _gigabytes(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 2**20:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of gigabytes over 0")
    return value


def run(args):
    """Make the records that `args` (see `parser`) asks for, unless they are made already.

    Raises UserError for errors of the source, bad rows included; nothing is written then.
    """
    _check_folders(args)
    source = _open_source(args)
    what = {"made_with": _made_with(args), "images": args.images}
    if not args.force and making.is_made(source, args.out, **what):
        print(f"{args.out}: made from this source already, nothing to do (--force makes it again)")
        return
    manifest, bad_rows = making.make(source, args.out, name=args.source, **what)
    # Matplotlib, which --help and refusals do not need.
    from fer2013_tf.visualization import class_counts

    class_counts.chart(manifest["counts"], Path(args.out) / making.CHART)
    _report(args, manifest, bad_rows)


def _check_folders(args):
    for option, folder in (("--out", args.out), ("--images", args.images)):
        if folder and Path(folder).exists() and not Path(folder).is_dir():
            raise UserError(f"{option} {folder}: is a file; name a folder")


def _open_source(args):
    source = making.open_source(
        args.source,
        args.format,
        votes=args.ferplus,
        ferplus_classes=args.ferplus_classes,
        resplit=args.resplit,
        seed=args.seed,
        classes=args.classes,
        resize=args.size,
        color=args.color,
        max_unpacked=args.max_unpacked and int(args.max_unpacked * 2**30),
    )
    if args.ferplus:
        left_out = source.description["ferplus"]["left_out"]
        print(f"FER+: {left_out} images left out: too few votes agree, or most are for no class")
        if args.ferplus_classes == 7:
            print("FER+: images of contempt are among them, as it is none of FER2013's classes")
    return source


def _made_with(args):
    """Return the options that change the records, as the manifest keeps them."""
    return {
        "shards": args.shards,
        "skip_bad": args.skip_bad,
        "size": args.size and list(args.size),
        "color": args.color,
        "split": args.resplit,
        "seed": args.seed,
    }


def _report(args, manifest, bad_rows):
    """Print the counts, what is odd in them, and what was written where."""
    counts = statistics.table(manifest["counts"])
    print(counts, statistics.summary(manifest), bad_rows.text(), sep="\n", end="")
    size = sum(shard["bytes"] for shards in manifest["shards"].values() for shard in shards)
    print(f"wrote {args.out}: {size / 1e6:.1f} MB of records, {records.MANIFEST}, {making.CHART}")
    if args.images:
        print(f"wrote {args.images}: {manifest['report']['faces']} images, {sinks.LABEL_LIST}")


def main(argv=None):
    """Run the command; return the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
