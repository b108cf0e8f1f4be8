"""Plot loss and accuracy per epoch."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from fer2013_tf.utils import constants
from fer2013_tf.visualization import style


def training_curves(history, path):
    """Plot accuracies, losses and learning rate over the epochs, the best one marked -> PNG.

    Args:
        history: [{"epoch", "step", "loss", "train_accuracy", "public_accuracy", "train_loss",
            "public_loss", "learning_rate", "seconds"}, ...], one or more epochs, accuracies 0..1.
            Histories of earlier versions have no train_loss and public_loss. Best is the first
            epoch with the highest accuracy on PublicTest, the split that choices are made on.

    Raises ValueError where there is no epoch.
    """
    if not history:
        raise ValueError("history is empty: no epoch to plot")
    column = style.history_arrays(history)
    public = column["public_accuracy"]
    best = len(public) - 1 if np.isnan(public).all() else int(np.nanargmax(public))
    heights = {"sharex": True, "height_ratios": (4, 2.5, 1.3)}
    figure, panels = style.subplots(8, 7.5, 3, **heights)
    _accuracies_and_losses(*panels[:2], column)
    _learning_rate(panels[2], column)
    for axes in panels:
        axes.axvline(column["epoch"][best], color=style.FAINT, linestyle=":", linewidth=1)
    if not np.isnan(public).all():
        _mark_best(panels[0], column, best)
    style.save(figure, path)


def _accuracies_and_losses(above, below, column):
    for split, color, name in (
        ("train", style.CLASS_COLORS["surprise"], f"{constants.TRAINING} (sample)"),
        ("public", style.ACCENT, constants.PUBLIC_TEST),
    ):
        percent = 100 * column[f"{split}_accuracy"]
        style.plot_line(above, column["epoch"], percent, color, "accuracy, %", label=name)
        loss = column[f"{split}_loss"]
        style.plot_line(below, column["epoch"], loss, color, "loss", label=f"{name}: cross-entropy")
    faint = {"linestyle": "--", "label": f"{constants.TRAINING}: objective"}
    style.plot_line(below, column["epoch"], column["loss"], style.FAINT, "loss", **faint)
    below.legend(loc="upper right", frameon=False, labelcolor=style.INK)


def _learning_rate(axes, column):
    style.plot_line(axes, column["epoch"], column["learning_rate"], style.FAINT, "learning rate")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("epoch", color=style.INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _mark_best(axes, column, best):
    epoch, percent = column["epoch"][best], 100 * column["public_accuracy"][best]
    axes.plot(
        epoch, percent, "o", color=style.ACCENT, markersize=8, markerfacecolor="white", zorder=3
    )
    axes.legend(loc="upper left", frameon=False, labelcolor=style.INK)
    title = f"best accuracy on {constants.PUBLIC_TEST}: {percent:.2f} % after epoch {epoch:.0f} "
    axes.set_title(f"{title}of {column['epoch'][-1]:.0f}", **style.HEADING)
