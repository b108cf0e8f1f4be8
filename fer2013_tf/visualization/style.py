"""Shared by all figures: colors, axes, and writing a figure as a PNG file (matplotlib).

Every figure has its own Agg canvas, so it needs neither a display nor pyplot's global state. PNG
files are written atomically.
"""

import contextlib
import io
import itertools
import warnings

import matplotlib
import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from fer2013_tf.utils import constants, files, outputs
from fer2013_tf.visualization import fonts

DPI = 150
# Letters of a class's or a run's name beside an axis.
LONGEST_NAME = 40
INK, FAINT, GRID, ACCENT = "#1f2933", "#6b7785", "#e4e7eb", "#0b4f8a"
HEADING = {"loc": "left", "fontsize": 12, "fontweight": "bold", "color": INK}

CLASS_COLORS = {
    "angry": "#d62728",
    "disgust": "#2ca02c",
    "fear": "#9467bd",
    "happy": "#ffbf00",
    "sad": "#1f77b4",
    "surprise": "#ff7f0e",
    "neutral": "#7f7f7f",
    "contempt": "#8c564b",
}
OTHER_COLORS = ("#17becf", "#bcbd22", "#e377c2", "#8c6d31", "#637939", "#843c39")


def class_colors(classes):
    """Return {class: "#rrggbb"}: fixed colors for known expressions, others from a cycle."""
    others = itertools.cycle(OTHER_COLORS)
    known = {name: CLASS_COLORS.get(constants.expression(name)) for name in classes}
    return {name: color or next(others) for name, color in known.items()}


def shown(names):
    """Return names that a user gave, such as classes, as labels of an axis or a legend."""
    return [_short(fonts.drawable(name)) for name in names]


def _short(name):
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def history_arrays(history):
    """Return {key: float array [epochs]} of a history; NaN where an entry has no such key."""
    keys = {key for row in history for key in row} | {"train_loss", "public_loss"}
    return {key: np.array([row.get(key, np.nan) for row in history], float) for key in keys}


def plot_line(axes, epochs, values, color, name, **options):
    """Plot values over the epochs and label the axis `name`; options: as for `Axes.plot`."""
    # Few epochs would leave an almost empty panel without markers.
    marker = "." if len(epochs) <= 30 else None
    axes.plot(epochs, values, color=color, marker=marker, **options)
    axes.set_ylabel(name, color=INK)
    axes.margins(x=0.02, y=0.1)
    axes.grid(color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def subplots(width, height, rows=1, **options):
    """Return (figure with constrained layout, its axes). width, height: inches.

    The axes are one above the other unless `ncols` is given; options: as for `Figure.subplots`.
    """
    figure = new_figure(width, height)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    return figure, figure.subplots(rows, **options)


def new_figure(width, height):
    """Return a white figure of `width` x `height` inches on its own canvas."""
    figure = Figure((width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def set_title(figure, text, *, x=0.02, size="large"):
    """Write a bold title at the figure's upper left."""
    figure.suptitle(text, x=x, ha="left", fontsize=size, color=INK, fontweight="bold")


def save(figure, path):
    """Write the figure to `path` as a PNG, atomically, marked as made by this program.

    All text in it is drawn as it is: `$` begins no formula, and letters come from any installed
    font that has them.
    """
    png = io.BytesIO()
    with _literal_text(figure), warnings.catch_warnings():
        # `fonts` has said which letters no font has.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(png, format="png", metadata={"Software": outputs.MARK})
    files.write_atomically(path, png.getvalue())


@contextlib.contextmanager
def _literal_text(figure):
    """Draw the figure's text, and what matplotlib adds while it draws, without interpreting it."""
    for axis in figure.findobj(Axis):
        axis.get_majorticklabels()  # puts text into the labels
    texts = figure.findobj(Text)
    for text in texts:
        text.set_text(fonts.drawable(text.get_text()))
    families = fonts.families_for("".join(text.get_text() for text in texts))
    for text in texts:
        text.set(parse_math=False, usetex=False, fontfamily=families)
    with matplotlib.rc_context(
        {"text.parse_math": False, "text.usetex": False, "font.family": families}
    ):
        yield
