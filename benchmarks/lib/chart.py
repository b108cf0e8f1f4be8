"""Plot bar charts of what was measured."""

OURS, THEIRS = "#1f77b4", "#b8b8b8"
SERIES = (OURS, "#8fbfe0", "#c9dff0")


def bars(figures, path, *, title, unit):
    """Plot one bar per candidate, the longest first, lowest to highest run as a line -> PNG.

    figures: {name: {"median", "low", "high"}}; names that begin with "ours" get another color.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = sorted(figures, key=lambda name: figures[name]["median"])
    middles = [figures[name]["median"] for name in names]
    spread = [
        [figures[name]["median"] - figures[name]["low"] for name in names],
        [figures[name]["high"] - figures[name]["median"] for name in names],
    ]
    colors = [OURS if name.startswith("ours") else THEIRS for name in names]
    figure, axes = pyplot.subplots(figsize=(7, 0.6 + 0.32 * len(names)), layout="constrained")
    axes.barh(names, middles, color=colors, xerr=spread, error_kw={"ecolor": "#555555"})
    for place, name in enumerate(names):
        label = f" {figures[name]['median']:.4g}"
        axes.annotate(label, (figures[name]["high"], place), va="center", fontsize=9)
    axes.set(title=title, xlabel=unit)
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def times(panels, path, *, title, unit):
    """Plot bars of ratios with a line at 1, a panel beside another -> PNG.

    panels: {title: {name: {series: (ratio, text)}}}, with the same names and series in each; names
    from top to bottom. The text follows the ratio at the end of its bar.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(next(iter(panels.values())))
    series = list(next(iter(panels.values()))[names[0]])
    size = (5 * len(panels), 1.1 + 0.24 * len(names) * (len(series) + 0.5))
    figure, each = pyplot.subplots(
        1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for axes, (panel, rows) in zip(each[0], panels.items()):
        _panel(axes, rows, series)
        axes.set(title=panel, xlabel=unit)
    each[0][0].set_yticks(range(len(names)), names)
    each[0][0].invert_yaxis()
    if len(series) > 1:
        handles, labels = each[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(series), frameon=False)
    figure.suptitle(title)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _panel(axes, rows, series):
    height = 0.8 / len(series)
    for number, one in enumerate(series):
        places = [row - 0.4 + height * (number + 0.5) for row in range(len(rows))]
        ratios, texts = zip(*(of[one] for of in rows.values()))
        axes.barh(places, ratios, height, color=SERIES[number % len(SERIES)], label=one)
        for place, ratio, text in zip(places, ratios, texts):
            # Right of the line at 1, which would cross it.
            end = (max(ratio, 1), place)
            axes.annotate(f" {ratio:.2f}  ({text})", end, va="center", fontsize=7)
    axes.axvline(1, color="#555555", linewidth=1)
    axes.margins(x=0.35)
    axes.spines[["top", "right"]].set_visible(False)
