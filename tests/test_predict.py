"""Predictions for picture files, and how a file becomes what the net is fed."""

import json

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import calibration, checkpoints, evaluation, faces, predict, records, ship
from fer2013_tf.errors import UserError


@pytest.fixture(scope="module")
def pictures(folder, tmp_path_factory):
    """Some of the toy pictures as PNG files."""
    root = tmp_path_factory.mktemp("pictures")
    images = records.read(folder, "PrivateTest").images[:3]
    for number, image in enumerate(images):
        Image.fromarray(image).save(root / f"{number}.png")
    return sorted(root.iterdir()), images


def words(root, files, *more):
    """A command line for pictures that are cropped faces."""
    where = ["--run", "r", "--ckpt", str(root / "ckpt"), "--faces", "centre"]
    return [*map(str, files), *where, *more]


def expected_of(members, images):
    """The calibrated probabilities."""
    logits = evaluation.answers(members, images)
    return calibration.combined(logits, [member.calibration for member in members])


def test_a_file_gets_what_evaluation_gives_its_pixels(whole, pictures, capsys):
    files, images = pictures
    assert predict.main(words(whole, files, "--json")) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    members = evaluation.find_members(whole / "ckpt", "r", "best")
    expected = expected_of(members, images)
    for line, file, chances in zip(lines, files, expected):
        assert line["picture"] == str(file)
        np.testing.assert_allclose(list(line["probabilities"].values()), chances, atol=1e-4)
        assert line["expression"] == max(line["probabilities"], key=line["probabilities"].get)
        scores = np.array(list(line["scores"].values()))
        assert scores.argmax() == chances.argmax()


def test_bfloat16_moves_the_answers_of_many_pictures_a_little(whole, folder, tmp_path, capsys):
    images = records.read(folder, "PrivateTest").images[:6]
    files = [tmp_path / f"{number}.png" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file)

    def answers(files, precision):
        assert predict.main(words(whole, files, "--json", "--precision", precision)) == 0
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        return np.array([list(line["probabilities"].values()) for line in lines])

    exact, fast = answers(files, "float32"), answers(files, "bfloat16")
    assert not np.array_equal(exact, fast)
    np.testing.assert_allclose(fast, exact, atol=0.02)
    # One face is not worth it.
    assert np.array_equal(answers(files[:1], "bfloat16"), answers(files[:1], "float32"))


def test_text_names_every_class_with_score_and_probability(whole, pictures, capsys):
    files, _ = pictures
    assert predict.main(words(whole, files[:1])) == 0
    title, classes, scores, chances = capsys.readouterr().out.splitlines()
    assert title.startswith(f"{files[0]}: ")
    assert classes.split() == ["Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"]
    assert len(scores.split()) == 8
    total = sum(float(word) for word in chances.replace("%", "").split()[1:])
    assert total == pytest.approx(100, abs=0.5)


def test_bad_pictures_are_listed_after_the_good_ones(whole, pictures, tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").touch()
    whole_file = pictures[0][0].read_bytes()
    (tmp_path / "cut.png").write_bytes(whole_file[: len(whole_file) // 2])
    bad = [tmp_path / name for name in ("text.jpg", "empty.png", "cut.png", "none.png")]
    assert predict.main(words(whole, [bad[0], pictures[0][1], *bad[1:]], "--json")) == 2
    out, error = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "4 of 5 pictures not read" in error
    assert "none.png: no such file" in error and "text.jpg: not a picture" in error
    assert "cut.png: damaged" in error


@pytest.mark.parametrize("names", [["no-such.jpg"], ["no-such.jpg", "nor-this.png", "nor.gif"]])
def test_where_no_file_is_there_nothing_is_loaded(names, tmp_path, monkeypatch, capsys):
    def load(*_, **__):
        raise AssertionError("loaded what was to read the pictures")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, "recognizer", load)
    assert predict.main(names) == 2
    more = " (nor any of the other 2)" if len(names) > 1 else ""
    assert capsys.readouterr().err.strip() == f"error: no-such.jpg: no such file{more}"


def test_the_default_weights_answer_where_no_run_is_named(
    whole, pictures, tmp_path, monkeypatch, capsys
):
    files, images = pictures
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    assert predict.main([str(files[0]), "--faces", "none"]) == 2
    assert "python -m fer2013_tf.ship --run NAME" in capsys.readouterr().err
    packed = ["--run", "r", "--ckpt", str(whole / "ckpt"), "--out", str(tmp_path)]
    assert ship.main(packed) == 0
    capsys.readouterr()
    assert predict.main([str(files[0]), "--json", "--faces", "none"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["weights"] == "shipped" and len(line["probabilities"]) == 7
    (expected,) = expected_of([evaluation.shipped()], images[:1])
    np.testing.assert_allclose(list(line["probabilities"].values()), expected, atol=1e-4)


def test_only_bad_pictures(whole, tmp_path, capsys):
    assert predict.main(words(whole, [tmp_path / "none.png"])) == 2
    assert capsys.readouterr().out == ""


def test_centre_crop_takes_the_middle_square():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    crop = faces.centre_crop(Image.fromarray(wide), (10, 10))
    assert crop.shape == (10, 10) and crop.dtype == np.uint8 and (crop == 200).all()
    tall = Image.fromarray(wide.transpose(1, 0, 2))
    assert (faces.centre_crop(tall, (48, 48)) == 200).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"])
def test_every_mode_becomes_grey(tmp_path, mode):
    Image.new("L", (60, 50), 255).convert(mode).save(tmp_path / "a.tiff")
    crop = faces.centre_crop(faces.open_picture(tmp_path / "a.tiff").image, (48, 48))
    assert crop.shape == (48, 48) and crop.dtype == np.uint8 and crop.min() > 250


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_are_refused_not_clipped(tmp_path, mode):
    Image.new(mode, (60, 50), 1000).save(tmp_path / "deep.tiff")
    with pytest.raises(UserError, match="deep.tiff: 32 bits a pixel"):
        faces.open_picture(tmp_path / "deep.tiff")


def test_16_bits_are_scaled(tmp_path):
    Image.new("I;16", (60, 50), 1000).save(tmp_path / "deep.tiff")
    image = faces.open_picture(tmp_path / "deep.tiff").image
    assert image.mode == "L" and (np.asarray(image) == 1000 // 256).all()


def test_what_is_transparent_is_white(tmp_path):
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 20, 10))
    clear.save(tmp_path / "clear.png")
    grey = np.asarray(faces.open_picture(tmp_path / "clear.png").image.convert("L"))
    assert grey[:10].max() == 0 and grey[10:].min() == 255


def test_exif_orientation_is_followed(tmp_path):
    picture = Image.new("L", (20, 20))
    picture.paste(255, (0, 0, 20, 10))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.save(tmp_path / "turned.png", exif=exif)
    upright = np.asarray(faces.open_picture(tmp_path / "turned.png").image)
    assert upright[:10].max() == 0 and upright[10:].min() == 255


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("L", (100, 100)).save(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match="big.png: too many pixels"):
        faces.open_picture(tmp_path / "big.png")
