"""Plot how many images each class has in each split."""

from fer2013_tf.visualization import style
from fer2013_tf.visualization.style import FAINT, HEADING, INK


def chart(counts, path):
    """Plot {split: {class: number of images}} -> PNG: one panel per split, one bar per class.

    Splits without an image get no panel.
    """
    shown = {split: classes for split, classes in counts.items() if sum(classes.values())}
    height = 1.3 + 0.38 * len(next(iter(shown.values())))
    size = (4.2 * len(shown), height)
    figure, panels = style.subplots(*size, ncols=len(shown), sharey=True, squeeze=False)
    for axes, (split, classes) in zip(panels[0], shown.items(), strict=True):
        _panel(axes, split, classes)
    panels[0, 0].invert_yaxis()
    style.save(figure, path)


def _panel(axes, split, classes):
    total = sum(classes.values())
    colors = style.class_colors(classes).values()
    rows = range(len(classes))
    bars = axes.barh(rows, list(classes.values()), color=colors, height=0.72)
    axes.set_yticks(rows, style.shown(classes))
    labels = [f"{n:,}  ({100 * n / total:.1f} %)" for n in classes.values()]
    axes.bar_label(bars, labels, padding=4, fontsize=9, color=INK)
    axes.set_title(f"{split}: {total:,}", **HEADING)
    # Room for the numbers beside the longest bar.
    axes.set_xlim(0, 1.5 * max(classes.values()))
    axes.set_xticks([])
    axes.tick_params(length=0, colors=INK, labelsize=10)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(FAINT)
