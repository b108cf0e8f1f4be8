"""Run several commands on one run at once: train, `eval --watch`, TensorBoard; two trainers."""

import re
import socket
import subprocess
import sys
import time
import urllib.request

from tests.faults import harness
from tests.faults.harness import Case

SECONDS = 240


def cases(scratch, share=1.0):
    """Yield the cases of one run that three programs work on."""
    training, words = harness.endless(scratch)
    run = harness.run_of(scratch)
    verdict = harness.judged(harness.run(words), run.folder)
    yield Case("a second trainer on the run", "named" if verdict == "named" else f"{verdict}!")
    watching, port = harness.watching(scratch), _free_port()
    board = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tensorboard.main",
            "--logdir",
            scratch / "logs",
            "--port",
            str(port),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end, pages, problems = time.monotonic() + max(30, SECONDS * share), 0, []
    while time.monotonic() < end:
        pages += _page(port)
        ended = harness.run(["fer2013_tf.runs", "--ckpt", scratch / "ckpt"])
        problems += [] if harness.judged(ended) == "went on" else [harness.judged(ended)]
        time.sleep(1)
    board.terminate()
    board.wait()
    watching.terminate()
    training.kill()
    watched, killed = harness.end_of(watching), harness.end_of(training)
    seen = len(re.findall(r"^step \d+: PublicTest", watched.out, re.MULTILINE))
    torn = watched.errors or "Traceback" in watched.err or not seen
    yield Case(
        f"eval --watch beside it: {seen} checkpoints, none torn",
        f"failed: {watched.err[-300:]}" if torn else "went on",
    )
    yield Case(f"TensorBoard beside it: {pages} responses", "went on" if pages else "no response")
    yield Case("runs beside it", problems[0] if problems else "went on")
    done = len(re.findall(r"^epoch ", killed.out, re.MULTILINE))
    yield Case(f"{done} epochs meanwhile", "went on" if done > 5 else killed.err[-300:])
    last = run.checkpoints()[-1].step // harness.EPOCH_STEPS
    ended = harness.run([*words, "--set", f"epochs={last + 2}"])
    verdict = harness.judged(ended)
    yield Case("the lock of a killed trainer does not block", verdict)
    yield Case("no point of TensorBoard twice or missing", _points(scratch, last + 2))


def _free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def _page(port):
    """Return 1 where TensorBoard responds with the run's scalars, else 0."""
    try:
        address = f"http://127.0.0.1:{port}/data/plugin/scalars/tags"
        with urllib.request.urlopen(address, timeout=5) as response:
            return int(b"accuracy/PublicTest" in response.read())
    except (OSError, urllib.error.URLError):
        return 0


def _points(scratch, epochs):
    points = harness.points(scratch / "logs" / "r")
    expected = [harness.EPOCH_STEPS * epoch for epoch in range(1, epochs + 1)]
    for tag in ("accuracy/PublicTest", "accuracy/Training", "loss/total"):
        steps = [step for step, _ in points[tag]]
        if [step for step in steps if step % harness.EPOCH_STEPS == 0] != expected:
            return f"{tag}: {len(steps)} points, expected {len(expected)}"
    return "went on"
