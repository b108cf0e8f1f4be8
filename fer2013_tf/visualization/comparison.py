"""Plot several runs side by side: curves, accuracies, confusion matrices; augmented versions."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

from fer2013_tf.utils import constants
from fer2013_tf.visualization import confusion, style

PANELS = (
    ("train_accuracy", f"accuracy on {constants.TRAINING} (sample), %", 100),
    ("public_accuracy", f"accuracy on {constants.PUBLIC_TEST}, %", 100),
    ("train_loss", f"cross-entropy on {constants.TRAINING} (sample)", 1),
    ("public_loss", f"cross-entropy on {constants.PUBLIC_TEST}", 1),
)


def run_colors(names):
    """Return {name: color}: up to ten that differ in hue, else steps of one scale."""
    names = list(names)
    if len(names) <= 10:
        return dict(zip(names, colormaps["tab10"].colors))
    return dict(zip(names, colormaps["turbo"](np.linspace(0.05, 0.95, len(names)))))


def curves(histories, path, title):
    """Plot accuracies and losses of several runs -> PNG: four panels, one color per run.

    histories: {run: history as `training_curves.training_curves` takes it}.
    """
    named = run_colors(histories)
    figure, rows = style.subplots(11, 8.5, 2, ncols=2, sharex=True)
    for axes, (key, label, factor) in zip(rows.flat, PANELS):
        for name, history in histories.items():
            column = style.history_arrays(history)
            values = factor * column[key]
            style.plot_line(axes, column["epoch"], values, named[name], label, linewidth=1.6)
        axes.set_ylabel("")
        axes.set_title(label, loc="left", fontsize=10, color=style.INK)
    for axes in rows[1]:
        axes.set_xlabel("epoch", color=style.INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    # Given as they are: by itself a legend leaves out names that begin with "_".
    handles, labels = rows[0, 0].get_lines(), style.shown(histories)
    # As many side by side as the figure is wide.
    columns = max(1, min(5, len(labels), 130 // (max(map(len, labels)) + 8)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    style.set_title(figure, title)
    style.save(figure, path)


def bars(accuracies, path, title):
    """Plot accuracies as bars, their intervals as lines -> PNG.

    accuracies: {run: (accuracy, (low, high))}, 0..1.
    """
    named = run_colors(accuracies)
    figure, axes = style.subplots(8, 1.1 + 0.42 * len(accuracies))
    for row, (name, (value, interval)) in enumerate(accuracies.items()):
        _bar(axes, row, 100 * value, [100 * end for end in interval], named[name])
    axes.set_yticks(range(len(accuracies)), style.shown(accuracies), color=style.INK)
    axes.invert_yaxis()
    lows, highs = zip(*(interval for _, interval in accuracies.values()))
    _limit_percent(axes, min(lows), max(highs))
    axes.set_xlabel("accuracy, %", color=style.FAINT)
    axes.set_title(title, **style.HEADING)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    style.save(figure, path)


def _bar(axes, row, value, interval, color):
    """Plot one bar, its interval and its numbers, all in percent."""
    low, high = interval
    axes.barh(row, value, color=color, height=0.66, alpha=0.85)
    axes.plot([low, high], [row, row], color=style.INK, linewidth=1.4)
    offset = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
    text = f"{value:.2f}  ({low:.1f} to {high:.1f})"
    axes.annotate(text, (high, row), fontsize=9, color=style.INK, **offset)


def _limit_percent(axes, lowest, highest):
    """Begin the axis just below the lowest value: differences of one point should be visible."""
    left = max(0.0, 10 * math.floor(10 * lowest - 0.5))
    axes.set_xlim(left, min(130.0, 100 * highest + 0.3 * (100 * highest - left) + 1))
    axes.set_xticks([tick for tick in axes.get_xticks() if left <= tick <= 100])


def confusions(matrices, classes, path, title):
    """Plot confusion matrices side by side, in percent of the true class -> PNG.

    matrices: {run: counts [k, k], rows = true class}.
    """
    columns = min(3, len(matrices))
    rows = math.ceil(len(matrices) / columns)
    side = max(3.6, 0.9 + 0.42 * len(classes))
    size = (columns * side, rows * (side + 0.3))
    figure, panels = style.subplots(*size, rows, ncols=columns, squeeze=False)
    for axes in panels.flat[len(matrices) :]:
        axes.set_visible(False)
    for axes, (name, matrix) in zip(panels.flat, matrices.items()):
        _small_matrix(axes, name, np.asarray(matrix), classes)
    style.set_title(figure, title)
    style.save(figure, path)


def _small_matrix(axes, name, matrix, classes):
    ratios = confusion.row_ratios(matrix)
    axes.imshow(ratios, cmap=confusion.SHADES, vmin=0, vmax=1)
    names = style.shown(classes)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    centered = {"ha": "center", "va": "center", "fontsize": 8}
    for row, column in np.ndindex(matrix.shape):
        ratio = ratios[row, column]
        axes.text(column, row, f"{100 * ratio:.0f}", color=confusion.text_color(ratio), **centered)
    accuracy = 100 * np.trace(matrix) / max(matrix.sum(), 1)
    axes.set_title(f"{name}: {accuracy:.2f} %", loc="left", fontsize=10, color=style.INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def contact_sheet(images, versions, titles, path, heading):
    """Plot one row per image: the image itself, then its versions -> PNG.

    images: uint8 [m, h, w]. versions: uint8 [m, columns, h, w]. titles: m names of classes.
    """
    rows, columns = versions.shape[:2]
    size = (1.05 * (columns + 1) + 0.6, 1.1 * rows + 0.7)
    figure, panels = style.subplots(*size, rows, ncols=columns + 1, squeeze=False)
    gray = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
    for line, image, made, title in zip(panels, images, versions, titles):
        for axes, shown in zip(line, [image, *made]):
            axes.imshow(shown, **gray)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(title, fontsize=9, color=style.INK)
        line[0].spines[:].set_visible(True)
        line[0].spines[:].set_color(style.ACCENT)
        line[0].spines[:].set_linewidth(2)
    figure.suptitle(f"the images (framed) and after {heading}", fontsize=10, color=style.INK)
    style.save(figure, path)
