"""How the files beside this script were made: by the program of commit b4955ce, on one machine.

    git worktree add /tmp/before b4955ce
    PYTHONPATH=/tmp/before python tests/before/make_fixtures.py /tmp/fixtures

writes all of them; records, voted, ckpt and weights are then packed as files.tar.gz. This is a
record, and no part of the tests: the program of today does not know these names any more. Files
that it writes are no files of before, so do not make these again with it; where a result is meant
to change, say so in the test instead.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import made_up
import numpy as np

# What was given with --set, under the names of then. Not fewer than 8 filters: restricted to AVX2,
# TensorFlow 2.21's oneDNN gets the gradient of a strided 1x1 kernel on 4 channels wrong.
PLAIN = [
    "net=resnet18(stages=(8, 8))",
    "loss=softmax(label_smoothing=0.1, weights='balanced')",
    "optimizer=momentum(momentum=0.9, nesterov=True)",
    "learning_rate=0.05",
    "epochs=2",
    "batch_size=8",
    "augment=flip(0.5) | rotate(0.2) | zoom(0.15) | shift(0.1) | noise(deviation=8.0)",
    "fill=reflect",
    "scaling=mean",
    "equalise=True",
    "l2=0.001",
    "l2_on=('conv', 'output')",
    "bn_momentum=0.8",
    "ema_decay=0.9",
]
VOTED = [
    "net=blocks(block_num=3, layer_num=1, filters=(4, 8, 8), pool_size=4, dropout_rate=0.2)",
    "loss=any_of",
    "labels=multi(least=0.2)",
    "optimizer=adam(epsilon=1e-7)",
    "learning_rate=0.005",
    "schedule=plateau(patience=1, factor=0.5)",
    "epochs=1",
    "batch_size=16",
    "augment=crop(0.1) | brightness(0.3) | blur(1.0) | cutout(side=6, probability=0.5)",
    "fill=constant",
    "mixup=0.2",
    "freeze=block1_1/bias",
    "l2=0.0001",
    "ema_decay=0.8",
]
# From the second epoch on, so that recipe.json has changes of these names.
VOTED_CHANGES = ["labels=leading", "loss=l2svm(margin=0.8)", "l2=0.0002", "epochs=2"]
SPLITS = ["official", "ratios(0.6, 0.2)", "first(30)", "merged", "fold(2, folds=4)"]


def command(name, *words):
    """`python -m fer2013_tf.NAME WORDS`, in this process."""
    words = [str(word) for word in words]
    print("$ python -m fer2013_tf." + " ".join([name, *words]), flush=True)
    assert importlib.import_module(f"fer2013_tf.{name}").main(words) == 0


def train(root, records, run, recipe, settings, ckpt="ckpt"):
    words = ["--recipe", recipe, "--records", root / records, "--run", run, "--ckpt", root / ckpt]
    words += ["--logs", root / "logs", "--precision", "float32", "--seed", 0]
    for setting in settings:
        words += ["--set", setting]
    command("train", *words)


def make_records(root, expected):
    csv, votes = root / "made_up.csv", root / "votes.csv"
    made_up.write_csv(csv)
    made_up.write_votes(votes)
    command("make_records", csv, "--out", root / "records")
    command("make_records", csv, "--ferplus", votes, "--out", root / "voted")
    shards = {}
    for split in SPLITS:
        command("make_records", csv, "--out", root / "other", "--split", split)
        manifest = json.loads((root / "other" / "manifest.json").read_text())
        shards[split] = {
            "sha256": {name: [s["sha256"] for s in of] for name, of in manifest["shards"].items()},
            "mean": manifest["mean"],
            "deviation": manifest["deviation"],
        }
    (expected / "records.json").write_text(json.dumps(shards, indent=1) + "\n")


def runs(root):
    train(root, "records", "r", "tiny", PLAIN)
    train(root, "voted", "v", "ferplus", VOTED)
    train(root, "voted", "v", "ferplus", VOTED_CHANGES)


def evaluate(root, expected):
    who = "--records", root / "records", "--ckpt", root / "ckpt", "--logs", root / "logs"
    for name, words in {"best": (), "last2": ("--ensemble", "last2", "--tta", "flip")}.items():
        written = "--json", expected / f"{name}.json", "--predictions", expected / f"{name}.csv"
        command("eval", "--run", "r", *words, *who, *written)


def ship(root, expected):
    """Packs weights, and has a copy of the program answer with them."""
    weights = root / "weights"
    command("ship", "--run", "r", "--ckpt", root / "ckpt", "--out", weights)
    program = Path(importlib.import_module("fer2013_tf").__file__).parent
    shutil.copytree(program, root / "copy" / program.name)
    shutil.copytree(weights, root / "copy" / program.name / "weights", dirs_exist_ok=True)
    made_up.write_png(expected / "face.png")
    folders = ["--ckpt", root / "none", "--logs", root / "logs", "--records", root / "records"]
    for words in (
        ["eval", "--run", "shipped", "--json", weights / "evaluation.json", *folders],
        ["predict", "face.png", "--faces", "none", "--run", "shipped", "--json"],
    ):
        line = [sys.executable, "-m", f"fer2013_tf.{words[0]}", *map(str, words[1:])]
        environment = {**os.environ, "PYTHONPATH": str(root / "copy")}
        done = subprocess.run(
            line, env=environment, cwd=expected, check=True, stdout=subprocess.PIPE, text=True
        )
    (expected / "predict.json").write_text(done.stdout)


def resume(root, expected):
    """One epoch more, in copies."""
    shutil.copytree(root / "ckpt", root / "resumed")
    for run, records in (("r", "records"), ("v", "voted")):
        words = ["--run", run, "--records", root / records, "--ckpt", root / "resumed"]
        command("train", *words, "--logs", root / "logs", "--set", "epochs=3")
        there = root / "resumed" / run
        np.savez_compressed(expected / f"resumed-{run}.npz", **made_up.newest(there))
        shutil.copy(there / "history.json", expected / f"history-{run}.json")


def main(out):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        expected = root / "expected"
        expected.mkdir()
        make_records(root, expected)
        runs(root)
        evaluate(root, expected)
        ship(root, expected)
        resume(root, expected)
        (expected / "machine.json").write_text(json.dumps(made_up.machine(), indent=1) + "\n")
        for kept in ("records", "voted", "ckpt", "weights", "expected"):
            # The chart is only drawn; the lock only held while something runs.
            leave = shutil.ignore_patterns("counts.png", ".lock")
            shutil.copytree(root / kept, Path(out) / kept, ignore=leave)


if __name__ == "__main__":
    main(sys.argv[1])
