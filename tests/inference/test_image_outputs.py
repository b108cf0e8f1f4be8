"""predict's outputs: nothing is destroyed, each image has its own file, all rows are told."""

import csv
import io
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import Recognizer, predict
from fer2013_tf.data import records
from fer2013_tf.utils import outputs


def draw(path, seed=0, **options):
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working folder, with d/x.png, d/z.jpg, a list of them and a user's own files."""
    monkeypatch.chdir(tmp_path)
    for folder in ("d", "e", "out"):
        os.mkdir(folder)
    draw("d/x.png")
    draw("d/z.jpg", 1)
    draw("e/z.jpg", 1)
    draw("out/z.png", 2)
    (tmp_path / "names.txt").write_text("d/x.png\n")
    return tmp_path


def told(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(trained_run, *more):
    where = ["--run", "r", "--ckpt", str(trained_run / "ckpt"), "--faces", "center"]
    return predict.main([*map(str, more), *where])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("d --annotate d", "--annotate d: would replace d/x.png, which is read"),
        ("e --annotate ./e", "--annotate ./e: is what is read"),
        ("d/x.png --annotate d", "would replace d/x.png, which is read"),
        ("d/z.jpg d/x.png --annotate d", "would replace d/x.png, which is read"),
        ("d --explain d", "--explain d: is what is read"),
        ("d --csv d/x.png", "would replace d/x.png, which is read"),
        ("d --overview ./d/../d/x.png --overwrite", "would replace d/x.png, which is read"),
        ("d --annotate out", "--annotate out/z.png: exists, and is not known"),
        ("d --csv names.txt", "--csv names.txt: exists, and is not known"),
        ("d --csv a.csv --overview a.csv", "the same file"),
        ("d --csv out/x.png --annotate out --overwrite", "that --csv out/x.png writes"),
        ("d/x.png d/x-1.png --annotate o --explain o", "that --annotate o writes"),
    ],
)
def test_predict_that_would_destroy_something_is_refused(place, capsys, monkeypatch, line, said):
    monkeypatch.setattr(predict, "recognizer", None)
    before = told(place)
    assert predict.main(line.split()) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and said in errors[0], errors
    assert told(place) == before


def test_predict_into_a_folder_below_twice_does_not_read_its_drawings(trained_run, place, capsys):
    words = ["d", "--annotate", "d/out", "--overview", "d/all.png", "--json", "a.json"]
    assert run(trained_run, *words) == 0
    first = capsys.readouterr(), json.loads((place / "a.json").read_text())
    assert {path.name for path in (place / "d").rglob("*.png")} == {*("x.png", "z.png", "all.png")}
    assert run(trained_run, *words) == 0
    again = capsys.readouterr(), json.loads((place / "a.json").read_text())
    assert again[1] == first[1] and [row["image"] for row in again[1]] == ["d/x.png", "d/z.jpg"]
    assert "passed over: 3 drawings of this program" in again[0].err
    assert again[1][0]["annotated"] == os.path.join("d", "out", "x.png")


def test_predict_gives_each_image_its_own_drawing(trained_run, place, capsys):
    for name in ("a/x.jpg", "b/X.jpg", "c/x-2.jpg", "c/p-1.png", "c/p.png"):
        (place / name).parent.mkdir(exist_ok=True)
        draw(place / name)
    line = "a/x.jpg b/X.jpg c/x-2.jpg c/p-1.png c/p.png --annotate o --csv f.csv"
    assert run(trained_run, *line.split()) == 0
    with open("f.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [os.path.basename(row["annotated"]) for row in rows] == [
        *("x.png", "X-3.png", "x-2.png", "p-1.png", "p.png")
    ]
    assert all(outputs.made_here(row["annotated"]) for row in rows)
    assert outputs.made_here("f.csv")


def test_predict_goes_on_after_a_drawing_that_cannot_be_written(trained_run, place, capsys):
    long = "情" * 80 + ".png"
    for name in (long, "y.png"):
        draw(place / "d" / name)
    (place / "o" / "x.png").mkdir(parents=True)
    more = ["--annotate", "o", "--json", "a.jsonl", "--overwrite"]
    assert run(trained_run, "d/x.png", f"d/{long}", "none.png", "d/y.png", *more) == 2
    err = capsys.readouterr().err
    assert "error: 1 of 4 images not read, 1 drawing not written\n  none.png: no such file\n" in err
    assert "o/x.png: Is a directory" in err
    rows = [json.loads(line) for line in (place / "a.jsonl").read_text().splitlines()]
    assert [row["annotated"] for row in rows] == [None, f"o/{long}", None, "o/y.png"]
    assert rows[2] == {"image": "none.png", "face": None, "reason": "no such file"} | {
        "annotated": None
    }
    assert (place / "o" / long).exists() and (place / "o" / "y.png").exists()
    assert "3 faces in 3 images" in err


class Bytes:
    """Standard input of these bytes."""

    def __init__(self, data):
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize("written", [b"\xef\xbb\xbfd/x.png\r\n\n-\n%s\n", b"d/x.png\0%s\0"])
def test_names_on_standard_input_need_not_be_text(written, place, monkeypatch):
    from fer2013_tf.faces import image_files

    odd = b"d/\xe9\xff.png"
    draw(os.fsdecode(odd))
    monkeypatch.setattr(sys, "stdin", Bytes(written % odd))
    assert list(image_files.expand(["-"])) == ["d/x.png", os.fsdecode(odd)]
    monkeypatch.setattr(sys, "stdin", Bytes("d/x.png\r\nd/z.jpg\r\n".encode("utf-16")))
    assert list(image_files.expand(["-"])) == ["d/x.png", "d/z.jpg"]


def test_expand_passes_over_drawings_in_patterns_only(place, capsys):
    from fer2013_tf.faces import image_files

    (place / "d" / "drawn.png").write_bytes(outputs.png(Image.new("L", (20, 20))))
    assert list(image_files.expand(["d/*.png"])) == ["d/x.png"]
    assert "1 drawing of this program, such as d/drawn.png" in capsys.readouterr().err
    assert list(image_files.expand(["d/drawn.png"])) == ["d/drawn.png"]


def test_compare_tells_both_runs_everywhere(trained_run, place, capsys):
    words = ["d/x.png", "d/z.jpg", "--faces", "none", "--ckpt", str(trained_run / "ckpt")]
    words += ["--run", "r:8", "--compare", "r:2", "--csv", "both.csv", "--overview", "both.png"]
    assert predict.main(words) == 0
    said = capsys.readouterr().out
    assert "d/x.png, r:8: " in said and "d/x.png, r:2: " in said
    rows = list(csv.DictReader((place / "both.csv").open()))
    assert [(row["image"], row["weights"]) for row in rows] == [
        *(("d/x.png", "r:8"), ("d/x.png", "r:2"), ("d/z.jpg", "r:8"), ("d/z.jpg", "r:2"))
    ]
    assert rows[0]["p_happy"] != rows[1]["p_happy"]
    # Each is what it is alone.
    assert predict.main([*words[:6], "--run", "r:2", "--csv", "alone.csv"]) == 0
    alone = list(csv.DictReader((place / "alone.csv").open()))
    assert [row["p_happy"] for row in alone] == [row["p_happy"] for row in rows[1::2]]
    width, height = Image.open("both.png").size
    assert width > height


def test_rows_reads_images_of_the_set(trained_run, records_dir, place, capsys):
    words = ["--records", str(records_dir), "--rows", "40,3", "--json", "-"]
    words += ["--run", "r", "--ckpt", str(trained_run / "ckpt"), "--annotate", "out"]
    assert predict.main(words) == 0
    out, error = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["image"] for line in lines] == [f"{records_dir}/row-{n}" for n in (40, 3)]
    assert f"{records_dir}/row-3: Training, labeled fear" in error and "row-40: PublicTest" in error
    assert {"row-3.png", "row-40.png"} <= set(os.listdir("out"))
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="none") as recognizer:
        found, _ = records.RecordSet(records_dir).read_rows([40, 3])
        _, probabilities = recognizer.predict_crops(found.images)
    for line, expected in zip(lines, probabilities):
        np.testing.assert_allclose(list(line["probabilities"].values()), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--rows", "99"], "no image of row 99; rows are from 1 to 52"),
        (["--rows", "3", "d/x.png"], "--rows: reads images of records, no others (d/x.png)"),
        (["d/x.png"], "only with --rows"),
        (["d/x.png", "--compare", "gone", "--records", "tfrecords"], "no such run"),
        (
            ["--video", "x.mp4", "--compare", "r", "--records", "tfrecords"],
            "--compare: only for images",
        ),
        (["d/x.png", "--device", "tpu"], "--device tpu: give cpu, or gpu:0"),
    ],
)
def test_rows_and_compare_refuse(trained_run, records_dir, place, capsys, more, said):
    words = ["--records", str(records_dir), "--run", "r", "--ckpt", str(trained_run / "ckpt")]
    assert predict.main([*words, *more]) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("error: ")
