"""The training loop: steps, an evaluation and a checkpoint per epoch, TensorBoard.

    received = Trainer(run, record_set, recipe, settings, logs=logs).train()

A checkpoint is the last file that is written of the steps up to it: whatever moment a trainer ends
at, the next one restores the newest checkpoint that is whole and goes on from there.
"""

import math
import time
from typing import NamedTuple

import numpy as np

from fer2013_tf.checkpoints import storage, warm_start
from fer2013_tf.evaluation.classifier import Classifier
from fer2013_tf.training import epoch_evaluator, progress, schedules, summaries, train_graph
from fer2013_tf.utils import devices, exact_paths
from fer2013_tf.utils.signals import Interrupts
from fer2013_tf.utils.tf1 import tf

# Steps between two points of the training-loss curve in TensorBoard.
SCALAR_EVERY = 20


class Watching(NamedTuple):
    """What is shown and saved beyond one evaluation and checkpoint per epoch.

    None of it changes a weight: each is of every so many steps, counted from the run's first on.
    """

    eval_every: int | None = None  # accuracy on the running batch and on one of PublicTest
    log_every: int | None = None  # a line on standard output
    save_every: int | None = None  # a checkpoint
    full_graph: bool = False  # TensorBoard's graph with the input's queues, EMA and optimizer


class Trainer:
    """One training process on one run; the caller holds the run's lock."""

    def __init__(self, run, record_set, recipe, settings, *, logs, minutes=math.inf, watching=None):
        """Build the graph.

        minutes: of training, in this process and those before it, at most. watching: a `Watching`.
        """
        self.run, self.recipe, self.settings = run, recipe, settings
        self.logs, self.minutes, self.watching = str(logs), minutes, watching or Watching()
        self.net = train_graph.build_train(
            record_set,
            recipe,
            seed=settings["seed"],
            input_kind=settings["input"],
            precision=settings["precision"],
            use_fft_conv=devices.fft_conv_pays(settings["precision"]),
        )
        self.epoch_steps = schedules.steps_per_epoch(recipe, settings["data"])
        # Before anything of an earlier run is deleted: records that cannot be read end it here.
        self.watched = epoch_evaluator.watched_images(record_set, settings["seed"])
        self._say_frozen()
        self.start = None  # what a new run begins with, see `read_start`

    def check_fits(self):
        """Raise UserError listing what differs where the newest checkpoint is of another net."""
        newest, _ = self.run.latest_valid()
        if newest:
            storage.check_fits(self.net.variables, newest.prefix)

    def read_start(self):
        """Read the weights that the run begins with, if there are any and it was not done before.

        Raises UserError where nothing fits, or where what does not fit is frozen.
        """
        if self.start or not self.settings.get("warm_start"):
            return
        shapes = {
            variable.op.name.removesuffix(storage.EMA_SUFFIX): tuple(variable.shape.as_list())
            for variable in self.net.variables
            if variable.op.name.endswith(storage.EMA_SUFFIX)
        }
        self.start = warm_start.prepare(
            self.settings["warm_start"],
            shapes,
            self.settings["data"]["classes"],
            self.net.output_scopes,
            self.settings.get("warm_start_renames", ()),
        )
        self.start.check_frozen(self.recipe.freeze)

    def train(self):
        """Train to the recipe's last epoch. Return the signal that ended it early, or None."""
        with (
            tf.Session(graph=self.net.graph, config=devices.session_config()) as session,
            Classifier(self.recipe, self.settings["data"]) as classifier,
            Interrupts() as interrupts,
        ):
            step = self._restore(session)
            evaluator = epoch_evaluator.EpochEvaluator(
                self.run, self.recipe, self.watched, classifier, self.epoch_steps
            )
            evaluator.resume(step)
            self.net.pipeline.start(session)
            try:
                with (
                    self._open_log(session, step) as log,
                    progress.Progress(self.run, self.recipe, self.epoch_steps, step) as shown,
                ):
                    Loop(self, session, evaluator, log, shown, interrupts).run(step)
            finally:
                self.net.pipeline.stop()
            return interrupts.received

    def _say_frozen(self):
        trainable = {variable.op.name for variable in self.net.trainable}
        with self.net.graph.as_default():
            frozen = [v.op.name for v in tf.trainable_variables() if v.op.name not in trainable]
        if frozen:
            print(f"frozen: {warm_start.some(frozen)}")

    def _restore(self, session):
        """Bring back the newest whole checkpoint, or initialize. Return the step."""
        newest, damaged = self.run.latest_valid()
        for damage in damaged:
            epoch_evaluator.note(f"{damage}; passed over")
        if not newest:
            session.run(self.net.init)
            self.read_start()
            if self.start:
                print(*self.start.lines, sep="\n", flush=True)
                self.start.load(session, self.net.variables)
            return 0
        self.net.saver.restore(session, exact_paths.exact(newest.prefix))
        step = newest.step
        epoch = step / self.epoch_steps
        print(f"going on from step {step} (epoch {epoch:.4g} of {self.recipe.epochs})", flush=True)
        return step

    def _open_log(self, session, step):
        """The event file; a resumed run's START marks later points of earlier files as void."""
        if self.watching.full_graph:
            graph = session.graph.as_graph_def()
        else:
            graph = summaries.readable_graph(session.graph, self.net.loss)
        log = summaries.Log(self.logs, graph)
        log.start(step + 1)
        lines = [f"{key} = {value!r}" for key, value in self.recipe.__dict__.items()]
        log.add(summaries.text("recipe", lines), step)
        return log


class Loop:
    """The epochs of one `Trainer.train`."""

    def __init__(self, trainer, session, evaluator, log, shown, interrupts):
        self.trainer, self.net, self.recipe = trainer, trainer.net, trainer.recipe
        self.session, self.evaluator, self.log = session, evaluator, log
        self.shown, self.interrupts = shown, interrupts
        self.watching, self.rate = trainer.watching, None  # rate: that of the last step

    def run(self, step):
        """Train from `step` on to the end of the recipe, a signal, or the end of the minutes."""
        total = self.recipe.epochs * self.trainer.epoch_steps
        while step < total and not self.interrupts.received and self._has_time_left():
            started = time.monotonic()
            reached, losses = self._steps(step, min(total, self._next_save(step)))
            if reached > step:
                self.evaluator.add_part(reached, losses, time.monotonic() - started)
                self._save(reached)
            step = reached

    def _next_save(self, step):
        """The next step after which a checkpoint is written: at an epoch's end at the latest."""
        often = self.watching.save_every
        return min(
            (step // length + 1) * length for length in (self.trainer.epoch_steps, often) if length
        )

    def _steps(self, step, end):
        """Run steps until `end` or a signal. Return the step reached and the losses."""
        losses = []
        while step < end and not self.interrupts.received:
            results = self._step(self._fetches(step + 1), step + 1)
            step += 1
            self.rate = float(results["rate"])
            losses.append(float(results["loss"]))
            self._show(step, results)
        return step, losses

    def _fetches(self, coming):
        """What step number `coming` computes, by name."""
        net, ends = self.net, coming % self.trainer.epoch_steps == 0
        # The step's own rate: a tensor is computed once per run, and the optimizer needs this one.
        fetches = {"train_op": net.train_op, "loss": net.loss, "rate": net.rate}
        if ends or coming % SCALAR_EVERY == 0:
            fetches["scalars"] = net.scalars
        if ends:
            fetches["details"] = net.details
        if _is_due(self.watching.eval_every, coming):
            fetches["batch"] = net.pipeline.images, net.pipeline.targets
        return fetches

    def _show(self, step, results):
        """Log what a step has computed, and evaluate and print what is due."""
        for name in ("scalars", "details"):
            if name in results:
                self.log.add(results[name], step)
        accuracies = {}
        if "batch" in results:
            values = self._values(step, storage.EMA_SUFFIX)
            accuracies = self.evaluator.batch_accuracies(
                values, step, results["batch"], seed=self.trainer.settings["seed"]
            )
            self.log.add(summaries.scalar_values(accuracies), step)
        self.shown.step(float(results["loss"]))
        if _is_due(self.watching.log_every, step):
            line = progress.step_line(step, results["loss"], self.rate, accuracies)
            self.shown.say(line)

    def _step(self, fetches, step):
        """Run one step; stop the run where its loss, or a histogram of it, is not finite."""
        try:
            results = self.session.run(fetches)
        except tf.errors.InvalidArgumentError as error:
            if "istogram" not in error.message:
                raise
            self._stop("a weight, activation or gradient", "infinite", step)
        if not math.isfinite(results["loss"]):
            self._stop("the loss", results["loss"], step)
        return results

    def _values(self, step, suffix=""):
        """The variables whose names end in `suffix`; stop the run where one is not finite."""
        named = {variable.op.name: variable for variable in self.net.variables}
        values = self.session.run({name: named[name] for name in named if name.endswith(suffix)})
        epoch_evaluator.check_finite(values, lambda what, value: self._stop(what, value, step))
        return values

    def _save(self, step):
        """Evaluate at an epoch's end, then save.

        The checkpoint comes last: once it is there, so is all that was to be written up to its
        step, and what is there beyond it is written again.
        """
        values = self._values(step)
        ended = step % self.trainer.epoch_steps == 0
        if ended:
            self._evaluate(values, step)
        else:
            self.evaluator.keep_parts(step)
        self.log.flush()
        folder, keep = self.trainer.run.folder, self.trainer.settings["keep"]
        storage.save(self.net.saver, self.session, folder, step, keep=keep)
        self.evaluator.update_best()
        if ended:
            self.shown.epoch(self.evaluator.history[-1])

    def _evaluate(self, values, step):
        found = self.evaluator.evaluate(values, step, learning_rate=self.rate)
        self.log.add(summaries.scalar_values(found), step)
        if self.net.scale is not None:
            known = [entry["public_accuracy"] or 0.0 for entry in self.evaluator.history]
            self.net.scale.load(schedules.plateau_scale(self.recipe.schedule, known), self.session)

    def _has_time_left(self):
        """Whether another epoch fits into the minutes there are, were it as long as the others."""
        seconds = [entry["seconds"] for entry in self.evaluator.history]
        minutes = self.trainer.minutes
        fits = not seconds or sum(seconds) + np.mean(seconds) <= 60 * minutes
        if not fits:
            self.shown.say(
                f"stopped after {sum(seconds) / 60:.1f} minutes of training: no other epoch fits "
                f"into {minutes:g}"
            )
        return fits

    def _stop(self, what, value, step):
        raise epoch_evaluator.not_finite(self.trainer.run, what, value, step)


def _is_due(every, step):
    """Whether something that is done every so many steps, or never, is due after `step`."""
    return every is not None and step % every == 0
