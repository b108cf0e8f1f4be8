"""What a training shows while it runs: a bar with rate and time left, a line per epoch."""

import collections
import datetime
import sys

import numpy as np
from tqdm import tqdm

# The loss beside the bar is the mean of so many steps.
LOSS_STEPS = 50


class Progress:
    """A bar over all images of a training, and lines above it. Use as a context manager."""

    def __init__(self, run, recipe, epoch_steps, step):
        self.epochs, self.batch_size = recipe.epochs, recipe.batch_size
        self._losses = collections.deque(maxlen=LOSS_STEPS)
        terminal = sys.stderr.isatty()
        self._bar = tqdm(
            initial=step * recipe.batch_size,
            total=recipe.epochs * epoch_steps * recipe.batch_size,
            unit=" images",
            unit_scale=True,
            desc=run.name,
            dynamic_ncols=True,
            mininterval=0.2 if terminal else 30,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def step(self, loss):
        """Count a step."""
        self._losses.append(loss)
        self._bar.update(self.batch_size)
        self._bar.set_postfix(loss=f"{np.mean(self._losses):.3f}", refresh=False)

    def epoch(self, entry):
        """Print the line of an epoch's entry in the history."""
        self.say(line(entry, self.epochs))

    def say(self, text):
        """Print a line above the bar."""
        self._bar.write(text, file=sys.stdout)
        sys.stdout.flush()


def line(entry, epochs):
    """Return `epoch   3/40  step 672  loss 1.312  Training 55.2 %  PublicTest 54.1 %  ...`."""
    public = entry["public_accuracy"]
    parts = [
        f"epoch {entry['epoch']:>3}/{epochs}",
        f"step {entry['step']}",
        f"loss {entry['loss']:.3f}",
        f"Training {100 * entry['train_accuracy']:.1f} %",
        f"PublicTest {100 * public:.1f} %" if public is not None else "no PublicTest",
        f"rate {entry['learning_rate']:.2g}",
        f"{entry['seconds']:.0f} s",
    ]
    return "  ".join(parts)


def step_line(step, loss, rate, accuracies):
    """Return `2026-11-25 17:46:12  step 100  loss 1.312  rate 0.0005`, then accuracies if any.

    rate: the one that this step was made with. accuracies: {tag: 0..1} of
    `EpochEvaluator.batch_accuracies`.
    """
    parts = [
        datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
        f"step {step}",
        f"loss {loss:.6g}",
        f"rate {rate:.6g}",
    ]
    for tag, accuracy in accuracies.items():
        parts.append(f"batch of {tag.rpartition('/')[2]} {100 * accuracy:.1f} %")
    return "  ".join(parts)
