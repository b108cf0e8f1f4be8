"""What all fault cases share: running a command, judging how it ended, reading what it left."""

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

from fer2013_tf import checkpoints
from tests import toy

REPOSITORY = Path(__file__).parent.parent.parent
# What every case of training starts from: 4 epochs of 2 steps.
EPOCH_STEPS, EPOCHS = 2, 4


class Ended(NamedTuple):
    """How a command ended."""

    status: int  # negative: the signal that killed it
    out: str
    err: str

    @property
    def errors(self):
        """The lines that say what went wrong."""
        return re.findall(r"^error: .*", self.err.replace("\r", "\n"), re.MULTILINE)


class Case(NamedTuple):
    """One fault, and what came of it."""

    name: str
    verdict: str  # see VERDICTS; anything else is a failure, in words
    lost: int = 0  # epochs that had been finished and had to be trained again


VERDICTS = ("went on", "named", "not hit")


def start(words, *, file_limit=None, **options):
    """A command, `MODULE ARGUMENT...` of this package, as a process."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        preexec_fn=limit if file_limit else None,
        env={**os.environ, "MPLBACKEND": "Agg", "TF_CPP_MIN_LOG_LEVEL": "3"},
        **options,
    )


def run(words, **options):
    """A command from its start to its end."""
    return end_of(start(words, **options))


def end_of(process):
    """Waits for a process."""
    out, err = process.communicate(timeout=600)
    return Ended(process.returncode, out, err)


def killed_at_touch(number, folder, log, words):
    """The command, killed before its touch of that number under `folder`; see dying.py."""
    return run(["tests.faults.dying", log, folder, number, *words])


def killed_after(seconds, words):
    """The command, killed after so long."""
    process = start(words)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return end_of(process)


def killed_when(appears, words):
    """The command, killed as soon as `appears()` is true."""
    process = start(words)
    while process.poll() is None and not appears():
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    return end_of(process)


def touches(log):
    """The lines of a log of dying.py."""
    return Path(log).read_text().splitlines()


def spread(count, most, seed=0):
    """`count` different numbers from 1 to `most`, in order; all of them where there are fewer."""
    numbers = range(1, most + 1)
    return sorted(random.Random(seed).sample(numbers, min(count, most)))


def judged(ended, *names):
    """ "went on" for status 0; "named" for one error line of status 2 that has one of `names`."""
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
    """A command line of train: float32, with all that draws or accumulates."""
    return ["fer2013_tf.train", *toy.arguments(records, root, *more, settings=toy.EVERYTHING)]


def endless(scratch):
    """(process, words) of a training that rotates checkpoints; its first is there."""
    toy.write_records(scratch / "records", held_out=100)
    words = train_words(scratch / "records", scratch, "--keep", "2", "--set", "epochs=100000")
    training = start(words)
    while not run_of(scratch).checkpoints():
        time.sleep(0.2)
    return training, words


def watching(scratch):
    """`eval --watch` on the run of `endless`, as a process."""
    folders = [f"--{name}={scratch / name}" for name in ("records", "ckpt", "logs")]
    return start(["fer2013_tf.eval", "--run", "r", "--watch", *folders])


def run_of(root):
    """The run that `train_words` trains."""
    return checkpoints.Run(Path(root) / "ckpt", "r")


def weights(prefix):
    """{name: array} of all that a checkpoint holds."""
    reader = checkpoints.open_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def same_weights(left, right):
    """Whether two such are equal, bit for bit."""
    return left.keys() == right.keys() and all(np.array_equal(left[n], right[n]) for n in left)


def points(logs):
    """{tag: [(step, value)]} of the scalars that TensorBoard shows of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logs), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


class Trained(NamedTuple):
    """What a training that nothing disturbed has left."""

    root: Path
    weights: dict
    history: list
    best: int
    points: dict


def trained(root):
    """Reads what a finished training left under `root`."""
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
    """In what a training differs from the undisturbed one, or None."""
    found = trained(root)
    if [c.step for c in run_of(root).checkpoints()][-1] != EPOCH_STEPS * EPOCHS:
        return "stopped early"
    if not same_weights(found.weights, reference.weights):
        return "other weights"
    for name in ("history", "best", "points"):
        if getattr(found, name) != getattr(reference, name):
            return f"other {name}: {getattr(found, name)} instead of {getattr(reference, name)}"
    return None
