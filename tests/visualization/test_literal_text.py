"""Text that a user gave is drawn as it is, in a font that has its letters."""

import os
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import ft2font
from PIL import Image

from fer2013_tf.data import records
from fer2013_tf.inference import annotating
from fer2013_tf.visualization import (
    class_counts,
    comparison,
    confusion,
    fonts,
    prediction_plots,
    style,
    training_curves,
)

NAMES = [
    "$x^2",
    "a_$b$_c$",
    r"\frac{1}{",
    "50 %",
    "_under",
    "two\nlines\t",
    os.fsdecode(b"latin-\xe9"),
    "\x00\x1b[31m",
    "L" * 300,
    "",
]
HISTORY = [
    {"epoch": n, "step": n, "loss": 1.0, "train_accuracy": 0.5, "public_accuracy": 0.4}
    | {"learning_rate": 0.1, "train_loss": 1.0, "public_loss": 1.0}
    for n in (1, 2)
]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def prediction(classes):
    return SimpleNamespace(
        face=SimpleNamespace(box=(10, 10, 60, 60)),
        classes=classes,
        probabilities=np.full(len(classes), 1 / len(classes)),
        expression=classes[0],
        predicted_class=classes[0],
        confidence=0.5,
        number=1,
        detected=True,
        image="$folder$/" + classes[0],
        weights="$run$:" + classes[0],
        crop=np.zeros((48, 48), np.uint8),
    )


def every_figure(folder, names):
    """Draw each kind of figure with these names wherever a user's text goes."""
    k, thumbnail = len(names), np.zeros((40, 40, 3), np.uint8)
    labels = np.arange(k)
    faces = records.LabeledImages(np.zeros((k, 48, 48), np.uint8), labels, labels)
    class_counts.chart({"Training": dict.fromkeys(names, 3)}, folder / "1.png")
    confusion.confusion_matrix(np.eye(k) * 9, names, folder / "2.png", names[0])
    confusion.mistakes(faces, labels[::-1], np.full((k, k), 1 / k), names, folder / "3.png")
    comparison.curves(dict.fromkeys(names, HISTORY), folder / "4.png", names[0])
    comparison.bars(dict.fromkeys(names, (0.5, (0.4, 0.6))), folder / "5.png", names[0])
    matrices = dict.fromkeys(names[:2], np.eye(k))
    comparison.confusions(matrices, names, folder / "6.png", names[0])
    versions = np.zeros((2, 2, 8, 8), np.uint8)
    comparison.contact_sheet(versions[:, 0], versions, names[:2], folder / "7.png", names[0])
    tracks = {names[0]: (np.arange(3), np.full((3, k), 1 / k))}
    prediction_plots.timeline(tracks, names, folder / "8.png", names[0])
    one = prediction(names)
    prediction_plots.overview([(thumbnail, (1, 1, 9, 9), (one, one))], folder / "9.png", names[0])
    training_curves.training_curves(HISTORY, folder / "10.png")
    annotating.annotate(Image.new("RGB", (200, 200)), [one]).save(folder / "11.png")


def test_every_figure_with_any_name(tmp_path, capsys):
    every_figure(tmp_path, NAMES)
    assert len(list(tmp_path.iterdir())) == 11
    assert capsys.readouterr().err == ""


def drawn(path, title):
    figure, axes = style.subplots(3, 2)
    axes.set_title(title)
    axes.set_axis_off()
    style.save(figure, path)
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def test_dollars_are_drawn_not_interpreted(tmp_path):
    literal, other = (drawn(tmp_path / "a.png", text) for text in ("$x^2$", "$x^3$"))
    formula = drawn(tmp_path / "a.png", "x2")
    assert not np.array_equal(literal, other) and not np.array_equal(literal, formula)
    # Wider by the two signs and the hat.
    widths = [
        np.ptp(np.flatnonzero((image[:60] < 128).any(axis=0))) for image in (literal, formula)
    ]
    assert widths[0] > 1.5 * widths[1]


def test_legends_show_names_that_begin_with_an_underscore(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure))
    comparison.curves({"_a": HISTORY, "b": HISTORY}, tmp_path / "a.png", "t")
    tracks = {"t": (np.arange(3), np.full((3, 2), 0.5))}
    prediction_plots.timeline(tracks, ["_a", "b"], tmp_path / "b.png", "t")
    for figure in figures:
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["_a", "b"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """One more font, "Made up", DejaVu Sans with its A for a letter that no font here has."""
    from fontTools import ttLib

    font = ttLib.TTFont(fonts.DEFAULT)
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[0xE9A0] = "A"
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = "Made up"
    font.save(tmp_path / "MadeUp.ttf")
    monkeypatch.setattr(fonts, "_installed", lambda: [tmp_path / "MadeUp.ttf"])
    monkeypatch.setattr(fonts, "_told", set())
    fonts._others.cache_clear()
    yield tmp_path / "MadeUp.ttf"
    fonts._others.cache_clear()


def test_letters_come_from_an_installed_font(installed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fonts, "drawable", str)
    assert fonts.families_for("x\ue9a0") == ["DejaVu Sans", "Made up"]
    assert fonts.file_for("x\ue9a0") == installed and fonts.file_for("x") == fonts.DEFAULT
    images = [drawn(tmp_path / "a.png", f"x{letter}") for letter in ("\ue9a0", "A")]
    np.testing.assert_array_equal(*images)
    assert capsys.readouterr().err == ""


def test_letters_that_no_font_has_are_said_once(installed, tmp_path, capsys):
    assert not ft2font.FT2Font(str(installed)).get_char_index(0x2F9F4)
    every_figure(tmp_path, ["\U0002f9f4", "b", "c"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "\U0002f9f4" in line and "fonts-noto-cjk" in line


@pytest.mark.parametrize(
    "text, package",
    [("表", "cjk"), ("한", "cjk"), ("か", "cjk"), ("😂", "symbola"), ("ሰ", "core"), ("ಠ", "core")],
)
def test_package(text, package):
    assert package in fonts.package(text)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\nb", r"a\nb"),
        ("\u200fx\u200d", "x"),
        ("😀\ufe0f", "😀"),
        ("\udce9", r"\udce9"),
        ("é 表", "é 表"),
    ],
)
def test_drawable(text, shown):
    assert fonts.drawable(text) == shown
