"""Sweeps end to end on a few images: done, stopped and resumed, skipped, compared, plotted."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest.mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer2013_tf import compare, sweep
from fer2013_tf.checkpoints import run_folder
from fer2013_tf.data import records
from fer2013_tf.experiments import estimates, results
from fer2013_tf.training import step_rate
from fer2013_tf.utils import files
from fer2013_tf.utils.tf1 import tf
from tests import toy

# Trainings and evaluations in processes of their own, each of which loads TensorFlow.
pytestmark = pytest.mark.slow

EPOCHS, FIRST = 8, "learning_rate-0.002"
PLAN = """
about = "a toy"
recipe = "tiny"
set = {settings}
keep = 1

[[axis]]
key = "learning_rate"
values = [0.002, 0.00001]
"""


def written(folder, *settings):
    path = folder / "toy.toml"
    path.write_text(PLAN.format(settings=[*toy.PLAIN, f"epochs={EPOCHS}", *settings]))
    return path


def words(plan, records, root, *more):
    folders = ["--ckpt", root / "ckpt", "--logs", root / "logs"]
    return [str(w) for w in (plan, "--records", records, *folders, "--precision", "float32", *more)]


@pytest.fixture(scope="module")
def done(records_dir, tmp_path_factory):
    """(root, plan, epochs done when stopped, printed lines) of a sweep of two trials.

    It is stopped by SIGTERM while the first one trains, and started again.
    """
    root = tmp_path_factory.mktemp("sweep")
    plan = written(root)
    run = run_folder.Run(root / "ckpt" / "toy", FIRST)
    line = [sys.executable, "-m", "fer2013_tf.sweep", *words(plan, records_dir, root)]
    child = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(run.history()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(timeout=60) == 143
    reached = len(run.history())
    said = io.StringIO()
    with contextlib.redirect_stdout(said), unittest.mock.patch.object(step_rate, "SECONDS", 0.1):
        assert sweep.main(words(plan, records_dir, root)) == 0
    return root, plan, reached, said.getvalue()


def test_run_writes_results_where_it_says(done):
    root, *_, said = done
    logs = root / "logs" / "toy"
    table = pd.read_csv(logs / "results.csv")
    assert table["run"].tolist() == [FIRST, "learning_rate-1e-05"]
    assert table["epochs"].tolist() == [EPOCHS] * 2 and table["parameters"].nunique() == 1
    for _, row in table.iterrows():
        assert row["PublicTest_low"] <= row["PublicTest"] <= row["PublicTest_high"]
    for name in ("curves.png", "accuracy.png"):
        assert Image.open(logs / name).width > 500
    assert "2 trainings: about" in said and "383,479" in said
    assert "best on PublicTest: learning_rate-" in said
    assert "within noise" in said or "more than chance" in said


def test_run_writes_trials_for_tensorboard(done):
    root, *_ = done
    folder = root / "logs" / "toy" / "learning_rate-0.002" / "hparams"
    tags = set()
    for path in folder.glob("events*"):
        for event in tf.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert "_hparams_/session_start_info" in tags and "result/PublicTest" in tags


def test_run_skips_what_is_done(done, records_dir, capsys):
    root, plan, *_ = done
    before = {p: p.stat().st_mtime_ns for p in (root / "ckpt").rglob("model.ckpt*")}
    assert sweep.main(words(plan, records_dir, root)) == 0
    assert "nothing left to train" in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in (root / "ckpt").rglob("model.ckpt*")}


def test_run_refuses_results_of_another_plan(done, records_dir, capsys):
    root, plan, *_ = done
    changed = plan.read_text().replace(f"epochs={EPOCHS}", "epochs=3")
    other = root / "other"
    other.mkdir()
    (other / "toy.toml").write_text(changed)
    assert sweep.main(words(other / "toy.toml", records_dir, root)) == 2
    assert "is of another recipe, seed or set of records" in capsys.readouterr().err


def test_run_recognizes_results_of_earlier_names(done, records_dir, capsys):
    root, plan, *_ = done
    path = root / "logs" / "toy" / FIRST / "result.json"
    before = path.read_bytes()
    content = files.read_json(path, "")
    content["setting"] = content.pop("trial")
    recipe = content["recipe"]
    for today, old in (
        ("weight_decay", "l2"),
        ("weight_decay_on", "l2_on"),
        ("equalize", "equalise"),
        ("fill_mode", "fill"),
    ):
        recipe[old] = recipe.pop(today)
    data = records.load_manifest(records_dir)
    # As the version before hashed it.
    hashed = [recipe, 0, None, [data["classes"], data["size"], data["source"]["sha256"]]]
    text = json.dumps(hashed, sort_keys=True)
    content["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    files.write_json(path, content)
    try:
        assert sweep.main(words(plan, records_dir, root)) == 0
        assert "nothing left to train" in capsys.readouterr().out
    finally:
        path.write_bytes(before)


def test_dry_run_trains_nothing_and_measures_once(records_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(step_rate, "SECONDS", 0.1)
    more = ["--dry-run", "--set", "epochs=7", "--name", "short"]
    assert sweep.main(words(written(tmp_path), records_dir, tmp_path, *more)) == 0
    first = capsys.readouterr()
    assert "plan short: a toy" in first.out and "2 trainings" in first.out
    # Progress with its rate and the time left.
    assert "measuring" in first.err and "trial" in first.err
    assert not (tmp_path / "ckpt").exists()

    monkeypatch.setattr(estimates, "measure", None)
    assert sweep.main(words(written(tmp_path), records_dir, tmp_path, *more)) == 0
    second = capsys.readouterr()
    assert "2 of 2 trials measured before" in second.out and "measuring" not in second.err
    table = [line for line in first.out.splitlines() if line.startswith("learning_rate")]
    assert len(table) == 2 and all(line in second.out.splitlines() for line in table)


@pytest.mark.parametrize(
    "more, said",
    [
        (["--only", "depth"], "no such axis; the plan has learning_rate"),
        (["--set", "epoch=3"], "--set epoch: unknown key"),
        (["--name", "../x"], "give a plain folder name"),
        ([], "no such plan"),
    ],
)
def test_main_refuses(records_dir, tmp_path, capsys, more, said):
    plan = written(tmp_path) if more else tmp_path / "gone.toml"
    assert sweep.main(words(plan, records_dir, tmp_path, *more)) == 2
    assert said in capsys.readouterr().err


def test_run_resumes_a_stopped_training(done):
    root, _, reached, _ = done
    assert 2 <= reached < EPOCHS
    run = run_folder.Run(root / "ckpt" / "toy", FIRST)
    log = (root / "logs" / "toy" / FIRST / "train.log").read_text()
    assert "SIGTERM: saved" in log and "going on from step" in log
    assert [entry["epoch"] for entry in run.history()] == list(range(1, EPOCHS + 1))
    result = files.read_json(root / "logs" / "toy" / FIRST / "result.json", "")
    assert result["epochs"] == EPOCHS


@pytest.mark.slow
def test_run_names_a_trial_that_fails_and_does_the_others(records_dir, tmp_path, capsys):
    plan = tmp_path / "toy.toml"
    text = PLAN.replace("[0.002, 0.00001]", "[1e30, 0.001]")
    plan.write_text(text.format(settings=[*toy.PLAIN, "epochs=1"]))
    assert sweep.main(words(plan, records_dir, tmp_path)) == 2
    error = capsys.readouterr().err
    assert "1 trial failed: learning_rate-1e-30" in error or "learning_rate-1e+30" in error
    assert len(pd.read_csv(tmp_path / "logs" / "toy" / "results.csv")) == 1


def test_main_without_public_test_refuses(tmp_path, capsys):
    toy.write_records(tmp_path / "rec", held_out=0, private=False)
    assert sweep.main(words(written(tmp_path), tmp_path / "rec", tmp_path)) == 2
    assert "no image is in PublicTest, by which trials are compared" in capsys.readouterr().err


def result_of(name, accuracy, seed=0):
    figures = {"accuracy": accuracy, "ci95": [accuracy - 0.01, accuracy + 0.01]}
    return {"run": f"{name}_{seed}", "trial": name, "splits": {"PublicTest": figures}}


@pytest.mark.parametrize("gap, verdict", [(0.002, "within noise"), (0.05, "more than chance")])
def test_conclusion_of_several_seeds(gap, verdict, tmp_path):
    found = [result_of("a", 0.6 + n / 500, n) for n in range(3)]
    found += [result_of("b", 0.6 + gap + n / 500, n) for n in range(3)]
    lines = results.seeds_table(found).splitlines()
    assert lines[1].split()[:4] == ["a", "60.20", "+-", "0.20"] and len(lines) == 3
    said = results.conclusion(found, tmp_path)
    assert said.startswith(f"best on PublicTest: b, {100 * (0.602 + gap):.2f} %")
    assert verdict in said


class TestCompare:
    def arguments(self, done, folder, *more):
        root = done[0]
        return [
            *more,
            *("--records", str(folder), "--ckpt", str(root / "ckpt" / "toy")),
            *("--logs", str(root / "logs")),
        ]

    def test_main_compares_every_run_that_has_checkpoints(
        self, done, records_dir, capsys, tmp_path
    ):
        out = tmp_path / "out"
        # A run that was begun, and has no checkpoint yet.
        empty = done[0] / "ckpt" / "toy" / "begun"
        (empty / "best").mkdir(parents=True)
        shutil.copy(empty.with_name(FIRST) / "recipe.json", empty)
        assert compare.main(self.arguments(done, records_dir, "--out", str(out))) == 0
        said = capsys.readouterr().out
        assert FIRST in said and "begun" not in said
        assert "383,479" in said and "McNemar" in said and "p = " in said
        for name in ("accuracy.png", "curves.png", "confusion.png"):
            assert np.asarray(Image.open(out / name)).std() > 5
        content = (out / "compare.json").read_text()
        assert '"right_alone"' in content and '"macro_f1"' in content

    def test_main_finds_no_difference_of_a_run_and_itself(
        self, done, records_dir, capsys, tmp_path
    ):
        runs = ["learning_rate-0.002", "learning_rate-0.002:latest"]
        words = self.arguments(done, records_dir, *runs, "--out", str(tmp_path), "--tta", "flip")
        assert compare.main(words) == 0
        assert "within noise" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "runs, said",
        [(["learning_rate-0.002"], "1 runs to compare"), (["a", "b"], "no such run")],
    )
    def test_main_refuses(self, done, records_dir, capsys, runs, said):
        assert compare.main(self.arguments(done, records_dir, *runs)) == 2
        assert said in capsys.readouterr().err
