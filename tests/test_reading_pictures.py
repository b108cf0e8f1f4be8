"""predict on real pictures: faces found, files written, names expanded, bad files listed."""

import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from skimage import data

from fer2013_tf import drawing, pictures, predict, reading_pictures, readings
from fer2013_tf.errors import UserError
from fer2013_tf.faces import Face


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


def test_every_face_of_every_picture(whole, album, tmp_path, capsys):
    outputs = ("--csv", tmp_path / "f.csv", "--annotate", tmp_path / "a", "--sheet")
    outputs += (tmp_path / "s.png", "--explain", tmp_path / "e")
    assert predict.main(words(whole, album, *outputs, "--json")) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    told = [(line["picture"][len(str(album)) + 1 :], line["face"]) for line in lines]
    assert told == [
        ("astronaut.png", 1),
        ("more/both.png", 1),
        ("more/both.png", 2),
        ("more/coffee.jpg", None),
    ]
    assert "3 faces in 3 pictures" in err
    box = lines[0]["box"]
    assert 165 < box["left"] < 190 and 260 < box["right"] < 285
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert [row["face"] for row in rows] == ["1", "1", "2"]
    assert float(rows[0]["p_happy"]) == lines[0]["probabilities"]["happy"]
    assert list(rows[0]) == readings.columns(list(lines[0]["probabilities"]))
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        *("astronaut.png", "both.png", "coffee.png")
    }
    assert Image.open(tmp_path / "a" / "both.png").size == (600, 400)
    assert {path.name for path in (tmp_path / "e").iterdir()} == {
        *("astronaut-1.png", "both-1.png", "both-2.png")
    }
    assert (tmp_path / "s.png").stat().st_size > 20_000


def test_text_names_each_face_and_where_it_is(whole, album, capsys):
    assert predict.main(words(whole, album / "more" / "both.png", album / "more/coffee.jpg")) == 0
    out = capsys.readouterr().out
    for number in (1, 2):
        assert re.search(rf"both\.png, face {number} of 2 \(\d+x\d+ at \d+,\d+\): \w+ \(", out)
    assert "coffee.jpg: no face found" in out


def test_bad_files_are_listed_and_the_rest_answered(whole, album, tmp_path, capsys):
    for number in range(25):
        (tmp_path / f"bad{number}.png").write_bytes(b"no picture")
    Image.fromarray(data.astronaut()).save(tmp_path / "good.png")
    assert predict.main(words(whole, tmp_path, "--json")) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "25 of 26 pictures not read" in err and "... and 5 more" in err


def test_names_from_standard_input_folders_and_patterns(album, monkeypatch):
    lines = f"{album / 'astronaut.png'}\n\n{album / 'more'}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    names = list(pictures.expand(["-", str(album / "*.png"), "not there.png"]))
    assert [name[len(str(album)) + 1 :] for name in names[:-1]] == [
        *("astronaut.png", "more/both.png", "more/coffee.jpg", "astronaut.png")
    ]
    assert names[-1] == "not there.png"


def test_folders_and_patterns_of_nothing_are_refused(tmp_path):
    with pytest.raises(UserError, match="no pictures in this folder"):
        list(pictures.expand([str(tmp_path)]))
    with pytest.raises(UserError, match="no file fits"):
        list(pictures.expand([str(tmp_path / "*.png")]))
    # A name with brackets that is there is a name.
    (tmp_path / "a[1].png").touch()
    assert list(pictures.expand([str(tmp_path / "a[1].png")])) == [str(tmp_path / "a[1].png")]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "no pictures: name files"),
        (["x.png", "--min-confidence", "2"], "--min-confidence 2.0: give 0 to 1"),
        (["x.png", "--out", "a.mp4"], "--out: only with --video"),
        (["x.png", "--video", "a.mp4"], "--video: reads one film, no pictures"),
        (["--video", "a.mp4", "--sheet", "s.png"], "--sheet: only for pictures"),
        (["x.png", "--csv", "nowhere/f.csv"], "nowhere/f.csv: the folder is not there"),
    ],
)
def test_options_that_do_not_go_together(whole, capsys, more, said):
    assert predict.main(words(whole, *more)) == 2
    assert said in capsys.readouterr().err


def test_without_a_detector_the_middle_is_taken_and_it_says_so(whole, album, monkeypatch, capsys):
    monkeypatch.setattr("fer2013_tf.detectors.installed", lambda *_: False)
    line = [str(album / "astronaut.png"), "--run", "r", "--ckpt", str(whole / "ckpt"), "--json"]
    assert predict.main(line) == 0
    out, err = capsys.readouterr()
    assert "no face detector is installed" in err and 'pip install "fer2013_tf[faces]"' in err
    assert json.loads(out)["box"] == {"left": 0, "top": 0, "right": 512, "bottom": 512}


def a_reading(box, chances, number=1):
    chances = np.array(chances)
    classes = ("happy", "sad", "mine")
    crop = np.zeros((48, 48), np.uint8)
    return readings.Reading(
        "p", number, Face(box), classes, np.log(chances), chances, crop, "w", 0.5
    )


@pytest.mark.parametrize("size", [(640, 480), (60, 50), (48, 400)])
@pytest.mark.parametrize("ground", ["white", "black"])
def test_drawing_changes_the_picture_about_the_face_and_nothing_else(size, ground):
    image = Image.new("RGB", size, ground)
    before = np.asarray(image).copy()
    box = (size[0] * 0.3, size[1] * 0.3, size[0] * 0.5, size[1] * 0.5)
    drawn = drawing.annotated(image, [a_reading(box, (0.7, 0.2, 0.1))])
    np.testing.assert_array_equal(np.asarray(image), before)
    assert max(drawn.size) >= min(480, max(size))
    assert len(drawn.getcolors(1 << 20)) > 20
    kept = drawing.annotated(image, [], enlarge=False)
    np.testing.assert_array_equal(np.asarray(kept), before)


def test_boxes_beyond_the_edge_can_be_drawn():
    image = Image.new("RGB", (500, 500), "grey")
    boxes = [(-50.0, -40.0, 60.0, 70.0), (450.0, 460.0, 560.0, 570.0), (0.0, 0.0, 500.0, 500.0)]
    read = [a_reading(box, (0.2, 0.3, 0.5), n) for n, box in enumerate(boxes)]
    assert drawing.annotated(image, read, numbered=True).size == (500, 500)


def test_files_of_one_name_get_numbers(tmp_path):
    folder = reading_pictures._Folder(tmp_path)
    assert [folder.path("a").name for _ in range(3)] == ["a.png", "a-2.png", "a-3.png"]
