"""Damage files: records, checkpoints, settings, history cut off, overwritten, a bit flipped.

The next command either ends as it would have without the damage, or stops with one line that names
the file. A training whose newest checkpoint is damaged goes on from the one before, and says so.
"""

import json
import random
import shutil
from pathlib import Path

from tests import toy
from tests.faults import harness
from tests.faults.harness import Case

# How often each file is damaged, in the full run.
TIMES = 14


def cases(scratch, share=1.0):
    """Yield a `Case` per damaged file."""
    root, images = scratch / "whole", scratch / "records"
    toy.write_records(images)
    # A run of 3 of the 4 epochs, and what it ends with.
    begun = scratch / "begun"
    assert harness.run(_train(begun, "--set", "epochs=3")).status == 0
    shutil.copytree(begun, root)
    assert harness.run(_train(root, "--set", "epochs=4")).status == 0
    reference = harness.trained(root)
    expected = scratch / "e.json"
    assert harness.run(_eval(begun, expected)).status == 0
    expected = json.loads(expected.read_text())
    times = max(1, round(TIMES * share))
    for kind, pattern, command in FILES:
        for number in range(times):
            case = scratch / f"{kind.replace(' ', '-')}-{command}-{number}"
            shutil.copytree(begun, case)
            (path,) = case.glob(pattern)
            done = damage(path, number)
            name = f"{command}, {kind}: {done}"
            if command == "train":
                yield Case(name, _trained(case, path, reference))
            else:
                yield Case(name, _evaluated(case, path, expected))
            shutil.rmtree(case)


# What is damaged, and the command that meets it.
FILES = (
    ("Training's shard", "records/Training-*.tfrecord", "train"),
    ("PublicTest's shard", "records/PublicTest-*.tfrecord", "train"),
    ("PublicTest's shard", "records/PublicTest-*.tfrecord", "eval"),
    ("manifest", "records/manifest.json", "train"),
    ("manifest", "records/manifest.json", "eval"),
    ("newest index", "ckpt/r/model.ckpt-6.index", "train"),
    ("newest data", "ckpt/r/model.ckpt-6.data-*", "train"),
    ("newest index", "ckpt/r/model.ckpt-6.index", "eval"),
    ("newest data", "ckpt/r/model.ckpt-6.data-*", "eval"),
    ("older data", "ckpt/r/model.ckpt-4.data-*", "train"),
    ("best data", "ckpt/r/best/model.ckpt-*.data-*", "train"),
    ("list of checkpoints", "ckpt/r/checkpoint", "train"),
    ("recipe.json", "ckpt/r/recipe.json", "train"),
    ("recipe.json", "ckpt/r/recipe.json", "eval"),
    ("history.json", "ckpt/r/history.json", "train"),
)


def damage(path, number):
    """Damage a file in the way `number` says. Return what was done, as text."""
    data, rng = bytearray(path.read_bytes()), random.Random(f"{path.name} {number}")
    size = len(data)
    if number % 2:
        # Half of all: one bit, anywhere.
        at, bit = rng.randrange(size), rng.randrange(8)
        data[at] ^= 1 << bit
        done = f"bit {bit} of byte {at} of {size}"
    elif number in CUTS:
        end = CUTS[number](size, rng)
        del data[end:]
        done = f"cut off after {end} of {size}"
    elif number % 4:
        start = rng.randrange(size)
        data[start : start + 512] = bytes(len(data[start : start + 512]))
        done = f"zeros from {start} on, of {size}"
    else:
        data += b"\\0" * rng.randrange(1, 100)
        done = f"{len(data) - size} bytes added to {size}"
    path.write_bytes(data)
    return done


# Where a file is cut off: at nothing, a byte, a block, in the middle, before its last byte.
CUTS = {
    0: lambda size, rng: 0,
    2: lambda size, rng: size - 1,
    4: lambda size, rng: size // 2,
    6: lambda size, rng: min(size - 1, 4096 * max(1, size // 8192)),
    8: lambda size, rng: rng.randrange(1, size),
}


def _folders(root):
    return ["--records", root / "records", "--ckpt", root / "ckpt", "--logs", root / "logs"]


def _train(root, *more):
    root.mkdir(exist_ok=True)
    if not (root / "records").exists():
        toy.write_records(root / "records")
    # A learning rate that does not depend on the number of epochs, which is raised here.
    return harness.train_words(root / "records", root, "--set", "schedule=constant", *more)


def _eval(root, json_file):
    words = ["fer2013_tf.eval", "--run", "r", "--ensemble", "last2", "--split", "PublicTest"]
    return [*words, *_folders(root), "--json", json_file]


def _trained(root, path, reference):
    words = ["fer2013_tf.train", "--run", "r", *_folders(root), "--set", "epochs=4"]
    ended = harness.run(words)
    verdict = harness.judged(ended, path, Path(path).with_suffix(""))
    if verdict == "went on":
        verdict = harness.difference(root, reference) or verdict
    if verdict == "went on" and "going on from step" not in ended.out:
        verdict = "silent restart"
    # A damaged newest checkpoint that was passed over has to be named too.
    if verdict == "went on" and "going on from step 6" not in ended.out:
        named = f"note: {Path(path).with_suffix('')}" in ended.err
        verdict = "went on" if named else "fell back silently"
    return verdict


def _evaluated(root, path, expected):
    ended = harness.run(_eval(root, root / "e.json"))
    verdict = harness.judged(ended, path, Path(path).with_suffix(""))
    if verdict == "went on" and json.loads((root / "e.json").read_text()) != expected:
        verdict = "other figures"
    return verdict
