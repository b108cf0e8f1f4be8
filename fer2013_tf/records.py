"""The one TFRecord feature spec, written and parsed here, and the manifest beside the records.

    with records.Writer(out, classes=..., size=(48, 48), shards=1) as writer:
        for face in faces:
            writer.add(face)
        writer.commit(source={...})          # shards first, the manifest last, each by rename

    manifest = records.load(out)             # checks that every shard is there, whole and non-empty
    faces = records.read(out, "PublicTest")  # Faces(images uint8 [n,h,w], labels, rows)

The manifest is the commit point: shard names carry a digest of their content, the manifest names
its shards, and replacing the manifest is one rename. Whatever moment a writer dies at, a reader
finds the old set or the new one, or no manifest at all.
"""

import contextlib
import functools
import math
import os
import shutil
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf import emotions, files
from fer2013_tf.errors import UserError

MANIFEST = "manifest.json"
VERSION = 2


class Faces(NamedTuple):
    """One split in memory, in the order of the records."""

    images: np.ndarray  # uint8 [n, height, width], or [n, height, width, 3] in colour
    labels: np.ndarray  # int64 [n]
    rows: np.ndarray  # int64 [n], 1-based row in the source


def serialise(face):
    """`Face` -> bytes of a tf.train.Example with the features that `parse` reads.

    Put together by hand: writing takes neither TensorFlow nor the seconds and memory it loads with.
    """
    height, width = face.pixels.shape[:2]
    features = (
        ("height", _integer(height)),
        ("image", _field(_BYTES_LIST, _field(1, face.pixels.tobytes()))),
        ("label", _integer(face.label)),
        ("row", _integer(face.row)),
        ("width", _integer(width)),
    )
    if face.votes is not None:
        votes = np.asarray(face.votes, np.uint8).tobytes()
        features += (("votes", _field(_BYTES_LIST, _field(1, votes))),)
    entries = (_field(1, _field(1, name.encode()) + _field(2, value)) for name, value in features)
    return _field(1, b"".join(entries))


# Field numbers in the message tf.train.Feature.
_BYTES_LIST, _INT64_LIST = 1, 3


@functools.lru_cache(maxsize=1024)
def _integer(value):
    return _field(_INT64_LIST, _field(1, _varint(value)))


def _field(number, data):
    """A length-delimited field of a protocol buffer."""
    return _field_head(number, len(data)) + data


@functools.lru_cache(maxsize=1024)
def _field_head(number, length):
    return bytes([number << 3 | 2]) + _varint(length)


def _varint(value):
    """A non-negative integer in base 128, lowest digit first, the top bit set on all but it."""
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def features_of(data):
    """Where an example of `serialise` keeps its values: {name: (start, end)} in its bytes."""
    found = {}
    at, end = _inside(data, 0)
    while at < end:
        entry, following = _inside(data, at)
        name, value = _inside(data, entry)
        name, start = data[name:value], value
        for _ in range(3):  # the feature, its list, the list's one value
            start, stop = _inside(data, start)
        found[name] = start, stop
        at = following
    return found


def integer_at(data, at):
    """The non-negative integer whose `_varint` stands at an offset."""
    return _read_varint(data, at)[0]


def _inside(data, at):
    """(start, end) of what the length-delimited field at `at` holds."""
    length, start = _read_varint(data, at + 1)
    return start, start + length


def _read_varint(data, at):
    """(value, offset behind it)."""
    value = shift = 0
    while True:
        digit = data[at]
        value |= (digit & 127) << shift
        at += 1
        if digit < 128:
            return value, at
        shift += 7


def framed(data):
    """A record of a TFRecord file: length and its checksum, data and theirs."""
    return _framed_length(len(data)) + data + _checksum(data)


@functools.lru_cache(maxsize=1024)
def _framed_length(length):
    data = struct.pack("<Q", length)
    return data + _checksum(data)


def _checksum(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


_CRC_BLOCK = 4096


@functools.cache
def _crc_tables():
    """What each byte of a block adds (by XOR) to its CRC: uint32 [4096, 256], first byte first."""
    one = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        one = one >> 1 ^ np.where(one & 1, np.uint32(0x82F63B78), np.uint32(0))
    tables = [one]
    for _ in range(_CRC_BLOCK - 1):
        tables.append(one[tables[-1] & 255] ^ tables[-1] >> 8)
    return np.stack(tables[::-1]), np.arange(_CRC_BLOCK) * 256


def crc32c(data):
    """CRC-32C (Castagnoli) of bytes, as an int."""
    tables, rows = _crc_tables()
    crc = 0xFFFFFFFF
    for start in range(0, len(data), _CRC_BLOCK):
        block = np.frombuffer(data, np.uint8, offset=start)[:_CRC_BLOCK].copy()
        length = len(block)
        # The CRC so far counts as if it were XORed into the next four bytes.
        block[:4] ^= np.frombuffer(crc.to_bytes(4, "little"), np.uint8)[:length]
        added = tables.take(rows[_CRC_BLOCK - length :] + block)
        crc = crc >> 8 * length ^ int(np.bitwise_xor.reduce(added))
    return crc ^ 0xFFFFFFFF


def parse(serialised, size):
    """Serialised examples [n] -> images uint8 [n, *size], labels and rows int64 [n].

    size: (height, width), or (height, width, 3) of pictures in colour.
    """
    from fer2013_tf.tensorflow1 import tf

    integer = tf.FixedLenFeature([], tf.int64)
    spec = {
        "image": tf.FixedLenFeature([], tf.string),
        "label": integer,
        "row": integer,
    }
    parsed = tf.io.parse_example(serialised, spec)
    pixels = tf.decode_raw(parsed["image"], tf.uint8)
    shape = [tf.shape(serialised)[0], *size]
    return tf.reshape(pixels, shape), parsed["label"], parsed["row"]


class Writer:
    """Writes one set of records under a temporary folder and puts it in place on `commit`."""

    def __init__(self, out, *, classes, size=None, shards=1):
        self.out, self.classes, self.size, self.shards = Path(out), tuple(classes), size, shards
        self._partial = self.out / f".partial-{os.getpid()}"
        self._files = {}
        self._counts = {split: [0] * len(self.classes) for split in emotions.SPLITS}
        self._tones = np.zeros(256, np.int64)  # how many Training pixels have each value

    def __enter__(self):
        self.out.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            remedy = "wait for it, or choose another --out"
            stack.enter_context(files.lock(self.out / ".lock", "make_records", remedy))
            files.sweep(self.out)
            for left_behind in self.out.glob(".partial-*"):
                shutil.rmtree(left_behind)
            self._partial.mkdir()
            stack.callback(shutil.rmtree, self._partial, ignore_errors=True)
            self._held = stack.pop_all()
        return self

    def __exit__(self, *_):
        for writer in self._files.values():
            # What is left in its buffer does not matter any more.
            with contextlib.suppress(OSError):
                writer.close()
        self._held.close()

    def add(self, face):
        """Appends one face to its split; shards are filled in turn.

        Raises UserError for a face of another size than `size`, or where that is None, the first.
        """
        self.size = self.size or face.pixels.shape
        if face.pixels.shape != tuple(self.size):
            found, wanted = ("x".join(map(str, shape)) for shape in (face.pixels.shape, self.size))
            raise UserError(
                f"{face.where}, row {face.row}: {found} pixels, expected {wanted} (height x width)"
            )
        if not 0 <= face.label < len(self.classes):
            raise UserError(
                f"{face.where}, row {face.row}: label {face.label}, expected 0 to "
                f"{len(self.classes) - 1}"
            )
        counts = self._counts[face.split]
        key = face.split, sum(counts) % self.shards
        if key not in self._files:
            self._files[key] = self._shard(key).open("wb", buffering=1 << 18)
        try:
            self._files[key].write(framed(serialise(face)))
        except OSError as error:
            error.filename = str(self.out)
            raise
        counts[face.label] += 1
        if face.split == emotions.TRAINING:
            self._tones += np.bincount(face.pixels.ravel(), minlength=256)

    def commit(self, **extra):
        """Puts shards and manifest in place. Returns the manifest, which holds `extra` too."""
        shards = {split: self._place(split) for split in emotions.SPLITS}
        mean, deviation = self._mean_and_deviation()
        manifest = {
            "version": VERSION,
            "classes": list(self.classes),
            "size": list(self.size or (emotions.PICTURE_SIZE,) * 2),
            "counts": {
                split: dict(zip(self.classes, counts, strict=True))
                for split, counts in self._counts.items()
            },
            "mean": mean,
            "deviation": deviation,
            "shards": shards,
            **extra,
        }
        files.write_json(self.out / MANIFEST, manifest)
        named = {shard["file"] for group in shards.values() for shard in group}
        for file in self.out.glob("*.tfrecord"):
            if file.name not in named:
                os.unlink(file)
        return manifest

    def _mean_and_deviation(self):
        """Of the Training pixels, from exact integer sums; 0 and 1 where there are none."""
        values = np.arange(256)
        pixels = int(self._tones.sum())
        if not pixels:
            return 0.0, 1.0
        total, squares = int(self._tones @ values), int(self._tones @ values**2)
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


def load(folder):
    """The manifest under `folder`, after checking that its shards are there and whole.

    Raises UserError naming the file where the manifest or a shard is missing, empty or of another
    length.
    """
    path = Path(folder) / MANIFEST
    make = f"make the records with: python -m fer2013_tf.make_records SOURCE --out {folder}"
    if not path.exists():
        raise UserError(f"{path}: no records here; {make}")
    manifest = files.read_json(path, f"{make} --force", unsigned=1)
    if manifest.get("version") != VERSION:
        raise UserError(f"{path}: version {manifest.get('version')}, expected {VERSION}; {make}")
    for shard in (shard for group in manifest["shards"].values() for shard in group):
        file = Path(folder) / shard["file"]
        size = file.stat().st_size if file.exists() else None
        if size != shard["bytes"]:
            found = {None: "missing", 0: "empty (0 bytes)"}.get(size, f"{size} bytes")
            raise UserError(f"{file}: {found}, expected {shard['bytes']} bytes; {make} --force")
    return manifest


def shard_paths(folder, manifest, split):
    """Paths of a split's shards, in order. Raises UserError where the split has no picture."""
    paths = [str(Path(folder) / shard["file"]) for shard in manifest["shards"][split]]
    if not paths:
        raise UserError(f"{folder}: holds no {split} picture; choose another split or source")
    return paths


def split_names(manifest):
    """{split: what a score on it is called}: PrivateTest's only where Training is without it."""
    private = manifest.get("source", {}).get("private", emotions.PRIVATE_TEST)
    return {split: split for split in emotions.SPLITS} | {emotions.PRIVATE_TEST: private}


def split_size(manifest, split):
    """Number of pictures of a split."""
    return sum(manifest["counts"][split].values())


def read(folder, split):
    """The whole of a split as `Faces`, in source order. Checks that seen == size."""
    from fer2013_tf.tensorflow1 import tf

    manifest = load(folder)
    paths = shard_paths(folder, manifest, split)
    config = tf.ConfigProto(device_count={"GPU": 0})
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        files = tf.data.Dataset.from_tensor_slices(paths)
        serialised = files.interleave(
            tf.data.TFRecordDataset, cycle_length=len(paths), block_length=1
        )
        batch = serialised.batch(1024).map(lambda rows: parse(rows, manifest["size"]))
        following = tf.data.make_one_shot_iterator(batch).get_next()
        batches = []
        try:
            while True:
                batches.append(session.run(following))
        except tf.errors.OutOfRangeError:
            pass
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
            raise UserError(_damage(paths, error)) from None
    faces = Faces(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))
    expected = split_size(manifest, split)
    if len(faces.labels) != expected:
        found = len(faces.labels)
        raise UserError(f"{folder}: {split} has {found} pictures, manifest says {expected}")
    return faces


def _damage(paths, error):
    """Names the damaged shard: the first whose bytes TensorFlow cannot walk through."""
    from fer2013_tf.tensorflow1 import tf

    for path in paths:
        try:
            for _ in tf.io.tf_record_iterator(path):
                pass
        except tf.errors.OpError:
            return f"{path}: damaged record; run make_records again with --force"
    return f"{paths[0]}: unreadable records ({error.message.splitlines()[0]})"
