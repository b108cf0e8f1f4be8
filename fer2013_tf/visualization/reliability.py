"""Plot reliability diagrams, and accuracy and confidence under image corruptions."""

import numpy as np

from fer2013_tf.visualization import style
from fer2013_tf.visualization.style import ACCENT, FAINT, GRID, INK


def reliability(figures, path, title):
    """Plot accuracy over confidence, before and after calibration -> PNG.

    figures: the entry "calibration" of an evaluation. Bars are the accuracy in each bin of
    confidence, lines its 95 % interval; on the diagonal accuracy equals confidence. Below: images
    per bin.
    """
    figure, panels = style.subplots(8.6, 4.9, 2, ncols=2, sharex=True, height_ratios=(4, 1))
    for column, (name, words) in enumerate((("before", "not calibrated"), ("after", "calibrated"))):
        above, below = panels[:, column]
        _bars(above, below, figures[name]["bins"])
        heading = f"{words}: calibration error {100 * figures[name]['error']:.1f} %"
        above.set_title(heading, loc="left", fontsize=10, color=style.INK)
        below.set_xlabel("confidence, %", color=style.FAINT)
    panels[0, 0].set_ylabel("accuracy, %", color=style.FAINT)
    panels[1, 0].set_ylabel("images", color=style.FAINT)
    style.set_title(figure, title)
    style.save(figure, path)


def _bars(above, below, bins):
    from fer2013_tf.evaluation import metrics

    above.plot([0, 100], [0, 100], color=style.FAINT, linestyle=":", linewidth=1)
    for row in bins:
        middle, width = 50 * (row["low"] + row["high"]), 92 * (row["high"] - row["low"])
        below.bar(middle, row["n"], width, color=style.FAINT)
        if not row["n"]:
            continue
        above.bar(middle, 100 * row["accuracy"], width, color=style.ACCENT, alpha=0.85)
        interval = metrics.accuracy_interval(round(row["accuracy"] * row["n"]), row["n"])
        above.plot([middle] * 2, 100 * np.array(interval), color=style.INK, linewidth=1)
    for axes in (above, below):
        axes.set_xlim(0, 100)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=style.INK, labelsize=9)
    above.set_ylim(0, 100)


def robustness(figures, path, title):
    """Plot accuracy and confidence over the severity of each corruption -> PNG.

    figures: what `robustness_report.measure` returns. Solid: accuracy with its 95 % interval.
    Dashed: mean confidence; where it stays above, the weights are overconfident.
    """
    names = list(dict.fromkeys(row["corruption"] for row in figures["corruptions"]))
    columns = 4
    lines = -(-(len(names) + 1) // columns)
    figure, panels = style.subplots(11, 0.6 + 2.5 * lines, lines, ncols=columns, sharey=True)
    for axes, name in zip(panels.flat, names):
        _corruption(axes, name, figures)
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    legend = panels.flat[0].get_legend_handles_labels()
    panels.flat[len(names)].legend(*legend, loc="center", frameon=False, labelcolor=INK)
    for axes in panels[:, 0]:
        axes.set_ylabel("%", color=INK)
    style.set_title(figure, title)
    style.save(figure, path)


def _corruption(axes, name, figures):
    rows = [row for row in figures["corruptions"] if row["corruption"] == name]
    each = [figures["plain"], *rows]
    accuracy, confidence = (
        100 * np.array([row[key] for row in each]) for key in ("accuracy", "confidence")
    )
    low, high = 100 * np.array([row["ci95"] for row in each]).T
    # Evenly spaced: which half is covered is a severity without a number.
    places = range(len(each))
    options = {"color": ACCENT, "marker": "."}
    errors = [accuracy - low, high - accuracy]
    axes.errorbar(places, accuracy, errors, label="accuracy, 95 % interval", **options)
    axes.plot(places, confidence, color=FAINT, linestyle="--", label="mean confidence")
    axes.set_title(f"{name}, {rows[0]['option']}", loc="left", fontsize=10, color=INK)
    severities = [row["severity"] for row in rows]
    labels = [s if isinstance(s, str) else f"{s:g}" for s in severities]
    axes.set_xticks(places, ["none", *labels])
    axes.set_ylim(0, 100)
    axes.grid(color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
