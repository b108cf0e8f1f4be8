"""Readings as figures: the contact sheet of pictures, crops and bars; what a net sees; a
timeline."""

import math
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from fer2013_tf import emotions, plots

# Width of one face's part of the contact sheet in inches, and its height.
PART = (4.4, 1.75)
COLUMNS = 2
# Of what a net sees: layers side by side, and the channels shown of each.
LAYERS_A_ROW, CHANNELS = 2, 3


def sheet(entries, path, heading):
    """Contact sheet -> PNG: of each face its picture, the crop that the net was fed, and bars.

    entries: [(thumbnail uint8 [h, w, 3], box in it, readings.Reading)], one or more.
    """
    rows = math.ceil(len(entries) / COLUMNS)
    columns = min(COLUMNS, len(entries))
    shape = {"ncols": 3 * columns, "squeeze": False, "width_ratios": (1.2, 0.8, 1.5) * columns}
    width, height = columns * PART[0], rows * PART[1] + 0.5
    figure, panels = plots.laid_out(width, height, rows, **shape)
    for axes in panels.flat[3 * len(entries) :]:
        axes.set_visible(False)
    for (thumbnail, box, reading), three in zip(entries, panels.reshape(-1, 3)):
        _sheet_part(three, thumbnail, box, reading)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=11, color=plots.INK, fontweight="bold")
    plots.save(figure, path)


def _sheet_part(panels, thumbnail, box, reading):
    picture, crop, bars = panels
    picture.imshow(thumbnail)
    left, top, right, bottom = box
    corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
    picture.plot(*corners, color="white", linewidth=2.4)
    colour = emotions.colours(reading.classes)[reading.likeliest]
    picture.plot(*corners, color=colour, linewidth=1.4)
    picture.set_xlim(-0.5, thumbnail.shape[1] - 0.5)
    picture.set_ylim(thumbnail.shape[0] - 0.5, -0.5)
    picture.set_title(_short(reading.picture, 22), loc="left", fontsize=7, color=plots.FAINT)
    crop.imshow(reading.crop, **_grey(reading.crop))
    answer = f"{reading.expression} {100 * reading.confidence:.0f} %"
    crop.set_title(answer, loc="left", fontsize=8, color=plots.INK)
    for axes in (picture, crop):
        axes.set_axis_off()
    probability_bars(bars, reading.classes, reading.probabilities)


def probability_bars(axes, classes, probabilities):
    """Horizontal bars of all classes, percent beside them."""
    named = emotions.colours(classes)
    rows = range(len(classes))
    axes.barh(rows, probabilities, color=[named[name] for name in classes], height=0.7)
    for row, chance in zip(rows, probabilities):
        axes.text(
            chance + 0.02, row, f"{100 * chance:.0f}", va="center", fontsize=7, color=plots.INK
        )
    axes.set_yticks(rows, classes, fontsize=7, color=plots.INK)
    axes.set_xlim(0, 1.12)
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _grey(image):
    """How `imshow` is to show an array without colours."""
    return {"cmap": "gray", "vmin": 0, "vmax": 255} if image.ndim == 2 else {}


def _short(picture, longest):
    """A picture's folder and name, in so many letters."""
    text = "/".join(Path(picture).parts[-2:])
    return text if len(text) <= longest else "..." + text[3 - longest :]


def explanation(reading, maps, heat, path):
    """What a net makes of one face -> PNG: crop, Grad-CAM, bars; below, three channels a layer.

    maps: {end point: float [h, w, 3]}, in the order of the layers. heat: float [h, w], 0..1, of the
    crop's size: how much each place speaks for the likeliest class.
    """
    rows = 1 + math.ceil(len(maps) / LAYERS_A_ROW)
    shape = {"ncols": CHANNELS * LAYERS_A_ROW, "squeeze": False}
    figure, panels = plots.laid_out(11, 2.1 * rows + 0.6, rows, **shape)
    crop, cam, bars = _thirds(figure, panels[0])
    crop.imshow(reading.crop, **_grey(reading.crop))
    crop.set_title("what the net is fed", loc="left", fontsize=9, color=plots.INK)
    cam.imshow(reading.crop, **_grey(reading.crop))
    cam.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1, interpolation="bicubic")
    cam.set_title(
        f"what speaks for {reading.likeliest} (Grad-CAM)", loc="left", fontsize=8, color=plots.INK
    )
    probability_bars(bars, reading.classes, reading.probabilities)
    for three, (name, channels) in zip(panels[1:].reshape(-1, CHANNELS), maps.items()):
        for number, axes in enumerate(three):
            axes.imshow(channels[..., number], cmap="viridis")
        height, width = channels.shape[:2]
        heading = f"{name}, {height}x{width}: channels 0, 1, 2"
        three[0].set_title(heading, loc="left", fontsize=9, color=plots.INK)
    for axes in [crop, cam, *panels[1:].flat]:
        axes.set_axis_off()
    heading = f"{_short(reading.picture, 90)}, face {reading.number}"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=11, color=plots.INK, fontweight="bold")
    plots.save(figure, path)


def _thirds(figure, row):
    """Axes in place of a row of them, a third of its width each; for two pictures and the bars."""
    grid, width = row[0].get_gridspec(), len(row) // 3
    for axes in row:
        axes.remove()
    starts = (third * width for third in range(3))
    *pictures, last = (figure.add_subplot(grid[0, start : start + width]) for start in starts)
    last.set_axis_off()
    # The room that names take beside bars would push the columns of pictures apart.
    return [*pictures, last.inset_axes((0.2, 0, 0.8, 1))]


def timeline(people, classes, path, heading):
    """Probabilities over the time of a film, a panel a person -> PNG.

    people: {name: (seconds float [n], probabilities float [n, k])}, those to be shown, one or more.
    Times without an answer are left white.
    """
    named = emotions.colours(classes)
    figure, panels = plots.laid_out(
        9, 0.9 + 1.8 * len(people), len(people), sharex=True, squeeze=False
    )
    for axes, (name, (seconds, chances)) in zip(panels[:, 0], people.items()):
        seconds, chances = _with_gaps(np.asarray(seconds), np.asarray(chances))
        axes.stackplot(seconds, chances.T, colors=[named[c] for c in classes], labels=classes)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        axes.set_title(name, loc="left", fontsize=9, color=plots.INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=plots.INK, labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(min_n_ticks=3))
    panels[-1, 0].set_xlabel("seconds", color=plots.FAINT)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(8, len(labels)),
        frameon=False,
        fontsize=8,
    )
    figure.suptitle(heading, x=0.02, ha="left", fontsize=11, color=plots.INK, fontweight="bold")
    plots.save(figure, path)


def _with_gaps(seconds, chances):
    """The same with nothing drawn where a person was away: longer than three times the usual
    step."""
    if len(seconds) < 2:
        return seconds, chances
    steps = np.diff(seconds)
    gaps = np.flatnonzero(steps > 3 * np.median(steps))
    around = np.repeat(gaps, 2) + 1
    edges = np.stack([seconds[gaps], seconds[gaps + 1]], axis=1).reshape(-1)
    nothing = np.zeros((len(around), chances.shape[1]))
    return np.insert(seconds, around, edges), np.insert(chances, around, nothing, axis=0)
