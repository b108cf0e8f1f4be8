"""Train and evaluate every trial of a plan, skipping what is done.

Each training is a process of its own under `ckpt/PLAN/`, evaluated when it is done.
"""

import json
import subprocess  # the program's own commands, no shell  # nosec B404
import sys
import time
from pathlib import Path

from fer2013_tf.checkpoints import run_folder
from fer2013_tf.experiments import estimates, results
from fer2013_tf.utils import cli, constants, files, legacy
from fer2013_tf.utils.errors import UserError

STOPPED = (130, 143)


class Stopped(Exception):
    """A training or an evaluation ended by a signal; `status`: its exit status."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Sweep:
    """One plan being run.

    record_set: a records.RecordSet. ckpt, logs: folders, each trial's are below DIR/PLAN.
    precision: "float32" or "bfloat16".
    """

    def __init__(self, plan, record_set, *, ckpt, logs, precision):
        self.plan, self.record_set, self.precision = plan, record_set, precision
        self.data = record_set.manifest
        self.ckpt, self.logs = Path(ckpt, plan.name), Path(logs, plan.name)
        self.failed = []

    def lock(self):
        """Context: hold the plan's folder for this sweep."""
        self.ckpt.mkdir(parents=True, exist_ok=True)
        return files.lock(self.ckpt / ".lock", "sweep", "wait for it, or give another --name")

    def remaining(self):
        """Return [(trial, seed)] to be trained, as far as is known.

        Trials of later stages are taken with the recipe's values, not with the winners' of
        earlier stages, which are not known yet.
        """
        trials = {}
        for stage in range(self.plan.stages):
            for trial in self.plan.trials(stage, {}):
                trials.setdefault(trial.recipe, trial)
        pairs = [(trial, seed) for trial in trials.values() for seed in self.plan.seeds]
        return [pair for pair in pairs if not self.result_of(*pair)]

    def estimate(self):
        """Print what each remaining trial takes, and the sums. See `estimates`."""
        pairs = self.remaining()
        if not pairs:
            print("nothing left to train")
            return
        trials = list({trial.name: trial for trial, _ in pairs}.values())
        cache = self.logs / estimates.CACHE
        speeds = estimates.speeds(trials, self.record_set, precision=self.precision, cache=cache)
        header = f"{'to train':<28}{'parameters':>12}{'MFLOP':>8}{'images/s':>12}{'minutes':>9}"
        print(header, "-" * len(header), sep="\n")
        seconds = size = 0
        for trial in trials:
            speed = speeds[trial.name]
            each = self._training_seconds(trial, speed)
            seconds += len(self.plan.seeds) * each
            size += len(self.plan.seeds) * (self.plan.keep + 1) * speed.checkpoint_bytes
            print(
                f"{trial.name[:27]:<28}{speed.parameters:>12,}{speed.operations / 1e6:>8.0f}"
                f"{speed.images_per_second:>12.0f}{each / 60:>9.1f}"
            )
        print(
            f"{cli.counted(len(pairs), 'training')}: about {seconds / 60:.0f} minutes "
            "and their evaluation, "
            f"{size / 1e9:.1f} GB of checkpoints in {self.ckpt}",
            flush=True,
        )

    def _training_seconds(self, trial, speed):
        images = self.record_set.size(constants.TRAINING)
        return estimates.training_seconds(trial.recipe, speed, images, self.plan.minutes)

    def run(self):
        """Train what is not done, stage by stage. Return the exit status; the caller holds `lock`.

        Raises UserError naming the trials that failed, after all others are done.
        """
        try:
            found = self._run_stages()
        except Stopped as stopped:
            return stopped.status
        said = results.seeds_table(found), results.conclusion(found, self.logs)
        print(*filter(None, said), sep="\n")
        print(f"results: {self.logs / 'results.csv'}, curves.png, accuracy.png")
        if self.failed:
            failed = cli.counted(len(self.failed), "trial")
            raise UserError(f"{failed} failed: {self.failed[0]}", self.failed[1:])
        return 0

    def _run_stages(self):
        """Return the results of all trials that did not fail."""
        everything, winners, seen = [], {}, {}
        for stage in range(self.plan.stages):
            of_stage = []
            for trial in self.plan.trials(stage, winners):
                # An earlier stage may have trained the same recipe under another name.
                known = seen.setdefault(trial.recipe, trial)
                found = [self._finished(known, seed) for seed in self.plan.seeds]
                found = [one for one in found if one]
                if found:
                    of_stage.append((results.mean(found), trial))
                everything += [one for one in found if one not in everything]
                self._report(everything)
            if self.plan.order == "greedy" and of_stage:
                self._keep_winner(of_stage, self.plan.axes[stage], winners)
        return everything

    def _keep_winner(self, of_stage, axis, winners):
        """Add a stage's best Value to `winners`. of_stage: [(mean accuracy, trial)]."""
        _, winner = max(of_stage, key=lambda pair: pair[0])
        winners[axis.name] = self.plan.value(winner, axis)
        print(f"{axis.name}: {winner.choices[axis.name]} is best, later stages take it")

    def _finished(self, trial, seed):
        """Return the result of a trial, trained and evaluated first where that is missing.

        Returns None where it failed. Raises Stopped.
        """
        if result := self.result_of(trial, seed):
            return result
        name = self.name_of(trial, seed)
        self._check_same(trial, name)
        folder = self.logs / name
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "train.log"
        print(f"{time.strftime('%H:%M')} {name}: training (its output: {log})", flush=True)
        status = self._call("train", *self._train_words(trial, seed, name), log=log, mode="ab")
        if status in STOPPED:
            print(f"stopped; the same command goes on with {name}")
            raise Stopped(status)
        if status:
            return self._fail(name, log)
        log, evaluation = folder / "eval.log", folder / "evaluation.json"
        status = self._call("eval", *self._eval_words(name, evaluation), log=log, mode="wb")
        if status in STOPPED:
            raise Stopped(status)
        if status:
            return self._fail(name, log)
        self._write_result(trial, seed, name, json.loads(evaluation.read_text()))
        return self.result_of(trial, seed)

    def _check_same(self, trial, name):
        there = run_folder.Run(self.ckpt, name)
        if there.exists() and there.read()[0] != trial.recipe:
            raise UserError(
                f"{there.folder}: was begun with other settings; remove it, or give another --name"
            )

    def _fail(self, name, log):
        lines = log.read_text(errors="replace").strip().splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        said = (errors or lines or ["no output"])[-1]
        self.failed.append(f"{name}: {said} (see {log})")
        print(self.failed[-1], file=sys.stderr)

    def _train_words(self, trial, seed, name):
        words = ["--recipe", trial.recipe.name, "--run", name, "--seed", str(seed)]
        words += ["--keep", str(self.plan.keep), "--precision", self.precision]
        words += ["--minutes", str(self.plan.minutes)] if self.plan.minutes else []
        for key, value in trial.recipe.__dict__.items():
            if key != "name":
                words += ["--set", f"{key}={value}"]
        return words

    def _eval_words(self, name, evaluation):
        words = ["--run", name, "--ensemble", "best", "--json", str(evaluation)]
        return [*words, "--predictions", str(self.logs / name / "predictions.csv")]

    def _call(self, command, *words, log, mode):
        """Run one of the program's commands. Return its exit status.

        Its output goes to the file `log`, its progress bar to the terminal where there is one.
        """
        folders = ["--records", self.record_set, "--ckpt", self.ckpt, "--logs", self.logs]
        line = [sys.executable, "-m", f"fer2013_tf.{command}", *map(str, folders), *words]
        with log.open(mode) as out:
            errors = None if sys.stderr.isatty() else out
            # Each of its words is one argument, no shell reads them.  # nosec B603
            child = subprocess.Popen(line, stdout=out, stderr=errors)  # nosec B603
            try:
                return child.wait()
            except BaseException:
                # It saves first. Ctrl-C has reached it already; a second signal changes nothing.
                child.terminate()
                child.wait()
                raise

    def name_of(self, trial, seed):
        """Return the run's name."""
        return trial.name if len(self.plan.seeds) == 1 else f"{trial.name}_seed-{seed}"

    def result_of(self, trial, seed):
        """Return what `_write_result` wrote, or None where nothing is there.

        Raises UserError where it is of another recipe, seed, limit or set of records.
        """
        path = self.logs / self.name_of(trial, seed) / "result.json"
        if not path.exists():
            return None
        result = legacy.result(files.read_json(path, "remove it to evaluate again"))
        if not results.is_of(result, trial.recipe, seed, self.plan.minutes, self.data, path):
            raise UserError(
                f"{path.parent}: is of another recipe, seed or set of records; remove it and "
                f"{self.ckpt / path.parent.name}, or give another --name"
            )
        return result

    def _write_result(self, trial, seed, name, evaluation):
        from fer2013_tf.evaluation import costs

        history = run_folder.Run(self.ckpt, name).history()
        cost = costs.of_net(trial.recipe, self.data)
        result = results.result(trial, seed, name, evaluation, history, cost)
        settings = trial.recipe.__dict__
        result["fingerprint"] = results.fingerprint(settings, seed, self.plan.minutes, self.data)
        results.write_hparams(self.logs / name, result)
        # Last: it says that all is done.
        files.write_json(self.logs / name / "result.json", result)
        print(results.line(result), flush=True)

    def _report(self, found):
        if found:
            results.write_table(self.logs / "results.csv", found)
            results.plot(self.logs, found, self.plan.name)
