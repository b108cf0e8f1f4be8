"""Plot predictions: an overview of faces, one prediction explained, a video's timeline."""

import math
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from fer2013_tf.visualization import style

# Width and height in inches of one face in the overview; faces side by side.
CELL = (4.4, 1.75)
COLUMNS = 2
# Widths of image, crop and bars.
RATIOS = (1.2, 0.8, 1.5)
# In an explanation: layers side by side, and the channels shown of each.
LAYERS_PER_ROW, CHANNELS = 2, 3


def overview(entries, path, heading):
    """Plot image, crop and probabilities of each face -> PNG.

    entries: [(thumbnail uint8 [h, w, 3], box in it, [predictions.Prediction])], one or more. Each
    has a prediction, or as many as there are runs to compare, side by side.
    """
    runs = len(entries[0][2])
    # With more bars beside each face, fewer faces.
    columns = min(COLUMNS if runs == 1 else 1, len(entries))
    rows, of_face = math.ceil(len(entries) / columns), 2 + runs
    ratios = (*RATIOS, *RATIOS[2:] * (runs - 1))
    shape = {"ncols": of_face * columns, "squeeze": False, "width_ratios": ratios * columns}
    width = columns * CELL[0] * sum(ratios) / sum(RATIOS)
    figure, panels = style.subplots(width, rows * CELL[1] + 0.5, rows, **shape)
    for axes in panels.flat[of_face * len(entries) :]:
        axes.set_visible(False)
    for (thumbnail, box, predicted), cell in zip(entries, panels.reshape(-1, of_face)):
        _overview_cell(cell, thumbnail, box, predicted)
    style.set_title(figure, heading, x=0.01, size=11)
    style.save(figure, path)


def _overview_cell(panels, thumbnail, box, predicted):
    image, crop, *bars = panels
    prediction = predicted[0]
    image.imshow(thumbnail)
    left, top, right, bottom = box
    corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
    image.plot(*corners, color="white", linewidth=2.4)
    color = style.class_colors(prediction.classes)[prediction.predicted_class]
    image.plot(*corners, color=color, linewidth=1.4)
    image.set_xlim(-0.5, thumbnail.shape[1] - 0.5)
    image.set_ylim(thumbnail.shape[0] - 0.5, -0.5)
    image.set_title(_short(prediction.image, 22), loc="left", fontsize=7, color=style.FAINT)
    crop.imshow(prediction.crop, **_gray(prediction.crop))
    if len(predicted) == 1:
        crop.set_title(_expression(prediction), loc="left", fontsize=8, color=style.INK)
    for axes in (image, crop):
        axes.set_axis_off()
    for axes, each in zip(bars, predicted):
        probability_bars(axes, each.classes, each.probabilities)
        if len(predicted) > 1:
            said = f"{_short(each.weights, 20)}: {_expression(each)}"
            axes.set_title(said, loc="left", fontsize=8, color=style.INK)


def _expression(prediction):
    return f"{prediction.expression} {100 * prediction.confidence:.0f} %"


def probability_bars(axes, classes, probabilities):
    """Plot horizontal bars of all classes, percent beside them. probabilities: 0..1 [k]."""
    named = style.class_colors(classes)
    rows = range(len(classes))
    axes.barh(rows, probabilities, color=[named[name] for name in classes], height=0.7)
    for row, value in zip(rows, probabilities):
        text = f"{100 * value:.0f}"
        axes.text(value + 0.02, row, text, va="center", fontsize=7, color=style.INK)
    axes.set_yticks(rows, style.shown(classes), fontsize=7, color=style.INK)
    axes.set_xlim(0, 1.12)
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _gray(image):
    """Return the options of `imshow` for a gray image; none for one in color."""
    return {"cmap": "gray", "vmin": 0, "vmax": 255} if image.ndim == 2 else {}


def _short(image, longest):
    """Return an image's folder and name, cut to `longest` letters."""
    text = "/".join(Path(image).parts[-2:])
    return text if len(text) <= longest else "..." + text[3 - longest :]


def explanation(prediction, maps, gradcam, path):
    """Plot how a net sees one face -> PNG: crop, Grad-CAM map, bars; below, activations per layer.

    maps: {end point: float [h, w, 3]}, the first three channels, in the order of the layers.
    gradcam: float [h, w], 0..1, of the crop's size: evidence for the predicted class per pixel.
    """
    rows = 1 + math.ceil(len(maps) / LAYERS_PER_ROW)
    shape = {"ncols": CHANNELS * LAYERS_PER_ROW, "squeeze": False}
    figure, panels = style.subplots(11, 2.1 * rows + 0.6, rows, **shape)
    crop, cam, bars = _thirds(figure, panels[0])
    crop.imshow(prediction.crop, **_gray(prediction.crop))
    crop.set_title("input of the net", loc="left", fontsize=9, color=style.INK)
    cam.imshow(prediction.crop, **_gray(prediction.crop))
    cam.imshow(gradcam, cmap="inferno", alpha=0.55, vmin=0, vmax=1, interpolation="bicubic")
    title = f"Grad-CAM map of {prediction.predicted_class}"
    cam.set_title(title, loc="left", fontsize=8, color=style.INK)
    probability_bars(bars, prediction.classes, prediction.probabilities)
    for three, (name, channels) in zip(panels[1:].reshape(-1, CHANNELS), maps.items()):
        for number, axes in enumerate(three):
            axes.imshow(channels[..., number], cmap="viridis")
        height, width = channels.shape[:2]
        heading = f"{name}, {height}x{width}: channels 0, 1, 2"
        three[0].set_title(heading, loc="left", fontsize=9, color=style.INK)
    for axes in [crop, cam, *panels[1:].flat]:
        axes.set_axis_off()
    heading = f"{_short(prediction.image, 90)}, face {prediction.number}"
    style.set_title(figure, heading, x=0.01, size=11)
    style.save(figure, path)


def _thirds(figure, row):
    """Replace a row of axes by three of equal width, for two images and the bars."""
    grid, width = row[0].get_gridspec(), len(row) // 3
    for axes in row:
        axes.remove()
    starts = (third * width for third in range(3))
    *images, last = (figure.add_subplot(grid[0, start : start + width]) for start in starts)
    last.set_axis_off()
    # Class names beside the bars would otherwise push the columns of images apart.
    return [*images, last.inset_axes((0.2, 0, 0.8, 1))]


def timeline(tracks, classes, path, heading):
    """Plot probabilities over the time of a video -> PNG: one panel per track.

    tracks: {name: (seconds float [n], probabilities float [n, k])}, one or more. Times without a
    prediction stay white.
    """
    named = style.class_colors(classes)
    height = 0.9 + 1.8 * len(tracks)
    figure, panels = style.subplots(9, height, len(tracks), sharex=True, squeeze=False)
    for axes, (name, (seconds, values)) in zip(panels[:, 0], tracks.items()):
        seconds, values = _with_gaps(np.asarray(seconds), np.asarray(values))
        areas = axes.stackplot(seconds, values.T, colors=[named[c] for c in classes])
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        axes.set_title(name, loc="left", fontsize=9, color=style.INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=style.INK, labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(min_n_ticks=3))
    panels[-1, 0].set_xlabel("seconds", color=style.FAINT)
    placed = {"loc": "outside lower center", "ncols": min(8, len(classes))}
    figure.legend(areas, style.shown(classes), frameon=False, fontsize=8, **placed)
    style.set_title(figure, heading, size=11)
    style.save(figure, path)


def _with_gaps(seconds, values):
    """Return seconds [n] and values [n, k] with zeros inserted around gaps.

    A gap is longer than three times the median step: the face was not there.
    """
    if len(seconds) < 2:
        return seconds, values
    steps = np.diff(seconds)
    gaps = np.flatnonzero(steps > 3 * np.median(steps))
    around = np.repeat(gaps, 2) + 1
    edges = np.stack([seconds[gaps], seconds[gaps + 1]], axis=1).reshape(-1)
    zeros = np.zeros((len(around), values.shape[1]))
    return np.insert(seconds, around, edges), np.insert(values, around, zeros, axis=0)
