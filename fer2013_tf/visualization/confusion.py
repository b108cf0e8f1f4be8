"""Plot a confusion matrix and the most confident mistakes."""

import math

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from fer2013_tf.visualization import style
from fer2013_tf.visualization.style import FAINT, INK

SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#b5d0e9", "#3a7ab5", "#0b3c6f"])
# On cells with a higher ratio white text is easier to read than dark text.
DARK_RATIO = 0.62

# Sizes in the grid of mistakes, in inches.
IMAGE, GAP, CAPTION, MARGIN, HEAD = 1.35, 0.15, 0.5, 0.15, 0.65


def confusion_matrix(confusion, classes, path, title):
    """Plot a confusion matrix -> PNG: percent of the true class as color and text, with counts.

    confusion: counts [k, k], rows = true class.
    """
    confusion = np.asarray(confusion, dtype=np.int64)
    total, correct = int(confusion.sum()), int(np.trace(confusion))
    ratios = row_ratios(confusion)
    inches = max(6.0, 1.6 + 0.85 * len(classes))
    figure, axes = style.subplots(inches, inches)
    axes.imshow(ratios, cmap=SHADES, vmin=0, vmax=1)
    _name_cells(axes, classes)
    for row, column in np.ndindex(confusion.shape):
        _fill_cell(axes, row, column, confusion[row, column], ratios[row, column])
    below = f"accuracy {100 * correct / max(total, 1):.2f} % of {total:,} images; "
    below += "in each cell: percent of the true class, count"
    axes.set_title(title, pad=24, **style.HEADING)
    where = {"xycoords": "axes fraction", "xytext": (0, 8), "textcoords": "offset points"}
    axes.annotate(below, (0, 1), fontsize=9, color=style.FAINT, **where)
    style.save(figure, path)


def row_ratios(confusion):
    """Return counts [k, k] divided by the sums of their rows, 0 where a row is empty."""
    return confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)


def text_color(ratio):
    """Return the color of text on a cell of SHADES."""
    return "white" if ratio > DARK_RATIO else INK


def mistakes(labeled, predicted, probabilities, classes, path, most=32):
    """Plot the most confident wrong predictions as a grid of images, most confident first -> PNG.

    Args:
        labeled: records.LabeledImages. predicted: predicted classes, integers [n].
        probabilities: float [n, k]. most: at most this many are shown.
    """
    images, labels, rows = labeled
    confidence = probabilities[np.arange(len(labels)), predicted]
    wrong = np.flatnonzero(predicted != labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    columns = min(8, max(4, len(shown)))
    figure = _grid_figure(columns, lines=math.ceil(len(shown) / columns))
    _grid_heading(figure, len(shown), len(wrong), len(labels))
    for number, at in enumerate(shown):
        axes = _grid_axes(figure, *divmod(number, columns))
        axes.imshow(images[at], cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
        names = classes[labels[at]], classes[predicted[at]]
        _caption(axes, *names, style.class_colors(classes), confidence[at], rows[at])
    style.save(figure, path)


def _name_cells(axes, classes):
    """Write class names along two sides, slanted where they are long; draw lines between cells."""
    names = style.shown(classes)
    long = max(len(name) for name in names) > 9
    slant = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
    axes.set_xticks(range(len(names)), names, color=style.INK, **slant)
    axes.set_yticks(range(len(names)), names, color=style.INK)
    axes.set_xlabel("predicted", color=style.FAINT, labelpad=8)
    axes.set_ylabel("true", color=style.FAINT, labelpad=8)
    edges = np.arange(len(names) + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color=style.GRID, linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def _fill_cell(axes, row, column, count, ratio):
    options = {"ha": "center", "color": text_color(ratio)}
    weight = "bold" if row == column else "normal"
    percent = f"{100 * ratio:.1f}"
    axes.text(column, row, percent, va="bottom", fontsize=12, weight=weight, **options)
    axes.text(column, row + 0.1, f"{count:,}", va="top", fontsize=8, alpha=0.85, **options)


def _grid_figure(columns, lines):
    width = 2 * MARGIN + columns * IMAGE + (columns - 1) * GAP
    height = HEAD + max(lines, 0.2) * (IMAGE + CAPTION) + MARGIN
    return style.new_figure(width, height)


def _grid_axes(figure, line, column):
    """Return frameless axes for the image at (line, column); below is room for its caption."""
    width, height = figure.get_size_inches()
    left = MARGIN + column * (IMAGE + GAP)
    bottom = height - HEAD - line * (IMAGE + CAPTION) - IMAGE
    axes = figure.add_axes((left / width, bottom / height, IMAGE / width, IMAGE / height))
    axes.set_axis_off()
    # An image that is wider than high keeps its lower edge at its caption.
    axes.set_anchor("SW")
    return axes


def _grid_heading(figure, shown, wrong, total):
    width, height = figure.get_size_inches()
    lines = [(f"{wrong:,} of {total:,} predictions differ from the label", 0.12, 12, INK, "bold")]
    if shown:
        text = f"the {shown} most confident: label \u2192 predicted class, its probability"
        lines.append((text, 0.36, 9, FAINT, "normal"))
    for text, down, size, color, weight in lines:
        options = {"fontsize": size, "color": color, "fontweight": weight, "va": "top"}
        figure.text(MARGIN / width, 1 - down / height, text, **options)


def _caption(axes, label, predicted, colors, confidence, row):
    """Draw a strip in the colors of both classes below the image; write their names and the row."""
    for left, name in ((0, label), (0.5, predicted)):
        area = {"transform": axes.transAxes, "clip_on": False, "linewidth": 0}
        axes.add_patch(Rectangle((left, -0.05), 0.5, 0.05, color=colors[name], **area))
    below = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
    label, predicted = style.shown((label, predicted))
    text = f"{label} \u2192 {predicted} {100 * confidence:.0f} %"
    # 24 letters are as wide as the image.
    size = max(5, 7.5 * min(1, 24 / len(text)))
    axes.annotate(text, (0, -0.05), xytext=(0, -3), fontsize=size, color=style.INK, **below)
    axes.annotate(
        f"row {row}", (0, -0.05), xytext=(0, -14), fontsize=6.5, color=style.FAINT, **below
    )
