"""Kill commands by SIGKILL, at writes and at random times, and start them again.

Training has to end as if nothing had happened, from the last finished epoch on; records are the old
set, the new one, or none; files of evaluation are whole or absent.
"""

import json
import random
import re
import time

from fer2013_tf.data import records
from fer2013_tf.utils import files
from fer2013_tf.utils.errors import UserError
from tests import csv_files, toy
from tests.faults import harness
from tests.faults.harness import EPOCH_STEPS, Case

SOME = {"train": 24, "times": 8, "saves": 6, "make_records": 14, "eval": 12}


def cases(scratch, share=1.0):
    """Yield a `Case` per kill. share: of the full number of kills."""
    count = {key: max(1, round(number * share)) for key, number in SOME.items()}
    yield from _trainings(scratch, count)
    yield from _records(scratch, count["make_records"])
    yield from _evaluations(scratch, count["eval"])


def _trainings(scratch, count):
    images = scratch / "records"
    toy.write_records(images)
    log, root = scratch / "log", scratch / "whole"
    root.mkdir()
    started = time.monotonic()
    whole = harness.killed_at_touch(0, root, log, harness.train_words(images, root))
    seconds = time.monotonic() - started
    assert whole.status == 0, whole.err
    reference = harness.trained(root)
    touched = harness.touches(log)

    for number in harness.spread(count["train"], len(touched)):
        root = scratch / f"touch-{number}"
        root.mkdir()
        words = harness.train_words(images, root)
        killed = harness.killed_at_touch(number, root, log, words)
        yield _again(f"train, before {_short(touched[number - 1])}", killed, words, root, reference)
    rng = random.Random(1)
    for number in range(count["times"]):
        root, moment = scratch / f"time-{number}", rng.uniform(0.4, 1.0) * seconds
        words = harness.train_words(images, root)
        killed = harness.killed_after(moment, words)
        yield _again(f"train, after {moment:.1f} s", killed, words, root, reference)
    for number in range(count["saves"]):
        root, step = scratch / f"save-{number}", EPOCH_STEPS * (1 + number % 3)
        words = harness.train_words(images, root)
        killed = harness.killed_when(_is_saving(root, step), words)
        yield _again(f"train, TensorFlow writing step {step}", killed, words, root, reference)


def _is_saving(root, step):
    """Return a function that tells whether TensorFlow is writing that step's checkpoint now."""
    folder = harness.run_of(root).folder
    return lambda: any(folder.glob(f".partial/model.ckpt-{step}*"))


def _again(name, killed, words, root, reference):
    """Start a killed training again and compare its end with the undisturbed one's."""
    if killed.status == 0:
        return Case(name, "not hit")
    finished = max(map(int, re.findall(r"^epoch +(\d+)/", killed.out, re.MULTILINE)), default=0)
    ended = harness.run(words)
    verdict = harness.judged(ended)
    if verdict != "went on":
        return Case(name, verdict)
    resumed = re.search(r"^going on from step (\d+)", ended.out, re.MULTILINE)
    begun = int(resumed[1]) // EPOCH_STEPS if resumed else 0
    if begun < finished - 1 or (finished and not resumed):
        verdict = f"silent restart from epoch {begun}, {finished} were finished"
    elif difference := harness.difference(root, reference):
        verdict = difference
    return Case(name, verdict, max(0, finished - begun))


def _short(touch):
    _, event, path = touch.split(" ", 2)
    return f"{event} {re.sub(r'[0-9]{3,}', 'N', path)}"


def _records(scratch, count):
    source = csv_files.written(scratch, "new.csv", csv_files.csv_of(60))
    older = csv_files.written(scratch, "old.csv", csv_files.csv_of(30))
    log, whole = scratch / "log", scratch / "made"
    words = ["fer2013_tf.make_records", source, "--shards", "2"]
    whole.mkdir()
    assert harness.killed_at_touch(0, whole, log, [*words, "--out", whole]).status == 0
    touched = harness.touches(log)
    new = records.load_manifest(whole)
    for number in harness.spread(count, len(touched)):
        out = scratch / f"made-{number}"
        out.mkdir()
        old = None
        # Every other time over an older set.
        if number % 2:
            assert harness.run(["fer2013_tf.make_records", older, "--out", out]).status == 0
            old = records.load_manifest(out)
        killed = harness.killed_at_touch(number, out, log, [*words, "--out", out])
        name = f"make_records, before {_short(touched[number - 1])}"
        if killed.status == 0:
            yield Case(name, "not hit")
            continue
        verdict = _half_written(out, old, new)
        if not verdict:
            ended = harness.run([*words, "--out", out])
            verdict = harness.judged(ended)
            if verdict == "went on" and not _whole(out, new):
                verdict = "another set than the undisturbed one"
            if any(out.glob(".partial-*")):
                verdict = "left a half-written set"
        yield Case(name, verdict)


def _half_written(out, old, new):
    """Return what is wrong with the set a killed make_records left, or None."""
    try:
        records.load_manifest(out)
    except UserError as error:
        return None if old is None and "no records here" in str(error) else str(error)
    return None if _whole(out, new) or _whole(out, old) else "neither the old set nor the new one"


def _whole(out, manifest):
    """Return whether a folder holds the set of that manifest."""
    if manifest is None or records.load_manifest(out) != manifest:
        return False
    shards = {s["file"]: s["sha256"] for group in manifest["shards"].values() for s in group}
    there = {path.name: files.file_sha256(path) for path in out.glob("*.tfrecord")}
    # Shards of the older set are removed last; nothing reads them.
    return shards.items() <= there.items()


def _evaluations(scratch, count):
    root, log = scratch / "whole", scratch / "log"

    def words(out):
        folders = [
            "--records",
            scratch / "records",
            "--ckpt",
            root / "ckpt",
            "--logs",
            out / "logs",
        ]
        wanted = [
            "--json",
            out / "e.json",
            "--predictions",
            out / "p.csv",
            "--mistakes",
            out / "m.png",
        ]
        return ["fer2013_tf.eval", "--run", "r", "--ensemble", "last3", *folders, *wanted]

    whole = scratch / "evaluated"
    whole.mkdir()
    assert harness.killed_at_touch(0, whole, log, words(whole)).status == 0
    touched = harness.touches(log)
    for number in harness.spread(count, len(touched)):
        out = scratch / f"evaluated-{number}"
        out.mkdir()
        killed = harness.killed_at_touch(number, out, log, words(out))
        verdict = "not hit" if killed.status == 0 else _differing(out, whole, all_there=False)
        if not verdict:
            verdict = harness.judged(harness.run(words(out)))
        if verdict == "went on":
            verdict = _differing(out, whole, all_there=True) or verdict
        yield Case(f"eval, before {_short(touched[number - 1])}", verdict)


def _differing(out, whole, *, all_there):
    """Return the first result that differs from the undisturbed one, or None."""
    for name in ("e.json", "p-PublicTest.csv", "p-PrivateTest.csv", "m-PublicTest.png"):
        if not (out / name).exists():
            if all_there:
                return f"{name} is missing"
        elif name.endswith("json"):
            if json.loads((out / name).read_text()) != json.loads((whole / name).read_text()):
                return f"{name} differs"
        elif (out / name).read_bytes() != (whole / name).read_bytes():
            return f"{name} differs"
    return None
