"""Images of one's own: list files, arrays, folders, any classes, any size; up to predictions."""

import json

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import eval, make_records, predict, train
from fer2013_tf.data import readers, records
from fer2013_tf.utils.errors import UserError
from tests import csv_files

TEN = tuple(f"sign {n}" for n in range(10))


def written(root, names, size=(20, 16)):
    """Images of random gray, width x height."""
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, size[::-1], dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)
    return root


def listed(root, text, names=("a.png", "b c.png", "d,e.png"), name="list.csv"):
    written(root, names)
    path = root / name
    path.write_text(text, encoding="utf-8")
    return path


class TestListFile:
    def examples(self, path, **options):
        source = readers.open_source(path, **options)
        return source, list(source.examples())

    @pytest.mark.parametrize(
        "text",
        [
            'a.png,glad\nb c.png,cross\n"d,e.png",glad\n',
            "path,label\r\na.png, glad\r\n\r\nb c.png , cross\r\n'd,e.png',glad".replace("'", '"'),
            "a.png\tglad\nb c.png\tcross\nd,e.png\tglad\n",
            "\ufeffimage\temotion\na.png\tglad\nb c.png\tcross\nd,e.png\tglad",
        ],
    )
    def test_open_reads_commas_tabs_quotes_and_headers(self, tmp_path, text):
        source, examples = self.examples(listed(tmp_path, text))
        assert source.classes == ("cross", "glad")
        assert [example.label for example in examples] == [1, 0, 1]
        assert [example.row for example in examples] == [1, 2, 3]
        assert examples[1].pixels.shape == (16, 20)
        assert examples[1].where.endswith("b c.png")

    def test_open_with_numbers_as_labels(self, tmp_path):
        text = "path,emotion\na.png,0\nb c.png,3\n"
        source, examples = self.examples(listed(tmp_path, text), classes=tuple("wxyz"))
        assert source.classes == tuple("wxyz") and [example.label for example in examples] == [0, 3]
        assert self.examples(tmp_path / "list.csv")[0].classes == ("0", "1", "2", "3")

    def test_open_with_a_third_field(self, tmp_path):
        text = "a.png,x,train\nb c.png,y,PublicTest\n"
        _, examples = self.examples(listed(tmp_path, text))
        assert [example.split for example in examples] == ["Training", "PublicTest"]

    def test_read_names_bad_images(self, tmp_path):
        path = listed(tmp_path, "a.png,x\ngone.png,y\n")
        _, examples = self.examples(path)
        assert "no such file" in examples[1].reason and "line 2: gone.png" in examples[1].where
        written(tmp_path, ["gone.png"], size=(30, 30))
        _, examples = self.examples(path)
        assert "30x30 pixels, expected 20x16; --size" in examples[1].reason
        _, examples = self.examples(path, resize=(12, 12))
        assert [example.pixels.shape for example in examples] == [(12, 12)] * 2

    @pytest.mark.parametrize(
        "text, said",
        [
            ("a.png\n", "no label that names a class"),
            ("a.png,x,train,more\n", "line 1: 4 fields"),
            ("a.png,x,Tset\n", "line 1: split 'Tset', expected Training"),
            ('a.png,"x\n', "cannot be read"),
            ("a.png,5000\n", "label 5000"),
            ("path,label\n", "no image"),
        ],
    )
    def test_open_refuses_lines(self, tmp_path, text, said):
        path = listed(tmp_path, text)
        with pytest.raises(UserError) as caught:
            readers.open_source(path, "list_file")
        assert said in str(caught.value)

    def test_read_of_a_label_without_a_class(self, tmp_path):
        path = listed(tmp_path, "a.png,x\nb c.png,z\n")
        _, examples = self.examples(path, classes=("x", "y"))
        assert examples[1].reason == "label 'z', expected x, y"

    def test_sniff_of_another_table(self, small_csv):
        assert readers.open_source(small_csv).description["format"] == "fer2013_csv"


class TestArrays:
    def saved(self, root, **arrays):
        for name, array in arrays.items():
            np.save(root / f"{name}.npy", array)
        return root

    def test_open_with_integers_and_labels(self, tmp_path):
        x = np.arange(3 * 48 * 48).reshape(3, 48, 48) % 256
        self.saved(tmp_path, x_train=x.astype(np.uint8), y_train=[0, 6, 2])
        self.saved(tmp_path, x_val=x[:1].astype(np.uint8), y_val=[1])
        source = readers.open_source(tmp_path)
        examples = list(source.examples())
        assert source.classes[0] == "angry" and source.total == 4
        assert [(f.label, f.split, f.row) for f in examples][-1] == (1, "PublicTest", 4)
        np.testing.assert_array_equal(examples[1].pixels, x[1])

    def test_open_with_fractions_and_one_hot_labels(self, tmp_path):
        x = np.linspace(0, 1, 2 * 8 * 6).reshape(2, 8, 6, 1).astype(np.float32)
        self.saved(tmp_path, x_train=x, y_train=np.eye(3)[[2, 0]])
        source = readers.open_source(tmp_path)
        examples = list(source.examples())
        assert source.classes == ("0", "1", "2") and [example.label for example in examples] == [
            2,
            0,
        ]
        np.testing.assert_array_equal(examples[0].pixels, np.rint(x[0, ..., 0] * 255))

    @pytest.mark.parametrize(
        "x, y, said",
        [
            (np.zeros((2, 8, 8)), [0], "1 labels, x_train.npy has 2 images"),
            (np.zeros((2, 8, 8, 4)), [0, 1], "expected images [n, height, width]"),
            (np.zeros((2, 8, 8)), [-1, np.nan], "no label that names a class ('-1.0', 'nan')"),
            (np.zeros((2, 8, 8)), np.zeros((2, 1, 1)), "expected labels [n] or one-hot"),
            (np.zeros((2, 8, 8)), np.ones((2, 3)), "not one-hot"),
            (np.zeros((2, 8, 8)), np.array([["a", "b"]]), "expected labels [n] or one-hot"),
            (np.array([None, 1]), [0, 1], "x_train.npy: cannot be read"),
        ],
    )
    def test_open_refuses_arrays(self, tmp_path, x, y, said):
        np.save(tmp_path / "x_train.npy", x, allow_pickle=True)
        self.saved(tmp_path, y_train=y)
        with pytest.raises(UserError) as caught:
            readers.open_source(tmp_path)
        assert said in str(caught.value)

    def test_open_with_colors(self, tmp_path):
        x = np.random.default_rng(0).integers(0, 256, (2, 8, 6, 3), dtype=np.uint8)
        examples = list(
            readers.open_source(self.saved(tmp_path, x_train=x, y_train=[0, 1])).examples()
        )
        np.testing.assert_array_equal(examples[1].pixels, x[1])

    @pytest.mark.parametrize("value", [np.nan, -1.0, 300.0])
    def test_read_names_bad_pixels(self, tmp_path, value):
        x = np.zeros((2, 8, 8))
        x[1, 3, 3] = value
        examples = list(
            readers.open_source(self.saved(tmp_path, x_train=x, y_train=[0, 1])).examples()
        )
        assert examples[1].row == 2 and "pixels" in examples[1].reason

    def test_open_without_labels(self, tmp_path):
        with pytest.raises(UserError, match="y_train.npy: missing"):
            readers.open_source(self.saved(tmp_path, x_train=np.zeros((1, 8, 8))))


class TestFolders:
    def test_open_with_other_classes_at_another_size(self, tmp_path):
        written(tmp_path, [f"train/{name}/{n}.png" for name in ("ok", "thumb up") for n in "12"])
        source = readers.open_source(tmp_path)
        assert source.classes == ("ok", "thumb up")
        assert [example.pixels.shape for example in source.examples()] == [(16, 20)] * 4

    def test_open_with_images_in_a_split_folder(self, tmp_path):
        written(tmp_path, ["train/1.png", "test/1.png"])
        with pytest.raises(UserError, match="in 'test', which names a split and no class"):
            readers.open_source(tmp_path)

    def test_open_with_named_classes(self, tmp_path):
        written(tmp_path, ["up/1.png", "ok/1.png"])
        source = readers.open_source(tmp_path, classes=("up", "ok", "down"), resize=(24, 24))
        assert sorted((f.label, f.pixels.shape) for f in source.examples()) == [
            (0, (24, 24)),
            (1, (24, 24)),
        ]
        with pytest.raises(UserError, match="'ok' names no class; known are up, down; .*--classes"):
            readers.open_source(tmp_path, classes=("up", "down"))


@pytest.mark.parametrize(
    "words, said",
    [
        (["--size", "9"], "'9' is no size"),
        (["--size", "20x"], "'20x' is no size"),
        (["--classes", "a,a"], "give two different names"),
        (["--classes", "a"], "give two different names"),
    ],
)
def test_parser_refuses_values(words, said, capsys):
    with pytest.raises(SystemExit):
        make_records.main(words)
    assert said in capsys.readouterr().err


def test_open_source_names_an_option_the_format_lacks(small_csv, tmp_path, capsys):
    words = [str(small_csv), "--out", str(tmp_path / "out"), "--size", "64"]
    assert make_records.main(words) == 2
    assert "format fer2013_csv has no option --size" in capsys.readouterr().err


def synthetic_signs(root, color, each=14):
    """Ten classes of 128x128, and their list: a bar in noise at one of ten heights; or at one of
    five, red or green and no brighter than the other.
    """
    rng = np.random.default_rng(5)
    lines = []
    for label, name in enumerate(TEN):
        for number in range(each):
            pixels = rng.integers(0, 120, (128, 128, 3), dtype=np.uint8)
            place, channel = divmod(label, 2) if color else (label, slice(None))
            # As bright in gray: red counts for 0.299, green for 0.587.
            lighter = (120, 61)[channel] if color else 120
            pixels[12 * place + 4 : 12 * place + 12, 10:118, channel] += lighter
            path = f"images/{name}-{number}.png"
            (root / path).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(root / path)
            lines.append(f"{path}\t{name}")
    (root / "signs.tsv").write_text("\n".join(lines))
    return root / "signs.tsv"


@pytest.mark.slow
@pytest.mark.parametrize("color", [False, True])
def test_make_records_to_predict_with_ten_classes_at_128x128(tmp_path, capsys, color):
    """deepNN 2018: list file, ten classes, 128x128, its net; from records to a prediction."""
    folders = ["--records", str(tmp_path / "rec"), "--ckpt", str(tmp_path / "ckpt")]
    folders += ["--logs", str(tmp_path / "logs")]
    listing = str(synthetic_signs(tmp_path, color))
    size = [128, 128, 3] if color else [128, 128]
    words = ["--color"] if color else []
    assert make_records.main([listing, "--out", str(tmp_path / "rec"), *words]) == 0
    manifest = records.load_manifest(tmp_path / "rec")
    assert manifest["classes"] == list(TEN) and manifest["size"] == size
    settings = ["epochs=5", "batch_size=10", "learning_rate=0.001", "ema_decay=0.5"]
    words = ["--recipe", "deepnn", "--run", "signs", "--keep", "1", *folders]
    assert train.main([*words, *(w for s in settings for w in ("--set", s))]) == 0
    result = tmp_path / "result.json"
    splits = ["--split", "Training", "--split", "PublicTest"]
    assert eval.main(["--run", "signs", *folders, *splits, "--json", str(result)]) == 0
    # Without colors no more than half could be told apart.
    figures = json.loads(result.read_text())["splits"]
    assert figures["Training"]["accuracy"] > 0.7 and figures["PublicTest"]["n"] > 5
    capsys.readouterr()
    image = str(tmp_path / "images" / "sign 7-3.png")
    assert (
        predict.main([image, "--faces", "none", "--run", "signs", "--ckpt", str(tmp_path / "ckpt")])
        == 0
    )
    assert "ign 7" in capsys.readouterr().out


def test_read_of_a_csv_file(small_csv):
    assert len(csv_files.read(small_csv)) == 9
