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
RECORDS = {"r": "records", "v": "voted"}
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


def assert_arrays(expected, found, tolerance, exact=EXACT):
    """{name: array} of then and now: the same names, the same values."""
    assert dict(found).keys() == dict(expected).keys()
    for name in expected:
        assert found[name].dtype == expected[name].dtype, name
        if exact:
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
    expected, found = (
        json.loads((folder / f"{name}.json").read_text()) for folder in (EXPECTED, root)
    )
    for split in ("PublicTest", "PrivateTest"):
        if name == "last2":  # today the temperatures are those of the ensemble
            for of_split in (expected["splits"][split], found["splits"][split]):
                of_split["calibration"] = {"before": of_split["calibration"]["before"]}
    assert_figures(expected, found)
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
    """Both on the records of before: today's rule for equal votes makes others of v's votes."""
    where = folders(root, RECORDS[run])
    command("train", "--run", run, *where, "--set", "epochs=3")
    there = root / "ckpt" / run
    with np.load(EXPECTED / f"resumed-{run}.npz") as expected:
        # Since then net blocks has the fast convolutions, which round otherwise.
        assert_arrays(expected, made_up.newest(there), TRAINED, exact=EXACT and run == "r")
    history = json.loads((there / "history.json").read_text())
    expected = json.loads((EXPECTED / f"history-{run}.json").read_text())
    # Of then it is the rate of the step after.
    for entry in (*history["epochs"], *expected["epochs"]):
        entry.pop("learning_rate")
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
