"""A run's folder `ckpt/<run>/`: what is written there, and how it is found again.

    model.ckpt-<step>.{index,data-...}   the last checkpoints (all variables, slots, step, shadows)
    best/model.ckpt-<step>...            the best on PublicTest
    recipe.json                          recipe, data description, seed, changes made on resume
    history.json                         one entry an epoch: losses, accuracies, rate, seconds
    .lock                                held by the trainer that writes here

A checkpoint is written under `.partial/` and renamed, its index last: one that has both files is
whole. Evaluation reads shadow variables: `conv1/kernel/ExponentialMovingAverage`, for example.
Shipped weights are the shadows alone, float16, in `weights.npz`.
"""

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf import files, recipes
from fer2013_tf.errors import UserError

PARTIAL = ".partial"
SHADOW = "/ExponentialMovingAverage"
MODEL = "model.ckpt"
RECIPE_VERSION = 2
UNSIGNED_VERSION = 1
SHIPPED = Path(__file__).parent / "weights"
SHIPPED_NAME = "shipped"
WEIGHTS = "weights.npz"


class Checkpoint(NamedTuple):
    """Weights that can be evaluated."""

    prefix: Path  # TensorFlow checkpoint prefix, or a .npz file
    step: int


class Run:
    """One run's folder."""

    def __init__(self, root, name):
        plain = name and not name.startswith(".") and Path(name).name == name
        # "," and ":" separate members in --ensemble.
        if not plain or set(name) & set(",:") or name == SHIPPED_NAME:
            raise UserError(f"--run {name!r}: give a plain folder name, such as lenet-2")
        self.name, self.folder = name, Path(root) / name
        self.best_folder = self.folder / "best"

    def exists(self):
        """Whether a recipe was written here."""
        return (self.folder / "recipe.json").exists()

    def checkpoints(self):
        """The complete numbered checkpoints, oldest first."""
        return complete(self.folder)

    def best(self):
        """The best on PublicTest. Raises UserError where there is none yet."""
        found = complete(self.best_folder)
        if not found:
            raise UserError(f"{self.folder}: no best checkpoint yet; it comes with the first epoch")
        return found[-1]

    def read(self):
        """recipe.json as (Recipe, settings dict). Raises UserError naming the file."""
        return read_recipe(self.folder / "recipe.json")

    def write(self, recipe, settings):
        """Writes recipe.json; settings: data, seed, input, precision, changes."""
        write_recipe(self.folder / "recipe.json", recipe, settings)

    def history(self):
        """The entries of history.json, oldest first."""
        path = self.folder / "history.json"
        if not path.exists():
            return []
        remedy = "remove it; the run goes on without the curve so far"
        return files.read_json(path, remedy)["epochs"]

    def temperatures(self):
        """{step: temperatures fitted on PublicTest}, as far as the history has them."""
        return {e["step"]: e["temperatures"] for e in self.history() if e.get("temperatures")}

    def write_history(self, entries):
        """Replaces history.json."""
        files.write_json(self.folder / "history.json", {"epochs": entries})

    def lock(self):
        """Context: holds the folder for one trainer."""
        self.best_folder.mkdir(parents=True, exist_ok=True)
        return files.lock(self.folder / ".lock", "training", "stop it or choose another --run")

    def newest_whole(self):
        """(Newest checkpoint that can be read to its last byte, or None; why later ones cannot).

        Raises UserError where there are checkpoints, but none can be read.
        """
        damaged = []
        for checkpoint in reversed(self.checkpoints()):
            found = damage(checkpoint.prefix)
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


def save(saver, session, folder, step, *, keep):
    """Writes model.ckpt-<step> under `folder`, whole or not at all; keeps the newest `keep`.

    Checkpoints of later steps, left by a run that was taken back, are removed too.
    Raises UserError naming the file where it cannot be written.
    """
    from fer2013_tf.tensorflow1 import tf

    with _partial(folder) as partial:
        try:
            saver.save(
                session, str(partial / MODEL), step, write_meta_graph=False, write_state=False
            )
        except tf.errors.OpError as error:
            reason = _reason(error).replace(f"{PARTIAL}/", "")
            raise UserError(
                f"{folder / MODEL}-{step}: cannot be written ({reason}); make room or give it "
                "another folder, then start the same command again"
            ) from None
        _place(partial, folder)
    _rotate(folder, step, keep)


def copy(checkpoint, folder):
    """Makes a checkpoint the only one under `folder`."""
    with _partial(folder) as partial:
        for file in checkpoint.prefix.parent.glob(f"{checkpoint.prefix.name}.*"):
            shutil.copyfile(file, partial / file.name)
        _place(partial, folder)
    _rotate(folder, checkpoint.step, 1)


@contextlib.contextmanager
def _partial(folder):
    partial = folder / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with files.naming(folder / MODEL):
            partial.mkdir()
            yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _place(partial, folder):
    """Renames a checkpoint's files into `folder`, its index last."""
    for file in sorted(partial.iterdir(), key=lambda file: file.suffix == ".index"):
        _sync(file)
        os.replace(file, folder / file.name)
    _sync(folder)


def _sync(path):
    """Waits until a file, or a folder's list of names, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rotate(folder, step, keep):
    """Removes all but the newest `keep` checkpoints up to `step`; lists those for TensorFlow."""
    kept = [checkpoint for checkpoint in complete(folder) if checkpoint.step <= step][-keep:]
    names = [checkpoint.prefix.name for checkpoint in kept]
    # An index goes before its data: what lacks one of them does not count.
    for file in sorted(folder.glob(f"{MODEL}-*"), key=lambda file: file.suffix != ".index"):
        if file.name.partition(".data-")[0].removesuffix(".index") not in names:
            file.unlink()
    # What tf.train.latest_checkpoint reads.
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    files.write_atomically(folder / "checkpoint", "\n".join(lines) + "\n")


def complete(folder):
    """The checkpoints in a folder that have both index and data, oldest first."""
    found = []
    for index in Path(folder).glob(f"{MODEL}-*.index"):
        step = re.fullmatch(rf"{re.escape(MODEL)}-(\d+)\.index", index.name)
        prefix = index.with_suffix("")
        if step and any(folder.glob(f"{prefix.name}.data-*")):
            found.append(Checkpoint(prefix, int(step[1])))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def write_recipe(path, recipe, settings):
    """Writes a recipe.json; settings: data, seed, input, precision, keep, changes."""
    content = {"version": RECIPE_VERSION, "recipe": recipe.__dict__, **settings}
    files.write_json(path, content)


def read_recipe(path):
    """(Recipe, the other settings) from a recipe.json. Raises UserError naming the file."""
    if not Path(path).exists():
        raise UserError(f"{path}: not there; train first, or name another --run")
    content = files.read_json(path, "restore it or use --fresh", unsigned=UNSIGNED_VERSION)
    version = content.pop("version", None)
    if version not in (RECIPE_VERSION, UNSIGNED_VERSION):
        raise UserError(
            f"{path}: version {version}, this program reads version {RECIPE_VERSION}; "
            "update the program, or choose another --run"
        )
    return recipes.from_dict(content.pop("recipe", {}), path), content


def runs(root):
    """The runs under `root`, the one last written to first."""
    found = [path.parent for path in Path(root).glob("*/recipe.json")]
    newest = sorted(found, key=lambda folder: last_written(folder), reverse=True)
    return [Run(root, folder.name) for folder in newest]


def last_written(folder):
    """When anything in a run's folder was last written, seconds since the epoch."""
    times = []
    for path in folder.iterdir():
        # A training beside this one may rotate it away meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if not path.name.startswith("."):
                times.append(path.stat().st_mtime)
    return max(times, default=0.0)


def select(run, wanted):
    """Checkpoints of a run: last<N>, best, latest, or steps "1000,2000".

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
        raise UserError(f"--ensemble {wanted}: write last5, last10, best, latest or STEP,STEP")
    by_step = {checkpoint.step: checkpoint for checkpoint in there}
    missing = [step for step in wanted.split(",") if int(step) not in by_step]
    if missing:
        known = ", ".join(str(step) for step in by_step) or "none"
        raise UserError(
            f"{run.folder}: no checkpoint of step {', '.join(missing)}; there are: {known}"
        )
    return [by_step[int(step)] for step in wanted.split(",")]


def read_shadows(prefix):
    """{variable name: float32 array} of the shadow variables, from a checkpoint or a .npz file."""
    if Path(prefix).suffix == ".npz":
        with np.load(prefix) as stored:
            return {name: stored[name].astype(np.float32) for name in stored.files}
    reader = open_checkpoint(prefix)
    shadows = [name for name in reader.get_variable_to_shape_map() if name.endswith(SHADOW)]
    if not shadows:
        raise UserError(f"{prefix}: holds no shadow variables; it was not written by train")
    with _readable(prefix):
        return shadows_of({name: reader.get_tensor(name) for name in shadows})


def shadows_of(values):
    """{variable name: array} of the shadow variables among {name: array}."""
    return {n.removesuffix(SHADOW): v for n, v in values.items() if n.endswith(SHADOW)}


def damage(prefix):
    """Why a checkpoint cannot be read to its last byte, checksums included, or None."""
    from fer2013_tf.tensorflow1 import tf

    try:
        with _readable(prefix, ""):
            reader = tf.train.load_checkpoint(str(prefix))
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
    except UserError as error:
        return str(error)
    return None


def open_checkpoint(prefix):
    """A checkpoint reader. Raises UserError naming the file where it is missing or damaged."""
    from fer2013_tf.tensorflow1 import tf

    with _readable(prefix):
        return tf.train.load_checkpoint(str(prefix))


@contextlib.contextmanager
def _readable(prefix, remedy="; remove its files to use the one before"):
    """Turns TensorFlow's errors while reading a checkpoint into a UserError that names it."""
    from fer2013_tf.tensorflow1 import tf

    try:
        yield
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        raise UserError(f"{prefix}: cannot be read ({_reason(error)}){remedy}") from None


def _reason(error):
    return (str(error).splitlines() or [type(error).__name__])[0]


def check_fits(variables, prefix):
    """Raises UserError listing the variables whose names or shapes differ from the checkpoint's."""
    there = {n: tuple(s) for n, s in open_checkpoint(prefix).get_variable_to_shape_map().items()}
    wanted = {v.op.name: tuple(v.shape.as_list()) for v in variables}
    off = [
        f"{name}: recipe {wanted.get(name, 'none')}, checkpoint {there.get(name, 'none')}"
        for name in sorted(there.keys() | wanted.keys())
        if there.get(name) != wanted.get(name)
    ]
    if off:
        raise UserError(
            f"{prefix}: the recipe does not fit the checkpoint ({len(off)} variables differ: "
            f"{off[0]}); undo the --set, choose another --run, or start over with --fresh",
            off[1:10],
        )
