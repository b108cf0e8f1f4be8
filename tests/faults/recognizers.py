"""The library's Recognizer: options, calibration, Grad-CAM, forks, copies, threads, memory."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from fer2013_tf import Explainer, Recognizer, UserError, train
from tests import REPOSITORY, toy
from tests.faults import harness
from tests.faults.harness import Case

GRAY = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
REFUSED = [
    *({"min_confidence": value} for value in (60, -1, float("nan"), "0.5", True, None)),
    *({"tta": value} for value in ("Flip", None, True)),
    *({"faces": value} for value in ("all", "", 0)),
    *({"precision": "float16"}, {"detector": ["haar"]}, {"alignment": "wide"}, {"many": 1}),
    *({"ensemble": 5}, {"ensemble": ""}, {"run": None}, {"ckpt": 7}),
]
# Recognizers of the memory case, and how many come before the measurement. The allocator moves by
# some 25 MB; a leak of one graph each was 80 MB.
RUNS, REUSES = 60, 20
GROWTH_MB = 40
FORK = """
import os, signal, numpy as np
from fer2013_tf import Recognizer, UserError
gray = np.zeros((300, 300), np.uint8)
{before}
def child():
    signal.alarm(60)
    try:
        {then}
    except UserError as error:
        os.write(1, str(error).encode())
    os._exit(0)
{start}
"""
BY_FORK = "if (number := os.fork()) == 0: child()\nos.waitpid(number, 0)"
BY_POOL = (
    "import multiprocessing as m\np = m.get_context('fork').Process(target=child)\n"
    "p.start(); p.join()"
)
MADE = "used = Recognizer(faces='none'); used.predict(gray)"
FORKS = {
    "used in a child": (MADE, "used.predict(gray)", BY_FORK),
    "made in a child": (MADE, "Recognizer()", BY_FORK),
    "made in a child after it was closed": (MADE + "; used.close()", "Recognizer()", BY_FORK),
    "used in multiprocessing's fork": (MADE, "used.predict(gray)", BY_POOL),
    "a detector used in a child": (
        "from fer2013_tf.faces import detectors\nfrom PIL import Image\n"
        "find = detectors.load('blazeface'); find(Image.fromarray(gray))",
        "find(Image.fromarray(gray))",
        BY_FORK,
    ),
    "TensorFlow of others used before": (
        "import tensorflow as tf; tf.matmul(tf.ones((9, 9)), tf.ones((9, 9)))",
        "Recognizer()",
        BY_FORK,
    ),
}


def cases(scratch, share=1.0):
    """Yield the cases, on a small run."""
    toy.write_records(scratch / "records")
    words = harness.train_words(scratch / "records", scratch)
    assert harness.run(words).status == 0
    yield from _options()
    yield from _calibration(scratch)
    yield from _gradcam(scratch / "ckpt")
    for name, parts in FORKS.items():
        yield Case(f"fork: {name}", _forked(*parts))
    yield from _copies(scratch / "ckpt")
    yield Case("train.main in a thread", _trained_in_a_thread(scratch))
    yield Case(f"memory of {RUNS} Recognizers", _memory(scratch / "ckpt"))
    yield Case("TensorFlow's messages", _messages(scratch / "ckpt"))


def _options():
    for option in REFUSED:
        ((name, value),) = option.items()
        try:
            Recognizer(**option).close()
            verdict = "taken"
        except UserError as error:
            verdict = "named" if str(error).startswith(f"{name} {value!r}: ") else str(error)
        yield Case(f"option {name}={value!r}", verdict)
    for value in ("60", "-1", "nan"):
        ended = harness.run(["fer2013_tf.predict", "--min-confidence", value])
        yield Case(f"predict --min-confidence {value}", harness.judged(ended, "--min-confidence"))


def _calibration(scratch):
    ckpt, kept = scratch / "ckpt", scratch / "ckpt" / "r" / "calibration.json"
    for which, tta in (("last3", "flip"), ("last2", "none"), ("best", "flip")):
        before = _calibrated(ckpt, which, tta)
        more = ["--split", "PrivateTest"]
        assert harness.run(_eval(scratch, which, tta, *more)).status == 0
        private = _calibrated(ckpt, which, tta)
        assert harness.run(_eval(scratch, which, tta, "--split", "PublicTest")).status == 0
        states = before, private, _calibrated(ckpt, which, tta)
        verdict = "went on" if states == (False, False, True) else f"calibrated: {states}"
        yield Case(f"calibration of {which}, {tta}", verdict)
    text = kept.read_text()
    for name, damaged in (("cut", text[:-30]), ("changed", text.replace("0.1", "0.2"))):
        kept.write_text(damaged)
        words = _eval(scratch, "last3", "flip", "--split", "PublicTest")
        yield Case(f"calibration.json {name}", harness.judged(harness.run(words), kept))
    kept.write_text(text)


def _eval(scratch, which, tta, *more):
    where = [f"--{name}={scratch / name}" for name in ("records", "ckpt", "logs")]
    return ["fer2013_tf.eval", "--run", f"r:{which}", "--tta", tta, *where, *more]


def _calibrated(ckpt, which, tta):
    with Recognizer("r", ckpt=ckpt, ensemble=which, tta=tta, faces="none") as recognizer:
        return recognizer.calibrated


def _gradcam(ckpt):
    for which, tta in (("best", "none"), ("last3", "flip"), ("last4", "none")):
        with Recognizer("r", ckpt=ckpt, ensemble=which, tta=tta, faces="none") as recognizer:
            explainer = Explainer(recognizer)
            maps = {name: explainer.gradcam(GRAY, name) for name in recognizer.classes}
            views = [explainer.gradcam(GRAY[:, ::-1], name)[:, ::-1] for name in maps]
        # With flip a face and its mirror image have mirrored maps.
        same = all(np.allclose(a, b, atol=1e-5) for a, b in zip(maps.values(), views))
        differ = len({each.tobytes() for each in maps.values()}) > 1
        good = differ and same == (tta == "flip")
        yield Case(f"Grad-CAM of {which}, {tta}", "went on" if good else f"{differ}, {same}")


def _forked(before, then, start):
    code = FORK.format(before=before, then=then, start=start)
    words = [sys.executable, "-c", code]
    try:
        ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        return "hangs"
    named = ran.stdout.startswith("TensorFlow ran before this process was forked")
    return "named" if named else f"said {ran.stdout!r}, {ran.stderr[-200:]!r}"


def _copies(ckpt):
    with Recognizer("r", ckpt=ckpt, faces="none", tta="flip") as first:
        expected = first.predict(GRAY)[0].probabilities
        ways = {
            "pickle": lambda: pickle.loads(pickle.dumps(first)),
            "deepcopy": lambda: copy.deepcopy(first),
            "copy": lambda: copy.copy(first),
        }
        for name, way in ways.items():
            with way() as made:
                same = np.array_equal(made.predict(GRAY)[0].probabilities, expected)
            yield Case(f"{name} of a Recognizer", "went on" if same else "predicts otherwise")
        assert np.array_equal(first.predict(GRAY)[0].probabilities, expected)


def _trained_in_a_thread(scratch):
    words = toy.arguments(scratch / "records", scratch / "thread", settings=("epochs=1",))
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(train.main(words)))
    thread.start()
    thread.join()
    found = harness.run_of(scratch / "thread").checkpoints()
    return "went on" if statuses == [0] and found else f"status {statuses}, {len(found)} saved"


def _memory(ckpt):
    for number in range(RUNS):
        with Recognizer("r", ckpt=ckpt, faces="none") as recognizer:
            recognizer.predict(GRAY)
        if number + 1 == REUSES:
            before = _resident()
    grown = _resident() - before
    return "went on" if grown < GROWTH_MB else f"grew by {grown:.0f} MB"


def _resident():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _messages(ckpt):
    code = "from fer2013_tf import Recognizer; import numpy as np, sys\n"
    code += f"Recognizer('r', ckpt={str(ckpt)!r}).predict(np.zeros((99, 99), np.uint8))"
    clean = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    words = [sys.executable, "-c", code]
    ran = subprocess.run(words, cwd=REPOSITORY, env=clean, capture_output=True, text=True)
    return "went on" if (ran.returncode, ran.stderr) == (0, "") else ran.stderr[-200:]
