"""Read and write a run's folder `ckpt/RUN/`, and choose among its checkpoints.

model.ckpt-<step>.{index,data-...}   the newest checkpoints (variables, slots, step, EMA weights)
best/model.ckpt-<step>...            the best on PublicTest
recipe.json                          recipe, data description, seed, changes made on resume
history.json                         one entry per epoch: losses, accuracies, rate, seconds;
                                     the losses up to checkpoints within an epoch
calibration.json                     of ensembles and of --tta, see evaluation.combinations
.lock                                held by the trainer that writes here
"""

import contextlib
import re
import shutil
from pathlib import Path

from fer2013_tf import recipes
from fer2013_tf.checkpoints import storage
from fer2013_tf.utils import constants, files, legacy, names
from fer2013_tf.utils.errors import UserError

RECIPE_VERSION = 2
UNSIGNED_VERSION = 1
BEST = "best"
CALIBRATIONS = "calibration.json"
# What this program writes in ckpt/RUN and ckpt/RUN/best.
OWN_FILES = (
    "recipe.json",
    "history.json",
    CALIBRATIONS,
    "checkpoint",
    f"{storage.MODEL}-*",
    ".*.partial",
    ".lock",
)


class Run:
    """One run's folder, there or not. Raises UserError for a name that is no plain folder name."""

    def __init__(self, root, name):
        if not _is_name(name):
            raise UserError(f"--run {name!r}: give a plain folder name, such as lenet-2")
        self.name, self.folder = name, Path(root) / name
        self.best_folder = self.folder / BEST

    def exists(self):
        """Return whether a recipe was written here."""
        return (self.folder / "recipe.json").exists()

    def checkpoints(self):
        """Return the complete numbered checkpoints, oldest first."""
        return storage.list_checkpoints(self.folder)

    def best(self):
        """Return the best on PublicTest. Raises UserError where there is none yet."""
        found = storage.list_checkpoints(self.best_folder)
        if not found:
            raise UserError(f"{self.folder}: no best checkpoint yet; it comes with the first epoch")
        return found[-1]

    def read(self):
        """Return recipe.json as (Recipe, settings dict). Raises UserError naming the file."""
        return read_recipe(self.folder / "recipe.json")

    def write(self, recipe, settings):
        """Write recipe.json; settings: data, seed, input, precision, changes."""
        write_recipe(self.folder / "recipe.json", recipe, settings)

    def history(self):
        """Return the entries of history.json, oldest first."""
        return self._read_history().get("epochs", [])

    def parts(self):
        """Return losses and seconds of steps of epochs that checkpoints lie within, oldest first.

        See `training.epoch_evaluator`.
        """
        return self._read_history().get("parts", [])

    def temperatures(self):
        """Return {step: temperatures fitted on PublicTest}, as far as the history has them."""
        return {e["step"]: e["temperatures"] for e in self.history() if e.get("temperatures")}

    def write_history(self, entries, parts=()):
        """Replace history.json."""
        content = {"epochs": entries, **({"parts": list(parts)} if parts else {})}
        files.write_json(self.folder / "history.json", content)

    def _read_history(self):
        path = self.folder / "history.json"
        if not path.exists():
            return {}
        return files.read_json(path, "remove it; the run goes on without the curve so far")

    @contextlib.contextmanager
    def lock(self):
        """Hold the folder for one trainer; a context manager.

        Folders that it made are removed again where its body raises before it wrote anything.
        """
        made = [f for f in (self.folder.parent, self.folder, self.best_folder) if not f.exists()]
        self.best_folder.mkdir(parents=True, exist_ok=True)
        lock = self.folder / ".lock"
        try:
            with files.lock(lock, "training", "stop it or choose another --run"):
                yield
        except BaseException:
            if made and not [f for f in self.folder.iterdir() if f not in (lock, self.best_folder)]:
                lock.unlink(missing_ok=True)
                for folder in reversed(made):
                    # What is not empty stays.
                    with contextlib.suppress(OSError):
                        folder.rmdir()
            raise

    def clear(self, logs):
        """Delete the run: its TensorBoard events under `logs`, then its own files but the lock.

        What else lies in its folder stays.
        """
        for events in logs.rglob("events.out.tfevents.*"):
            events.unlink()
        for folder in (self.best_folder, self.folder):
            shutil.rmtree(folder / storage.PARTIAL, ignore_errors=True)
            # recipe.json last: while it is there, the folder is known as a run.
            found = {path for pattern in OWN_FILES for path in folder.glob(pattern)}
            for path in sorted(found, key=lambda path: path.name == "recipe.json"):
                if path.name != ".lock" and path.is_file():
                    path.unlink()
        self.best_folder.mkdir(exist_ok=True)

    def latest_valid(self):
        """Return (the newest checkpoint that can be read whole, or None; why later ones cannot).

        Raises UserError where there are checkpoints, but none can be read.
        """
        damaged = []
        for checkpoint in reversed(self.checkpoints()):
            found = storage.corruption_error(checkpoint.prefix)
            if not found:
                return checkpoint, damaged
            damaged.append(found)
        if damaged:
            raise UserError(
                f"{self.folder}: none of its {len(damaged)} checkpoints can be read; restore them, "
                "or start over with --fresh",
                damaged,
            )
        return None, []


def _is_name(name):
    # "," and ":" separate members in --ensemble.
    separate = set(name) & set(",:") or name == constants.SHIPPED_NAME
    return names.plain(name) == name and not separate


def best_line(history):
    """Return as text which epoch of a history was the best on PublicTest, or why none is known."""
    known = [entry for entry in history if entry["public_accuracy"] is not None]
    if not known:
        return "best epoch: not known, nothing is PublicTest; the newest checkpoint passes for it"
    best = max(known, key=lambda entry: entry["public_accuracy"])
    return (
        f"best on {constants.PUBLIC_TEST}: {100 * best['public_accuracy']:.2f} % after epoch "
        f"{best['epoch']} of {history[-1]['epoch']} (step {best['step']})"
    )


def write_recipe(path, recipe, settings):
    """Write a recipe.json; settings: data, seed, input, precision, keep, changes."""
    content = {"version": RECIPE_VERSION, "recipe": recipe.__dict__, **settings}
    files.write_json(path, content)


def read_recipe(path):
    """Return (Recipe, the other settings) of a recipe.json. Raises UserError naming the file."""
    if not Path(path).exists():
        raise UserError(f"{path}: not there; train first, or name another --run")
    content = files.read_json(path, "restore it or use --fresh", unsigned=UNSIGNED_VERSION)
    version = content.pop("version", None)
    if version not in (RECIPE_VERSION, UNSIGNED_VERSION):
        raise UserError(
            f"{path}: version {version}, this program reads version {RECIPE_VERSION}; "
            "update the program, or choose another --run"
        )
    values = legacy.recipe(content.pop("recipe", {}))
    return recipes.from_dict(values, path), legacy.settings(content)


def list_runs(root):
    """Return the runs under `root`, the one last written to first."""
    found = [p.parent for p in Path(root).glob("*/recipe.json") if _is_name(p.parent.name)]
    newest = sorted(found, key=lambda folder: last_written(folder), reverse=True)
    return [Run(root, folder.name) for folder in newest]


def last_written(folder):
    """Return when the training last wrote into a run's folder, in seconds since the epoch."""
    times = []
    for path in folder.iterdir():
        # A training beside this one may rotate it away meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if not path.name.startswith(".") and path.name != CALIBRATIONS:
                times.append(path.stat().st_mtime)
    return max(times, default=0.0)


def select_checkpoints(run, wanted):
    """Return the checkpoints of a run that `wanted` names: last<N>, best, latest, or STEP,STEP.

    Raises UserError that says how many there are where fewer than asked for are there.
    """
    there = run.checkpoints()
    if wanted == "best":
        return [run.best()]
    if wanted == "latest":
        wanted = "last1"
    if last := re.fullmatch(r"last(\d+)", wanted):
        count = int(last[1])
        if count == 0 or len(there) < count:
            raise UserError(
                f"{run.folder}: {wanted} asks for {count} checkpoints, there are {len(there)}"
            )
        return there[-count:]
    if not re.fullmatch(r"\d+(,\d+)*", wanted):
        raise UserError(f"{run.name}:{wanted}: write last5, last10, best, latest or STEP,STEP")
    by_step = {checkpoint.step: checkpoint for checkpoint in there}
    missing = [step for step in wanted.split(",") if int(step) not in by_step]
    if missing:
        known = ", ".join(str(step) for step in by_step) or "none"
        raise UserError(
            f"{run.folder}: no checkpoint of step {', '.join(missing)}; there are: {known}"
        )
    return [by_step[int(step)] for step in wanted.split(",")]
