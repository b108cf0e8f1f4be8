"""The training loop: steps, an evaluation and a checkpoint per epoch, TensorBoard.

    received = Trainer(run, record_set, recipe, settings, logs=logs).train()

A checkpoint is the last file that is written of its epoch: whatever moment a trainer ends at, the
next one restores the newest checkpoint that is whole and goes on from there.
"""

import math
import time

import numpy as np

from fer2013_tf.checkpoints import storage, warm_start
from fer2013_tf.evaluation.classifier import Classifier
from fer2013_tf.training import epoch_evaluator, progress, schedules, summaries, train_graph
from fer2013_tf.utils import devices
from fer2013_tf.utils.signals import Interrupts
from fer2013_tf.utils.tf1 import tf

# Steps between two points of the training-loss curve in TensorBoard.
SCALAR_EVERY = 20


class Trainer:
    """One training process on one run; the caller holds the run's lock."""

    def __init__(self, run, record_set, recipe, settings, *, logs, minutes=math.inf):
        """Build the graph. minutes: of training, in this process and those before it, at most."""
        self.run, self.recipe, self.settings = run, recipe, settings
        self.logs, self.minutes = str(logs), minutes
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

    def check_fits(self):
        """Raise UserError listing what differs where the newest checkpoint is of another net."""
        newest, _ = self.run.latest_valid()
        if newest:
            storage.check_fits(self.net.variables, newest.prefix)

    def train(self):
        """Train to the recipe's last epoch. Return the signal that ended it early, or None."""
        with (
            tf.Session(graph=self.net.graph, config=devices.session_config()) as session,
            Classifier(self.recipe, self.settings["data"]) as classifier,
            Interrupts() as interrupts,
        ):
            step = self._restore(session)
            evaluator = epoch_evaluator.EpochEvaluator(
                self.run, self.recipe, self.watched, classifier
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
            if self.settings.get("warm_start"):
                warm_start.apply(session, self.net.variables, self.settings["warm_start"])
            return 0
        self.net.saver.restore(session, str(newest.prefix))
        step = newest.step
        epoch = step / self.epoch_steps
        print(f"going on from step {step} (epoch {epoch:.4g} of {self.recipe.epochs})", flush=True)
        return step

    def _open_log(self, session, step):
        """The event file; a resumed run's START marks later points of earlier files as void."""
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

    def run(self, step):
        """Train epochs from `step` on until the last one, a signal, or the end of the minutes."""
        epoch_steps = self.trainer.epoch_steps
        total = self.recipe.epochs * epoch_steps
        while step < total and not self.interrupts.received and self._has_time_left():
            end = min(total, (step // epoch_steps + 1) * epoch_steps)
            started = time.monotonic()
            reached, losses = self._steps(step, end)
            if reached > step:
                self._save_epoch(reached, losses, time.monotonic() - started)
            step = reached

    def _steps(self, step, end):
        """Run steps until `end` or a signal. Return the step reached and the losses."""
        losses = []
        while step < end and not self.interrupts.received:
            fetches = [self.net.train_op, self.net.loss]
            if step + 1 == end:
                fetches += [self.net.scalars, self.net.details]
            elif (step + 1) % SCALAR_EVERY == 0:
                fetches += [self.net.scalars]
            results = self._step(fetches, step + 1)
            step += 1
            losses.append(float(results[1]))
            for written in results[2:]:
                self.log.add(written, step)
            self.shown.step(losses)
        return step, losses

    def _step(self, fetches, step):
        """Run one step; stop the run where its loss, or a histogram of it, is not finite."""
        try:
            results = self.session.run(fetches)
        except tf.errors.InvalidArgumentError as error:
            if "istogram" not in error.message:
                raise
            self._stop("a weight, activation or gradient", "infinite", step)
        if not math.isfinite(results[1]):
            self._stop("the loss", results[1], step)
        return results

    def _save_epoch(self, step, losses, seconds):
        """Evaluate at an epoch's end, then save.

        The checkpoint comes last: once it is there, so is all that was to be written up to its
        step, and what is there beyond it is written again.
        """
        variables = {variable.op.name: variable for variable in self.net.variables}
        values, rate = self.session.run((variables, self.net.rate))
        epoch_evaluator.check_finite(values, lambda what, value: self._stop(what, value, step))
        ended = step % self.trainer.epoch_steps == 0
        if ended:
            self._evaluate(values, step, losses, rate, seconds)
        self.log.flush()
        folder, keep = self.trainer.run.folder, self.trainer.settings["keep"]
        storage.save(self.net.saver, self.session, folder, step, keep=keep)
        self.evaluator.update_best()
        if ended:
            self.shown.epoch(self.evaluator.history[-1])

    def _evaluate(self, values, step, losses, rate, seconds):
        found = self.evaluator.evaluate(
            values,
            step,
            epoch=step // self.trainer.epoch_steps,
            loss=float(np.mean(losses)),
            learning_rate=float(rate),
            seconds=seconds,
        )
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
