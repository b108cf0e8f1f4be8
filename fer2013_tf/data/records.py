"""Write and read a set of TFRecords and the manifest beside them.

    with records.Writer(out, classes=..., size=(48, 48), shards=1) as writer:
        for image in labeled_images:
            writer.add(image)
        writer.commit(source={...})      # shards first, the manifest last, each by rename

    record_set = records.RecordSet(out)  # checks that every shard is there and has its length
    public = record_set.read("PublicTest")                  # LabeledImages, all of a split
    images, labels = record_set.split("Training").read([3, 0, 17])   # some of a split

A `RecordSet` is opened once by a command and handed on: its manifest is read once, each split
indexed once, when it is first asked for. Images stay in their files, and what was read recently in
the system's file cache, so that memory does not grow with the set.

The manifest is the commit point: shard names carry a digest of their content, the manifest names
its shards, and replacing the manifest is one rename. Whenever a writer dies, a reader finds the old
set or the new one, or no manifest at all.
"""

import contextlib
import io
import math
import os
import re
import shutil
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf.data import example, tfrecord
from fer2013_tf.utils import cli, constants, files, legacy, outputs
from fer2013_tf.utils.errors import UserError

MANIFEST = "manifest.json"
VERSION = 2
# Files of these names are this program's, those of interrupted runs too.
SHARD = re.compile(rf"({'|'.join(constants.SPLITS)})-\d{{5}}-of-\d{{5}}-[0-9a-f]{{8}}\.tfrecord")


class LabeledImages(NamedTuple):
    """One split in memory, in the order of the records."""

    images: np.ndarray  # uint8 [n, height, width], or [n, height, width, 3] in color
    labels: np.ndarray  # int64 [n]
    rows: np.ndarray  # int64 [n], 1-based row in the source


class Writer:
    """Write one set of records in a temporary folder and put it in place on `commit`."""

    def __init__(self, out, *, classes, size=None, shards=1):
        self.out, self.classes, self.size, self.shards = Path(out), tuple(classes), size, shards
        self._partial = self.out / f".partial-{os.getpid()}"
        self._files = {}
        self._counts = {split: [0] * len(self.classes) for split in constants.SPLITS}
        self._histogram = np.zeros(256, np.int64)  # of the Training pixels' values

    def __enter__(self):
        self.out.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            remedy = "wait for it, or choose another --out"
            stack.enter_context(files.lock(self.out / ".lock", "make_records", remedy))
            files.remove_partials(self.out)
            for left_behind in self.out.glob(".partial-*"):
                shutil.rmtree(left_behind)
            self._partial.mkdir()
            stack.callback(shutil.rmtree, self._partial, ignore_errors=True)
            self._held = stack.pop_all()
        return self

    def __exit__(self, *_):
        for writer in self._files.values():
            # After a commit nothing is left to flush; without one it is thrown away.
            with contextlib.suppress(OSError):
                writer.close()
        self._held.close()

    def add(self, image):
        """Append a `readers.LabeledImage` to its split; shards are filled in turn.

        Raises UserError for a label beyond the classes, and for an image of another size than
        `size`, or where that is None, than the first.
        """
        self._check(image)
        counts = self._counts[image.split]
        key = image.split, sum(counts) % self.shards
        if key not in self._files:
            self._files[key] = self._shard(key).open("wb", buffering=1 << 18)
        with files.naming(self.out):
            self._files[key].write(tfrecord.frame_record(example.serialize(image)))
        counts[image.label] += 1
        if image.split == constants.TRAINING:
            self._histogram += np.bincount(image.pixels.ravel(), minlength=256)

    def _check(self, image):
        where = f"{image.where}, row {image.row}"
        self.size = self.size or image.pixels.shape
        if image.pixels.shape != tuple(self.size):
            found, wanted = ("x".join(map(str, shape)) for shape in (image.pixels.shape, self.size))
            raise UserError(f"{where}: {found} pixels, expected {wanted} (height x width)")
        if not 0 <= image.label < len(self.classes):
            highest = len(self.classes) - 1
            raise UserError(f"{where}: label {image.label}, expected 0 to {highest}")

    def commit(self, **extra):
        """Put shards and manifest in place. Return the manifest, which holds `extra` too."""
        shards = {split: self._place(split) for split in constants.SPLITS}
        mean, std = self._mean_and_std()
        manifest = {
            "version": VERSION,
            "classes": list(self.classes),
            "size": list(self.size or (constants.IMAGE_SIZE,) * 2),
            "counts": {
                split: dict(zip(self.classes, counts, strict=True))
                for split, counts in self._counts.items()
            },
            "mean": mean,
            "std": std,
            "shards": shards,
            **extra,
        }
        files.write_json(self.out / MANIFEST, manifest)
        named = {shard["file"] for group in shards.values() for shard in group}
        for file in self.out.glob("*.tfrecord"):
            if file.name not in named and SHARD.fullmatch(file.name):
                os.unlink(file)
        return manifest

    def _mean_and_std(self):
        """Compute both of the Training pixels from integer sums; 0 and 1 where there are none."""
        values = np.arange(256)
        pixels = int(self._histogram.sum())
        if not pixels:
            return 0.0, 1.0
        total, squares = int(self._histogram @ values), int(self._histogram @ values**2)
        return total / pixels, math.sqrt(pixels * squares - total**2) / pixels

    def _shard(self, key):
        return self._partial / "{}-{}".format(*key)

    def _place(self, split):
        keys = sorted(key for key in self._files if key[0] == split)
        placed = []
        for number, key in enumerate(keys):
            with files.naming(self.out), self._files.pop(key) as file:
                file.flush()
                os.fsync(file.fileno())
            partial = self._shard(key)
            sha256 = files.file_sha256(partial)
            name = f"{split}-{number:05d}-of-{len(keys):05d}-{sha256[:8]}.tfrecord"
            placed.append({"file": name, "bytes": partial.stat().st_size, "sha256": sha256})
            os.replace(partial, self.out / name)
        return placed


def are_in(folder):
    """Return whether a folder holds a manifest as `Writer` writes it, or shards of that name."""
    text = r'\{\s*"version": \d+,\s*"classes": \['
    shards = (path.name for path in Path(folder).glob("*.tfrecord"))
    return outputs.begins(Path(folder) / MANIFEST, text) or any(map(SHARD.fullmatch, shards))


def load_manifest(folder):
    """Return the manifest under `folder` as a dict, after checking the lengths of its shards.

    Raises UserError naming the file where the manifest or a shard is missing, empty or of another
    length.
    """
    path = Path(folder) / MANIFEST
    make = f"make the records with: {cli.command_line('make_records', 'SOURCE', '--out', folder)}"
    if not path.exists():
        raise UserError(f"{path}: no records here; {make}")
    manifest = legacy.manifest(files.read_json(path, f"{make} --force", unsigned=1))
    if manifest.get("version") != VERSION:
        raise UserError(f"{path}: version {manifest.get('version')}, expected {VERSION}; {make}")
    for shard in (shard for group in manifest["shards"].values() for shard in group):
        file = Path(folder) / shard["file"]
        size = file.stat().st_size if file.exists() else None
        if size != shard["bytes"]:
            found = {None: "missing", 0: "empty (0 bytes)"}.get(size, f"{size} bytes")
            raise UserError(f"{file}: {found}, expected {shard['bytes']} bytes; {make} --force")
    return manifest


def split_titles(manifest):
    """Return {split: what a score on it is called}.

    PrivateTest keeps its name only where Training is without it.
    """
    private = manifest.get("source", {}).get("private", constants.PRIVATE_TEST)
    return {split: split for split in constants.SPLITS} | {constants.PRIVATE_TEST: private}


def split_size(manifest, split):
    """Return the number of images of a split."""
    return sum(manifest["counts"][split].values())


class RecordSet:
    """The records of one folder: `manifest`, `folder`, and the images of each split.

    Raises UserError naming the file where the manifest or a shard is missing or not whole.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = load_manifest(folder)
        self._splits = {}

    def __str__(self):
        return str(self.folder)

    def size(self, split):
        """Return the number of images of a split, as the manifest has it."""
        return split_size(self.manifest, split)

    def shard_paths(self, split):
        """Return the paths of a split's shards, in order. Raises UserError for an empty split."""
        paths = [str(self.folder / shard["file"]) for shard in self.manifest["shards"][split]]
        if not paths:
            raise UserError(f"{self}: holds no {split} image; choose another split or source")
        return paths

    def split(self, split):
        """Return a `Split`, indexed when it is first asked for.

        Raises UserError where it is empty, damaged, or not as large as the manifest says.
        """
        if split not in self._splits:
            found = Split(self.shard_paths(split), self.manifest["shards"][split], self.image_shape)
            if len(found) != self.size(split):
                raise UserError(
                    f"{self}: {split} has {len(found)} images, manifest says {self.size(split)}"
                )
            self._splits[split] = found
        return self._splits[split]

    def read(self, split):
        """Return the whole of a split as `LabeledImages`, in source order."""
        found = self.split(split)
        return LabeledImages(*found.read(np.arange(len(found))), found.rows)

    def read_rows(self, rows):
        """Return images by their rows in the source: (`LabeledImages` in that order, their splits).

        rows: integers from 1. Raises UserError naming a row that the records do not hold.
        """
        images, labels, splits = [], [], []
        found = {
            row: (split, place)
            for split in constants.SPLITS
            if self.size(split)
            for place, row in enumerate(self.split(split).rows.tolist())
        }
        for row in rows:
            if row not in found:
                raise UserError(
                    f"{self}: no image of row {row}; rows are from {min(found)} to {max(found)}, "
                    "without those that make_records left out"
                )
            split, place = found[row]
            image, label = self.split(split).read([place])
            images.append(image[0])
            labels.append(label[0])
            splits.append(split)
        return LabeledImages(np.stack(images), np.array(labels), np.array(rows)), splits

    @property
    def image_shape(self):
        """(height, width), or (height, width, 3) of images in color."""
        return tuple(self.manifest["size"])


class Split:
    """Random access to the images of one split; labels, rows and votes are in memory.

    labels, rows: int64 [n]. votes: uint8 [n, k], FER+'s, or None where the records hold none.
    Raises UserError naming the shard whose bytes are not those that the manifest was written for.
    """

    def __init__(self, paths, shards, image_shape):
        for path, shard in zip(paths, shards, strict=True):
            if files.file_sha256(path) != shard["sha256"]:
                raise UserError(f"{path}: damaged record; run make_records again with --force")
        self._image_shape = image_shape
        # Open as long as this object lives; a file has one position, so one thread at a time.
        self._files, self._lock = [io.FileIO(path) for path in paths], threading.Lock()
        indexes = [example.index(path) for path in paths]
        count = sum(map(len, indexes))
        # Shards were filled in turn.
        order = [(number % len(paths), number // len(paths)) for number in range(count)]
        self._file = np.array([file for file, _ in order])
        found = [indexes[file][place] for file, place in order]
        self._offset, self.labels, self.rows = np.array([entry[:3] for entry in found], np.int64).T
        votes = [entry.votes for entry in found]
        self.votes = None
        if votes[0] is not None:
            self.votes = np.frombuffer(b"".join(votes), np.uint8).reshape(count, -1)

    def __len__(self):
        return len(self.labels)

    def read(self, indices):
        """Return images uint8 [m, height, width(, 3)] and labels int64 [m] of int indices [m]."""
        images = np.empty((len(indices), *self._image_shape), np.uint8)
        with self._lock:
            for image, number in zip(images, indices):
                file = self._files[self._file[number]]
                file.seek(self._offset[number])
                if file.readinto(image) != image.nbytes:
                    raise UserError(
                        f"{file.name}: cut off while it was in use; run make_records again"
                    )
        return images, self.labels[np.asarray(indices)]
