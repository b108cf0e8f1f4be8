"""Files that the program of commit b4955ce wrote are read, gone on with and answered as by it.

By the commands alone, so that it holds whatever the program's modules and names are. The files,
what was expected of them, and how both were made: tests/before/. On the machine type that they were
made on results are equal to the last bit, elsewhere nearly so.
"""

import csv
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.before import made_up

BEFORE = Path(__file__).parent.parent / "before"
EXPECTED = BEFORE / "expected"
EXACT = json.loads((EXPECTED / "machine.json").read_text()) == made_up.machine()

# Elsewhere: of what fixed weights answer, and of weights after some steps. Rounding turns a ReLU on
# or off there now and then, which moved a gradient by 3e-5 without AVX-512, and without oneDNN.
ANSWERED, TRAINED = 1e-5, 1e-4

# What the fixtures were made with, in today's names; make_fixtures.py has those of then.
FRESH = {
    "r": [
        "net=resnet18(stages=(8, 8))",
        "loss=softmax(label_smoothing=0.1, weights='balanced')",
        "optimizer=momentum(momentum=0.9, nesterov=True)",
        "learning_rate=0.05",
        "epochs=1",
        "batch_size=8",
        "augment=flip(0.5) | rotate(0.2) | zoom(0.15) | translate(0.1) | noise(8.0)",
        "fill_mode=reflect",
        "scaling=mean",
        "equalize=True",
        "weight_decay=0.001",
        "weight_decay_on=('conv', 'output')",
        "bn_momentum=0.8",
        "ema_decay=0.9",
    ],
    "v": [
        "net=blocks(block_num=3, layer_num=1, filters=(4, 8, 8), pool_size=4, dropout_rate=0.2)",
        "loss=max_over_labels",
        "labels=multi(min_fraction=0.2)",
        "optimizer=adam(epsilon=1e-7)",
        "learning_rate=0.005",
        "schedule=plateau(patience=1, factor=0.5)",
        "epochs=1",
        "batch_size=16",
        "augment=crop(0.1) | brightness(0.3) | blur(1.0) | cutout(side=6, probability=0.5)",
        "fill_mode=constant",
        "mixup=0.2",
        "freeze=block1_1/bias",
        "weight_decay=0.0001",
        "ema_decay=0.8",
    ],
    "s": [
        "net=lenet(dense_units=8, dropout_rates=(0.3, 0.3, 0.3))",
        "loss=clipped_weighted(floor=1e-8)",
        "labels=sampled(max_classes=2, coverage=0.6)",
        "optimizer=sgd",
        "learning_rate=0.01",
        "epochs=1",
        "batch_size=16",
        "augment=translate(0.1) | contrast(0.3)",
        "weight_decay=0.001",
    ],
}
RECIPES = {"r": "tiny", "v": "ferplus", "s": "ferplus"}
RECORDS = {"r": "records", "v": "voted", "s": "voted"}
# --split of then -> today's.
SPLITS = {
    "official": "official",
    "ratios(0.6, 0.2)": "ratios(0.6, 0.2)",
    "first(30)": "first_rows(30)",
    "merged": "train_val",
    "fold(2, folds=4)": "fold(2, folds=4)",
}


@pytest.fixture
def root(tmp_path):
    """A copy of the files of before, as commands write beside what they read."""
    made_up.unpack(tmp_path)
    return tmp_path


def command(name, *words):
    main = importlib.import_module(f"fer2013_tf.{name}").main
    assert main([str(word) for word in words]) == 0


def folders(root, records="records", ckpt="ckpt"):
    return "--records", root / records, "--ckpt", root / ckpt, "--logs", root / "logs"


def assert_arrays(expected, found, tolerance):
    """{name: array} of then and now: the same names, the same values."""
    assert dict(found).keys() == dict(expected).keys()
    for name in expected:
        assert found[name].dtype == expected[name].dtype, name
        if EXACT:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        else:
            np.testing.assert_allclose(
                found[name], expected[name], rtol=1e-4, atol=tolerance, err_msg=name
            )


def assert_figures(expected, found, where=""):
    """Of two JSON values all numbers agree; texts and keys may have other names today.

    What has no namesake among the keys of one level stands for what is new there, in their order.
    """
    if isinstance(expected, dict):
        gone = [key for key in expected if key not in found]
        new = [key for key in found if key not in expected]
        assert len(gone) == len(new) or not gone, f"{where}: {gone} became {new}?"
        names = dict(zip(gone, new))
        for key in expected:
            if key not in ("seconds", "checksum"):  # of the clock, and of the keys' names
                assert_figures(expected[key], found[names.get(key, key)], f"{where}/{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, (left, right) in enumerate(zip(expected, found)):
            assert_figures(left, right, f"{where}/{number}")
    elif isinstance(expected, (int, float)):
        assert found == pytest.approx(expected, rel=1e-9 if EXACT else 1e-4), where
    elif expected is None:
        assert found is None, where


def assert_json(expected, found):
    assert_figures(*(json.loads(Path(path).read_text()) for path in (expected, found)))


def assert_csv(expected, found):
    """Rows, classes and probabilities; the columns' names only where they name classes."""
    with open(expected, newline="") as left, open(found, newline="") as right:
        (before, *wanted), (now, *there) = csv.reader(left), csv.reader(right)
    classes = [[name for name in head if name.startswith("p_")] for head in (before, now)]
    assert classes[0] == classes[1]
    chances = len(before) - len(classes[0])
    assert [row[:chances] for row in there] == [row[:chances] for row in wanted]
    wanted, there = (np.array([row[chances:] for row in of], float) for of in (wanted, there))
    assert_arrays({"probabilities": wanted}, {"probabilities": there}, ANSWERED)


@pytest.mark.parametrize("split", SPLITS)
def test_records_are_made_byte_for_byte(tmp_path, split):
    made_up.write_csv(tmp_path / "made_up.csv")
    out = tmp_path / "out"
    command("make_records", tmp_path / "made_up.csv", "--out", out, "--resplit", SPLITS[split])
    manifest = json.loads((out / "manifest.json").read_text())
    expected = json.loads((EXPECTED / "records.json").read_text())[split]
    shards = {name: [s["sha256"] for s in of] for name, of in manifest["shards"].items()}
    assert shards == expected["sha256"]
    spread = manifest.get("std", manifest.get("deviation"))
    assert [manifest["mean"], spread] == [expected["mean"], expected["deviation"]]


@pytest.mark.parametrize(("name", "options"), {"best": [], "last2": ["--tta", "flip"]}.items())
def test_checkpoints_answer_the_same(root, name, options):
    written = "--json", root / f"{name}.json", "--predictions", root / f"{name}.csv"
    command("eval", "--run", "r", "--ensemble", name, *options, *folders(root), *written)
    assert_json(EXPECTED / f"{name}.json", root / f"{name}.json")
    for split in ("PublicTest", "PrivateTest"):
        assert_csv(EXPECTED / f"{name}-{split}.csv", root / f"{name}-{split}.csv")


def test_a_recipe_without_checksum_is_read(root):
    """Those of version 1, older still, had none."""
    recipe = root / "ckpt/r/recipe.json"
    content = json.loads(recipe.read_text())
    del content["checksum"]
    recipe.write_text(json.dumps({**content, "version": 1}))
    out = root / "out.csv"
    command("eval", "--run", "r", *folders(root), "--split", "PublicTest", "--predictions", out)
    assert_csv(EXPECTED / "best-PublicTest.csv", out)


def test_runs_are_listed(root, capsys):
    command("runs", "--ckpt", root / "ckpt", "--logs", root / "logs")
    said = capsys.readouterr()
    for run, names in {"r": "tiny +resnet18 +12", "v": "ferplus +blocks +6"}.items():
        epochs = json.loads((root / "ckpt" / run / "history.json").read_text())["epochs"]
        best = 100 * max(entry["public_accuracy"] for entry in epochs)
        assert re.search(rf"^{run} +{names} +{best:.2f} %", said.out, re.MULTILINE)
    assert said.err == ""


@pytest.mark.parametrize("run", ["r", "v"])
def test_runs_are_gone_on_with(root, run):
    """Of r on the records of before; of v on the same made anew, which it has to know again."""
    if run == "v":
        shutil.rmtree(root / "voted")
        made_up.write_csv(root / "made_up.csv")
        made_up.write_votes(root / "votes.csv")
        votes = "--ferplus", root / "votes.csv", "--out", root / "voted"
        command("make_records", root / "made_up.csv", *votes)
    where = folders(root, RECORDS[run])
    command("train", "--run", run, *where, "--set", "epochs=3")
    there = root / "ckpt" / run
    with np.load(EXPECTED / f"resumed-{run}.npz") as expected:
        assert_arrays(expected, made_up.newest(there), TRAINED)
    history = json.loads((there / "history.json").read_text())
    expected = json.loads((EXPECTED / f"history-{run}.json").read_text())
    if not EXACT:  # fitted where the curve is flat
        for entry in (*history["epochs"], *expected["epochs"]):
            entry.pop("temperatures", None)
    assert_figures(expected, history)
    # What was written just now is read again.
    out = root / "out.json"
    what = "--ensemble", "latest", "--split", "PublicTest", "--json", out
    command("eval", "--run", run, *what, *where)
    accuracy = json.loads(out.read_text())["splits"]["PublicTest"]["accuracy"]
    assert accuracy == pytest.approx(expected["epochs"][-1]["public_accuracy"])


@pytest.mark.parametrize("run", FRESH)
def test_runs_begin_the_same(root, run):
    words = ["--recipe", RECIPES[run], "--precision", "float32", "--seed", "0", "--run", run]
    for setting in FRESH[run]:
        words += ["--set", setting]
    command("train", *words, *folders(root, RECORDS[run], "fresh"))
    found = made_up.newest(root / "fresh" / run)
    if run != "s":
        with np.load(EXPECTED / f"fresh-{run}.npz") as expected:
            assert_arrays(expected, found, TRAINED)
        return
    expected = json.loads((EXPECTED / "fresh-s.json").read_text())
    assert found.keys() == expected.keys()
    for name, (sha256, *sums) in expected.items():
        now, *sums_now = made_up.digest(found[name])
        assert now == sha256 if EXACT else sums_now == pytest.approx(sums, 1e-3, 1e-3), name


def test_weights_are_packed_the_same(root):
    command("ship", "--run", "r", "--ckpt", root / "ckpt", "--out", root / "out")
    packed = (root / name / "weights.npz" for name in ("weights", "out"))
    with np.load(next(packed)) as expected, np.load(next(packed)) as now:
        assert now.files == expected.files
        for name in expected.files:
            assert now[name].dtype == np.float16
            np.testing.assert_array_equal(now[name], expected[name], err_msg=name)


def test_shipped_weights_answer_the_same(root):
    """Put into a copy of the program, where it looks for them."""
    program = Path(importlib.import_module("fer2013_tf").__file__).parent
    copy = shutil.copytree(program, root / "copy" / program.name)
    (weights,) = copy.rglob("weights")
    shutil.copytree(root / "weights", weights, dirs_exist_ok=True)
    out = root / "out.json"
    evaluate = ["eval", "--run", "shipped", *folders(root, ckpt="none"), "--json", out]
    predict = ["predict", "face.png", "--faces", "none", "--run", "shipped", "--json", "-"]
    # In one process, as each takes seconds to load TensorFlow.
    lines = ["import importlib", "main = lambda n: importlib.import_module('fer2013_tf.' + n).main"]
    for name, *words in (evaluate, predict):
        lines.append(f"assert main({name!r})({[str(word) for word in words]!r}) == 0")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=EXPECTED,
        env={**os.environ, "PYTHONPATH": str(root / "copy")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert_json(root / "weights/evaluation.json", out)
    found = json.loads(done.stdout.splitlines()[-1])
    expected = json.loads((EXPECTED / "predict.json").read_text())
    if not EXACT:  # they are rounded to four digits
        expected["scores"] = pytest.approx(expected["scores"], abs=2e-4)
        assert found.pop("scores") == expected.pop("scores")
    assert_figures(expected, found)
    assert expected["expression"] in found.values()
