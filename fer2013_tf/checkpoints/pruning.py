"""List sweeps, and delete runs and sweeps: only files that this program wrote.

A sweep is a folder under `ckpt` that holds runs. Whatever else lies in a folder stays, and so does
the folder then.
"""

import contextlib
import shutil
from pathlib import Path

from fer2013_tf.checkpoints import run_folder, storage

# In logs/RUN, in logs/SWEEP.
LOG_FILES = (
    "events.out.tfevents.*",
    "curves.png",
    "confusion-*.png",
    "reliability-*.png",
    "train.log",
    "eval.log",
    "evaluation.json",
    "predictions.csv",
    "result.json",
)
SWEEP_FILES = ("results.csv", "curves.png", "accuracy.png", "speed.json")
PARTIAL = ".*.partial"
WATCH = "watch"


def list_sweeps(root):
    """Return {name: [Run]} of the sweeps under `root`, by name."""
    folders = [path for path in sorted(Path(root).glob("*")) if path.is_dir()]
    found = {f.name: run_folder.list_runs(f) for f in folders if not _is_run(f)}
    return {name: runs for name, runs in found.items() if runs}


def delete_run(run, logs):
    """Delete a `Run` and what its training and evaluation wrote under `logs`.

    Returns the paths of other files and folders, which stay.
    """
    with run.lock():
        for folder in (run.folder, run.best_folder):
            shutil.rmtree(folder / storage.PARTIAL, ignore_errors=True)
        left = _delete(run.best_folder, run_folder.OWN_FILES)
        left += _delete(run.folder, run_folder.OWN_FILES, treated=[run.best_folder.name])
    _remove_if_empty(run.folder)
    its_logs = Path(logs) / run.name
    left += _delete(its_logs / WATCH, LOG_FILES) + _delete(its_logs, LOG_FILES, treated=[WATCH])
    return left


def delete_sweep(root, name, logs):
    """Delete all runs of a sweep and its results under `logs`. Returns the paths that stay."""
    folder, its_logs = Path(root) / name, Path(logs) / name
    runs = run_folder.list_runs(folder)
    left = [path for run in runs for path in delete_run(run, its_logs)]
    treated = [run.name for run in runs]
    left += _delete(folder, (".lock",), treated) + _delete(its_logs, SWEEP_FILES, treated)
    return left


def _is_run(folder):
    return (folder / "recipe.json").exists()


def _delete(folder, patterns, treated=()):
    """Delete the files that fit a pattern, then the folder if it is empty. Returns what is left.

    treated: names of folders in it that the caller reports itself.
    """
    if not folder.is_dir():
        return []
    for pattern in (*patterns, PARTIAL):
        for path in folder.glob(pattern):
            # recipe.json last of all: while it is there, the folder is known as a run.
            if path.is_file() and path.name != "recipe.json":
                path.unlink()
    if "recipe.json" in patterns:
        (folder / "recipe.json").unlink(missing_ok=True)
    left = [path for path in folder.iterdir() if path.name not in treated]
    _remove_if_empty(folder)
    return left


def _remove_if_empty(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()
