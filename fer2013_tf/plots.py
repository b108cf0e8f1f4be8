"""Pictures of results as PNG files: confusion matrix, mistakes, training curves (matplotlib).

Every figure has its own Agg canvas, so no display and no global pyplot state is involved; a file is
put in place by one rename.
"""

import io
import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from fer2013_tf import emotions, files

DPI = 150
INK, FAINT, GRID, ACCENT = "#1f2933", "#6b7785", "#e4e7eb", "#0b4f8a"
SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#b5d0e9", "#3a7ab5", "#0b3c6f"])
HEADING = {"loc": "left", "fontsize": 12, "fontweight": "bold", "color": INK}

# The grid of mistakes, in inches.
PICTURE, GAP, CAPTION, MARGIN, HEAD = 1.35, 0.15, 0.5, 0.15, 0.65


def confusion_matrix(confusion, classes, path, title):
    """Counts [k, k], rows = true class -> PNG: colour and large figure are percent of the row."""
    confusion = np.asarray(confusion, dtype=np.int64)
    total, right = int(confusion.sum()), int(np.trace(confusion))
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    inches = max(6.0, 1.6 + 0.85 * len(classes))
    figure, axes = laid_out(inches, inches)
    axes.imshow(share, cmap=SHADES, vmin=0, vmax=1)
    _name_cells(axes, classes)
    for row, column in np.ndindex(confusion.shape):
        _fill_cell(axes, row, column, confusion[row, column], share[row, column])
    below = f"accuracy {100 * right / max(total, 1):.2f} % of {total:,} pictures; "
    below += "in each cell: percent of the true class, count"
    axes.set_title(title, pad=24, **HEADING)
    where = {"xycoords": "axes fraction", "xytext": (0, 8), "textcoords": "offset points"}
    axes.annotate(below, (0, 1), fontsize=9, color=FAINT, **where)
    save(figure, path)


def mistakes(faces, predicted, probabilities, classes, path, most=32):
    """The most confident wrong answers as a grid of pictures, the surest first -> PNG.

    Args:
        faces: records.Faces. predicted: integers [n], the answers. probabilities: float [n, k].
        most: at most this many are shown.
    """
    images, labels, rows = faces
    confidence = probabilities[np.arange(len(labels)), predicted]
    wrong = np.flatnonzero(predicted != labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    columns = min(8, max(4, len(shown)))
    figure = _grid_figure(columns, lines=math.ceil(len(shown) / columns))
    _head_grid(figure, len(shown), len(wrong), len(labels))
    for number, at in enumerate(shown):
        axes = _grid_axes(figure, *divmod(number, columns))
        axes.imshow(images[at], cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
        label, answer = classes[labels[at]], classes[predicted[at]]
        _caption(axes, label, answer, emotions.colours(classes), confidence[at], rows[at])
    save(figure, path)


def training_curves(history, path):
    """Accuracies, loss and learning rate over the epochs, the best epoch marked -> PNG.

    Args:
        history: [{"epoch", "step", "loss", "train_accuracy", "public_accuracy", "train_loss",
            "public_loss", "learning_rate", "seconds"}, ...], one or more epochs, accuracies 0..1;
            earlier versions' lack train_loss and public_loss. Best is the first epoch with the
            highest accuracy on PublicTest, the split that choices are made on.
    """
    if not history:
        raise ValueError("history is empty: no epoch to draw")
    column = columns(history)
    public = column["public_accuracy"]
    best = len(public) - 1 if np.isnan(public).all() else int(np.nanargmax(public))
    heights = {"sharex": True, "height_ratios": (4, 2.5, 1.3)}
    figure, (above, middle, below) = laid_out(8, 7.5, 3, **heights)
    for split, colour, name in (
        ("train", emotions.COLOURS["surprise"], f"{emotions.TRAINING} (sample)"),
        ("public", ACCENT, emotions.PUBLIC_TEST),
    ):
        percent = 100 * column[f"{split}_accuracy"]
        draw_line(above, column["epoch"], percent, colour, "accuracy, %", label=name)
        draw_line(middle, column["epoch"], column[f"{split}_loss"], colour, "loss")
    faint = {"linestyle": "--", "label": "what is minimised"}
    draw_line(middle, column["epoch"], column["loss"], FAINT, "loss", **faint)
    middle.legend(loc="upper right", frameon=False, labelcolor=INK)
    draw_line(below, column["epoch"], column["learning_rate"], FAINT, "learning rate")
    below.set_ylim(bottom=0)
    below.set_xlabel("epoch", color=INK)
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (above, middle, below):
        axes.axvline(column["epoch"][best], color=FAINT, linestyle=":", linewidth=1)
    if not np.isnan(public).all():
        _mark_best(above, column, best)
    save(figure, path)


def columns(history):
    """{key: float array [epochs]} of a history; not a number where an entry lacks one."""
    keys = {key for row in history for key in row} | {"train_loss", "public_loss"}
    return {key: np.array([row.get(key, np.nan) for row in history], float) for key in keys}


def _mark_best(axes, column, best):
    epoch, percent = column["epoch"][best], 100 * column["public_accuracy"][best]
    axes.plot(epoch, percent, "o", color=ACCENT, markersize=8, markerfacecolor="white", zorder=3)
    axes.legend(loc="upper left", frameon=False, labelcolor=INK)
    title = f"best accuracy on {emotions.PUBLIC_TEST}: {percent:.2f} % after epoch {epoch:.0f} "
    axes.set_title(f"{title}of {column['epoch'][-1]:.0f}", **HEADING)


def draw_line(axes, epochs, values, colour, name, **named):
    """A curve over the epochs, with its axis called `name`; other words as for `Axes.plot`."""
    # Few epochs would leave an almost empty panel without markers.
    marker = "." if len(epochs) <= 30 else None
    axes.plot(epochs, values, color=colour, marker=marker, **named)
    axes.set_ylabel(name, color=INK)
    axes.margins(x=0.02, y=0.1)
    axes.grid(color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def _name_cells(axes, classes):
    """Class names along two sides, slanted where they are long, and lines between the cells."""
    long = max(len(name) for name in classes) > 9
    slant = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
    axes.set_xticks(range(len(classes)), classes, color=INK, **slant)
    axes.set_yticks(range(len(classes)), classes, color=INK)
    axes.set_xlabel("predicted", color=FAINT, labelpad=8)
    axes.set_ylabel("true", color=FAINT, labelpad=8)
    edges = np.arange(len(classes) + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color=GRID, linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def _fill_cell(axes, row, column, count, share):
    style = {"ha": "center", "color": "white" if share > 0.62 else INK}
    weight = "bold" if row == column else "normal"
    axes.text(column, row, f"{100 * share:.1f}", va="bottom", fontsize=12, weight=weight, **style)
    axes.text(column, row + 0.1, f"{count:,}", va="top", fontsize=8, alpha=0.85, **style)


def _grid_figure(columns, lines):
    width = 2 * MARGIN + columns * PICTURE + (columns - 1) * GAP
    height = HEAD + max(lines, 0.2) * (PICTURE + CAPTION) + MARGIN
    return _figure(width, height)


def _grid_axes(figure, line, column):
    """Axes without frame for the picture at (line, column), its caption's room left below."""
    width, height = figure.get_size_inches()
    left = MARGIN + column * (PICTURE + GAP)
    bottom = height - HEAD - line * (PICTURE + CAPTION) - PICTURE
    axes = figure.add_axes((left / width, bottom / height, PICTURE / width, PICTURE / height))
    axes.set_axis_off()
    # A picture that is wider than high still stands on its caption.
    axes.set_anchor("SW")
    return axes


def _head_grid(figure, shown, wrong, total):
    width, height = figure.get_size_inches()
    lines = [(f"{wrong:,} of {total:,} answers differ from the label", 0.12, 12, INK, "bold")]
    if shown:
        text = f"the {shown} most confident of them: label \u2192 answer, its probability"
        lines.append((text, 0.36, 9, FAINT, "normal"))
    for text, down, size, colour, weight in lines:
        style = {"fontsize": size, "color": colour, "fontweight": weight, "va": "top"}
        figure.text(MARGIN / width, 1 - down / height, text, **style)


def _caption(axes, label, answer, colours, confidence, row):
    """Below the picture a strip in the colours of label and answer, their names, the row."""
    for left, name in ((0, label), (0.5, answer)):
        area = {"transform": axes.transAxes, "clip_on": False, "linewidth": 0}
        axes.add_patch(Rectangle((left, -0.05), 0.5, 0.05, color=colours[name], **area))
    below = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
    text = f"{label} \u2192 {answer} {100 * confidence:.0f} %"
    # 24 letters are as wide as the picture.
    size = max(5, 7.5 * min(1, 24 / len(text)))
    axes.annotate(text, (0, -0.05), xytext=(0, -3), fontsize=size, color=INK, **below)
    axes.annotate(f"row {row}", (0, -0.05), xytext=(0, -14), fontsize=6.5, color=FAINT, **below)


def laid_out(width, height, rows=1, **named):
    """A figure that makes room for its labels by itself, and its axes, one above the other unless
    ncols says otherwise; other words as for `Figure.subplots`."""
    figure = _figure(width, height)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    return figure, figure.subplots(rows, **named)


def _figure(width, height):
    """A white figure of `width` x `height` inches on its own canvas."""
    figure = Figure((width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure, path):
    """Puts the figure in place as a PNG."""
    png = io.BytesIO()
    figure.savefig(png, format="png")
    files.write_atomically(path, png.getvalue())
