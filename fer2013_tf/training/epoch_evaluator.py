"""What is measured at the end of each epoch, kept in history.json, and which epoch is the best."""

import sys

import numpy as np

from fer2013_tf.checkpoints import storage, weights
from fer2013_tf.data import records
from fer2013_tf.evaluation import calibration, metrics
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError


class EpochEvaluator:
    """Evaluates EMA weights on PublicTest and on as many Training images.

    history: the entries of history.json, oldest first. run: `run_folder.Run`. watched: what
    `watched_images` returns. classifier: an open `Classifier` of the recipe.
    """

    def __init__(self, run, recipe, watched, classifier):
        self.run, self.recipe = run, recipe
        self.watched, self.classifier = watched, classifier
        self.history = []
        self.best = -1.0

    def resume(self, step):
        """Take up the history and the best checkpoint up to a step."""
        # What was written after this checkpoint is going to be written again.
        self.history = [entry for entry in self.run.history() if entry["step"] <= step]
        self.best = self._best_there(step)
        self.update_best()

    def evaluate(self, values, step, **more):
        """Append an epoch's entry to the history and return its metrics by TensorBoard tag.

        values: {variable name: array} of all variables. more: what else the entry holds.
        """
        self.classifier.load(storage.ema_weights_of(values), where=f"step {step}")
        train, public = (self._metrics_of(images) for images in self.watched)
        self.history.append(
            {
                "step": step,
                **more,
                "train_accuracy": train["accuracy"],
                "public_accuracy": public["accuracy"],
                "train_loss": train["loss"],
                "public_loss": public["loss"],
                "temperatures": public["temperatures"],
            }
        )
        self.run.write_history(self.history)
        found = {
            "accuracy/Training": train["accuracy"],
            "accuracy/PublicTest": public["accuracy"],
            "cross_entropy/Training": train["loss"],
            "cross_entropy/PublicTest": public["loss"],
        }
        return {tag: value for tag, value in found.items() if value is not None}

    def update_best(self):
        """Copy the numbered checkpoint that is better than the best so far, if there is one."""
        there = {checkpoint.step: checkpoint for checkpoint in self.run.checkpoints()}
        kept = [entry for entry in self.history if entry["step"] in there]
        best = max(kept, key=_score, default=None)
        if best and _score(best) > self.best:
            storage.copy(there[best["step"]], self.run.best_folder)
            self.best = _score(best)

    def _best_there(self, step):
        """The score of the best checkpoint up to `step`, -1 where there is none."""
        for checkpoint in storage.list_checkpoints(self.run.best_folder):
            if checkpoint.step > step:
                continue
            if damage := storage.corruption_error(checkpoint.prefix):
                note(f"{damage}; the best of the others takes its place")
                continue
            known = {entry["step"]: _score(entry) for entry in self.history}
            if checkpoint.step in known:
                return known[checkpoint.step]
            values = weights.read_ema_weights(checkpoint.prefix)
            self.classifier.load(values, where=checkpoint.prefix)
            accuracy = self._metrics_of(self.watched[1])["accuracy"]
            return _score({"step": checkpoint.step, "public_accuracy": accuracy})
        return -1.0

    def _metrics_of(self, images):
        """Accuracy, loss (cross-entropy) and temperatures on `LabeledImages`; None of none."""
        if images is None:
            return dict.fromkeys(("accuracy", "loss", "temperatures"))
        logits = self.classifier.logits(images.images)
        fitted = calibration.fit(logits, images.labels, self.recipe.label_smoothing)
        return {
            "accuracy": float((logits.argmax(axis=1) == images.labels).mean()),
            "loss": metrics.cross_entropy(calibration.probabilities(logits), images.labels),
            "temperatures": fitted.temperatures,
        }


def watched_images(record_set, seed):
    """Return (a fixed sample of Training, PublicTest), both of PublicTest's size.

    Where nothing is PublicTest, the second is None and the first of the official size.
    """
    public, size = None, constants.OFFICIAL_SIZES[constants.PUBLIC_TEST]
    if record_set.size(constants.PUBLIC_TEST):
        public = record_set.read(constants.PUBLIC_TEST)
        size = len(public.labels)
    else:
        note(f"{record_set}: nothing is PublicTest; the newest checkpoint passes for the best")
    train = record_set.split(constants.TRAINING)
    size = min(size, len(train))
    chosen = np.sort(np.random.default_rng(seed).choice(len(train), size, replace=False))
    return records.LabeledImages(*train.read(chosen), train.rows[chosen]), public


def check_finite(values, stop):
    """Call `stop(what, value)` for the first of {variable name: array} that is not finite."""
    for name, value in values.items():
        if not np.isfinite(value).all():
            stop(f"variable {name}", "infinite or not a number")


def not_finite(run, what, value, step):
    """Return the UserError that ends a run whose numbers are not finite any more."""
    good = run.checkpoints()
    return UserError(
        f"run {run.name}: {what} became {value} at step {step}; "
        f"last good checkpoint: {good[-1].prefix if good else 'none yet'}; "
        "start again with a lower rate (--set learning_rate=...) or --precision float32"
    )


def note(text):
    """Print a note on standard error."""
    print(f"note: {text}", file=sys.stderr, flush=True)


def _score(entry):
    """What the best checkpoint has most of: accuracy on PublicTest, or without one, steps."""
    accuracy = entry["public_accuracy"]
    return entry["step"] if accuracy is None else accuracy
