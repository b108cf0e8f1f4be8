"""Run commands for fault cases, judge how they ended, and read the files they left."""

import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf.checkpoints import run_folder, storage
from tests import REPOSITORY, toy

# Every training has 4 epochs of 2 steps.
EPOCH_STEPS, EPOCHS = 2, 4


ENVIRONMENT = {
    "MPLBACKEND": "Agg",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONPATH": str(REPOSITORY),  # for commands that start elsewhere
}


class Ended(NamedTuple):
    """How a command ended."""

    status: int  # negative: the signal that killed it
    out: str
    err: str

    @property
    def errors(self):
        """Return the error lines."""
        return re.findall(r"^error: .*", self.err.replace("\r", "\n"), re.MULTILINE)


class Case(NamedTuple):
    """One fault, and how it ended."""

    name: str
    verdict: str  # one of VERDICTS; any other text describes a failure
    lost: int = 0  # finished epochs that had to be trained again


VERDICTS = ("went on", "named", "not hit")


def start(words, *, file_limit=None, cwd=REPOSITORY, **options):
    """Start a command, `MODULE ARGUMENT...` of this package, as a process in the folder `cwd`."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        preexec_fn=limit if file_limit else None,
        env={**os.environ, **ENVIRONMENT},
        **options,
    )


def run(words, **options):
    """Run a command to its end. Return `Ended`."""
    return end_of(start(words, **options))


def end_of(process):
    """Wait for a process. Return `Ended`."""
    out, err = process.communicate(timeout=600)
    return Ended(process.returncode, out, err)


def killed_at_touch(number, folder, log, words):
    """Run a command and kill it before its touch of that number under `folder`; see dying.py."""
    return run(["tests.faults.dying", log, folder, number, *words])


def killed_after(seconds, words):
    """Run a command and kill it after some seconds."""
    process = start(words)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return end_of(process)


def killed_when(appears, words):
    """Run a command and kill it as soon as `appears()` is true."""
    process = start(words)
    while process.poll() is None and not appears():
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    return end_of(process)


def touches(log):
    """Return the lines of a log of dying.py."""
    return Path(log).read_text().splitlines()


def spread(count, most, seed=0):
    """Return `count` different numbers from 1 to `most`, in order; all where there are fewer."""
    numbers = range(1, most + 1)
    return sorted(random.Random(seed).sample(numbers, min(count, most)))


def judged(ended, *names):
    """Return "went on" for status 0; "named" for status 2 and one error with one of `names`."""
    if "Traceback" in ended.err:
        return "traceback: " + ended.err.strip().splitlines()[-1]
    if ended.status == 0:
        return "went on"
    if ended.status == 2 and len(ended.errors) == 1:
        (line,) = ended.errors
        if any(str(name) in line for name in names):
            return "named"
        return f"names none of {', '.join(map(str, names))}: {line}"
    return f"status {ended.status}: {ended.errors or ended.err.strip()[-200:]}"


def train_words(records, root, *more):
    """Return a command line of train: float32, with all random values and all state."""
    return ["fer2013_tf.train", *toy.arguments(records, root, *more, settings=toy.EVERYTHING)]


def endless(scratch):
    """Start a training that rotates checkpoints. Return (process, words) when its first exists."""
    toy.write_records(scratch / "records", held_out=100)
    words = train_words(scratch / "records", scratch, "--keep", "2", "--set", "epochs=100000")
    training = start(words)
    while not run_of(scratch).checkpoints():
        time.sleep(0.2)
    return training, words


def watching(scratch):
    """Start `eval --watch` on the run of `endless`."""
    folders = [f"--{name}={scratch / name}" for name in ("records", "ckpt", "logs")]
    return start(["fer2013_tf.eval", "--run", "r", "--watch", *folders])


def run_of(root):
    """Return the run that `train_words` trains."""
    return run_folder.Run(Path(root) / "ckpt", "r")


def weights(prefix):
    """Return {name: array} of all variables of a checkpoint."""
    reader = storage.open_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def same_weights(left, right):
    """Return whether two dicts of `weights` are equal, bit for bit."""
    return left.keys() == right.keys() and all(np.array_equal(left[n], right[n]) for n in left)


def points(logs):
    """Return {tag: [(step, value)]} of the scalars that TensorBoard shows of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logs), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


class Trained(NamedTuple):
    """The files of a finished training, read."""

    root: Path
    weights: dict
    history: list
    best: int
    points: dict


def trained(root):
    """Read what a finished training left under `root`."""
    run = run_of(root)
    history = [{k: v for k, v in e.items() if k != "seconds"} for e in run.history()]
    return Trained(
        Path(root),
        weights(run.checkpoints()[-1].prefix),
        history,
        run.best().step,
        points(Path(root) / "logs" / "r"),
    )


def difference(root, reference):
    """Return as text how a training differs from the undisturbed one, or None."""
    found = trained(root)
    if [c.step for c in run_of(root).checkpoints()][-1] != EPOCH_STEPS * EPOCHS:
        return "stopped early"
    if not same_weights(found.weights, reference.weights):
        return "other weights"
    for name in ("history", "best", "points"):
        if getattr(found, name) != getattr(reference, name):
            return f"other {name}: {getattr(found, name)} instead of {getattr(reference, name)}"
    return None
