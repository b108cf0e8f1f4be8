"""Labels, classes and splits of lists and arrays: read as meant and said, or refused."""

import numpy as np
import pytest

from fer2013_tf import make_records
from fer2013_tf.data import readers, records, statistics
from fer2013_tf.data.readers import BadRow, columns, list_file
from fer2013_tf.data.readers.labels import class_table
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests.csv_files import csv_of, plain, written
from tests.data.test_readers import written_images

SEVEN = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")


def labels_of(texts, wanted=()):
    """Return (classes, label of each text or None)."""
    table = class_table(texts, wanted, "list.csv")
    return table.classes, [table.labels.get(text) for text in texts]


class TestClassTable:
    @pytest.mark.parametrize("missing", ["", " ", "NaN", "nan", "?", "None", "null", "N/A", "<NA>"])
    def test_of_a_missing_label_makes_no_class(self, missing):
        texts = [*"0123456", missing]
        assert labels_of(texts) == (tuple("0123456"), [0, 1, 2, 3, 4, 5, 6, None])
        assert "no label" in class_table(texts).reason(missing)

    @pytest.mark.parametrize(
        "texts",
        [
            [f"{n}.0" for n in range(11)],
            [f"{n:02}" for n in range(11)],
            [f" {n} " for n in range(11)],
            [f"{n:.18e}" for n in range(11)],
            [f"+{n}." for n in range(11)],
            [chr(0xFF10 + n % 10) if n < 10 else "１０" for n in range(11)],
        ],
    )
    def test_of_whole_numbers_in_any_spelling(self, texts):
        names = tuple(map(str, range(11)))
        assert labels_of(texts[::-1]) == (names, list(range(11))[::-1])

    def test_of_names_that_differ_in_case_or_spaces(self):
        table = class_table(["Happy", "happy", "happy ", "very  sad", "Very sad", "HAPPY"])
        assert table.classes == ("happy", "Very sad") or table.classes == ("Very sad", "happy")
        assert table.labels["HAPPY"] == table.labels["happy "] == table.labels["Happy"]
        assert sum("are one class: 'happy'" in note for note in table.notes) == 1
        assert len(set(table.labels.values())) == 2

    def test_of_numbers_from_one_up(self):
        table = class_table([*"1234567"], path="list.txt")
        assert table.classes == tuple("1234567") and table.labels["7"] == 6
        assert table.notes == ["list.txt: labels are the numbers 1 to 7; 1 is the first class"]
        assert labels_of([*"7654321"], SEVEN) == (SEVEN, [6, 5, 4, 3, 2, 1, 0])

    def test_of_numbers_with_names_for_each(self):
        wanted = ("1=surprise", "2=fear", "5=glad", "6=glad", "x = cross")
        classes, labels = labels_of(["1", "2.0", "5", "06", "x", "3"], wanted)
        assert classes == ("surprise", "fear", "glad", "cross")
        assert labels == [0, 1, 2, 2, 3, None]
        assert labels_of(["-1", "1"], ("-1=no", "1=yes")) == (("no", "yes"), [0, 1])

    def test_of_numbers_and_names(self):
        table = class_table(["b", "10", "2", "a"])
        assert table.classes == ("2", "10", "a", "b") and "as well as names" in table.notes[0]
        assert labels_of(["1", "Calm", "0"], ("glad", "calm")) == (("glad", "calm"), [1, 1, 0])

    @pytest.mark.parametrize(
        "texts, wanted, said",
        [
            ([*"01234567"], SEVEN, "numbers 0 to 7, --classes has 7 names; give 8 names"),
            ([*"12345678"], SEVEN, "give 9 names, or 8 from 1 up, or LABEL=NAME for each"),
            ([*"123456"], SEVEN, "none is labeled 0: the first name may be 0's or 1's"),
            (["0", "90", "180", "270"], (), "label 270, but only 4 different labels; .*0=NAME"),
            (["0", "5000"], (), "label 5000"),
            (["", "nan", "-1", "0.5"], (), "no label that names a class"),
            (["x", "y"], ("glad", "cross"), "labels are 'x', 'y'; --classes names none of them"),
            (["1", "2"], ("8=glad", "9=cross"), "names none of them: 8, 9"),
            (["1"], ("1=glad", "cross"), "give each as LABEL=NAME"),
            (["1"], ("1=glad", "01=cross"), "names one label twice"),
            (["glad"], ("glad", "Glad"), "two names differ in case or spaces only"),
        ],
    )
    def test_refuses(self, texts, wanted, said):
        with pytest.raises(UserError, match=said):
            class_table(texts, wanted, "list.csv")

    def test_find_refuses_no_other_name(self):
        assert columns.find(["Emotion Label", "x"], "label") == 0
        assert columns.find(["motion", "emo;tion"], "label") is None


def listed(root, text, name="list.txt", images=4, encoding="utf-8"):
    written_images(root, {f"{n}.png": n for n in range(images)})
    (root / name).write_bytes(text.encode(encoding))
    return root / name


def opened(path, **options):
    """Return (source, {row: (class, split) or the reason}), without our own hold-out."""
    source = list_file.open(path, **options)
    found = {}
    for example in source.examples():
        bad = isinstance(example, BadRow)
        value = example.reason if bad else (source.classes[example.label], example.split)
        found[example.row] = value
    return source, found


class TestLists:
    @pytest.mark.parametrize(
        "text",
        [
            "0.png 1\n1.png 0\n2.png 1\n",
            "0.png    1\n1.png\t 0\n2.png   1  \n",
            "image label\n0.png 1\n1.png 0\n2.png 1\n",
            "0.png;1\n1.png;0\n2.png;1\n",
            "1,0.png\n0,1.png\n1,2.png\n",
            "\ufeff0.png,1\n1.png,0\n2.png,1\n",
            "emotion,filename\n1.0,0.png\n0.0,1.png\n1.0,2.png\n",
            ",pth,label,relFCs\n0,0.png,1,0.87\n1,1.png,0,0.5\n2,2.png,1,0.1\n",
            '"0.png" 1\n"1.png" 0\n"2.png" 1\n',
            ".\\0.png,1\n.\\1.png,0\n.\\2.png,1\n",
        ],
    )
    def test_open_reads_any_separators_and_columns(self, text, tmp_path):
        source, found = opened(listed(tmp_path, text))
        assert source.classes == ("0", "1")
        assert [found[row][0] for row in (1, 2, 3)] == ["1", "0", "1"]

    def test_open_reads_utf_16_as_excel_writes_it(self, tmp_path):
        path = listed(tmp_path, "image\tlabel\n0.png\t喜\n1.png\t怒\n", encoding="utf-16")
        assert readers.open_source(path).classes == ("喜", "怒")

    def test_open_reads_names_of_two_words_after_blanks(self, tmp_path):
        _, found = opened(listed(tmp_path, "0.png very sad\n1.png sad\n2.png sad train\n"))
        assert [name for name, _ in found.values()] == ["very sad", "sad", "sad"]

    def test_read_of_missing_labels_is_of_bad_rows(self, tmp_path):
        source, found = opened(listed(tmp_path, "0.png 0\n1.png\n2.png 6\n3.png NaN\n"))
        assert source.classes == tuple("0123456")
        assert found[2] == "no label" and "no label" in found[4]
        assert (found[1][0], found[3][0]) == ("0", "6")

    def test_read_of_raf_db(self, tmp_path):
        names = [f"train_{n:05}" for n in range(1, 8)] + ["test_0001", "test_0002"]
        written_images(tmp_path, {f"Image/aligned/{name}_aligned.png": 1 for name in names})
        path = tmp_path / "list_partition_label.txt"
        path.write_text("".join(f"{name}.png {n % 7 + 1}\n" for n, name in enumerate(names)))
        source = readers.open_source(path, classes=SEVEN)
        found = {image.row: image for image in source.examples()}
        assert source.classes == SEVEN
        assert [found[row].label for row in range(1, 10)] == [0, 1, 2, 3, 4, 5, 6, 0, 1]
        assert [found[row].split for row in (8, 9)] == ["PrivateTest"] * 2
        assert "PrivateTest" not in [found[row].split for row in range(1, 8)]
        said = " ".join(source.notes)
        assert "'test' is PrivateTest (2 images)" in said and "'train' is Training" in said
        assert "train_00001_aligned.png, and so are 8 others" in said
        assert "1 is the first class" in said

    @pytest.mark.parametrize("names", [("a.png", "below/a.png"), ("a_cut.png", "a_big.png")])
    def test_open_refuses_an_image_that_may_be_one_of_two(self, names, tmp_path):
        written_images(tmp_path, {f"one/{name}": 1 for name in names})
        (tmp_path / "list.txt").write_text("a.png 1\n")
        with pytest.raises(UserError, match="line 1: a.png is not there, but 2 files are"):
            list_file.open(tmp_path / "list.txt")

    def test_open_refuses_a_list_none_of_whose_images_is_there(self, tmp_path):
        (tmp_path / "list.txt").write_text("a.png 1\nb.png 2\n")
        with pytest.raises(UserError, match="line 1: a.png: no such file, nor any of the others"):
            list_file.open(tmp_path / "list.txt")

    def test_read_takes_splits_from_folders(self, tmp_path):
        names = ["train/1.png", "Valid_set/2.png", "test/sad/3.png", "train/4.png"]
        written_images(tmp_path, dict.fromkeys(names, 1))
        (tmp_path / "list.csv").write_text("".join(f"{name},sad\n" for name in names))
        _, found = opened(tmp_path / "list.csv")
        expected = ["Training", "PublicTest", "PrivateTest", "Training"]
        assert [split for _, split in found.values()] == expected

    def test_open_refuses_splits_in_some_paths(self, tmp_path):
        names = ["train/1.png", "extra/2.png"]
        written_images(tmp_path, dict.fromkeys(names, 1))
        (tmp_path / "list.csv").write_text("".join(f"{name},sad\n" for name in names))
        with pytest.raises(UserError, match="line 2: extra/2.png names no split, as others do"):
            list_file.open(tmp_path / "list.csv")

    def test_read_knows_the_words_of_splits(self, tmp_path):
        text = "emotion,set,image\n0,train,0.png\n1,dev,1.png\n0,testing,2.png\n"
        source, found = opened(listed(tmp_path, text))
        assert [split for _, split in found.values()] == list(constants.SPLITS)
        assert "'dev' is PublicTest (1 image)" in source.notes[0]

    @pytest.mark.parametrize(
        "text, said",
        [
            ('0.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0\n', "FER.'s own label.csv"),
            ("0.png 0 28 113 226 141 22.9 1\n", "line 1: 8 fields"),
            ("image,a,b,c\n0.png,1,2,3\n", "columns image, a, b, c; call one label"),
            ("image,label,label\n0.png,1,2\n", "more than one column label"),
            ("image,label\n0.png,1,2\n", "line 2: 3 fields, the header has 2"),
            ("0.png,a\n1.png,b\0c\n", "line 2: a NUL character"),
        ],
    )
    def test_open_refuses_other_tables(self, text, said, tmp_path):
        with pytest.raises(UserError, match=said):
            list_file.open(listed(tmp_path, text))

    def test_open_of_a_column_of_persons_is_no_column_of_classes(self, tmp_path):
        text = "path,label,name\n0.png,0,Ann\n1.png,1,Bob\n2.png,0,Bob\n"
        assert list_file.open(listed(tmp_path, text)).classes == ("0", "1")


class TestLabelList:
    def test_make_records_reads_the_list_that_it_wrote(self, tmp_path, capsys):
        data = written(tmp_path, "a.csv", csv_of(24))
        words = [str(data), "--out", str(tmp_path / "one"), "--images", str(tmp_path / "images")]
        assert make_records.main(words) == 0
        path = tmp_path / "images/labels.csv"
        assert make_records.main([str(path), "--out", str(tmp_path / "two")]) == 0
        one, two = (records.load_manifest(tmp_path / name) for name in ("one", "two"))
        assert one["classes"] == two["classes"] and one["counts"] == two["counts"]
        first, second = (
            sorted(plain(image)[:3] for image in readers.open_source(source).examples())
            for source in (data, path)
        )
        assert first == second

    @pytest.mark.parametrize(
        "classes, expected",
        [
            (constants.FER2013, constants.FER2013),
            (constants.FERPLUS, constants.FERPLUS),
            (("b", "a", "c", "d"), ("b", "1", "c", "d")),
        ],
    )
    def test_open_keeps_the_order_of_the_classes(self, classes, expected, tmp_path):
        """Also of those that no image has."""
        rows = enumerate([3, 0, 2])
        lines = [f"{n}.png,{label},{classes[label]},Training,{n}" for n, label in rows]
        text = "\n".join(["path,label,name,split,row", *lines])
        source, found = opened(listed(tmp_path, text, "labels.csv"))
        assert source.classes == expected
        assert [name for name, _ in found.values()] == [classes[3], classes[0], classes[2]]


def saved(root, **arrays):
    for name, array in arrays.items():
        np.save(root / f"{name}.npy", array)
    return root


def fractions(count=6, side=8):
    return np.random.default_rng(1).random((count, side, side)).astype(np.float32)


LABELS = [0, 1, 2, 0, 1, 2]


class TestArrays:
    def pixels(self, root, **arrays):
        """Return (source, {row: pixels or the reason})."""
        source = readers.open_source(saved(root, **arrays))
        examples = {example.row: example for example in source.examples()}
        return source, {row: getattr(e, "pixels", None) for row, e in sorted(examples.items())}

    @pytest.mark.parametrize("value", [1.02, -0.02, 1.08])
    def test_read_clips_an_overshoot(self, value, tmp_path):
        x = fractions()
        expected = np.rint(x * 255).astype(np.uint8)
        x[2, 3, 3], expected[2, 3, 3] = value, 255 * (value > 1)
        source, found = self.pixels(tmp_path, x_train=x, y_train=LABELS)
        np.testing.assert_array_equal(list(found.values()), expected)
        assert "x_train.npy: values are fractions 0 to 1; 1 image with" in source.notes[1]

    @pytest.mark.parametrize("top", [0.0, 0.4, 1.0])
    def test_read_keeps_a_dark_image_of_a_set_of_0_to_255(self, top, tmp_path):
        x = fractions() * 255
        x[4] *= top / 255
        source, found = self.pixels(tmp_path, x_train=x, y_train=LABELS)
        np.testing.assert_array_equal(list(found.values()), np.rint(x).astype(np.uint8))
        assert "values are 0 to 255" in source.notes[1]

    def test_read_decides_for_each_array(self, tmp_path):
        x = fractions()
        arrays = {"x_train": x, "y_train": LABELS, "x_test": x * 255, "y_test": LABELS}
        source, found = self.pixels(tmp_path, **arrays)
        np.testing.assert_allclose(found[1].astype(int), found[7].astype(int), atol=1)
        assert len(source.notes) == 3

    def test_read_names_images_of_another_range(self, tmp_path):
        x = fractions()
        x[1] *= 255
        source, found = self.pixels(tmp_path, x_train=x, y_train=LABELS)
        assert [row for row, pixels in found.items() if pixels is None] == [2]
        assert "1 image with values far beyond, not used" in source.notes[1]

    @pytest.mark.parametrize(
        "change, said",
        [
            (lambda x: 2 * x - 1, "before they are standardized"),
            (lambda x: 16 * x, "values from 0.0.* to 1[56].*; expected 0 to 1 or 0 to 255"),
            (lambda x: x * np.where(np.arange(12) < 5, 1, 255)[:, None, None], "5 of 12 images"),
        ],
    )
    def test_open_refuses_other_ranges(self, change, said, tmp_path):
        saved(tmp_path, x_train=change(fractions(12)), y_train=LABELS * 2)
        with pytest.raises(UserError, match=said):
            readers.open_source(tmp_path)

    @pytest.mark.parametrize(
        "labels, classes, expected",
        [
            (np.ones((6, 1), int), ("1",), [0] * 6),
            (np.array([LABELS]).T, ("0", "1", "2"), LABELS),
            (np.eye(4)[LABELS], ("0", "1", "2", "3"), LABELS),
            (np.eye(4, dtype=bool)[LABELS], ("0", "1", "2", "3"), LABELS),
            (np.array(LABELS, float), ("0", "1", "2"), LABELS),
            (np.array(LABELS) + 1, ("1", "2", "3"), LABELS),
            (np.array(["b", "a", "B", "c", "a", "b"]), ("a", "b", "c"), [1, 0, 1, 2, 0, 1]),
            (np.array([b"b", b"a"] * 3), ("a", "b"), [1, 0] * 3),
            ([0, 1, np.nan, 2, -1, 0], ("0", "1", "2"), [0, 1, None, 2, None, 0]),
        ],
    )
    def test_read_of_labels_of_any_shape_and_kind(self, labels, classes, expected, tmp_path):
        source = readers.open_source(saved(tmp_path, x_train=fractions(), y_train=labels))
        found = {example.row: getattr(example, "label", None) for example in source.examples()}
        assert source.classes == classes
        assert [found[row] for row in range(1, 7)] == expected

    @pytest.mark.parametrize(
        "names",
        [
            ("X_train", "y_train", "X_valid", "y_valid"),
            ("x_Train", "Y_TRAIN", "x_dev", "y_dev"),
            ("train_images", "train_labels", "val_images", "val_labels"),
            ("Xtrain", "ytrain", "Xval", "yval"),
        ],
    )
    def test_open_knows_names_in_any_case(self, names, tmp_path):
        arrays = [fractions(), LABELS, fractions(2), [0, 1]]
        source = readers.open_source(saved(tmp_path, **dict(zip(names, arrays))))
        splits = [example.split for example in source.examples()]
        assert splits == ["Training"] * 6 + ["PublicTest"] * 2
        assert f"{names[0]}.npy is Training, {names[2]}.npy is PublicTest" in source.notes[0]

    def test_open_refuses_two_arrays_of_one_split(self, tmp_path):
        x = fractions()
        saved(tmp_path, x_train=x, y_train=LABELS, x_val=x, x_valid=x, y_val=LABELS)
        with pytest.raises(UserError, match="x_val.npy: x_valid.npy is PublicTest as well"):
            readers.open_source(tmp_path)

    def test_open_refuses_one_hot_labels_of_another_width(self, tmp_path):
        x = fractions()
        labels = {"y_train": np.eye(3)[LABELS], "y_test": np.eye(4)[LABELS]}
        with pytest.raises(UserError, match="different numbers of columns: y_train.npy 3"):
            readers.open_source(saved(tmp_path, x_train=x, x_test=x, **labels))


def test_without_training_names_the_classes():
    counts = {"Training": {"a": 1, "b": 0, "c": 0}, "PublicTest": {"a": 0, "b": 1, "c": 0}}
    assert statistics.without_training(counts).startswith("2 classes have no image in Training")
    assert statistics.without_training(counts).endswith(": b, c\n")
    assert statistics.without_training({"Training": {"a": 1}}) == ""


def test_make_records_says_what_was_decided(tmp_path, capsys):
    path = listed(tmp_path, "0.png Happy\n1.png happy\n2.png sad\n3.png\n")
    words = [str(path), "--out", str(tmp_path / "out")]
    assert make_records.main(words) == 2
    assert "list.txt, line 4: 3.png, row 4: no label" in capsys.readouterr().err
    words += ["--skip-bad", "--classes", "sad,happy,calm"]
    assert make_records.main(words) == 0
    said = capsys.readouterr().out
    assert "'Happy' and 'happy' are one class" in said.splitlines()[0]
    assert "no image in Training" in said and "calm" in said
