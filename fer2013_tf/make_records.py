"""The command that makes TFRecords from a source of faces: `python -m fer2013_tf.make_records`.

One pass: every checked face goes to the records' writer, to the tally and, if asked for, to the
folder of PNG files. Only when the pass has ended well is anything put in place. TensorFlow is not
needed, and not imported.
"""

import argparse
import contextlib
import csv
import io
import math
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from fer2013_tf import archives, command, emotions, ferplus, files, records, sources, splits, tally
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.make_records fer2013.tar.gz         Kaggle's download, as it is
  python -m fer2013_tf.make_records icml_face_data.csv     its newer layout
  python -m fer2013_tf.make_records pictures/              train/angry/Training_1.jpg and so on
  python -m fer2013_tf.make_records                        the embedded sample of drawn faces
  python -m fer2013_tf.make_records fer2013.csv --images pictures --skip-bad
  python -m fer2013_tf.make_records fer2013.csv --ferplus fer2013new.csv --out ferplus
  python -m fer2013_tf.make_records my.csv --size 128 --classes calm,cross,glad
  python -m fer2013_tf.make_records fer2013.csv --split "fold(2, folds=5)" --out fold2

Writes the records, manifest.json and counts.png to --out. A source that has not changed since is
not read again. formats: {formats}

splits: official (the source's own); ratios(0.8, 0.1), drawn anew, the rest is held out;
first(24000) rows of Training, its others are PublicTest; merged, Training and PublicTest
together; fold(2, folds=5), of Training and PublicTest.
"""
CHART = "counts.png"
LABEL_LIST = "labels.csv"
SHOWN = 10


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.make_records",
        description="Make TFRecords from FER2013 or a set like it; check every picture.",
        epilog=EXAMPLES.format(formats=", ".join(sources.names())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("source", nargs="?", metavar="SOURCE", help="CSV, archive or folder (default: drawn faces)")
    add("--out", metavar="DIR", default="tfrecords", help="where to write (default: %(default)s)")
    add("--format", metavar="NAME", default=sources.AUTO, help="format of SOURCE (default: auto)")
    add(
        "--classes",
        type=_names,
        metavar="A,B,C",
        help="names in the order of the labels, or fer2013 or ferplus (default: the source's)",
    )
    add(
        "--size",
        type=_size,
        metavar="N|HxW",
        help="cut the middle out of every picture and bring it to this size (default: as they are)",
    )
    add("--colour", action="store_true", help="keep colours (default: grey)")
    add(
        "--split",
        metavar="HOW",
        default=splits.OFFICIAL,
        help="how to part the pictures, see below (default: %(default)s)",
    )
    add("--seed", type=int, metavar="N", default=0, help="of what --split draws (default: 0)")
    add("--ferplus", metavar="FILE", help="FER+'s votes, fer2013new.csv: its labels, and the votes")
    add(
        "--ferplus-classes",
        type=int,
        choices=tuple(ferplus.CLASSES),
        default=8,
        help="8 expressions, 10 with unknown and NF, 7 as FER2013 names them (default: 8)",
    )
    add("--shards", type=_positive, metavar="N", default=1, help="files a split (default: 1)")
    add("--images", metavar="DIR", help=f"also write the pictures as PNG, and {LABEL_LIST}, to DIR")
    add("--skip-bad", action="store_true", help="leave out rows that cannot be used")
    add(
        "--max-unpacked",
        type=_gigabytes,
        metavar="GB",
        help=f"refuse an archive that unpacks to more (default: {archives.LIMIT / 2**30:g})",
    )
    add("--force", action="store_true", help="make the records even if nothing has changed")
    return result


def _positive(text):
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number over 0")
    return int(text)


def _names(text):
    known = {"fer2013": emotions.FER2013, "ferplus": emotions.FERPLUS}
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
    """Makes the records that `args` (see `parser`) asks for, unless they are there already.

    Raises UserError for what is wrong with the source, bad rows included; then nothing is written.
    """
    for option, folder in (("--out", args.out), ("--images", args.images)):
        if folder and Path(folder).exists() and not Path(folder).is_dir():
            raise UserError(f"{option} {folder}: is a file; name a folder")
    source = _source(args)
    made_with = {"shards": args.shards, "skip_bad": args.skip_bad}
    made_with.update(
        size=args.size and list(args.size),
        colour=args.colour,
        split=args.split,
        seed=args.seed,
    )
    if not args.force and _is_made(args, source, made_with):
        print(f"{args.out}: made from this source already, nothing to do (--force makes it anew)")
        return
    bad = Bad()
    manifest = _make(args, source, bad, made_with)
    chart(manifest["counts"], Path(args.out) / CHART)
    counts = tally.table(manifest["counts"])
    print(counts, tally.summary(manifest), bad.dropped(), sep="\n", end="")
    size = sum(shard["bytes"] for shards in manifest["shards"].values() for shard in shards)
    print(f"wrote {args.out}: {size / 1e6:.1f} MB of records, {records.MANIFEST}, {CHART}")
    if args.images:
        print(f"wrote {args.images}: {manifest['report']['faces']} pictures, {LABEL_LIST}")


def _source(args):
    """The source with what the options make of it."""
    given = {
        "max_unpacked": args.max_unpacked and int(args.max_unpacked * 2**30),
        "classes": args.classes,
        "resize": args.size,
        "colour": args.colour,
    }
    given = {name: value for name, value in given.items() if value}
    source = sources.open_source(args.source, args.format, **given)
    if args.ferplus:
        votes = ferplus.read(args.ferplus)
        source = ferplus.join(source, votes, args.ferplus, classes=args.ferplus_classes)
        print(_joined(source, args.ferplus_classes))
    return splits.apply(source, args.split, args.seed)


def _joined(source, classes):
    said = f"FER+: {source.description['ferplus']['left_out']} pictures left out, as too few agree "
    said += "or what most see is no class"
    if classes == 7:
        said += "; contempt is none of FER2013's seven, its pictures are among them"
    return said


def _make(args, source, bad, made_with):
    """Writes records, and pictures if asked for, in one pass. Returns the manifest."""
    count = tally.Tally()
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(
            records.Writer(args.out, classes=source.classes, shards=args.shards)
        )
        sinks, pictures = [writer, count], None
        if args.images:
            pictures = stack.enter_context(Pictures(args.images, source.classes))
            sinks.append(pictures)
        for face in _with_progress(source):
            for sink in [bad] if isinstance(face, sources.BadFace) else sinks:
                sink.add(face)
        bad.judge(args.source or "drawn", kept=len(count), skip=args.skip_bad)
        # Drawn last, it says that all is done: an earlier set's must not say so of this one.
        (Path(args.out) / CHART).unlink(missing_ok=True)
        return writer.commit(
            source={**source.description, "sha256": source.sha256},
            made_with=made_with,
            report={**count.report(), "bad_rows": bad.count},
            images=pictures and pictures.commit(),
        )


def _is_made(args, source, made_with):
    """Whether records, and pictures if asked for, stand there whole, of this very source."""
    try:
        manifest = records.load(args.out)
    except UserError:
        return False
    there = manifest.get("source", {})
    if (there.get("sha256"), there.get("format")) != (source.sha256, source.description["format"]):
        return False
    # Drawn last: where it is missing, an earlier run was stopped before its report.
    if not (Path(args.out) / CHART).exists():
        return False
    if args.images:
        labels = Path(args.images) / LABEL_LIST
        if not labels.exists() or files.file_sha256(labels) != manifest.get("images"):
            return False
    return manifest.get("made_with") == made_with


def _with_progress(source):
    """The faces of a pass, with a bar on a terminal: rate and time left."""
    with tqdm(total=source.total, unit=" faces", unit_scale=True, disable=None) as bar:
        for face in source.faces():
            yield face
            bar.update()
            if source.progress and bar.n % 256 == 0:
                bar.total = max(bar.n, round(bar.n / source.progress()))
        bar.total = bar.n


class Bad:
    """Rows that cannot be used: how many, and the first of them."""

    def __init__(self):
        self.count, self.first = 0, []

    def add(self, face):
        """Takes a `sources.BadFace`."""
        self.count += 1
        if len(self.first) < SHOWN:
            line = f"{face.where}, row {face.row}: {face.reason}"
            self.first.append(command.printable(line))

    def judge(self, name, *, kept, skip):
        """Raises UserError where there are bad rows that may not be skipped, or no others."""
        if self.count and not (skip and kept):
            todo = "--skip-bad leaves them out" if kept else "choose another source"
            said = f"{self.count} of {self.count + kept} rows cannot be used, the first: "
            raise UserError(f"{name}: {said}{self.first[0]}; {todo}", self.first)

    def dropped(self):
        """What was left out, as lines of text, each with its end."""
        said = f"{self.count} rows left out, the first of them:"
        return "".join(f"{line}\n" for line in [said, *self.first]) if self.count else ""


class Pictures:
    """Writes DIR/<split>/<class>/<row>.png, and the label list last: it says that all are there."""

    def __init__(self, folder, classes):
        self.folder, self.classes = Path(folder), classes
        self._partial = self.folder / f".partial-{os.getpid()}"

    def __enter__(self):
        taken = [split for split in emotions.SPLITS if (self.folder / split).exists()]
        if taken and not (self.folder / LABEL_LIST).exists():
            raise UserError(
                f"{self.folder / taken[0]}: not made by this command, or not wholly; "
                "remove it, or name another folder"
            )
        for left_behind in self.folder.glob(".partial-*"):
            shutil.rmtree(left_behind)
        self._partial.mkdir(parents=True)
        self._list = (self._partial / LABEL_LIST).open("w", newline="", encoding="utf-8")
        self._lines = csv.writer(self._list, lineterminator="\n")
        self._lines.writerow(("path", "label", "name", "split", "row"))
        return self

    def __exit__(self, *_):
        # What is left in its buffer does not matter any more.
        with contextlib.suppress(OSError):
            self._list.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def add(self, face):
        """Takes a `sources.Face`."""
        name = self.classes[face.label]
        path = f"{face.split}/{name}/{face.row}.png"
        target = self._partial / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.naming(self.folder / path):
            Image.fromarray(face.pixels).save(target, compress_level=1)
            self._lines.writerow((path, face.label, name, face.split, face.row))

    def commit(self):
        """Puts the pictures in place of an earlier run's. Returns the label list's sha256."""
        with files.naming(self.folder / LABEL_LIST):
            self._list.close()
        labels = self.folder / LABEL_LIST
        labels.unlink(missing_ok=True)
        for split in emotions.SPLITS:
            shutil.rmtree(self.folder / split, ignore_errors=True)
            if (self._partial / split).exists():
                os.replace(self._partial / split, self.folder / split)
        os.replace(self._partial / LABEL_LIST, labels)
        return files.file_sha256(labels)


def chart(counts, path):
    """{split: {class: n}} -> PNG at `path`: bars a class, a panel a split."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = {split: classes for split, classes in counts.items() if sum(classes.values())}
    height = 1.3 + 0.38 * len(next(iter(shown.values())))
    figure = Figure((4.2 * len(shown), height), dpi=150, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (split, classes) in zip(panels, shown.items(), strict=True):
        _panel(axes, split, classes)
    panels[0].invert_yaxis()
    png = io.BytesIO()
    figure.savefig(png, format="png")
    files.write_atomically(path, png.getvalue())


def _panel(axes, split, classes):
    from fer2013_tf.plots import FAINT, HEADING, INK

    total = sum(classes.values())
    colours = emotions.colours(classes).values()
    bars = axes.barh(list(classes), list(classes.values()), color=colours, height=0.72)
    labels = [f"{n:,}  ({100 * n / total:.1f} %)" for n in classes.values()]
    axes.bar_label(bars, labels, padding=4, fontsize=9, color=INK)
    axes.set_title(f"{split}: {total:,}", **HEADING)
    # Room for the figures beside the longest bar.
    axes.set_xlim(0, 1.5 * max(classes.values()))
    axes.set_xticks([])
    axes.tick_params(length=0, colors=INK, labelsize=10)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(FAINT)


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
