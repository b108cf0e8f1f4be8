"""Full and read-only disks: a limit on the size of files, a small tmpfs, a read-only tmpfs.

Each command has to stop with one line that names what could not be written; older files are whole,
and once there is room the same command ends as if nothing had happened.
"""

import contextlib
import shutil
import subprocess
from pathlib import Path

from fer2013_tf.data import records
from fer2013_tf.utils.errors import UserError
from tests import csv_files, toy
from tests.faults import harness
from tests.faults.harness import Case

KB, MB = 1 << 10, 1 << 20


def cases(scratch, share=1.0):
    """Yield a `Case` per fault. share below 1: without those that have to mount something."""
    images = scratch / "records"
    toy.write_records(images)
    source = csv_files.written(scratch, "a.csv", csv_files.csv_of(60))
    root = scratch / "whole"
    assert harness.run(harness.train_words(images, root)).status == 0
    reference = harness.trained(root)
    yield from _limited(scratch, source, images, reference)
    if share < 1:
        return
    if not can_mount(scratch):
        print("no right to mount here: full and read-only disks are left out")
        return
    yield from _full(scratch, source, images, reference)
    yield from _read_only(scratch, source, images)


def _limited(scratch, source, images, reference):
    """Yield cases under RLIMIT_FSIZE, beyond which no file may grow."""
    for limit in (100, 10 * KB):
        out = scratch / f"limited-{limit}"
        words = ["fer2013_tf.make_records", source, "--out", out]
        verdict = harness.judged(harness.run(words, file_limit=limit), out)
        yield Case(f"make_records, files up to {limit} B", _no_set(out) or verdict)
        yield Case(f"make_records afterwards, {limit} B", harness.judged(harness.run(words)))
    out = scratch / "limited-images"
    words = ["fer2013_tf.make_records", source, "--out", scratch / "i", "--images", out]
    verdict = harness.judged(harness.run(words, file_limit=1 * KB), out, scratch / "i")
    yield Case("make_records --images, files up to 1 KB", verdict)
    for limit in (100, 20 * KB, 2 * MB, 30 * MB):
        root = scratch / f"limited-train-{limit}"
        words = harness.train_words(images, root)
        verdict = harness.judged(harness.run(words, file_limit=limit), root)
        yield Case(f"train, files up to {limit} B", verdict)
        ended = harness.run(words)
        verdict = harness.difference(root, reference) or harness.judged(ended)
        yield Case(f"train afterwards, {limit} B", verdict)
    for limit in (100, 20 * KB):
        out = scratch / f"limited-eval-{limit}"
        out.mkdir()
        verdict = harness.judged(harness.run(_eval(scratch, out), file_limit=limit), out)
        yield Case(f"eval, files up to {limit} B", verdict)


def _no_set(out):
    with contextlib.suppress(UserError):
        records.load_manifest(out)
        return f"{out} passes for whole"
    return None


def _eval(scratch, out, logs=None):
    folders = ["--records", scratch / "records", "--ckpt", scratch / "whole" / "ckpt"]
    return [
        *("fer2013_tf.eval", "--run", "r", "--split", "PublicTest", *folders),
        *("--logs", logs or out / "logs", "--json", out / "e.json", "--predictions", out / "p.csv"),
    ]


def can_mount(scratch):
    """Return whether this process may mount a tmpfs."""
    with (
        contextlib.suppress(OSError, subprocess.CalledProcessError),
        mounted(scratch / "try", "1m"),
    ):
        return True
    return False


@contextlib.contextmanager
def mounted(folder, size):
    """Mount a tmpfs of that size at `folder`, as long as the context lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


def _full(scratch, source, images, reference):
    """Yield cases on a tmpfs that fills up, and is then made larger."""
    with mounted(scratch / "small-records", "64k") as disk:
        words = ["fer2013_tf.make_records", source, "--out", disk / "out"]
        verdict = harness.judged(harness.run(words), disk)
        yield Case("make_records, disk of 64 KB", _no_set(disk / "out") or verdict)
        _mount("-o", "remount,size=10m", disk)
        yield Case("make_records after making room", harness.judged(harness.run(words)))
    # A checkpoint takes 46 MB, and the best one is a copy.
    for size in (20, 70, 110, 160):
        with mounted(scratch / f"small-train-{size}", f"{size}m") as disk:
            words = harness.train_words(images, disk)
            verdict = harness.judged(harness.run(words), disk)
            yield Case(f"train, disk of {size} MB", verdict)
            _mount("-o", "remount,size=1g", disk)
            ended = harness.run(words)
            problem = harness.difference(disk, reference)
            yield Case(f"train after making room, {size} MB", problem or harness.judged(ended))
    with mounted(scratch / "small-logs", "48k") as disk:
        words = harness.train_words(images, scratch / "logs-elsewhere", "--logs", disk)
        yield Case("train, --logs on a disk of 48 KB", harness.judged(harness.run(words), disk))
    with mounted(scratch / "small-eval", "8k") as disk:
        yield Case("eval, disk of 8 KB", harness.judged(harness.run(_eval(scratch, disk)), disk))


def _read_only(scratch, source, images):
    with mounted(scratch / "read-only", "500m") as disk:
        shutil.copytree(scratch / "whole", disk / "run")
        Path(disk / "empty").mkdir()
        _mount("-o", "remount,ro", disk)
        more = ("--set", "epochs=5")
        commands = {
            "make_records": ["fer2013_tf.make_records", source, "--out", disk / "out"],
            "make_records --images": [
                *("fer2013_tf.make_records", source, "--out", scratch / "o", "--images", disk / "i")
            ],
            "train": harness.train_words(images, disk / "new"),
            "train, going on": harness.train_words(images, disk / "run", *more),
            "train --logs": harness.train_words(images, scratch / "rw", "--logs", disk / "empty"),
            "eval --logs": _eval(scratch, scratch, disk / "empty"),
            "eval --json": _eval(scratch, disk, scratch / "logs"),
            "ship": [
                *("fer2013_tf.ship", "--run", "r", "--ckpt", scratch / "whole" / "ckpt"),
                *("--out", disk / "empty"),
            ],
            "runs prune": [
                *("fer2013_tf.runs", "prune", "r", "--yes", "--ckpt", disk / "run" / "ckpt"),
                *("--logs", disk / "run" / "logs"),
            ],
        }
        for name, words in commands.items():
            yield Case(f"{name}, read-only", harness.judged(harness.run(words), disk))
