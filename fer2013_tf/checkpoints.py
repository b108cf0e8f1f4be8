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
import json
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf import recipes, records
from fer2013_tf.errors import UserError

PARTIAL = ".partial"
SHADOW = "/ExponentialMovingAverage"
MODEL = "model.ckpt"
RECIPE_VERSION = 1
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
        content = {"version": RECIPE_VERSION, "recipe": recipe.__dict__, **settings}
        records.write_atomically(self.folder / "recipe.json", json.dumps(content, indent=1) + "\n")

    def history(self):
        """The entries of history.json, oldest first."""
        path = self.folder / "history.json"
        return _read_json(path) if path.exists() else []

    def write_history(self, entries):
        """Replaces history.json."""
        records.write_atomically(self.folder / "history.json", json.dumps(entries, indent=1) + "\n")

    @contextlib.contextmanager
    def lock(self):
        """Holds the folder for one trainer; the system lets go of it when a process dies."""
        self.best_folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".lock", "a+") as file:
            if not _try_lock(file):
                file.seek(0)
                raise UserError(
                    f"{self.folder}: another training ({file.read().strip()}) is writing here; "
                    "stop it or choose another --run"
                )
            file.truncate(0)
            file.write(f"process {os.getpid()}\n")
            file.flush()
            yield


def _try_lock(file):
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        import msvcrt

        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
    except OSError:
        return False
    return True


def save(saver, session, folder, step, *, keep):
    """Writes model.ckpt-<step> under `folder`, whole or not at all; keeps the newest `keep`.

    Checkpoints of later steps, left by a run that was taken back, are removed too.
    Raises UserError naming the file where it cannot be written.
    """
    import tensorflow.compat.v1 as tf

    partial = folder / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        saver.save(session, str(partial / MODEL), step, write_meta_graph=False, write_state=False)
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0]
        raise UserError(f"{folder / MODEL}-{step}: cannot be written ({reason})") from None
    for file in sorted(partial.iterdir(), key=lambda file: file.suffix == ".index"):
        _sync(file)
        os.replace(file, folder / file.name)
    _sync(folder)
    partial.rmdir()
    _rotate(folder, step, keep)


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
    records.write_atomically(folder / "checkpoint", "\n".join(lines) + "\n")


def complete(folder):
    """The checkpoints in a folder that have both index and data, oldest first."""
    found = []
    for index in Path(folder).glob(f"{MODEL}-*.index"):
        step = re.fullmatch(rf"{re.escape(MODEL)}-(\d+)\.index", index.name)
        prefix = index.with_suffix("")
        if step and any(folder.glob(f"{prefix.name}.data-*")):
            found.append(Checkpoint(prefix, int(step[1])))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def _read_json(path):
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: not there; train first, or name another --run") from None
    except ValueError as error:
        raise UserError(
            f"{path}: not readable as JSON ({error}); restore it or use --fresh"
        ) from None


def read_recipe(path):
    """(Recipe, the other settings) from a recipe.json. Raises UserError naming the file."""
    content = _read_json(Path(path))
    version = content.pop("version", None)
    if version != RECIPE_VERSION:
        raise UserError(f"{path}: version {version}, this program reads version {RECIPE_VERSION}")
    return recipes.from_dict(content.pop("recipe", {}), path), content


def runs(root):
    """The runs under `root`, the one last written to first."""
    found = [path.parent for path in Path(root).glob("*/recipe.json")]
    newest = sorted(found, key=lambda folder: last_written(folder), reverse=True)
    return [Run(root, folder.name) for folder in newest]


def last_written(folder):
    """When anything in a run's folder was last written, seconds since the epoch."""
    return max(path.stat().st_mtime for path in folder.iterdir() if not path.name.startswith("."))


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
        return {name.removesuffix(SHADOW): reader.get_tensor(name) for name in shadows}


def open_checkpoint(prefix):
    """A checkpoint reader. Raises UserError naming the file where it is missing or damaged."""
    import tensorflow.compat.v1 as tf

    with _readable(prefix):
        return tf.train.load_checkpoint(str(prefix))


@contextlib.contextmanager
def _readable(prefix):
    """Turns TensorFlow's errors while reading a checkpoint into a UserError that names it."""
    import tensorflow.compat.v1 as tf

    try:
        yield
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{prefix}: cannot be read ({reason}); remove its files to use the one before"
        ) from None


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
