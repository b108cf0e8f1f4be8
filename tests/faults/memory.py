"""Measure resident memory over a long time: `eval --watch`, and many predictions."""

import subprocess
import sys
import time
from pathlib import Path

from tests.faults import harness
from tests.faults.harness import Case

WATCHED_SECONDS, PREDICTIONS = 600, 100_000
# Largest growth from a tenth of the way to the end.
GROWTH = 1.05

PREDICTING = """
import sys
import numpy as np
from fer2013_tf.evaluation.classifier import Classifier
from tests import toy

data = {"classes": list("abcdefg"), "size": [48, 48], "mean": 128.0, "std": 64.0}
faces = np.random.default_rng(0).integers(0, 256, (64, 48, 48), np.uint8)
with Classifier(toy.recipe(), data, latency_mode=True) as classifier:
    random = np.random.default_rng(1)
    shapes = {name: value.shape.as_list() for name, (value, _) in classifier.net.assign.items()}
    classifier.load({n: random.normal(0, 0.05, s) ** 2 for n, s in shapes.items()})
    for number in range(int(sys.argv[1])):
        classifier.probabilities(faces[number % 64 : number % 64 + 1])
        if number % 100 == 0:
            print(open("/proc/self/statm").read().split()[1], flush=True)
"""


def cases(scratch, share=1.0):
    """Yield a `Case` for each of the two."""
    yield _predictions(max(2000, round(PREDICTIONS * share)))
    yield _watching(scratch, max(45, WATCHED_SECONDS * share))


def _judged(name, sizes):
    """Return the `Case` of resident pages `sizes`, in the order of time."""
    early, late = max(sizes[: len(sizes) // 10 + 1]), max(sizes)
    text = f"{name}: {late * 4096 / 2**20:.0f} MB, {late / early - 1:+.1%} since a tenth of the way"
    return Case(text, "went on" if late <= GROWTH * early else "memory grows")


def _predictions(count):
    words = [sys.executable, "-c", PREDICTING, str(count)]
    ran = subprocess.run(words, cwd=harness.REPOSITORY, capture_output=True, text=True, check=True)
    return _judged(f"{count} predictions in one process", list(map(int, ran.stdout.split())))


def _watching(scratch, seconds):
    """Watch a training that saves a checkpoint every few steps."""
    training, _ = harness.endless(scratch)
    watching = harness.watching(scratch)
    sizes, end = [], time.monotonic() + seconds
    try:
        time.sleep(20)
        while time.monotonic() < end and watching.poll() is None:
            sizes.append(int(Path(f"/proc/{watching.pid}/statm").read_text().split()[1]))
            time.sleep(0.5)
    finally:
        watching.terminate()
        training.terminate()
        watched, trained = harness.end_of(watching), harness.end_of(training)
    steps = watched.out.count("PublicTest")
    name = f"eval --watch for {seconds:.0f} s, {steps} checkpoints"
    for ended in (watched, trained):
        if ended.status != 143 or ended.errors or "Traceback" in ended.err:
            return Case(name, f"status {ended.status}: {ended.err[-300:]}")
    return _judged(name, sizes)
