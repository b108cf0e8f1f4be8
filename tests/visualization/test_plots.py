"""Figures: they are written as PNG files, readable, and show what they are given."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fer2013_tf.data import records
from fer2013_tf.utils import constants
from fer2013_tf.visualization import confusion, style, training_curves

CLASSES = constants.FER2013


def pixels_of(path):
    """RGB pixels [height, width, 3] of the PNG at `path`, the only file in its folder."""
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def ink(pixels):
    """The fraction of pixels that are not the white background."""
    return (pixels < 250).any(axis=-1).mean()


def fake_mistakes(n, wrong):
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, n)
    predicted = np.where(np.arange(n) < wrong, (labels + 1) % 7, labels)
    probabilities = 0.5 * np.eye(7)[predicted] + 0.5 * random.dirichlet(np.ones(7), n)
    images = random.integers(0, 256, (n, 48, 48), np.uint8)
    return records.LabeledImages(images, labels, np.arange(n) + 1), predicted, probabilities


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
def test_confusion_matrix_is_large_enough_to_read(tmp_path, classes):
    counts = np.full((len(classes), len(classes)), 9) + 90 * np.eye(len(classes), dtype=int)
    confusion.confusion_matrix(counts, classes, tmp_path / "matrix.png", "PrivateTest")
    pixels = pixels_of(tmp_path / "matrix.png")
    assert min(pixels.shape[:2]) >= 100 * len(classes)
    assert ink(pixels) > 0.1


def test_confusion_matrix_with_a_class_without_images(tmp_path):
    with np.errstate(all="raise"):
        confusion.confusion_matrix(np.zeros((7, 7)), CLASSES, tmp_path / "empty.png", "nothing")
    assert ink(pixels_of(tmp_path / "empty.png")) > 0.01


def test_confusion_matrix_is_darkest_on_the_diagonal(tmp_path):
    confusion.confusion_matrix(np.eye(2) * 50, ("a", "b"), tmp_path / "eye.png", "all right")
    pixels = pixels_of(tmp_path / "eye.png")
    dark = (pixels.sum(axis=-1) < 250).reshape(-1)
    height, width = pixels.shape[:2]
    ys, xs = np.divmod(np.flatnonzero(dark), width)
    assert np.corrcoef(xs, ys)[0, 1] > 0.5


@pytest.mark.parametrize(("wrong", "lines"), [(8, 1), (9, 2)])
def test_mistakes_has_lines_of_eight(tmp_path, wrong, lines):
    confusion.mistakes(*fake_mistakes(50, wrong), CLASSES, tmp_path / "mistakes.png")
    pixels = pixels_of(tmp_path / "mistakes.png")
    inches = confusion.HEAD + lines * (confusion.IMAGE + confusion.CAPTION) + confusion.MARGIN
    assert pixels.shape[0] == pytest.approx(inches * style.DPI, abs=2)
    assert ink(pixels) > 0.2


def test_mistakes_shows_the_most_confident_first_and_no_correct_prediction(tmp_path, monkeypatch):
    labeled, predicted, probabilities = fake_mistakes(50, 20)
    shown = []
    monkeypatch.setattr(confusion, "_caption", lambda _, *caption: shown.append(caption))
    confusion.mistakes(labeled, predicted, probabilities, CLASSES, tmp_path / "m.png", most=5)
    most_confident = sorted(range(20), key=lambda at: -probabilities[at].max())[:5]
    assert [caption[-1] for caption in shown] == [labeled.rows[at] for at in most_confident]
    assert [caption[0] for caption in shown] == [
        CLASSES[labeled.labels[at]] for at in most_confident
    ]
    assert [caption[1] for caption in shown] == [CLASSES[predicted[at]] for at in most_confident]


def test_mistakes_without_a_mistake_has_a_heading_alone(tmp_path):
    confusion.mistakes(*fake_mistakes(5, 0), CLASSES, tmp_path / "none.png")
    assert 0 < ink(pixels_of(tmp_path / "none.png")) < 0.1


@pytest.mark.parametrize("epochs", [1, 3, 100])
def test_training_curves_has_a_readable_size(tmp_path, epochs):
    training_curves.training_curves(history(epochs), tmp_path / "curves.png")
    pixels = pixels_of(tmp_path / "curves.png")
    assert pixels.shape[1] >= 1000 and pixels.shape[0] >= 900
    assert ink(pixels) > 0.02


def test_training_curves_marks_the_first_of_the_best_epochs(tmp_path, monkeypatch):
    marked = []
    monkeypatch.setattr(training_curves, "_mark_best", lambda _, column, best: marked.append(best))
    entries = history(6)
    entries[2]["public_accuracy"] = entries[4]["public_accuracy"] = 0.9
    training_curves.training_curves(entries, tmp_path / "curves.png")
    assert marked == [2]


def test_training_curves_without_an_epoch_raises(tmp_path):
    with pytest.raises(ValueError, match="history is empty"):
        training_curves.training_curves([], tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_save_replaces_a_file_and_repeats_byte_for_byte(tmp_path):
    path = tmp_path / "mistakes.png"
    contents = [b"old"]
    path.write_bytes(contents[0])
    for _ in range(2):
        confusion.mistakes(*fake_mistakes(5, 0), CLASSES, path)
        contents.append(path.read_bytes())
    assert contents[0] != contents[1] == contents[2]


def test_neither_tensorflow_nor_pyplot_is_imported():
    code = "import sys; from fer2013_tf.evaluation import metrics, text_tables; "
    code += "from fer2013_tf.visualization import confusion; "
    code += "sys.exit(bool({'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_class_colors_of_unknown_classes_differ():
    colors = style.class_colors(["happy", "happiness", "bored", "curious"])
    assert colors["happy"] == colors["happiness"] == style.CLASS_COLORS["happy"]
    assert len(set(colors.values())) == 3
