"""Records: the bytes are TensorFlow's own, the order the source's, a set whole or not there."""

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer2013_tf.data import records, tfrecord
from fer2013_tf.data.example import serialize
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.utils import constants, files
from fer2013_tf.utils.errors import UserError

CLASSES = constants.FER2013
FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=40)


def labeled_image(seed, split="Training", size=(48, 48)):
    pixels = np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)
    return LabeledImage(pixels, seed % 7, split, seed + 1, "test")


def write(out, images, *, shards=1, **extra):
    with records.Writer(out, classes=CLASSES, shards=shards) as writer:
        for image in images:
            writer.add(image)
        return writer.commit(**extra)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def made(tmp_path):
    """A folder with two shards per split of 9 Training and 6 PublicTest images."""
    images = [labeled_image(n) for n in range(9)] + [
        labeled_image(n, "PublicTest") for n in range(9, 15)
    ]
    write(tmp_path / "made", images, shards=2)
    return tmp_path / "made"


def shard_of(folder, split, number=0):
    return folder / records.load_manifest(folder)["shards"][split][number]["file"]


class TestBytes:
    @pytest.mark.parametrize(
        "data, crc",
        [(b"", 0), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
    )
    def test_crc32c_of_rfc_3720(self, data, crc):
        assert tfrecord.crc32c(data) == crc

    @MANY
    @given(
        seed=st.integers(0, 2**31),
        height=st.integers(1, 130),
        width=st.integers(1, 130),
        label=st.integers(0, 2**14),
        row=st.integers(0, 2**40),
    )
    def test_serialize_equals_tensorflow(self, seed, height, width, label, row):
        from fer2013_tf.utils.tf1 import tf

        one = labeled_image(seed, size=(height, width))._replace(label=label, row=row)
        integers = {"height": height, "width": width, "label": label, "row": row}
        features = {
            name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            for name, value in integers.items()
        }
        pixels = tf.train.BytesList(value=[one.pixels.tobytes()])
        features["image"] = tf.train.Feature(bytes_list=pixels)
        example = tf.train.Example(features=tf.train.Features(feature=features))
        assert serialize(one) == example.SerializeToString(deterministic=True)

    def test_frame_record_equals_tensorflow(self, tmp_path):
        from fer2013_tf.utils.tf1 import tf

        # Around the block length of the checksum's tables, and the empty record.
        lengths = (0, 1, 3, 4, 5, 127, 2304, 4095, 4096, 4097, 4099, 8192, 20000)
        payload = np.random.default_rng(1).bytes(20000)
        with tf.python_io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
            for length in lengths:
                writer.write(payload[:length])
        ours = b"".join(tfrecord.frame_record(payload[:length]) for length in lengths)
        assert ours == (tmp_path / "theirs").read_bytes()


class TestReading:
    @FEW
    @given(
        shards=st.integers(1, 5), splits=st.lists(st.sampled_from(constants.SPLITS), max_size=30)
    )
    def test_read_keeps_the_order(self, shards, splits, tmp_path_factory):
        out = tmp_path_factory.mktemp("records")
        images = [labeled_image(n, split) for n, split in enumerate(splits)]
        manifest = write(out, images, shards=shards)
        for split in constants.SPLITS:
            of_split = [one for one in images if one.split == split]
            assert records.split_size(manifest, split) == len(of_split)
            assert len(manifest["shards"][split]) == min(shards, len(of_split))
            if of_split:
                read = records.RecordSet(out).read(split)
                np.testing.assert_array_equal(read.images, [one.pixels for one in of_split])
                assert read.labels.tolist() == [one.label for one in of_split]
                assert read.rows.tolist() == [one.row for one in of_split]

    def test_read_of_another_size(self, tmp_path):
        images = [labeled_image(n, size=(5, 7)) for n in range(3)]
        assert write(tmp_path, images)["size"] == [5, 7]
        assert records.RecordSet(tmp_path).read("Training").images.shape == (3, 5, 7)

    def test_read_of_an_empty_split(self, made):
        with pytest.raises(UserError, match="holds no PrivateTest image"):
            records.RecordSet(made).read("PrivateTest")


class TestManifest:
    def test_commit_keeps_counts_and_extra(self, made):
        manifest = records.load_manifest(made)
        assert list(manifest["counts"]["Training"].values()) == [2, 2, 1, 1, 1, 1, 1]
        assert sum(manifest["counts"]["PrivateTest"].values()) == 0
        assert manifest["classes"] == list(CLASSES) and manifest["size"] == [48, 48]
        assert write(made, [labeled_image(1)], source={"name": "x"})["source"] == {"name": "x"}

    @MANY
    @given(tones=st.lists(st.integers(0, 255), min_size=1, max_size=9))
    def test_commit_computes_mean_and_std_of_training(self, tones, tmp_path_factory):
        pixels = [np.full((3, 2), tone, np.uint8) for tone in tones]
        images = [labeled_image(0)._replace(pixels=each) for each in pixels]
        images.append(images[0]._replace(pixels=255 - pixels[0], split="PublicTest"))
        manifest = write(tmp_path_factory.mktemp("mean"), images)
        assert manifest["mean"] == pytest.approx(np.mean(pixels))
        assert manifest["std"] == pytest.approx(np.std(pixels), abs=1e-9)

    def test_commit_without_training(self, tmp_path):
        manifest = write(tmp_path, [labeled_image(0, "PublicTest")])
        assert (manifest["mean"], manifest["std"]) == (0.0, 1.0)

    def test_commit_of_the_same_images_has_the_same_bytes(self, tmp_path):
        for name in ("a", "b"):
            write(tmp_path / name, [labeled_image(n) for n in range(9)], shards=2, source={"x": 1})
        assert contents(tmp_path / "a") == contents(tmp_path / "b")

    def test_add_refuses_another_size(self, tmp_path):
        with pytest.raises(UserError, match="test, row 2: 48x47 pixels, expected 48x48"):
            write(tmp_path, [labeled_image(0), labeled_image(1, size=(48, 47))])


class TestDamage:
    def test_load_manifest_without_records(self, tmp_path):
        with pytest.raises(UserError, match=r"no records here; make the records with: python -m"):
            records.load_manifest(tmp_path)

    @pytest.mark.parametrize(
        "text, said",
        [
            ("{", "not readable"),
            ('{"version": 1}', "version 1, expected 2"),
            ('{"version": 2}', "checksum"),
        ],
    )
    def test_load_manifest_of_another_version_or_damaged(self, text, said, made):
        (made / records.MANIFEST).write_text(text)
        with pytest.raises(UserError, match=said):
            records.load_manifest(made)

    @pytest.mark.parametrize(
        "keep, said", [(None, "missing"), (0, "empty .0 bytes."), (2000, "2000 bytes")]
    )
    def test_read_with_an_incomplete_shard(self, keep, said, made):
        shard = shard_of(made, "Training", 1)
        if keep is None:
            shard.unlink()
        else:
            os.truncate(shard, keep)
        with pytest.raises(UserError, match=f"{shard.name}: {said}, expected"):
            records.RecordSet(made).read("PublicTest")

    @pytest.mark.parametrize("place", [0, 9, 500, -1])
    def test_read_with_a_changed_byte(self, place, made):
        shard = shard_of(made, "Training", 1)
        data = bytearray(shard.read_bytes())
        data[place] ^= 1
        shard.write_bytes(data)
        with pytest.raises(UserError, match=f"{shard.name}: damaged record"):
            records.RecordSet(made).read("Training")

    def test_read_with_other_counts_in_the_manifest(self, made):
        manifest = json.loads((made / records.MANIFEST).read_text())
        manifest["counts"]["Training"]["sad"] += 1
        del manifest[files.CHECKSUM]
        files.write_json(made / records.MANIFEST, manifest)
        with pytest.raises(UserError, match="Training has 9 images, manifest says 10"):
            records.RecordSet(made).read("Training")


class Killed(BaseException):
    """Ends a writer where it stands, as SIGKILL would: nothing of it may clean up after."""


class TestInterruption:
    """A writer that dies before its n-th step on the disk, for every n."""

    STEPS = ("replace", "fsync", "unlink")

    @pytest.fixture
    def killed(self, monkeypatch):
        def call(out, step):
            """Whether a writer of four other images was killed before its `step`."""
            writer = records.Writer(out, classes=CLASSES, shards=2).__enter__()
            for n in range(20, 24):
                writer.add(labeled_image(n))
            left = iter(range(step))
            for name in self.STEPS:
                monkeypatch.setattr(os, name, dying(getattr(os, name), left))
            try:
                writer.commit()
            except Killed:
                return True
            finally:
                monkeypatch.undo()
            return False

        def dying(function, left):
            def call(*arguments, **named):
                if next(left, None) is None:
                    raise Killed
                return function(*arguments, **named)

            return call

        return call

    def test_commit_killed_leaves_the_old_set_or_the_new(self, made, killed):
        steps = 0
        while killed(made, steps):
            rows = records.RecordSet(made).read("Training").rows.tolist()
            assert rows in ([n + 1 for n in range(9)], [n + 1 for n in range(20, 24)])
            steps += 1
        assert steps > 6

    def test_commit_killed_leaves_no_first_set(self, tmp_path, killed):
        # Two shards and the manifest: fsync and replace of each.
        for step in range(6):
            out = tmp_path / str(step)
            assert killed(out, step)
            with pytest.raises(UserError, match="no records here"):
                records.load_manifest(out)

    def test_writer_removes_what_a_killed_one_left(self, made, killed):
        killed(made, 3)
        assert list(made.glob(".partial-*"))
        manifest = write(made, [labeled_image(n) for n in range(4)])
        expected = {shard["file"] for group in manifest["shards"].values() for shard in group}
        assert set(contents(made)) == expected | {records.MANIFEST, ".lock"}

    def test_writer_leaves_nothing_after_an_exception(self, tmp_path):
        with (
            pytest.raises(KeyboardInterrupt),
            records.Writer(tmp_path, classes=CLASSES) as writer,
        ):
            writer.add(labeled_image(1))
            raise KeyboardInterrupt
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]

    def test_writer_without_commit_changes_nothing(self, made):
        before = contents(made)
        with records.Writer(made, classes=CLASSES) as writer:
            writer.add(labeled_image(1))
        assert contents(made) == before
