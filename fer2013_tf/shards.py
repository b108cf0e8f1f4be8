"""Random access to one split's records: the pictures stay in their files.

    shards = Shards(folder, "Training")
    images, labels = shards.read(np.array([3, 0, 17]))

Only places, labels, rows and votes are held (some 40 bytes a picture), so that a set ten times the
size takes the same memory; what was read lately is in the system's file cache, as fast as an array
of our own.
"""

import io
import struct

import numpy as np

from fer2013_tf import files, records
from fer2013_tf.errors import UserError

FRAME_HEAD, FRAME_TAIL = 12, 4  # bytes around a TFRecord: length and checksum; checksum


class Shards:
    """One split, in the order of `records.read`. Not for several threads at once.

    Raises UserError naming the shard whose bytes are not those that the manifest was written for.
    """

    def __init__(self, folder, split):
        manifest = records.load(folder)
        self.size = tuple(manifest["size"])
        paths = records.shard_paths(folder, manifest, split)
        for path, shard in zip(paths, manifest["shards"][split], strict=True):
            if files.file_sha256(path) != shard["sha256"]:
                raise UserError(f"{path}: damaged record; run make_records again with --force")
        # Open as long as this object lives.
        self._files = [io.FileIO(path) for path in paths]
        places = [_index(path) for path in paths]
        count = sum(map(len, places))
        # Shards were filled in turn.
        order = [(number % len(paths), number // len(paths)) for number in range(count)]
        self._file = np.array([file for file, _ in order])
        found = [places[file][place] for file, place in order]
        self._offset, self.labels, self.rows = np.array([place[:3] for place in found], np.int64).T
        # uint8 [n, k], FER+'s, where the records hold them.
        self.votes = _votes([place[3] for place in found])

    def __len__(self):
        return len(self.labels)

    def read(self, chosen):
        """int [m] -> images uint8 [m, height, width(, 3)], labels int64 [m]."""
        images = np.empty((len(chosen), *self.size), np.uint8)
        for image, number in zip(images, chosen):
            file = self._files[self._file[number]]
            file.seek(self._offset[number])
            if file.readinto(image) != image.nbytes:
                raise UserError(f"{file.name}: cut off while it was in use; run make_records again")
        return images, self.labels[chosen]


def _votes(found):
    if found[0] is None:
        return None
    return np.frombuffer(b"".join(found), np.uint8).reshape(len(found), -1)


def _index(path):
    """[(offset of the pixels, label, row, votes or None)] of each record of a shard."""
    found, start = [], 0
    with open(path, "rb") as file:
        while head := file.read(FRAME_HEAD):
            (length,) = struct.unpack_from("<Q", head)
            data = file.read(length + FRAME_TAIL)
            features = records.features_of(data[:length])
            pixels, _ = features[b"image"]
            label, row = (records.integer_at(data, features[k][0]) for k in (b"label", b"row"))
            votes = data[slice(*features[b"votes"])] if b"votes" in features else None
            found.append((start + FRAME_HEAD + pixels, label, row, votes))
            start += FRAME_HEAD + length + FRAME_TAIL
    return found
