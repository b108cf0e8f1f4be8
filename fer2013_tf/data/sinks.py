"""Sinks that `making.make` writes examples to besides the records: bad rows, a folder of PNGs."""

import contextlib
import csv
import os
import shutil
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from fer2013_tf.utils import cli, constants, files, names, outputs
from fer2013_tf.utils.errors import UserError

LABEL_LIST = "labels.csv"
SHOWN = 10


def with_progress(source):
    """Yield the examples of a pass, with a progress bar on a terminal: rate and time left."""
    with tqdm(total=source.total, unit=" images", unit_scale=True, disable=None) as bar:
        for example in source.examples():
            yield example
            bar.update()
            if source.progress and bar.n % 256 == 0:
                bar.total = max(bar.n, round(bar.n / source.progress()))
        bar.total = bar.n


class BadRows:
    """Count the rows that cannot be used, and list the first of them."""

    def __init__(self):
        self.count, self.first = 0, []

    def add(self, bad):
        """Count a `readers.BadRow`."""
        self.count += 1
        if len(self.first) < SHOWN:
            line = f"{bad.where}, row {bad.row}: {bad.reason}"
            self.first.append(cli.printable(line))

    def check(self, name, *, kept, skip):
        """Raise UserError for bad rows that may not be skipped, and where no others were kept."""
        if self.count and not (skip and kept):
            todo = "--skip-bad leaves them out" if kept else "choose another source"
            said = f"{self.count} of {cli.counted(self.count + kept, 'row')} cannot be used, "
            said += "the first: "
            raise UserError(f"{name}: {said}{self.first[0]}; {todo}", self.first)

    def text(self):
        """Return what was left out as lines of text, each with its line end; else ""."""
        said = f"{cli.counted(self.count, 'row')} left out, the first of them:"
        return "".join(f"{line}\n" for line in [said, *self.first]) if self.count else ""


class ImageFolder:
    """Write DIR/<split>/<class>/<row>.png, and the label list last, when all images are there.

    The folder of a class has its name as far as a folder can have it; the list has the name itself.
    """

    def __init__(self, folder, classes):
        self.folder, self.classes = Path(folder), classes
        self._folders = names.unique(classes)
        self._partial = self.folder / f".partial-{os.getpid()}"

    def __enter__(self):
        if foreign := self._foreign():
            raise UserError(
                f"{self.folder / foreign}: not made by this command, or not complete; "
                "remove it, or name another folder"
            )
        for left_behind in self.folder.glob(".partial-*"):
            shutil.rmtree(left_behind)
        self._partial.mkdir(parents=True)
        how = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
        self._list = (self._partial / LABEL_LIST).open("w", **how)
        self._lines = csv.writer(self._list, lineterminator="\n")
        self._lines.writerow(("path", "label", "name", "split", "row"))
        return self

    def _foreign(self):
        """Return the first file or folder in the place of images that no label list names."""
        taken = [split for split in constants.SPLITS if (self.folder / split).exists()]
        labels = self.folder / LABEL_LIST
        if not labels.exists():
            return taken[0] if taken else None
        if not outputs.made_here(labels):
            return LABEL_LIST
        with labels.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            listed = {row["path"] for row in csv.DictReader(file)}
        for split in taken:
            for parent, _, found in os.walk(self.folder / split):
                relative = Path(parent).relative_to(self.folder).as_posix()
                if others := sorted({f"{relative}/{name}" for name in found} - listed):
                    return others[0]
        return None

    def __exit__(self, *_):
        # After a commit nothing is left to flush; without one it is thrown away.
        with contextlib.suppress(OSError):
            self._list.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def add(self, image):
        """Write a `readers.LabeledImage`."""
        name = self.classes[image.label]
        path = f"{image.split}/{self._folders[image.label]}/{image.row}.png"
        target = self._partial / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.naming(self.folder / path):
            Image.fromarray(image.pixels).save(target, compress_level=1)
            self._lines.writerow((path, image.label, name, image.split, image.row))

    def commit(self):
        """Put the images in place of an earlier run's. Return the label list's sha256."""
        with files.naming(self.folder / LABEL_LIST):
            self._list.close()
        labels = self.folder / LABEL_LIST
        labels.unlink(missing_ok=True)
        for split in constants.SPLITS:
            shutil.rmtree(self.folder / split, ignore_errors=True)
            if (self._partial / split).exists():
                os.replace(self._partial / split, self.folder / split)
        os.replace(self._partial / LABEL_LIST, labels)
        return files.file_sha256(labels)
