"""The one `tf.train.Example` feature spec of the records, written and parsed.

`serialize` and `feature_offsets` work on bytes and need no TensorFlow; `parse` is graph code.
"""

import functools
import struct
from typing import NamedTuple

import numpy as np

from fer2013_tf.data import tfrecord


def serialize(image):
    """Return a `readers.LabeledImage` as bytes of a tf.train.Example, with the features of `parse`.

    Encoded by hand, so that writing does not need TensorFlow, which takes seconds and memory to
    load.
    """
    height, width = image.pixels.shape[:2]
    features = (
        ("height", _integer(height)),
        ("image", _field(_BYTES_LIST, _field(1, image.pixels.tobytes()))),
        ("label", _integer(image.label)),
        ("row", _integer(image.row)),
        ("width", _integer(width)),
    )
    if image.votes is not None:
        votes = np.asarray(image.votes, np.uint8).tobytes()
        features += (("votes", _field(_BYTES_LIST, _field(1, votes))),)
    entries = (_field(1, _field(1, name.encode()) + _field(2, value)) for name, value in features)
    return _field(1, b"".join(entries))


# Field numbers in the message tf.train.Feature.
_BYTES_LIST, _INT64_LIST = 1, 3


@functools.lru_cache(maxsize=1024)
def _integer(value):
    return _field(_INT64_LIST, _field(1, _varint(value)))


def _field(number, data):
    """Encode a length-delimited field of a protocol buffer."""
    return _field_head(number, len(data)) + data


@functools.lru_cache(maxsize=1024)
def _field_head(number, length):
    return bytes([number << 3 | 2]) + _varint(length)


def _varint(value):
    """Encode a non-negative integer in base 128, lowest digit first, all but the last + 128."""
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def feature_offsets(data):
    """Return where the bytes of `serialize` hold the values: {name: (start, end)}."""
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
    """Decode the non-negative integer whose `_varint` is at an offset."""
    return _read_varint(data, at)[0]


def _inside(data, at):
    """Return (start, end) of the content of the length-delimited field at `at`."""
    length, start = _read_varint(data, at + 1)
    return start, start + length


def _read_varint(data, at):
    """Return (value, offset behind it)."""
    value = shift = 0
    while True:
        digit = data[at]
        value |= (digit & 127) << shift
        at += 1
        if digit < 128:
            return value, at
        shift += 7


def parse(serialized, size):
    """Parse serialized examples [n]: return images uint8 [n, *size], labels and rows int64 [n].

    size: (height, width), or (height, width, 3) of images in color.
    """
    from fer2013_tf.utils.tf1 import tf

    integer = tf.FixedLenFeature([], tf.int64)
    spec = {
        "image": tf.FixedLenFeature([], tf.string),
        "label": integer,
        "row": integer,
    }
    parsed = tf.io.parse_example(serialized, spec)
    pixels = tf.decode_raw(parsed["image"], tf.uint8)
    shape = [tf.shape(serialized)[0], *size]
    return tf.reshape(pixels, shape), parsed["label"], parsed["row"]


class Entry(NamedTuple):
    """The position of one record's pixels in its file, and its other values."""

    offset: int
    label: int
    row: int
    votes: bytes | None


def index(path):
    """Return an `Entry` for each record of a TFRecord file, in order."""
    found, start = [], 0
    with open(path, "rb") as file:
        while head := file.read(tfrecord.HEAD):
            (length,) = struct.unpack_from("<Q", head)
            data = file.read(length + tfrecord.TAIL)
            features = feature_offsets(data[:length])
            pixels, _ = features[b"image"]
            label, row = (integer_at(data, features[k][0]) for k in (b"label", b"row"))
            votes = data[slice(*features[b"votes"])] if b"votes" in features else None
            found.append(Entry(start + tfrecord.HEAD + pixels, label, row, votes))
            start += tfrecord.HEAD + length + tfrecord.TAIL
    return found
