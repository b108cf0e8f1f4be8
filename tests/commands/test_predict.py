"""predict on cropped faces: the numbers of evaluation, text, errors, weights, the sample."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import predict, ship
from fer2013_tf.checkpoints import weights
from fer2013_tf.data import records
from fer2013_tf.evaluation import combinations, ensembles


@pytest.fixture(scope="module")
def images(records_dir, tmp_path_factory):
    """Some of the toy images as PNG files."""
    root = tmp_path_factory.mktemp("images")
    images = records.RecordSet(records_dir).read("PrivateTest").images[:3]
    for number, image in enumerate(images):
        Image.fromarray(image).save(root / f"{number}.png")
    return sorted(root.iterdir()), images


def words(root, files, *more):
    """A command line for images that are cropped faces."""
    where = ["--run", "r", "--ckpt", str(root / "ckpt"), "--faces", "center"]
    return [*map(str, files), *where, *more]


def expected_of(members, images):
    """The calibrated probabilities."""
    logits = ensembles.predict_logits(members, images)
    return combinations.find(members, "none").probabilities(logits)


def test_predict_gives_the_probabilities_of_evaluation(trained_run, images, capsys):
    files, images = images
    assert predict.main(words(trained_run, files, "--json", "-")) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    members = ensembles.resolve_ensemble(trained_run / "ckpt", "r", "best")
    expected = expected_of(members, images)
    for line, file, probabilities in zip(lines, files, expected):
        assert line["image"] == str(file)
        np.testing.assert_allclose(list(line["probabilities"].values()), probabilities, atol=1e-4)
        assert line["expression"] == max(line["probabilities"], key=line["probabilities"].get)
        scores = np.array(list(line["scores"].values()))
        assert scores.argmax() == probabilities.argmax()


def test_predict_in_bfloat16_changes_many_images_a_little(
    trained_run, records_dir, tmp_path, capsys
):
    images = records.RecordSet(records_dir).read("PrivateTest").images[:6]
    files = [tmp_path / f"{number}.png" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file)

    def predicted(files, precision):
        assert predict.main(words(trained_run, files, "--json", "-", "--precision", precision)) == 0
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        return np.array([list(line["probabilities"].values()) for line in lines])

    exact, fast = predicted(files, "float32"), predicted(files, "bfloat16")
    assert not np.array_equal(exact, fast)
    np.testing.assert_allclose(fast, exact, atol=0.02)
    # For one face float32 is used.
    assert np.array_equal(predicted(files[:1], "bfloat16"), predicted(files[:1], "float32"))


def test_predict_text_names_every_class_with_score_and_probability(trained_run, images, capsys):
    files, _ = images
    assert predict.main(words(trained_run, files[:1])) == 0
    title, classes, scores, probabilities = capsys.readouterr().out.splitlines()
    assert title.startswith(f"{files[0]}: ")
    assert classes.split() == ["Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"]
    assert len(scores.split()) == 8
    total = sum(float(word) for word in probabilities.replace("%", "").split()[1:])
    assert total == pytest.approx(100, abs=0.5)


def test_predict_with_bad_images_lists_them_after_the_good_ones(
    trained_run, images, tmp_path, capsys
):
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.png").touch()
    whole_file = images[0][0].read_bytes()
    (tmp_path / "cut.png").write_bytes(whole_file[: len(whole_file) // 2])
    bad = [tmp_path / name for name in ("text.jpg", "empty.png", "cut.png", "none.png")]
    assert predict.main(words(trained_run, [bad[0], images[0][1], *bad[1:]], "--json", "-")) == 2
    out, error = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["face"] for line in lines] == [None, 1, None, None, None]
    assert [line["reason"] for line in lines if not line["face"]][-1] == "no such file"
    assert "4 of 5 images not read" in error
    assert "none.png: no such file" in error and "text.jpg: not an image" in error
    assert "cut.png: damaged" in error


@pytest.mark.parametrize("names", [["no-such.jpg"], ["no-such.jpg", "nor-this.png", "nor.gif"]])
def test_predict_without_any_file_loads_nothing(names, tmp_path, monkeypatch, capsys):
    def load(*_, **__):
        raise AssertionError("loaded the weights")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, "recognizer", load)
    assert predict.main(names) == 2
    more = " (nor any of the other 2)" if len(names) > 1 else ""
    assert capsys.readouterr().err.strip() == f"error: no-such.jpg: no such file{more}"


def test_predict_without_runs_uses_the_shipped_weights(
    trained_run, images, tmp_path, monkeypatch, capsys
):
    files, images = images
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert predict.main([str(files[0]), "--faces", "none"]) == 2
    assert "python -m fer2013_tf.ship --run NAME" in capsys.readouterr().err
    packed = ["--run", "r", "--ckpt", str(trained_run / "ckpt"), "--out", str(tmp_path)]
    assert ship.main(packed) == 0
    capsys.readouterr()
    assert predict.main([str(files[0]), "--json", "-", "--faces", "none"]) == 0
    out, error = capsys.readouterr()
    assert "weights: shipped" in error
    line = json.loads(out)
    assert line["weights"] == "shipped" and len(line["probabilities"]) == 7
    (expected,) = expected_of([ensembles.shipped_member()], images[:1])
    np.testing.assert_allclose(list(line["probabilities"].values()), expected, atol=1e-4)


def test_predict_of_bad_images_alone_fails(trained_run, tmp_path, capsys):
    assert predict.main(words(trained_run, [tmp_path / "none.png"])) == 2
    assert capsys.readouterr().out == ""


def test_predict_without_run_uses_the_newest_run(trained_run, images, monkeypatch, capsys):
    monkeypatch.chdir(trained_run)
    assert predict.main([str(images[0][0]), "--json", "-", "--faces", "none"]) == 0
    out, error = capsys.readouterr()
    assert json.loads(out)["weights"].startswith("r:") and "weights: r" in error


def test_predict_without_images_reads_the_sample(trained_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # Not even OpenCV is needed for it.
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert predict.main(["--run", "r", "--ckpt", str(trained_run / "ckpt"), "--json", "-"]) == 0
    out, error = capsys.readouterr()
    face = json.loads(out)
    assert face["image"] == str(predict.SAMPLE) and 165 < face["box"]["left"] < 190
    assert "sample photograph" in error and "fer2013_tf.predict people.jpg" in error


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["--framing", "article"], "--alignment"),
        (["--sheet", "s.png"], "--overview"),
        (["--out", "a.mp4"], "--annotate"),
    ],
)
def test_predict_with_an_old_option_names_the_new_one(old, new, capsys):
    with pytest.raises(SystemExit) as ended:
        predict.main(["x.png", *old])
    assert ended.value.code == 2
    assert f"{old[0]} is now {new}" in capsys.readouterr().err


def test_predict_with_an_image_as_json_file_is_refused(trained_run, images, tmp_path, capsys):
    files, _ = images
    before = files[0].read_bytes()
    assert predict.main(words(trained_run, [], "--json", str(files[0]))) == 2
    error = capsys.readouterr().err
    assert f"--json {files[0]}: name a file that ends in .json or .jsonl" in error
    assert files[0].read_bytes() == before


def test_predict_json_files_hold_an_array_or_lines(trained_run, images, tmp_path, capsys):
    files, _ = images
    for name in ("a.json", "a.jsonl"):
        assert predict.main(words(trained_run, files, "--json", str(tmp_path / name))) == 0
    array = json.loads((tmp_path / "a.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert array == lines and [face["image"] for face in array] == [str(file) for file in files]
    # The text is printed beside a file.
    assert capsys.readouterr().out.count("probability") == 2 * len(files)
