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

    history: the entries of history.json, oldest first. parts: of the steps between checkpoints,
    {"step": the last one, "losses": one per step, "seconds"}, oldest first. run: `run_folder.Run`.
    watched: what `watched_images` returns. classifier: an open `Classifier` of the recipe.
    """

    def __init__(self, run, recipe, watched, classifier, epoch_steps):
        self.run, self.recipe, self.epoch_steps = run, recipe, epoch_steps
        self.watched, self.classifier = watched, classifier
        self.history, self.parts = [], []
        self.best = -1.0

    def resume(self, step):
        """Take up the history and the best checkpoint up to a step."""
        # What was written after this checkpoint is going to be written again.
        self.history = [entry for entry in self.run.history() if entry["step"] <= step]
        self.parts = [part for part in self.run.parts() if part["step"] <= step]
        self.best = self._best_there(step)
        self.update_best()

    def add_part(self, step, losses, seconds):
        """Note the losses of the steps up to `step`, since the checkpoint before or the start."""
        self.parts.append({"step": step, "losses": losses, "seconds": seconds})

    def keep_parts(self, step):
        """Write history.json before a checkpoint within an epoch, at `step`.

        With it are the parts that a run which goes on from a checkpoint within an epoch needs for
        the epoch's mean loss and seconds.
        """
        steps = [step, *(checkpoint.step for checkpoint in self.run.checkpoints())]
        self.parts = [part for part in self.parts if self._is_needed(part, steps)]
        self.run.write_history(self.history, self.parts)

    def evaluate(self, values, step, *, learning_rate):
        """Append an epoch's entry to the history and return its metrics by TensorBoard tag.

        values: {variable name: array} of all variables. learning_rate: of the epoch's last step.
        """
        self.classifier.load(storage.ema_weights_of(values), where=f"step {step}")
        train, public = (self._metrics_of(images) for images in self.watched)
        parts = [
            part for part in self.parts if self._epoch_of(part["step"]) == self._epoch_of(step)
        ]
        self.history.append(
            {
                "step": step,
                "epoch": self._epoch_of(step),
                "loss": float(np.mean([loss for part in parts for loss in part["losses"]])),
                "learning_rate": learning_rate,
                "seconds": sum(part["seconds"] for part in parts),
                "train_accuracy": train["accuracy"],
                "public_accuracy": public["accuracy"],
                "train_loss": train["loss"],
                "public_loss": public["loss"],
                "temperatures": public["temperatures"],
            }
        )
        self.keep_parts(step)
        found = {
            "accuracy/Training": train["accuracy"],
            "accuracy/PublicTest": public["accuracy"],
            "cross_entropy/Training": train["loss"],
            "cross_entropy/PublicTest": public["loss"],
        }
        return {tag: value for tag, value in found.items() if value is not None}

    def batch_accuracies(self, values, step, batch, *, seed):
        """Return {TensorBoard tag: accuracy} of EMA weights on a training batch and a test batch.

        batch: (images float32 [n, h, w, c] as the net was fed, targets float32 [n, classes]). The
        other one is n random images of PublicTest, chosen by seed and step. Both are evaluated
        without dropout and with BN's moving averages, as every accuracy here.
        """
        self.classifier.load(storage.ema_weights_of(values), where=f"step {step}")
        inputs, targets = batch
        predicted = self.classifier.logits_of_inputs(inputs).argmax(axis=1)
        right = {constants.TRAINING: predicted == targets.argmax(axis=1)}
        if (public := self.watched[1]) is not None:
            size = min(len(inputs), len(public.labels))
            chosen = np.random.default_rng([seed, step]).choice(len(public.labels), size, False)
            predicted = self.classifier.logits(public.images[chosen]).argmax(axis=1)
            right[constants.PUBLIC_TEST] = predicted == public.labels[chosen]
        return {f"batch_accuracy/{split}": float(r.mean()) for split, r in right.items()}

    def update_best(self):
        """Copy the numbered checkpoint that is better than the best so far, if there is one."""
        there = {checkpoint.step: checkpoint for checkpoint in self.run.checkpoints()}
        kept = [entry for entry in self.history if entry["step"] in there]
        best = max(kept, key=_score, default=None)
        if best and _score(best) > self.best:
            storage.copy(there[best["step"]], self.run.best_folder)
            self.best = _score(best)

    def _epoch_of(self, step):
        """The number of the epoch, from 1 on, that a step belongs to."""
        return (step - 1) // self.epoch_steps + 1

    def _is_needed(self, part, steps):
        """Whether one of these steps is within the part's epoch and not before the part's end."""
        epoch = self._epoch_of(part["step"])
        return any(part["step"] <= step < epoch * self.epoch_steps for step in steps)

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
