"""Readers: which one reads what; held-out images; a folder per class."""

import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer2013_tf import make_records
from fer2013_tf.data import readers
from fer2013_tf.data.readers import BadRow, LabeledImage, folder
from fer2013_tf.utils.errors import UserError
from tests.csv_files import FEW, MANY, pixels_of, read, written


class TestFinding:
    def test_names_are_the_modules(self):
        assert {"synthetic", "fer2013_csv", "folder"} <= set(readers.names())

    def test_open_source_without_a_path_is_synthetic(self):
        assert readers.open_source(None).description["format"] == "synthetic"

    def test_open_source_finds_the_format(self, small_csv, tmp_path):
        written_images(tmp_path / "tree", {"angry/a.png": 0})
        assert readers.open_source(small_csv).description["format"] == "fer2013_csv"
        assert readers.open_source(tmp_path / "tree").description["format"] == "folder"

    def test_open_source_of_an_unknown_format_lists_the_known(self, small_csv):
        with pytest.raises(UserError, match="'fer'; known are auto, .*fer2013_csv, .*folder"):
            readers.open_source(small_csv, "fer")

    def test_open_source_of_a_missing_path(self, tmp_path):
        with pytest.raises(UserError, match="gone.csv: no such file"):
            readers.open_source(tmp_path / "gone.csv")

    def test_open_source_of_a_format_that_needs_a_path(self):
        with pytest.raises(UserError, match="folder needs a source"):
            readers.open_source(None, "folder")

    def test_open_source_of_contents_in_no_format(self, tmp_path):
        with pytest.raises(UserError, match="in none of the known formats") as raised:
            readers.open_source(written(tmp_path, "notes.txt", b"about 3\n"))
        assert any("emotion, pixels" in line for line in raised.value.details)


class TestHoldOut:
    @staticmethod
    def images(labels):
        return [
            LabeledImage(np.array(divmod(n, 256), np.uint8), label, "Training", n, "")
            for n, label in enumerate(labels, 1)
        ]

    @MANY
    @given(labels=st.lists(st.integers(0, 6), max_size=300), seed=st.integers(0, 5))
    def test_hold_out_takes_a_tenth_of_each_class(self, labels, seed):
        moved = list(readers.hold_out(self.images(labels), seed))
        assert [image.row for image in moved] == list(range(1, len(labels) + 1))
        for label in range(7):
            chosen = [image.split == "PublicTest" for image in moved if image.label == label]
            for start in range(0, len(chosen), 10):
                ten = chosen[start : start + 10]
                assert sum(ten) == 1 or len(ten) < 10 and sum(ten) == 0

    @FEW
    @given(labels=st.lists(st.integers(0, 6), max_size=100), cut=st.integers(0, 100))
    def test_hold_out_does_not_depend_on_later_images(self, labels, cut):
        whole, part = self.images(labels), self.images(labels[:cut])
        splits = [image.split for image in readers.hold_out(whole, 1)]
        assert splits[:cut] == [image.split for image in readers.hold_out(part, 1)]

    def test_hold_out_keeps_identical_images_together(self):
        twice = [image for image in self.images([0] * 50) for _ in range(2)]
        moved = list(readers.hold_out(twice, 1))
        assert moved[::2] == moved[1::2]
        assert sum(image.split == "PublicTest" for image in moved) == 10

    def test_hold_out_depends_on_the_seed(self):
        images = self.images([0] * 200)
        rows = [
            tuple(f.row for f in readers.hold_out(images, seed) if f.split == "PublicTest")
            for seed in (1, 1, 2)
        ]
        assert rows[0] == rows[1] != rows[2]

    def test_hold_out_passes_other_examples(self):
        others = [self.images([0])[0]._replace(split="PrivateTest"), BadRow(1, "", "")] * 20
        assert all(a is b for a, b in zip(others, readers.hold_out(others, 1), strict=True))


def written_images(root, names):
    for name, seed in names.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels_of(seed)).save(root / name)
    return root


class TestFolder:
    def test_read_of_kaggles_layout(self, tmp_path):
        names = {
            "train/angry/Training_12.png": 1,
            "train/surprise/Training_7.png": 2,
            "test/angry/PrivateTest_2.png": 3,
            "test/angry/PublicTest_1.png": 4,
        }
        source = readers.open_source(written_images(tmp_path, names))
        found = {image.where: (image.label, image.split) for image in source.examples()}
        assert found == {
            "train/angry/Training_12.png": (0, "Training"),
            "train/surprise/Training_7.png": (5, "Training"),
            "test/angry/PrivateTest_2.png": (0, "PrivateTest"),
            "test/angry/PublicTest_1.png": (0, "PublicTest"),
        }
        assert source.total == 4
        for image in source.examples():
            np.testing.assert_array_equal(image.pixels, pixels_of(names[image.where]))

    def test_read_numbers_the_sorted_names(self, tmp_path):
        root = written_images(tmp_path, {"sad/b.png": 1, "sad/a.png": 2, "angry/c.png": 3})
        images = read(root)
        assert [(image.row, image.where) for image in images] == [
            (1, "angry/c.png"),
            (2, "sad/a.png"),
            (3, "sad/b.png"),
        ]

    @pytest.mark.parametrize(
        "name, label",
        [
            ("Anger", 0),
            ("DISGUSTED", 1),
            ("fearful", 2),
            ("happiness", 3),
            ("Sadness", 4),
            ("surprised", 5),
            ("neutral", 6),
        ],
    )
    def test_read_knows_synonyms_of_classes(self, name, label, tmp_path):
        (image,) = read(written_images(tmp_path, {f"{name}/1.png": 0}))
        assert image.label == label

    def test_read_of_a_class_folder_itself(self, tmp_path):
        written_images(tmp_path, {"happy/1.png": 0})
        (image,) = read(tmp_path / "happy")
        assert image.label == 3

    @pytest.mark.parametrize(
        "name, split",
        [
            ("train", "Training"),
            ("validation", "PublicTest"),
            ("Test", "PrivateTest"),
            ("PublicTest", "PublicTest"),
            ("train_set", "Training"),
            ("1_Training (2)", "Training"),
            ("FER2013Valid", "PublicTest"),
            ("test-data", "PrivateTest"),
            ("dev", "PublicTest"),
        ],
    )
    def test_read_takes_splits_from_folders(self, name, split, tmp_path):
        names = {f"{name}/sad/1.png": 0, "PublicTest/sad/x.png": 1}
        found = {image.where: image.split for image in read(written_images(tmp_path, names))}
        assert found[f"{name}/sad/1.png"] == split

    def test_open_without_public_test_holds_out_a_tenth(self, tmp_path):
        names = {f"{name}/{n:03}.png": n for name in ("sad", "happy") for n in range(20)}
        source = readers.open_source(written_images(tmp_path, names))
        held = [image.label for image in source.examples() if image.split == "PublicTest"]
        assert sorted(held) == [3, 3, 4, 4]
        assert "one in ten" in source.description["splits"]

    def test_read_of_an_unknown_class(self, tmp_path):
        with pytest.raises(UserError, match="'contempt' names no class; known are angry, anger"):
            read(written_images(tmp_path, {"contempt/1.png": 0}))

    @pytest.mark.parametrize("name", ["notes.txt", "angry/notes.txt", ".hidden/angry/1.png"])
    def test_read_without_class_folders(self, name, tmp_path):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
        with pytest.raises(UserError, match="no image in a class folder"):
            read(tmp_path)

    def test_open_source_of_a_file_as_folder(self, small_csv):
        with pytest.raises(UserError, match="not a folder"):
            readers.open_source(small_csv, "folder")

    def test_read_of_unusable_images(self, tmp_path):
        written_images(tmp_path, {"sad/1.png": 0, "sad/2.jpg": 0, "sad/3.png": 0})
        whole = (tmp_path / "sad/2.jpg").read_bytes()
        (tmp_path / "sad/2.jpg").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "sad/3.png").write_bytes(b"no image")
        Image.new("L", (47, 48)).save(tmp_path / "sad/4.png")
        (tmp_path / "sad/.6.png").write_bytes(b"hidden")
        first, *bad = read(tmp_path)
        assert isinstance(first, LabeledImage)
        reasons = ["truncated", "not an image", "47x48 pixels, expected 48x48"]
        for number, (image, reason) in enumerate(zip(bad, reasons, strict=True), start=2):
            assert isinstance(image, BadRow) and image.row == number
            assert re.search(reason, image.reason)

    def test_read_makes_colors_gray(self, tmp_path):
        (tmp_path / "sad").mkdir()
        Image.fromarray(pixels_of(5)).convert("RGB").save(tmp_path / "sad/1.png")
        (image,) = read(tmp_path)
        np.testing.assert_array_equal(image.pixels, pixels_of(5))

    def test_open_has_a_sha256_of_names_and_bytes(self, tmp_path):
        seen = set()
        for change in ({"sad/1.png": 0}, {"sad/1.png": 1}, {"sad/2.png": 1}):
            seen.add(folder.open(written_images(tmp_path, change)).sha256)
        assert len(seen) == 3
        assert folder.open(tmp_path).sha256 in seen


@pytest.mark.parametrize("words", [[], ["--format", "fer2013_csv"], ["--format", "folder"]])
def test_make_records_refuses_a_pipe_at_once(words, tmp_path, capsys):
    """Opened, it would wait for somebody to write."""
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    assert make_records.main([str(pipe), "--out", str(tmp_path / "out"), *words]) == 2
    assert f"error: {pipe}: " in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_make_records_of_a_folder_as_csv(tmp_path, capsys):
    words = [str(tmp_path), "--out", str(tmp_path / "out"), "--format", "fer2013_csv"]
    assert make_records.main(words) == 2
    assert f"error: {tmp_path}: not a file" in capsys.readouterr().err
