"""Pictures of several runs side by side: curves, bars, confusion matrices (matplotlib)."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

from fer2013_tf import emotions, plots

PANELS = (
    ("train_accuracy", f"accuracy on {emotions.TRAINING} (sample), %", 100),
    ("public_accuracy", f"accuracy on {emotions.PUBLIC_TEST}, %", 100),
    ("train_loss", f"cross-entropy on {emotions.TRAINING} (sample)", 1),
    ("public_loss", f"cross-entropy on {emotions.PUBLIC_TEST}", 1),
)


def colours(names):
    """{name: colour}: ten that differ in hue, or as many steps of one scale."""
    names = list(names)
    if len(names) <= 10:
        return dict(zip(names, colormaps["tab10"].colors))
    return dict(zip(names, colormaps["turbo"](np.linspace(0.05, 0.95, len(names)))))


def curves(histories, path, title):
    """{run: history as plots.training_curves takes it} -> PNG: four panels, one colour a run."""
    named = colours(histories)
    figure, rows = plots.laid_out(11, 8.5, 2, ncols=2, sharex=True)
    for axes, (key, label, factor) in zip(rows.flat, PANELS):
        for name, history in histories.items():
            column = plots.columns(history)
            line = {"label": name, "linewidth": 1.6}
            plots.draw_line(axes, column["epoch"], factor * column[key], named[name], label, **line)
        axes.set_ylabel("")
        axes.set_title(label, loc="left", fontsize=10, color=plots.INK)
    for axes in rows[1]:
        axes.set_xlabel("epoch", color=plots.INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    handles, labels = rows[0, 0].get_legend_handles_labels()
    # As many side by side as the figure is wide.
    columns = max(1, min(5, len(labels), 130 // (max(map(len, labels)) + 8)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    figure.suptitle(title, x=0.02, ha="left", color=plots.INK, fontweight="bold")
    plots.save(figure, path)


def bars(accuracies, path, title):
    """{run: (accuracy, (low, high))}, 0..1 -> PNG: a bar a run, its interval a line."""
    names, named = list(accuracies), colours(accuracies)
    figure, axes = plots.laid_out(8, 1.1 + 0.42 * len(names))
    lows, values, highs = zip(*((low, value, high) for value, (low, high) in accuracies.values()))
    for row, name in enumerate(names):
        value, low, high = 100 * values[row], 100 * lows[row], 100 * highs[row]
        axes.barh(row, value, color=named[name], height=0.66, alpha=0.85)
        axes.plot([low, high], [row, row], color=plots.INK, linewidth=1.4)
        axes.annotate(
            f"{value:.2f}  ({low:.1f} to {high:.1f})",
            (high, row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=plots.INK,
        )
    axes.set_yticks(range(len(names)), names, color=plots.INK)
    axes.invert_yaxis()
    # Differences of a point are what is looked for; the axis says where it begins.
    left = max(0.0, 10 * math.floor(10 * min(lows) - 0.5))
    axes.set_xlim(left, min(130.0, 100 * max(highs) + 0.3 * (100 * max(highs) - left) + 1))
    axes.set_xticks([tick for tick in axes.get_xticks() if left <= tick <= 100])
    axes.set_xlabel("accuracy, %", color=plots.FAINT)
    axes.set_title(title, **plots.HEADING)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    plots.save(figure, path)


def confusions(matrices, classes, path, title):
    """{run: confusion [k, k]} -> PNG: the matrices side by side, percent of the true class."""
    columns = min(3, len(matrices))
    rows = math.ceil(len(matrices) / columns)
    side = max(3.6, 0.9 + 0.42 * len(classes))
    figure, panels = plots.laid_out(
        columns * side, rows * (side + 0.3), rows, ncols=columns, squeeze=False
    )
    for axes in panels.flat[len(matrices) :]:
        axes.set_visible(False)
    for axes, (name, matrix) in zip(panels.flat, matrices.items()):
        matrix = np.asarray(matrix)
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap=plots.SHADES, vmin=0, vmax=1)
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(classes)), classes, fontsize=8)
        for at in np.ndindex(matrix.shape):
            colour = "white" if share[at] > 0.62 else plots.INK
            text = f"{100 * share[at]:.0f}"
            axes.text(at[1], at[0], text, ha="center", va="center", fontsize=8, color=colour)
        right = 100 * np.trace(matrix) / max(matrix.sum(), 1)
        axes.set_title(f"{name}: {right:.2f} %", loc="left", fontsize=10, color=plots.INK)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.suptitle(title, x=0.02, ha="left", color=plots.INK, fontweight="bold")
    plots.save(figure, path)


def contact_sheet(images, versions, titles, path, heading):
    """A row a picture: as it is, then its versions -> PNG.

    images: uint8 [m, h, w]. versions: uint8 [m, columns, h, w]. titles: m names of classes.
    """
    rows, columns = versions.shape[:2]
    figure, panels = plots.laid_out(
        1.05 * (columns + 1) + 0.6, 1.1 * rows + 0.7, rows, ncols=columns + 1, squeeze=False
    )
    grey = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
    for line, image, made, title in zip(panels, images, versions, titles):
        for axes, picture in zip(line, [image, *made]):
            axes.imshow(picture, **grey)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(title, fontsize=9, color=plots.INK)
        line[0].spines[:].set_visible(True)
        line[0].spines[:].set_color(plots.ACCENT)
        line[0].spines[:].set_linewidth(2)
    figure.suptitle(f"as they are (framed) and after {heading}", fontsize=10, color=plots.INK)
    plots.save(figure, path)
