"""Make TFRecords from FER2013 or another data set: `python -m fer2013_tf.make_records`.

TensorFlow is not needed, and not imported.
"""

import argparse
import math
import sys
from pathlib import Path

from fer2013_tf.data import ferplus, making, readers, records, sinks, splits, statistics
from fer2013_tf.data.readers import split_names
from fer2013_tf.utils import archives, cli, constants, outputs
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

# Options without a part in what the records hold, and those that are compared otherwise: the source
# and FER+'s votes by their digests, the format by its name, the images by their list. Every other
# option is compared before "made from this source already".
NOT_COMPARED = {"source", "format", "ferplus", "images", "max_unpacked"}
NOT_COMPARED |= {"out", "force", "verbose", "overwrite"}


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
    _add_output_options(result)
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
        help="names in the order of the labels, LABEL=NAME for each, such as 1=surprise,2=fear, "
        "or fer2013 or ferplus (default: the source's)",
    )
    add(
        "--split-names",
        type=_split_names,
        metavar="NAME=SPLIT,...",
        help="what folders of a tree are: NAME=train, =valid, =test, or =none to leave it out "
        "(default: as their words say, such as Training, 2_test, FER2013Valid)",
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
        help="8 expressions, 10 with unknown and NF, or FER2013's 7 (default: 8)",
    )


def _add_output_options(parser):
    add = parser.add_argument
    add("--out", metavar="DIR", default="tfrecords", help="where to write (default: %(default)s)")
    add("--shards", type=_positive, metavar="N", default=1, help="files per split (default: 1)")
    add(
        "--images",
        metavar="DIR",
        help=f"also write the images as PNG, and {sinks.LABEL_LIST}, to DIR",
    )
    add("--force", action="store_true", help="make the records even if nothing has changed")
    cli.add_overwrite(parser)


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


def _split_names(text):
    try:
        return split_names.parse_given(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
    what = {"made_with": made_with(args), "images": args.images}
    defaults = made_with(cli.completed(parser()).parse_args([]))
    if not args.force and making.is_made(source, args.out, defaults=defaults, **what):
        print(f"{args.out}: made from this source already, nothing to do (--force makes it again)")
        return
    manifest, bad_rows = making.make(source, args.out, name=args.source, **what)
    # Matplotlib, which --help and refusals do not need.
    from fer2013_tf.visualization import class_counts

    class_counts.chart(manifest["counts"], Path(args.out) / making.CHART)
    _report(args, source, manifest, bad_rows)


def _check_folders(args):
    """Raise UserError where what is written would destroy something, or be read the next time."""
    kept = {records.MANIFEST, making.CHART}
    declared = [
        outputs.Folder("--out", args.out, kept, known=records.are_in(args.out)),
        outputs.Folder("--images", args.images, {sinks.LABEL_LIST}),
    ]
    read = [path for path in (args.source, args.ferplus) if path]
    outputs.check(declared, read, overwrite=args.overwrite)
    if args.images and args.source and _is_in(args.images, args.source):
        raise UserError(f"--images {args.images}: in the folder that is read; name one beside it")


def _is_in(path, folder):
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


def _open_source(args):
    return making.open_source(
        args.source,
        args.format,
        votes=args.ferplus,
        ferplus_classes=args.ferplus_classes,
        resplit=args.resplit,
        seed=args.seed,
        classes=args.classes,
        resize=args.size,
        color=args.color,
        split_names=args.split_names,
        max_unpacked=args.max_unpacked and int(args.max_unpacked * 2**30),
    )


def made_with(args):
    """Return all options but those NOT_COMPARED, as the manifest keeps them."""
    return {name: value for name, value in vars(args).items() if name not in NOT_COMPARED}


def _report(args, source, manifest, bad_rows):
    """Print what the reader decided, the counts, what is odd in them, what was written where."""
    lines = [*source.notes, *ferplus.summary(manifest["source"])]
    print("".join(cli.printable(line) + "\n" for line in lines), end="")
    counts = statistics.table(manifest["counts"])
    empty = statistics.without_training(manifest["counts"])
    print(counts, empty + statistics.summary(manifest), bad_rows.text(), sep="\n", end="")
    size = sum(shard["bytes"] for shards in manifest["shards"].values() for shard in shards)
    print(f"wrote {args.out}: {size / 1e6:.1f} MB of records, {records.MANIFEST}, {making.CHART}")
    if args.images:
        count = cli.counted(manifest["report"]["faces"], "image")
        print(f"wrote {args.images}: {count}, {sinks.LABEL_LIST}")


def main(argv=None):
    """Run the command; return the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
