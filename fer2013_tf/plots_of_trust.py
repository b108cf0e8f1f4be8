"""How far answers can be trusted, as PNG files: reliability diagrams, accuracy under
disturbance."""

import numpy as np

from fer2013_tf import plots


def reliability(figures, path, title):
    """The dict "calibration" of an evaluation -> PNG: share right over confidence, before and
    after.

    Bars are the share of right answers in each bin of confidence, with its 95 % interval as a line;
    on the diagonal both are equal. Below stands how many pictures fall into each bin.
    """
    figure, panels = plots.laid_out(8.6, 4.9, 2, ncols=2, sharex=True, height_ratios=(4, 1))
    for column, (name, words) in enumerate((("before", "as it comes"), ("after", "calibrated"))):
        above, below = panels[:, column]
        _bars(above, below, figures[name]["bins"])
        heading = f"{words}: error {100 * figures[name]['error']:.1f} %"
        above.set_title(heading, loc="left", fontsize=10, color=plots.INK)
        below.set_xlabel("confidence, %", color=plots.FAINT)
    panels[0, 0].set_ylabel("right, %", color=plots.FAINT)
    panels[1, 0].set_ylabel("pictures", color=plots.FAINT)
    figure.suptitle(title, x=0.02, ha="left", color=plots.INK, fontweight="bold")
    plots.save(figure, path)


def _bars(above, below, bins):
    from fer2013_tf import metrics

    above.plot([0, 100], [0, 100], color=plots.FAINT, linestyle=":", linewidth=1)
    for row in bins:
        middle, width = 50 * (row["low"] + row["high"]), 92 * (row["high"] - row["low"])
        below.bar(middle, row["n"], width, color=plots.FAINT)
        if not row["n"]:
            continue
        above.bar(middle, 100 * row["accuracy"], width, color=plots.ACCENT, alpha=0.85)
        interval = metrics.accuracy_interval(round(row["accuracy"] * row["n"]), row["n"])
        above.plot([middle] * 2, 100 * np.array(interval), color=plots.INK, linewidth=1)
    for axes in (above, below):
        axes.set_xlim(0, 100)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=plots.INK, labelsize=9)
    above.set_ylim(0, 100)


def robustness(figures, path, title):
    """The dict of `robustness.measured` -> PNG: a panel a kind of harm, over its strengths.

    Solid with intervals (95 %) the accuracy, dashed the mean confidence: where confidence stays
    above, the weights do not know that they do not know.
    """
    kinds = list(dict.fromkeys(row["harm"] for row in figures["harms"]))
    columns = 4
    lines = -(-(len(kinds) + 1) // columns)
    figure, panels = plots.laid_out(11, 0.6 + 2.5 * lines, lines, ncols=columns, sharey=True)
    for axes, kind in zip(panels.flat, kinds):
        _harm(axes, kind, figures)
    for axes in panels.flat[len(kinds) :]:
        axes.set_axis_off()
    drawn = panels.flat[0].get_legend_handles_labels()
    panels.flat[len(kinds)].legend(*drawn, loc="center", frameon=False, labelcolor=plots.INK)
    for axes in panels[:, 0]:
        axes.set_ylabel("%", color=plots.INK)
    figure.suptitle(title, x=0.02, ha="left", color=plots.INK, fontweight="bold")
    plots.save(figure, path)


def _harm(axes, kind, figures):
    rows = [row for row in figures["harms"] if row["harm"] == kind]
    each = [figures["plain"], *rows]
    accuracy, confidence = (
        100 * np.array([row[key] for row in each]) for key in ("accuracy", "confidence")
    )
    low, high = 100 * np.array([row["ci95"] for row in each]).T
    # Strengths are evenly spaced, as halves that are covered have no measure.
    places = range(len(each))
    style = {"color": plots.ACCENT, "marker": "."}
    beyond = [accuracy - low, high - accuracy]
    axes.errorbar(places, accuracy, beyond, label="accuracy, 95 % interval", **style)
    axes.plot(places, confidence, color=plots.FAINT, linestyle="--", label="mean confidence")
    axes.set_title(f"{kind}, {rows[0]['option']}", loc="left", fontsize=10, color=plots.INK)
    names = [row["strength"] for row in rows]
    axes.set_xticks(places, ["none", *(n if isinstance(n, str) else f"{n:g}" for n in names)])
    axes.set_ylim(0, 100)
    axes.grid(color=plots.GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=plots.INK, labelsize=9)
