"""Plot bar charts of what was measured."""

OURS, THEIRS = "#1f77b4", "#b8b8b8"


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
