"""The command that runs a plan of experiments: `python -m fer2013_tf.sweep`.

Every setting is a training of its own (`fer2013_tf.train`, in a process of its own) under
`ckpt/<plan>/`, evaluated when it is done. What is done is skipped, what was stopped goes on.
"""

import argparse
import json
import subprocess  # the program's own commands, no shell  # nosec B404
import sys
import time
from pathlib import Path

from fer2013_tf import checkpoints, command, devices, emotions, files, plans, records, trials
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.sweep a2_blocks                what article a2 tuned, step by step
  python -m fer2013_tf.sweep a2_blocks --dry-run      what would be trained, how long, how large
  python -m fer2013_tf.sweep mine.toml --only depth   a plan of one's own, one of its axes
  python -m fer2013_tf.sweep a2_blocks --set epochs=8 --name a2_short
  tensorboard --logdir logs/a2_blocks                 curves and the HParams table

The same command goes on after Ctrl-C or a crash, and skips what is done. Results stand in
logs/PLAN/: results.csv, curves.png, accuracy.png. How a plan is written: fer2013_tf/plans.py.

plans: {plans}
"""
STOPPED = (130, 143)


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.sweep",
        description="Train and compare every setting of a plan.",
        epilog=EXAMPLES.format(plans=", ".join(plans.names())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("plan", metavar="PLAN", help="a TOML file, or the name of a plan that comes with this")
    add("--only", metavar="AXIS", action="append", help="of the plan's axes this; may be repeated")
    command.add_settings(result, "override a setting of every run, such as epochs")
    add("--name", help="of the folders that results go to (default: the plan's)")
    add("--dry-run", action="store_true", help="estimate time and disk, train nothing")
    add("--precision", choices=devices.PRECISIONS, help="number format (default: auto)")
    command.add_folders(
        result,
        records="where make_records wrote",
        ckpt="checkpoints go to DIR/PLAN/SETTING",
        logs="events and results go to DIR/PLAN",
    )
    return result


def run(args):
    """Runs the plan that `args` (see `parser`) names. Returns the exit status."""
    plan = _changed(plans.load(args.plan), args)
    manifest = records.load(args.records)
    if not records.split_size(manifest, emotions.PUBLIC_TEST):
        raise UserError(f"{args.records}: nothing is PublicTest, by which settings are chosen")
    sweep = Sweep(plan, args, manifest)
    print(f"plan {plan.name}: {plan.about}" if plan.about else f"plan {plan.name}")
    if args.dry_run:
        sweep.estimate(sweep.foreseen())
        return 0
    Path(args.ckpt, plan.name).mkdir(parents=True, exist_ok=True)
    remedy = "wait for it, or give another --name"
    with files.lock(Path(args.ckpt, plan.name, ".lock"), "sweep", remedy):
        sweep.estimate(sweep.foreseen())
        return sweep.run()


def _changed(plan, args):
    """The plan with what the options change of it."""
    known = [axis.name for axis in plan.axes]
    only = args.only or known
    if unknown := sorted(set(only) - set(known)):
        raise UserError(f"--only {unknown[0]}: no such axis; the plan has {', '.join(known)}")
    name = checkpoints.Run(args.ckpt, args.name).name if args.name else plan.name
    plan = plan._replace(
        name=name,
        settings=(*plan.settings, *args.settings),
        axes=tuple(axis for axis in plan.axes if axis.name in only),
    )
    # What is wrong with a setting is said before anything is measured.
    for axis in plan.axes:
        plan.setting({axis.name: axis.values[0]})
    return plan


class Sweep:
    """One plan being run; the caller holds the lock."""

    def __init__(self, plan, args, manifest):
        self.plan, self.args, self.data = plan, args, manifest
        self.ckpt, self.logs = Path(args.ckpt, plan.name), Path(args.logs, plan.name)
        self.precision, why = devices.choose_precision(args.precision or "auto")
        print(f"precision {self.precision}: {why}")
        self.failed = []

    def foreseen(self):
        """[(setting, seed)] that are to be trained, as far as it is known: those of stages to come
        are taken as they are without what earlier ones will carry on."""
        settings = {}
        for stage in range(self.plan.stages):
            for setting in self.plan.settings_of(stage, {}):
                settings.setdefault(setting.recipe, setting)
        pairs = [(setting, seed) for setting in settings.values() for seed in self.plan.seeds]
        return [pair for pair in pairs if not self.result_of(*pair)]

    def estimate(self, pairs):
        """Prints what each training will take, timed on a few of its steps, and the sums."""
        if not pairs:
            print("nothing left to train")
            return
        from fer2013_tf import costs

        total = size = 0
        heads = f"{'to train':<28}{'parameters':>12}{'MFLOP':>8}{'pictures/s':>12}{'minutes':>9}"
        print(heads, "-" * len(heads), sep="\n")
        seeds = len(self.plan.seeds)
        for setting in {setting.name: setting for setting, _ in pairs}.values():
            cost = costs.of_net(setting.recipe, self.data)
            rate = costs.measured_rate(
                setting.recipe, self.args.records, self.data, precision=self.precision
            )
            seconds = (
                setting.recipe.epochs * records.split_size(self.data, emotions.TRAINING) / rate
            )
            seconds = min(seconds, 60 * (self.plan.minutes or seconds))
            total += seeds * seconds
            size += seeds * (self.plan.keep + 1) * costs.checkpoint_bytes(setting.recipe, cost)
            print(
                f"{setting.name[:27]:<28}{cost.parameters:>12,}{cost.operations / 1e6:>8.0f}"
                f"{rate:>12.0f}{seconds / 60:>9.1f}",
                flush=True,
            )
        print(
            f"{len(pairs)} trainings: about {total / 60:.0f} minutes and their evaluation, "
            f"{size / 1e9:.1f} GB of checkpoints in {self.ckpt}",
            flush=True,
        )

    def run(self):
        """Trains what is not done, stage by stage. Returns the exit status."""
        results, winners, seen = [], {}, {}
        for stage in range(self.plan.stages):
            of_stage = []
            for setting in self.plan.settings_of(stage, winners):
                # What an earlier stage trained already under another name.
                known = seen.setdefault(setting.recipe, setting)
                found = []
                for seed in self.plan.seeds:
                    done = self._done(known, seed)
                    if done in STOPPED:
                        return done
                    found += [done] if done else []
                if found:
                    of_stage.append((trials.mean(found), setting))
                results += [one for one in found if one not in results]
                self._report(results)
            if self.plan.order == "greedy" and of_stage:
                self._carry_on(of_stage, self.plan.axes[stage], winners)
        said = trials.seeds_table(results), trials.judgement(results, self.logs)
        print(*filter(None, said), sep="\n")
        print(f"results: {self.logs / 'results.csv'}, curves.png, accuracy.png")
        if self.failed:
            raise UserError(
                f"{len(self.failed)} settings failed: {self.failed[0]}", self.failed[1:]
            )
        return 0

    def _carry_on(self, of_stage, axis, winners):
        """Notes a stage's winner among [(mean accuracy, setting)]."""
        _, winner = max(of_stage, key=lambda pair: pair[0])
        winners[axis.name] = self.plan.value(winner, axis)
        print(f"{axis.name}: {winner.choices[axis.name]} is carried on")

    def _done(self, setting, seed):
        """The result of a setting, trained first where it is missing.

        None where that failed; a status where it was stopped.
        """
        result = self.result_of(setting, seed)
        if result:
            return result
        name = self.name_of(setting, seed)
        self._check_same(setting, name)
        log = self.logs / name / "train.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        print(f"{time.strftime('%H:%M')} {name}: training (what it says: {log})", flush=True)
        with log.open("ab") as out:
            status = self._call("train", *self._train_words(setting, seed, name), stdout=out)
        if status in STOPPED:
            print(f"stopped; the same command goes on with {name}")
            return status
        if status:
            return self._fail(name, log)
        evaluation = self.logs / name / "evaluation.json"
        with (self.logs / name / "eval.log").open("wb") as out:
            status = self._call("eval", *self._eval_words(name, evaluation), stdout=out)
        if status:
            return status if status in STOPPED else self._fail(name, self.logs / name / "eval.log")
        self._write_result(setting, seed, name, json.loads(evaluation.read_text()))
        return self.result_of(setting, seed)

    def _check_same(self, setting, name):
        there = checkpoints.Run(self.ckpt, name)
        if there.exists() and there.read()[0] != setting.recipe:
            raise UserError(
                f"{there.folder}: was begun with other settings; remove it, or give another --name"
            )

    def _fail(self, name, log):
        lines = log.read_text(errors="replace").strip().splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        said = (errors or lines or ["nothing said"])[-1]
        self.failed.append(f"{name}: {said} (see {log})")
        print(self.failed[-1], file=sys.stderr)
        return None

    def _train_words(self, setting, seed, name):
        words = ["--recipe", setting.recipe.name, "--run", name, "--seed", str(seed)]
        words += ["--keep", str(self.plan.keep), "--precision", self.precision]
        words += ["--minutes", str(self.plan.minutes)] if self.plan.minutes else []
        for key, value in setting.recipe.__dict__.items():
            if key != "name":
                words += ["--set", f"{key}={value}"]
        return words

    def _eval_words(self, name, evaluation):
        words = ["--run", name, "--ensemble", "best", "--json", str(evaluation)]
        return [*words, "--predictions", str(self.logs / name / "predictions.csv")]

    def _call(self, module, *words, stdout):
        """Runs one of the program's commands; the bar goes to the terminal, the rest to a file."""
        folders = ["--records", self.args.records, "--ckpt", self.ckpt, "--logs", self.logs]
        line = [sys.executable, "-m", f"fer2013_tf.{module}", *map(str, folders), *words]
        errors = None if sys.stderr.isatty() else stdout
        # Its words are the plan's settings, each one argument.  # nosec B603
        child = subprocess.Popen(line, stdout=stdout, stderr=errors)  # nosec B603
        try:
            return child.wait()
        except BaseException:
            # It saves first; Ctrl-C has reached it by itself, and a second signal changes nothing.
            child.terminate()
            child.wait()
            raise

    def name_of(self, setting, seed):
        """The run's name."""
        return setting.name if len(self.plan.seeds) == 1 else f"{setting.name}_seed-{seed}"

    def result_of(self, setting, seed):
        """What `_write_result` wrote, where it is of this recipe, seed and limit; else None."""
        path = self.logs / self.name_of(setting, seed) / "result.json"
        if not path.exists():
            return None
        result = files.read_json(path, "remove it to evaluate anew")
        wanted = trials.fingerprint(setting.recipe, seed, self.plan.minutes, self.data)
        if result["fingerprint"] != wanted:
            raise UserError(
                f"{path.parent}: is of another recipe, seed or set of records; remove it and "
                f"{self.ckpt / path.parent.name}, or give another --name"
            )
        return result

    def _write_result(self, setting, seed, name, evaluation):
        from fer2013_tf import costs

        history = checkpoints.Run(self.ckpt, name).history()
        cost = costs.of_net(setting.recipe, self.data)
        result = trials.result(setting, seed, name, evaluation, history, cost)
        result["fingerprint"] = trials.fingerprint(
            setting.recipe, seed, self.plan.minutes, self.data
        )
        trials.write_hparams(self.logs / name, result)
        # Last: it says that all is done.
        files.write_json(self.logs / name / "result.json", result)
        print(trials.line(result), flush=True)

    def _report(self, results):
        if results:
            trials.write_table(self.logs / "results.csv", results)
            trials.draw(self.logs, results, self.plan.name)


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
