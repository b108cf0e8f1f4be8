import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import emotions, plots, records

CLASSES = emotions.FER2013


def drawn(path):
    """The pixels of the PNG at `path`, the only file in its folder, as RGB [height, width, 3]."""
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def ink(pixels):
    """Share of the pixels that are not the white background."""
    return (pixels < 250).any(axis=-1).mean()


def fake_mistakes(n, wrong):
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, n)
    answers = np.where(np.arange(n) < wrong, (labels + 1) % 7, labels)
    probabilities = 0.5 * np.eye(7)[answers] + 0.5 * random.dirichlet(np.ones(7), n)
    images = random.integers(0, 256, (n, 48, 48), np.uint8)
    return records.Faces(images, labels, np.arange(n) + 1), answers, probabilities


def history(epochs):
    return [
        {
            "epoch": epoch,
            "step": 225 * epoch,
            "loss": 2 / epoch,
            "train_accuracy": 1 - 0.7 / epoch,
            "public_accuracy": 0.7 - 0.4 / epoch,
            "learning_rate": 0.08,
            "seconds": 26.0,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("classes", [("a", "b"), CLASSES, ["a_long_class_name"] * 9])
def test_confusion_matrix_is_drawn_at_a_readable_size(tmp_path, classes):
    counts = np.full((len(classes), len(classes)), 9) + 90 * np.eye(len(classes), dtype=int)
    plots.confusion_matrix(counts, classes, tmp_path / "matrix.png", "PrivateTest")
    pixels = drawn(tmp_path / "matrix.png")
    assert min(pixels.shape[:2]) >= 100 * len(classes)
    assert ink(pixels) > 0.1


def test_a_class_without_pictures_is_an_empty_row(tmp_path):
    with np.errstate(all="raise"):
        plots.confusion_matrix(np.zeros((7, 7)), CLASSES, tmp_path / "empty.png", "nothing")
    assert ink(drawn(tmp_path / "empty.png")) > 0.01


def test_the_diagonal_is_the_darkest(tmp_path):
    plots.confusion_matrix(np.eye(2) * 50, ("a", "b"), tmp_path / "eye.png", "all right")
    pixels = drawn(tmp_path / "eye.png")
    dark = (pixels.sum(axis=-1) < 250).reshape(-1)
    height, width = pixels.shape[:2]
    ys, xs = np.divmod(np.flatnonzero(dark), width)
    assert np.corrcoef(xs, ys)[0, 1] > 0.5


@pytest.mark.parametrize(("wrong", "lines"), [(8, 1), (9, 2)])
def test_mistakes_grow_by_lines_of_eight(tmp_path, wrong, lines):
    plots.mistakes(*fake_mistakes(50, wrong), CLASSES, tmp_path / "mistakes.png")
    pixels = drawn(tmp_path / "mistakes.png")
    inches = plots.HEAD + lines * (plots.PICTURE + plots.CAPTION) + plots.MARGIN
    assert pixels.shape[0] == pytest.approx(inches * plots.DPI, abs=2)
    assert ink(pixels) > 0.2


def test_mistakes_shows_the_surest_first_and_no_right_answer(tmp_path, monkeypatch):
    faces, answers, probabilities = fake_mistakes(50, 20)
    shown = []
    monkeypatch.setattr(plots, "_caption", lambda _, *caption: shown.append(caption))
    plots.mistakes(faces, answers, probabilities, CLASSES, tmp_path / "m.png", most=5)
    surest = sorted(range(20), key=lambda at: -probabilities[at].max())[:5]
    assert [caption[-1] for caption in shown] == [faces.rows[at] for at in surest]
    assert [caption[0] for caption in shown] == [CLASSES[faces.labels[at]] for at in surest]
    assert [caption[1] for caption in shown] == [CLASSES[answers[at]] for at in surest]


def test_without_a_mistake_the_heading_says_so(tmp_path):
    plots.mistakes(*fake_mistakes(5, 0), CLASSES, tmp_path / "none.png")
    assert 0 < ink(drawn(tmp_path / "none.png")) < 0.1


@pytest.mark.parametrize("epochs", [1, 3, 100])
def test_training_curves(tmp_path, epochs):
    plots.training_curves(history(epochs), tmp_path / "curves.png")
    pixels = drawn(tmp_path / "curves.png")
    assert pixels.shape[1] >= 1000 and pixels.shape[0] >= 900
    assert ink(pixels) > 0.02


def test_training_curves_mark_the_first_of_the_best_epochs(tmp_path, monkeypatch):
    marked = []
    monkeypatch.setattr(plots, "_mark_best", lambda _, column, best: marked.append(best))
    entries = history(6)
    entries[2]["public_accuracy"] = entries[4]["public_accuracy"] = 0.9
    plots.training_curves(entries, tmp_path / "curves.png")
    assert marked == [2]


def test_training_curves_of_no_epoch_are_refused(tmp_path):
    with pytest.raises(ValueError, match="history is empty"):
        plots.training_curves([], tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_a_picture_is_replaced_and_repeats_byte_for_byte(tmp_path):
    path = tmp_path / "mistakes.png"
    contents = [b"old"]
    path.write_bytes(contents[0])
    for _ in range(2):
        plots.mistakes(*fake_mistakes(5, 0), CLASSES, path)
        contents.append(path.read_bytes())
    assert contents[0] != contents[1] == contents[2]


def test_neither_tensorflow_nor_pyplot_is_imported():
    code = "import sys; from fer2013_tf import metrics, plots, report; "
    code += "sys.exit(bool({'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
