"""Write, copy, list and check TensorFlow checkpoints.

A checkpoint is written under `.partial/` and renamed, its index last: one that has both files is
whole. For each variable it holds an EMA weight too, under TensorFlow's name for it:
`conv1/kernel/ExponentialMovingAverage`, for example.
"""

import contextlib
import glob
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from fer2013_tf.utils import exact_paths, files
from fer2013_tf.utils.errors import UserError

PARTIAL = ".partial"
EMA_SUFFIX = "/ExponentialMovingAverage"
MODEL = "model.ckpt"
# What optimizers keep beside the weights: slots per variable, and Adam's two powers.
OPTIMIZER_VARIABLE = re.compile(r"/(Momentum|Adam|Adam_1)$|(^|/)beta[12]_power$")


class Checkpoint(NamedTuple):
    """Weights that can be evaluated."""

    prefix: Path  # TensorFlow checkpoint prefix, or a .npz file
    step: int


def save(saver, session, folder, step, *, keep):
    """Write model.ckpt-<step> under `folder`, whole or not at all; keep the newest `keep`.

    Checkpoints of later steps, left by a run that was taken back, are removed too.
    Raises UserError naming the file where it cannot be written.
    """
    from fer2013_tf.utils.tf1 import tf

    with _partial(folder) as partial:
        try:
            saver.save(
                session,
                exact_paths.exact(partial / MODEL),
                step,
                write_meta_graph=False,
                write_state=False,
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
    """Make a checkpoint the only one under `folder`."""
    with _partial(folder) as partial:
        for file in files_of(checkpoint.prefix):
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
    """Rename a checkpoint's files into `folder`, its index last."""
    for file in sorted(partial.iterdir(), key=lambda file: file.suffix == ".index"):
        _sync(file)
        os.replace(file, folder / file.name)
    _sync(folder)


def _sync(path):
    """Wait until a file, or a folder's list of names, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rotate(folder, step, keep):
    """Remove all but the newest `keep` checkpoints up to `step`; list those for TensorFlow."""
    kept = [checkpoint for checkpoint in list_checkpoints(folder) if checkpoint.step <= step][
        -keep:
    ]
    names = [checkpoint.prefix.name for checkpoint in kept]
    # An index goes before its data: what lacks one of them does not count.
    for file in sorted(folder.glob(f"{MODEL}-*"), key=lambda file: file.suffix != ".index"):
        if file.name.partition(".data-")[0].removesuffix(".index") not in names:
            file.unlink()
    # What tf.train.latest_checkpoint reads.
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    files.write_atomically(folder / "checkpoint", "\n".join(lines) + "\n")


def list_checkpoints(folder):
    """Return the `Checkpoint`s in a folder that have both index and data, oldest first."""
    found = []
    for index in Path(folder).glob(f"{MODEL}-*.index"):
        step = re.fullmatch(rf"{re.escape(MODEL)}-(\d+)\.index", index.name)
        prefix = index.with_suffix("")
        if step and any(folder.glob(f"{prefix.name}.data-*")):
            found.append(Checkpoint(prefix, int(step[1])))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def ema_weights_of(values):
    """Return {variable name: array} of the EMA weights among {name: array}."""
    return {n.removesuffix(EMA_SUFFIX): v for n, v in values.items() if n.endswith(EMA_SUFFIX)}


def corruption_error(prefix):
    """Return how a checkpoint is damaged, read to its last byte, checksums included, or None.

    Raises UserError where the system does not let it be read: it may be whole.
    """
    try:
        reader = open_checkpoint(prefix)
        with naming_read_errors(prefix):
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
    except DamagedCheckpoint as error:
        return error.reason
    return None


def open_checkpoint(prefix):
    """Return a checkpoint reader. Raises UserError naming a file that is missing or damaged."""
    from fer2013_tf.utils.tf1 import tf

    with naming_read_errors(prefix):
        return tf.train.load_checkpoint(exact_paths.exact(prefix))


def read_variables(prefix):
    """Return {name: array} of all variables of a checkpoint. Raises UserError naming it."""
    reader = open_checkpoint(prefix)
    with naming_read_errors(prefix):
        names = sorted(reader.get_variable_to_shape_map())
        return {name: reader.get_tensor(name) for name in names}


class DamagedCheckpoint(UserError):
    """Its files can be read, but are not what was written."""

    def __init__(self, prefix, reason):
        self.reason = f"{prefix}: damaged ({reason})"
        super().__init__(f"{self.reason}; remove its files to use the one before")


@contextlib.contextmanager
def naming_read_errors(prefix):
    """Turn TensorFlow's errors while reading a checkpoint into a UserError that names it.

    `DamagedCheckpoint` only where the system itself can read all of its files.
    """
    from fer2013_tf.utils.tf1 import tf

    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.CancelledError):
        raise
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        _check_readable(Path(prefix))
        raise DamagedCheckpoint(prefix, _reason(error)) from None


def _check_readable(prefix):
    """Read all files of a checkpoint, as the system does. Raises UserError where that fails."""
    found = files_of(prefix)
    if not any(file.name == f"{prefix.name}.index" for file in found):
        raise UserError(f"{prefix}: no such checkpoint; its .index file is not there")
    for file in found:
        try:
            files.file_sha256(file)
        except OSError as error:
            raise UserError(
                f"{file}: cannot be read ({error.strerror}); it may be whole: make it readable, "
                "then start the same command again"
            ) from None


def files_of(prefix):
    """Return the files of a checkpoint."""
    prefix = Path(prefix)
    return sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}.*"))


def _reason(error):
    return exact_paths.unlinked((str(error).splitlines() or [type(error).__name__])[0])


def check_fits(variables, prefix):
    """Raise UserError listing the variables whose names or shapes differ from the checkpoint's."""
    there = {n: tuple(s) for n, s in open_checkpoint(prefix).get_variable_to_shape_map().items()}
    wanted = {v.op.name: tuple(v.shape.as_list()) for v in variables}
    names = [n for n in sorted(there.keys() | wanted.keys()) if there.get(n) != wanted.get(n)]
    of_net = [name for name in names if not OPTIMIZER_VARIABLE.search(name)]
    if names and not of_net:
        raise UserError(
            f"{prefix}: {_optimizer_change(there, wanted)}; undo the change, or begin another "
            "--run with --warm-start"
        )
    off = [
        f"{name}: recipe {wanted.get(name, 'none')}, checkpoint {there.get(name, 'none')}"
        for name in of_net
    ]
    if off:
        raise UserError(
            f"{prefix}: the recipe does not fit the checkpoint ({len(off)} variables differ: "
            f"{off[0]}); undo the --set, choose another --run, or start over with --fresh",
            off[1:10],
        )


def _optimizer_change(before, now):
    """Say in words why two sets of variables differ in the optimizer's only."""
    before, now = _optimizer_of(before), _optimizer_of(now)
    if before == now:
        return f"was trained with other variables frozen, so the state of {now} does not fit"
    return (
        f"was trained with optimizer {before}, the recipe has {now}, whose state is not in the "
        "checkpoint"
    )


def _optimizer_of(names):
    """Return the optimizer whose variables are among names; the one without any is sgd."""
    kinds = {match[1] for name in names if (match := OPTIMIZER_VARIABLE.search(name))}
    return next((kind.lower() for kind in ("Momentum", "Adam") if kind in kinds), "sgd")
