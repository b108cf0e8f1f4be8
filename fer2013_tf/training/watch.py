"""Evaluate each new checkpoint of a run that is being trained: `eval --watch`."""

import time

from fer2013_tf.checkpoints import weights
from fer2013_tf.evaluation import metrics
from fer2013_tf.evaluation.classifier import Classifier
from fer2013_tf.training import schedules, summaries
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

POLL_SECONDS = 2.0


def watch(run, record_set, logs, *, sleep=time.sleep):
    """Print and log (under logs/watch) PublicTest accuracy until the run's last step is seen.

    Return the exit status.
    """
    recipe, settings = run.read()
    images = record_set.read(constants.PUBLIC_TEST)
    last = recipe.epochs * schedules.steps_per_epoch(recipe, settings["data"])
    done = set()
    print(f"watching {run.folder} up to step {last}; Ctrl-C ends")
    with (
        Classifier(recipe, settings["data"]) as classifier,
        tf.Graph().as_default(),  # without one, TensorFlow takes this for eager execution
        summaries.Log(logs / "watch") as log,
    ):
        while last not in done:
            fresh = [c for c in run.checkpoints() if c.step not in done]
            for checkpoint in fresh:
                done.add(checkpoint.step)
                _evaluate(classifier, checkpoint, images, log)
            if not fresh:
                sleep(POLL_SECONDS)
    return 0


def _evaluate(classifier, checkpoint, images, log):
    try:
        classifier.load(weights.read_ema_weights(checkpoint.prefix), where=checkpoint.prefix)
    except UserError:
        if checkpoint.prefix.with_name(checkpoint.prefix.name + ".index").exists():
            raise
        print(f"step {checkpoint.step}: rotated away before it was read")
        return
    correct = classifier.probabilities(images.images).argmax(axis=1) == images.labels
    low, high = metrics.accuracy_interval(int(correct.sum()), len(correct))
    accuracy = float(correct.mean())
    log.add(summaries.scalar_values({"accuracy/PublicTest": accuracy}), checkpoint.step)
    log.flush()
    print(
        f"step {checkpoint.step}: PublicTest {100 * accuracy:.2f} % "
        f"({100 * low:.1f} to {100 * high:.1f})",
        flush=True,
    )
