"""The CSV reader: every layout and packing reads the same; all else is refused with a reason."""

import gzip
import re
import tracemalloc
import zipfile
from concurrent.futures import Executor, Future

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf.data import readers
from fer2013_tf.data.readers import BadRow, LabeledImage, fer2013_csv
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests.csv_files import (
    FEW,
    HEADER,
    MANY,
    csv_of,
    image_of,
    pixels_of,
    plain,
    read,
    row_of,
    tar_of,
    text_of,
    written,
    zip_of,
)


class AtOnce(Executor):
    """In place of ThreadPoolExecutor: reads ahead at once, so that it is never a block behind."""

    def __init__(self, _):
        """Takes the number of workers, and has none."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


class TestCsvLayouts:
    def test_read_returns_the_rows(self, small_csv):
        images = read(small_csv)
        for seed, image in enumerate(images):
            pixels, *rest = image_of(seed, seed + 1)
            np.testing.assert_array_equal(image.pixels, pixels)
            assert [image.label, image.split, image.row] == rest
            assert image.pixels.dtype == np.uint8 and image.where == "fer2013.csv"
        assert len(images) == 9

    def test_examples_start_a_new_pass_each_time(self, small_csv):
        source = readers.open_source(small_csv)
        first, second = list(source.examples()), list(source.examples())
        assert list(map(plain, first)) == list(map(plain, second))
        assert source.progress() == 1.0

    def test_read_with_the_icml_layout(self, tmp_path, small_csv):
        lines = ["emotion, Usage, pixels"]
        for seed in range(9):
            label, pixels, split = row_of(seed).split(",")
            lines.append(f"{label},{split},{pixels}")
        icml = written(tmp_path, "icml_face_data.csv", "\n".join(lines).encode())
        assert list(map(plain, read(icml))) == list(map(plain, read(small_csv)))

    def test_open_without_usage_holds_out_a_tenth(self, tmp_path):
        lines = [",".join(row_of(seed).split(",")[:2]) for seed in range(140)]
        path = written(tmp_path, "train.csv", "\n".join(["emotion,pixels", *lines]).encode())
        source = readers.open_source(path)
        images = list(source.examples())
        held = [image for image in images if image.split == "PublicTest"]
        assert [sum(image.label == label for image in held) for label in range(7)] == [2] * 7
        assert {image.split for image in images} == {"Training", "PublicTest"}
        assert list(map(plain, images)) == list(map(plain, read(path)))
        assert list(map(plain, images)) != list(map(plain, read(path, seed=1)))
        assert "one in ten" in source.description["splits"]

    @FEW
    @given(data=st.data())
    def test_read_with_any_layout(self, data, tmp_path_factory):
        columns = data.draw(st.permutations(["emotion", "pixels", "Usage", "extra"]))
        end = data.draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
        quote = data.draw(st.sampled_from(["", '"']))
        space = data.draw(st.sampled_from(["", " "]))
        bom = data.draw(st.sampled_from(["", "\ufeff"]))
        last = data.draw(st.sampled_from(["", end]))
        lines = [columns]
        for seed in range(3):
            values = dict(zip(["emotion", "pixels", "Usage"], row_of(seed).split(","), strict=True))
            values["extra"] = "a, b" if quote else ""
            lines.append([values[name] for name in columns])
        text = end.join(
            f",{space}".join(f"{quote}{field}{quote}" for field in line) for line in lines
        )
        path = written(
            tmp_path_factory.mktemp("layout"), "a.csv", (bom + text + last).encode("utf-8")
        )
        got = [plain(image) for image in read(path)]
        assert got == [plain(LabeledImage(*image_of(seed, seed + 1), "")) for seed in range(3)]

    def test_read_with_lines_across_blocks(self, small_csv, monkeypatch):
        whole = list(map(plain, read(small_csv)))
        for block in (10007, 16384):
            monkeypatch.setattr(fer2013_csv, "_BLOCK", block)
            assert list(map(plain, read(small_csv))) == whole

    def test_read_needs_no_memory_per_row(self, tmp_path, monkeypatch):
        monkeypatch.setattr(fer2013_csv, "ThreadPoolExecutor", AtOnce)
        line = (row_of(0) + "\n").encode()
        peaks = []
        for rows in (600, 3000):
            path = written(tmp_path, "long.csv", HEADER.encode() + b"\n" + line * rows)
            tracemalloc.start()
            assert sum(1 for _ in readers.open_source(path).examples()) == rows
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] * 1.1


def labeled(labels, header=HEADER):
    """A CSV of images of Training with these labels."""
    rows = [row_of(seed, label, "Training") for seed, label in enumerate(labels)]
    return "\n".join([header, *rows]).encode()


class TestCsvColumns:
    @pytest.mark.parametrize(
        "header", ["Label,Pixels,Usage", "EMOTION, pixel values ,subset", "class_id,Pixel,split"]
    )
    def test_read_with_other_usual_names(self, header, small_csv, tmp_path):
        path = written(tmp_path, "a.csv", csv_of(header=header))
        assert list(map(plain, read(path))) == list(map(plain, read(small_csv)))

    @pytest.mark.parametrize("header", ["emotion,emotion,pixels", "Pixels,label,pixels"])
    def test_open_with_a_column_twice(self, header, tmp_path):
        with pytest.raises(UserError, match="more than one column (emotion|Pixels)"):
            read(written(tmp_path, "a.csv", f"{header}\n1,2,3\n".encode()))

    def test_read_names_the_columns_as_the_file_does(self, tmp_path):
        path = written(tmp_path, "a.csv", labeled(["9"], "Label,Pixels,Usage"))
        (bad,) = read(path)
        assert bad.reason.startswith("Label is '9', expected 0 to 6")


class TestCsvLabels:
    def labels(self, tmp_path, labels, **options):
        source = readers.open_source(written(tmp_path, "a.csv", labeled(labels)), **options)
        return source, [getattr(image, "label", None) for image in source.examples()]

    def test_read_of_numbers_in_any_spelling_and_names(self, tmp_path):
        texts = ["0", "01", "2.0", "3.", " 4 ", "Surprise", "anger", "HAPPINESS", "6.0e+00"]
        assert self.labels(tmp_path, texts)[1] == [0, 1, 2, 3, 4, 5, 0, 3, 6]

    def test_read_of_an_eighth_class_as_ck_has_it(self, tmp_path):
        texts = [str(n % 8) for n in range(48)]
        with pytest.raises(UserError, match="label 7 is in 6 rows, but .*--classes 0=angry,.*NAME"):
            self.labels(tmp_path, texts)
        names = (*constants.FER2013, "contempt")
        source, labels = self.labels(tmp_path, texts, classes=names)
        assert source.classes == names and labels == [n % 8 for n in range(48)]
        with pytest.raises(UserError, match="numbers 0 to 7, --classes has 7 names; give 8 names"):
            self.labels(tmp_path, texts, classes=constants.FER2013)

    def test_read_of_few_rows_with_a_label_beyond_is_of_bad_rows(self, tmp_path):
        assert self.labels(tmp_path, ["0", "7", "1", "8"])[1] == [0, None, 1, None]
        assert self.labels(tmp_path, ["0", *["9"] * 20, "1"])[1] == [0, *[None] * 20, 1]

    def test_read_of_numbers_from_one_up(self, tmp_path):
        texts = [str(n % 7 + 1) for n in range(42)]
        with pytest.raises(UserError, match="0 in none, .*--classes 1=angry,2=disgust,.*7=neutral"):
            self.labels(tmp_path, texts)
        source, labels = self.labels(tmp_path, texts, classes=constants.FER2013)
        assert labels == [n % 7 for n in range(42)]
        assert "numbers 1 to 7; 1 is the first class" in source.notes[0]

    def test_read_with_classes_of_some_labels(self, tmp_path):
        source, labels = self.labels(tmp_path, list("01234"), classes=("3=glad", "0=cross"))
        assert source.classes == ("glad", "cross") and labels == [1, None, None, 0, None]


class TestCsvParts:
    """pixels.csv and emotion.csv, as Yunwei 2025 parts the CSV."""

    def parted(self, tmp_path, **changes):
        rows = [row_of(seed).split(",") for seed in range(9)]
        parts = {"emotion": 0, "pixels": 1, "usage": 2}
        for name, place in parts.items():
            text = changes.get(name, "\n".join(row[place] for row in rows) + "\n")
            if text is not None:
                (tmp_path / f"{name}.csv").write_text(text)
        return tmp_path / "pixels.csv"

    def test_read_of_the_parts_is_read_of_the_whole(self, tmp_path, small_csv):
        assert list(map(plain, read(self.parted(tmp_path)))) == list(map(plain, read(small_csv)))

    def test_read_without_usage_with_headers_and_commas(self, tmp_path, small_csv):
        pixels = "pixels\n" + "\n".join(row_of(n).split(",")[1] for n in range(9)).replace(" ", ",")
        labels = "\ufeffemotion\r\n" + "\r\n".join(str(n % 7) for n in range(9)) + "\r\n\r\n"
        path = self.parted(tmp_path, pixels=pixels, emotion=labels, usage=None)
        source, whole = readers.open_source(path), read(small_csv)
        found = list(source.examples())
        assert [image.label for image in found] == [image.label for image in whole]
        assert [image.pixels.sum() for image in found] == [image.pixels.sum() for image in whole]
        assert source.description["format"] == "csv_parts"

    def test_read_of_a_missing_label_moves_no_other(self, tmp_path):
        images = read(self.parted(tmp_path, emotion="0\n1\n\n3\n4\n5\n6\n0\n1\n"))
        assert isinstance(images[2], BadRow)
        assert [image.label for image in images if image is not images[2]] == [
            0,
            1,
            3,
            4,
            5,
            6,
            0,
            1,
        ]

    @pytest.mark.parametrize("count", [8, 10])
    def test_read_of_another_number_of_rows(self, count, tmp_path):
        path = self.parted(tmp_path, emotion="1\n" * count)
        with pytest.raises(UserError, match=f"emotion.csv: {count} rows, pixels.csv has 9"):
            read(path)


PACKED = {
    "a.csv.gz": gzip.compress,
    "members.gz": lambda data: gzip.compress(data[:5000]) + gzip.compress(data[5000:]),
    "padded.gz": lambda data: gzip.compress(data) + bytes(600),
    "a.tar": lambda data: tar_of({"a/a.csv": data}, "w"),
    "a.tar.gz": lambda data: tar_of({"a/README": b"read me", "a/a.csv": data}, "w:gz"),
    "a.tgz": lambda data: tar_of({"test.csv": b"pixels\n0 1 2\n", "a.csv": data}, "w:gz"),
    "a.zip": lambda data: zip_of({"README": b"", "test.csv": b"pixels\n0 1\n", "train.csv": data}),
    # A browser unpacked it and kept the name.
    "plain.tar.gz": lambda data: data,
    "old_mac.zip": lambda data: zip_of({"a.csv": data.replace(b"\n", b"\r")}),
}


class TestCsvPackings:
    @pytest.mark.parametrize("name", PACKED)
    def test_read_of_an_archive(self, name, small_csv, tmp_path):
        path = written(tmp_path, name, PACKED[name](csv_of()))
        assert list(map(plain, read(path))) == list(map(plain, read(small_csv)))

    def test_open_of_an_archive_names_the_member(self, tmp_path):
        path = written(tmp_path, "a.zip", zip_of({"x/train.csv": csv_of()}))
        source = readers.open_source(path)
        assert source.description["member"] == "x/train.csv"
        assert next(source.examples()).where == "a.zip:x/train.csv"

    def test_read_of_an_archive_writes_no_file(self, tmp_path, monkeypatch):
        path = written(tmp_path, "a.tgz", PACKED["a.tgz"](csv_of()))
        monkeypatch.setattr("tempfile._mkstemp_inner", None)
        read(path)
        assert [file.name for file in tmp_path.iterdir()] == ["a.tgz"]

    @pytest.mark.parametrize("name", ["a.csv.gz", "a.tar.gz", "a.tar", "a.zip"])
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
    def test_read_of_a_truncated_archive(self, name, share, tmp_path):
        whole = PACKED[name](csv_of())
        # The end of a tar file is padding.
        end = len(whole) - (10240 if name == "a.tar" else 0)
        path = written(tmp_path, name, whole[: int(end * share)])
        with pytest.raises(UserError, match=rf"{name}: "):
            read(path)

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_read_of_a_flipped_bit_in_a_zip_of_another_method(self, method, tmp_path):
        data = bytearray(zip_of({"a.csv": csv_of()}, method))
        data[len(data) // 2] ^= 1
        with pytest.raises(UserError, match=r"a.zip: cannot be read .*download it again"):
            read(written(tmp_path, "a.zip", bytes(data)))

    @pytest.mark.parametrize("name", ["a.csv.gz", "a.tar.gz", "a.zip"])
    def test_read_of_a_flipped_bit(self, name, tmp_path):
        data = bytearray(PACKED[name](csv_of()))
        data[len(data) // 2] ^= 1
        with pytest.raises(UserError, match=rf"{name}: cannot be read .*download it again"):
            read(written(tmp_path, name, bytes(data)))

    def test_read_of_an_encrypted_archive(self, tmp_path):
        data = bytearray(zip_of({"a.csv": csv_of()}))
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        with pytest.raises(UserError, match="a.csv is encrypted"):
            read(written(tmp_path, "a.zip", bytes(data)))

    def test_read_of_an_archive_without_a_csv_of_images(self, tmp_path):
        path = written(tmp_path, "a.zip", zip_of({f"{n}.jpg": b"x" for n in range(9)}))
        with pytest.raises(UserError, match=r"holds 0.jpg, .*\.\.\.; expected a CSV"):
            read(path, format="fer2013_csv")

    def test_open_has_the_sha256_of_the_file(self, tmp_path):
        import hashlib

        path = written(tmp_path, "a.csv.gz", gzip.compress(csv_of()))
        expected = hashlib.sha256(path.read_bytes()).hexdigest()
        assert readers.open_source(path).sha256 == expected


REFUSED = {
    "header.csv": (HEADER.encode() + b"\n\n", "a header and no rows"),
    "empty.csv": (b"", "empty"),
    "blank.csv": (b"\n \n", "empty"),
    "no_emotion.csv": (b"pixels,Usage\n1 2,Training\n", "no column emotion"),
    "endless.csv": (HEADER.encode() + b"\n" + b"0 " * (3 << 20), "no line end in"),
}


class TestCsvRefusals:
    @pytest.mark.parametrize("name", REFUSED)
    def test_read_without_a_csv_of_images(self, name, tmp_path):
        data, said = REFUSED[name]
        with pytest.raises(UserError, match=f"{name}: {said}.*expected a CSV") as raised:
            read(written(tmp_path, name, data))
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize(
        "data",
        [
            b"emotion,Usage\n1,Training\n",
            bytes(range(256)) * 9000,
            b'\x89PNG"\0\n',
            b'"emotion,pixels\n',
            "emotion,pixels\n".encode("utf-16"),
        ],
    )
    def test_open_of_another_file_with_the_format_named(self, data, tmp_path):
        path = written(tmp_path, "other.csv", data)
        with pytest.raises(UserError, match="other.csv: "):
            read(path)
        with pytest.raises(UserError, match="other.csv: (no column|no line end|UTF-16)"):
            read(path, format="fer2013_csv")

    def test_sniff_of_a_folder(self, tmp_path):
        assert not fer2013_csv.sniff(tmp_path)


def with_pixel(value, place=17):
    values = text_of(pixels_of(1)).split()
    values[place - 1] = value
    return f"1,{' '.join(values)},Training"


BAD = {
    "short": (f"1,{' '.join(['7'] * 2303)},Training", "2303 pixels, expected 2304 .48x48."),
    "long": (f"1,{' '.join(['7'] * 2305)},Training", "2305 pixels"),
    "no pixels": ("1,,Training", "0 pixels"),
    "256": (with_pixel("256"), "pixel 17 is '256', over 255"),
    "huge": (with_pixel("9" * 30), r"pixel 17 is '9{20}\.\.\.', over 255"),
    "wraps": (with_pixel(str(2**64 + 5)), "over 255"),
    "negative": (with_pixel("-1"), "pixel 17 is '-1', not an integer"),
    "signed": (with_pixel("+1"), "not an integer"),
    "float": (with_pixel("1.0"), "pixel 17 is '1.0', not an integer"),
    "exponent": (with_pixel("1e1"), "not an integer"),
    "nan": (with_pixel("nan"), "pixel 17 is 'nan', not an integer"),
    "word": (with_pixel("x", 2304), "pixel 2304 is 'x'"),
    "other digits": (with_pixel("\u0663"), "pixel 17 is '\u0663', not an integer"),
    "nul": (with_pixel("7\0"), "not an integer"),
    "label over": ("7," + row_of(0)[2:], "emotion is '7', expected 0 to 6"),
    "label below": ("-1," + row_of(0)[2:], "emotion is '-1'"),
    "label fraction": ("1.5," + row_of(0)[2:], "emotion is '1.5'"),
    "label of a missing value": ("nan," + row_of(0)[2:], "emotion is 'nan'"),
    "another name": ("smirk," + row_of(0)[2:], "emotion is 'smirk'"),
    "no label": (row_of(0)[1:], "emotion is ''"),
    "usage": (row_of(0, split="Test"), "Usage is 'Test', expected one of Training, PublicTest, "),
    "no usage": (row_of(0, split=""), "Usage is ''"),
    "fields over": (row_of(0) + ",1", "4 fields, expected 3"),
    "fields under": ("0,1 2 3", "2 fields, expected 3"),
    "one word": ("garbage", "1 fields"),
    "open quote": ('0,"1 2 3,Training', "unexpected end of data"),
}


class TestCsvRows:
    @pytest.mark.parametrize("name", BAD)
    def test_read_of_a_bad_row_names_the_reason(self, name, tmp_path):
        row, reason = BAD[name]
        data = "\n".join([HEADER, row_of(0), row, row_of(2)]).encode()
        good, bad, other = read(written(tmp_path, "a.csv", data))
        assert isinstance(bad, BadRow) and (bad.row, bad.where) == (2, "a.csv")
        assert re.search(reason, bad.reason)
        assert [plain(good), plain(other)] == [
            plain(LabeledImage(*image_of(seed, seed + 1), "")) for seed in (0, 2)
        ]

    @pytest.mark.parametrize(
        "field",
        [
            "  ".join(["7"] * 2304),
            "\t".join(["7"] * 2304),
            " " + " ".join(["007"] * 2304) + " ",
            " ".join(["0000000"] * 2304),
        ],
    )
    def test_read_of_unusual_integers(self, field, tmp_path):
        (image,) = read(written(tmp_path, "a.csv", f"{HEADER}\n3,{field},Training".encode()))
        assert set(image.pixels.ravel().tolist()) == {int(field.split()[0])}

    @MANY
    @given(
        garbage=st.dictionaries(
            st.integers(0, 2303),
            st.text("0123456789 .+-einafxE_\t", max_size=6) | st.integers(0, 300).map(str),
            max_size=4,
        )
    )
    def test_check_accepts_only_pixel_values(self, garbage):
        values = ["1"] * 2304
        for place, value in garbage.items():
            values[place] = value
        field = " ".join(values)
        tokens = field.split()
        good = len(tokens) == 2304 and all(
            re.fullmatch("[0-9]+", token) and int(token) < 256 for token in tokens
        )
        label_of, places = fer2013_csv._FER2013("a.csv"), fer2013_csv.Places(0, 1, 2)
        check = fer2013_csv._Check(["emotion", "pixels", "Usage"], places, label_of, "a.csv")
        image = check(1, f"0,{field},Training".encode())
        assert isinstance(image, LabeledImage) == good
        if good:
            assert image.pixels.ravel().tolist() == list(map(int, tokens))
