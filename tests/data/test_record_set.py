"""Random access to records."""

import numpy as np
import pytest

from fer2013_tf.data import records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError


def written(folder, count, shards, size=(5, 7), first_row=1):
    rng = np.random.default_rng(count)
    with records.Writer(folder, classes=tuple("abc"), shards=shards) as writer:
        for row in range(first_row, first_row + count):
            pixels = rng.integers(0, 256, size, np.uint8)
            writer.add(LabeledImage(pixels, row % 3, constants.TRAINING, row, "synthetic"))
        writer.commit()


# Rows and sizes on both sides of where the numbers in a record take another byte.
@pytest.mark.parametrize(
    "count, shards, size, first_row",
    [(9, 1, (5, 7), 1), (10, 3, (5, 7), 120), (4, 2, (48, 48), 16382), (2, 1, (130, 126), 1)],
)
def test_split_read_equals_the_whole_read(tmp_path, count, shards, size, first_row):
    written(tmp_path, count, shards, size, first_row)
    whole = records.RecordSet(tmp_path).read("Training")
    some = records.RecordSet(tmp_path).split("Training")
    assert len(some) == count
    for chosen in ([count - 1], [1, 0, 1], range(count)):
        images, labels = some.read(np.array(chosen))
        assert np.array_equal(images, whole.images[chosen])
        assert np.array_equal(labels, whole.labels[chosen])
    assert np.array_equal(some.rows, whole.rows)


def test_split_read_of_a_file_cut_off_in_use(tmp_path):
    written(tmp_path, 9, 1)
    shards = records.RecordSet(tmp_path).split("Training")
    (path,) = tmp_path.glob("*.tfrecord")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 60)
    shards.read(np.array([0]))
    with pytest.raises(UserError, match=f"{path.name}: cut off"):
        shards.read(np.array([8]))


def test_split_finds_changed_bytes(tmp_path):
    written(tmp_path, 9, 1)
    (path,) = tmp_path.glob("*.tfrecord")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{path.name}: damaged record"):
        records.RecordSet(tmp_path).split("Training")
