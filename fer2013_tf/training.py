"""The training loop: steps, checkpoints, evaluation an epoch, TensorBoard.

    Trainer(run, folder, recipe, settings, ...).train(epochs)

A run is its checkpoints, each the last of what is written of its epoch: whatever moment a trainer
ends at, the next one restores the newest checkpoint that is whole and goes on from there.
"""

import math
import signal
import sys
import time

import numpy as np
from tqdm import tqdm

from fer2013_tf import (
    calibration,
    checkpoints,
    devices,
    emotions,
    graphs,
    metrics,
    optimise,
    records,
    summaries,
    warm_start,
)
from fer2013_tf.errors import UserError
from fer2013_tf.inference import Classifier
from fer2013_tf.shards import Shards
from fer2013_tf.tensorflow1 import tf

# Steps between two points of the training-loss curve in TensorBoard.
SCALAR_EVERY = 20


class Interrupts:
    """Turns SIGINT and SIGTERM into a flag that the loop looks at after each step."""

    def __enter__(self):
        self.received = None
        self._before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, _):
        self.received = number


class Trainer:
    """One training process on one run; the caller holds the run's lock."""

    def __init__(self, run, folder, recipe, settings, *, logs, minutes=math.inf):
        """minutes: of training, in this process and those before it, not to be gone beyond."""
        self.run, self.recipe, self.settings = run, recipe, settings
        self.minutes = minutes
        self.data, self.seed = settings["data"], settings["seed"]
        self.logs = str(logs)
        self.history = []
        self.net = graphs.build_train(
            folder,
            recipe,
            self.data,
            seed=self.seed,
            input_kind=settings["input"],
            precision=settings["precision"],
            spectral=devices.spectral_pays(settings["precision"]),
        )
        self._say_frozen()
        self.epoch_steps = graphs.steps_per_epoch(recipe, self.data)
        self.pictures = _watched_pictures(folder, self.seed)
        self.losses, self.started = [], None

    def _say_frozen(self):
        learning = {variable.op.name for variable in self.net.learning}
        with self.net.graph.as_default():
            frozen = [v.op.name for v in tf.trainable_variables() if v.op.name not in learning]
        if frozen:
            print(f"frozen: {warm_start.some(frozen)}")

    def check_fits(self):
        """Raises UserError listing what differs where the newest checkpoint is of another net."""
        newest, _ = self.run.newest_whole()
        if newest:
            checkpoints.check_fits(self.net.variables, newest.prefix)

    def train(self):
        """Trains to the recipe's last epoch. Returns the signal that ended it early, or None."""
        config = devices.session_config()
        with (
            tf.Session(graph=self.net.graph, config=config) as session,
            Classifier(self.recipe, self.data) as classifier,
            Interrupts() as interrupts,
        ):
            step = self._restore(session)
            self.best = self._best_there(classifier, step)
            self._promote()
            self.net.pipeline.start(session)
            try:
                with self._open_log(session, step) as self.log, self._bar(step) as self.bar:
                    return self._epochs(session, classifier, interrupts, step)
            finally:
                self.net.pipeline.stop()

    def _restore(self, session):
        """Brings back the newest whole checkpoint, or initialises. Returns the step."""
        newest, damaged = self.run.newest_whole()
        for damage in damaged:
            _note(f"{damage}; passed over")
        if not newest:
            session.run(self.net.init)
            if self.settings.get("warm_start"):
                warm_start.apply(session, self.net.variables, self.settings["warm_start"])
            return 0
        self.net.saver.restore(session, str(newest.prefix))
        step = newest.step
        # What was written after this checkpoint is going to be written again.
        self.history = [entry for entry in self.run.history() if entry["step"] <= step]
        epoch = step / self.epoch_steps
        print(f"going on from step {step} (epoch {epoch:.4g} of {self.recipe.epochs})", flush=True)
        return step

    def _best_there(self, classifier, step):
        """The `_score` of the best checkpoint up to `step`, -1 where there is none."""
        for checkpoint in checkpoints.complete(self.run.best_folder):
            if checkpoint.step > step:
                continue
            if damage := checkpoints.damage(checkpoint.prefix):
                _note(f"{damage}; the best of the others takes its place")
                continue
            known = {entry["step"]: _score(entry) for entry in self.history}
            if checkpoint.step in known:
                return known[checkpoint.step]
            shadows = checkpoints.read_shadows(checkpoint.prefix)
            classifier.load(shadows, where=checkpoint.prefix)
            public = _figures(classifier, self.pictures[1], self.recipe)
            return _score({"step": checkpoint.step, "public_accuracy": public["accuracy"]})
        return -1.0

    def _promote(self):
        """Copies the numbered checkpoint that is better than the best so far, if there is one."""
        there = {checkpoint.step: checkpoint for checkpoint in self.run.checkpoints()}
        kept = [entry for entry in self.history if entry["step"] in there]
        best = max(kept, key=_score, default=None)
        if best and _score(best) > self.best:
            checkpoints.copy(there[best["step"]], self.run.best_folder)
            self.best = _score(best)

    def _epochs(self, session, classifier, interrupts, step):
        total = self.recipe.epochs * self.epoch_steps
        while step < total and not interrupts.received and self._time_left():
            end = min(total, (step // self.epoch_steps + 1) * self.epoch_steps)
            reached = self._steps(session, step, end, interrupts)
            if reached > step:
                self._keep(session, classifier, reached)
            step = reached
        return interrupts.received

    def _keep(self, session, classifier, step):
        """Evaluates at an epoch's end, then saves. The checkpoint comes last: once it is there, so
        is all that was to be written up to its step, and what is there beyond it is written anew.
        """
        variables = {variable.op.name: variable for variable in self.net.variables}
        values, rate = session.run((variables, self.net.rate))
        for name, value in values.items():
            if not np.isfinite(value).all():
                self._stop_not_finite(f"variable {name}", "infinite or not a number", step)
        ended = step % self.epoch_steps == 0
        if ended:
            self._evaluate(classifier, values, rate, step)
            if self.net.scale is not None:
                known = [entry["public_accuracy"] or 0.0 for entry in self.history]
                scale = optimise.plateau_scale(self.recipe.schedule, known)
                self.net.scale.load(scale, session)
        self.log.flush()
        keep = self.settings["keep"]
        checkpoints.save(self.net.saver, session, self.run.folder, step, keep=keep)
        self._promote()
        if ended:
            self.bar.write(_line(self.history[-1], self.recipe.epochs), file=sys.stdout)
            sys.stdout.flush()

    def _time_left(self):
        """Whether another epoch fits into the minutes there are, were it as long as the others."""
        seconds = [entry["seconds"] for entry in self.history]
        fits = not seconds or sum(seconds) + np.mean(seconds) <= 60 * self.minutes
        if not fits:
            self.bar.write(
                f"stopped after {sum(seconds) / 60:.1f} minutes of training: no other epoch fits "
                f"into {self.minutes:g}",
                file=sys.stdout,
            )
        return fits

    def _steps(self, session, step, end, interrupts):
        """Runs steps until `end` or a signal. Returns the step reached."""
        self.started, self.losses = time.monotonic(), []
        while step < end and not interrupts.received:
            fetches = [self.net.train_op, self.net.loss]
            if step + 1 == end:
                fetches += [self.net.scalars, self.net.details]
            elif (step + 1) % SCALAR_EVERY == 0:
                fetches += [self.net.scalars]
            results = self._run(session, fetches, step + 1)
            step += 1
            self.losses.append(float(results[1]))
            for written in results[2:]:
                self.log.add(written, step)
            self.bar.update(self.recipe.batch_size)
            self.bar.set_postfix(loss=f"{np.mean(self.losses[-50:]):.3f}", refresh=False)
        return step

    def _run(self, session, fetches, step):
        """One step; stops the run where its loss, or a histogram of its weights, is not finite."""
        try:
            results = session.run(fetches)
        except tf.errors.InvalidArgumentError as error:
            if "istogram" not in error.message:
                raise
            self._stop_not_finite("a weight, activation or gradient", "infinite", step)
        if not math.isfinite(results[1]):
            self._stop_not_finite("the loss", results[1], step)
        return results

    def _stop_not_finite(self, what, value, step):
        good = self.run.checkpoints()
        raise UserError(
            f"run {self.run.name}: {what} became {value} at step {step}; "
            f"last good checkpoint: {good[-1].prefix if good else 'none yet'}; "
            "start again with a lower rate (--set learning_rate=...) or --precision float32"
        )

    def _evaluate(self, classifier, values, rate, step):
        """Accuracy of the shadow variables on PublicTest and on as many Training pictures."""
        seconds = time.monotonic() - self.started
        classifier.load(checkpoints.shadows_of(values), where=f"step {step}")
        train, public = (_figures(classifier, faces, self.recipe) for faces in self.pictures)
        entry = {
            "epoch": step // self.epoch_steps,
            "step": step,
            "loss": float(np.mean(self.losses)),
            "train_accuracy": train["accuracy"],
            "public_accuracy": public["accuracy"],
            "train_loss": train["loss"],
            "public_loss": public["loss"],
            "temperatures": public["temperatures"],
            "learning_rate": float(rate),
            "seconds": seconds,
        }
        self.history.append(entry)
        self.run.write_history(self.history)
        figures = {
            "accuracy/Training": train["accuracy"],
            "accuracy/PublicTest": public["accuracy"],
            "cross_entropy/Training": train["loss"],
            "cross_entropy/PublicTest": public["loss"],
        }
        known = {tag: value for tag, value in figures.items() if value is not None}
        self.log.add(summaries.scalar_values(known), step)

    def _open_log(self, session, step):
        """The event file; a resumed run's START marks later points of earlier files as void."""
        graph = summaries.readable_graph(session.graph, self.net.loss)
        log = summaries.Log(self.logs, graph)
        log.start(step + 1)
        lines = [f"{key} = {value!r}" for key, value in self.recipe.__dict__.items()]
        log.add(summaries.text("recipe", lines), step)
        return log

    def _bar(self, step):
        seen = step * self.recipe.batch_size
        total = self.recipe.epochs * self.epoch_steps * self.recipe.batch_size
        terminal = sys.stderr.isatty()
        return tqdm(
            initial=seen,
            total=total,
            unit=" pictures",
            unit_scale=True,
            desc=self.run.name,
            dynamic_ncols=True,
            mininterval=0.2 if terminal else 30,
        )


def _note(text):
    print(f"note: {text}", file=sys.stderr, flush=True)


def _watched_pictures(folder, seed):
    """(a fixed sample of Training, PublicTest), both of PublicTest's size.

    Where nothing is PublicTest that is None, and the sample of its official size.
    """
    public, size = None, emotions.OFFICIAL_SIZES[emotions.PUBLIC_TEST]
    if records.split_size(records.load(folder), emotions.PUBLIC_TEST):
        public = records.read(folder, emotions.PUBLIC_TEST)
        size = len(public.labels)
    else:
        _note(f"{folder}: nothing is PublicTest; the newest checkpoint passes for the best")
    train = Shards(folder, emotions.TRAINING)
    size = min(size, len(train))
    chosen = np.sort(np.random.default_rng(seed).choice(len(train), size, replace=False))
    return records.Faces(*train.read(chosen), train.rows[chosen]), public


def _figures(classifier, faces, recipe):
    """Accuracy, loss (cross-entropy) and temperatures (see calibration) on pictures; None of
    none."""
    if faces is None:
        return dict.fromkeys(("accuracy", "loss", "temperatures"))
    logits = classifier.logits(faces.images)
    fitted = calibration.fit(logits, faces.labels, recipe.label_smoothing)
    return {
        "accuracy": float((logits.argmax(axis=1) == faces.labels).mean()),
        "loss": metrics.cross_entropy(calibration.probabilities(logits), faces.labels),
        "temperatures": fitted.temperatures,
    }


def _score(entry):
    """What the best checkpoint has most of: accuracy on PublicTest, or without one, steps."""
    accuracy = entry["public_accuracy"]
    return entry["step"] if accuracy is None else accuracy


def _line(entry, epochs):
    """`epoch   3/40  step 672  loss 1.312  Training 55.2 %  PublicTest 54.1 %  ...`."""
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
