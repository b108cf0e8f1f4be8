"""Sweeps end to end on a few pictures: done, stopped and continued, skipped, judged, drawn."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
import unittest.mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer2013_tf import checkpoints, compare, costs, files, sweep, trials
from fer2013_tf.tensorflow1 import tf
from tests import toy

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
def done(folder, tmp_path_factory):
    """(root, plan, epochs done when stopped, printed lines) of a sweep of two settings.

    It is stopped by SIGTERM while the first one trains, and started again.
    """
    root = tmp_path_factory.mktemp("sweep")
    plan = written(root)
    run = checkpoints.Run(root / "ckpt" / "toy", FIRST)
    line = [sys.executable, "-m", "fer2013_tf.sweep", *words(plan, folder, root)]
    child = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(run.history()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(timeout=60) == 143
    reached = len(run.history())
    said = io.StringIO()
    with contextlib.redirect_stdout(said), unittest.mock.patch.object(costs, "SECONDS", 0.1):
        assert sweep.main(words(plan, folder, root)) == 0
    return root, plan, reached, said.getvalue()


def test_results_stand_where_it_says(done):
    root, *_, said = done
    logs = root / "logs" / "toy"
    table = pd.read_csv(logs / "results.csv")
    assert table["run"].tolist() == [FIRST, "learning_rate-1e-05"]
    assert table["epochs"].tolist() == [EPOCHS] * 2 and table["parameters"].nunique() == 1
    for _, row in table.iterrows():
        assert row["PublicTest_low"] <= row["PublicTest"] <= row["PublicTest_high"]
    for name in ("curves.png", "accuracy.png"):
        assert Image.open(logs / name).width > 500
    assert "2 trainings: about" in said and "2,936,391" in said
    assert "best on PublicTest: learning_rate-" in said
    assert "within noise" in said or "more than chance" in said


def test_tensorboard_shows_the_settings(done):
    root, *_ = done
    folder = root / "logs" / "toy" / "learning_rate-0.002" / "hparams"
    tags = set()
    for path in folder.glob("events*"):
        for event in tf.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert "_hparams_/session_start_info" in tags and "result/PublicTest" in tags


def test_what_is_done_is_skipped(done, folder, capsys):
    root, plan, *_ = done
    before = {p: p.stat().st_mtime_ns for p in (root / "ckpt").rglob("model.ckpt*")}
    assert sweep.main(words(plan, folder, root)) == 0
    assert "nothing left to train" in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in (root / "ckpt").rglob("model.ckpt*")}


def test_a_changed_plan_is_refused(done, folder, capsys):
    root, plan, *_ = done
    changed = plan.read_text().replace(f"epochs={EPOCHS}", "epochs=3")
    other = root / "other"
    other.mkdir()
    (other / "toy.toml").write_text(changed)
    assert sweep.main(words(other / "toy.toml", folder, root)) == 2
    assert "is of another recipe, seed or set of records" in capsys.readouterr().err


def test_dry_run_trains_nothing(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(costs, "SECONDS", 0.1)
    more = ["--dry-run", "--set", "epochs=7", "--name", "short"]
    assert sweep.main(words(written(tmp_path), folder, tmp_path, *more)) == 0
    said = capsys.readouterr().out
    assert "plan short: a toy" in said and "2 trainings" in said
    assert not (tmp_path / "ckpt").exists()


@pytest.mark.parametrize(
    "more, said",
    [
        (["--only", "depth"], "no such axis; the plan has learning_rate"),
        (["--set", "epoch=3"], "--set epoch: unknown key"),
        (["--name", "../x"], "give a plain folder name"),
        ([], "no such plan"),
    ],
)
def test_refusals(folder, tmp_path, capsys, more, said):
    plan = written(tmp_path) if more else tmp_path / "gone.toml"
    assert sweep.main(words(plan, folder, tmp_path, *more)) == 2
    assert said in capsys.readouterr().err


def test_stopped_in_the_middle_it_goes_on(done):
    root, _, reached, _ = done
    assert 2 <= reached < EPOCHS
    run = checkpoints.Run(root / "ckpt" / "toy", FIRST)
    log = (root / "logs" / "toy" / FIRST / "train.log").read_text()
    assert "SIGTERM: saved" in log and "going on from step" in log
    assert [entry["epoch"] for entry in run.history()] == list(range(1, EPOCHS + 1))
    result = files.read_json(root / "logs" / "toy" / FIRST / "result.json", "")
    assert result["epochs"] == EPOCHS


@pytest.mark.slow
def test_a_setting_that_fails_is_named_and_the_others_are_done(folder, tmp_path, capsys):
    plan = tmp_path / "toy.toml"
    text = PLAN.replace("[0.002, 0.00001]", "[1e30, 0.001]")
    plan.write_text(text.format(settings=[*toy.PLAIN, "epochs=1"]))
    assert sweep.main(words(plan, folder, tmp_path)) == 2
    error = capsys.readouterr().err
    assert "1 settings failed: learning_rate-1e-30" in error or "learning_rate-1e+30" in error
    assert len(pd.read_csv(tmp_path / "logs" / "toy" / "results.csv")) == 1


def test_without_public_test_nothing_can_be_chosen(tmp_path, capsys):
    toy.write_records(tmp_path / "rec", held_out=0, private=False)
    assert sweep.main(words(written(tmp_path), tmp_path / "rec", tmp_path)) == 2
    assert "nothing is PublicTest, by which settings are chosen" in capsys.readouterr().err


def result(name, accuracy, seed=0):
    figures = {"accuracy": accuracy, "ci95": [accuracy - 0.01, accuracy + 0.01]}
    return {"run": f"{name}_{seed}", "setting": name, "splits": {"PublicTest": figures}}


@pytest.mark.parametrize("gap, verdict", [(0.002, "within noise"), (0.05, "more than chance")])
def test_seeds_say_what_noise_is(gap, verdict, tmp_path):
    results = [result("a", 0.6 + n / 500, n) for n in range(3)]
    results += [result("b", 0.6 + gap + n / 500, n) for n in range(3)]
    lines = trials.seeds_table(results).splitlines()
    assert lines[1].split()[:4] == ["a", "60.20", "+-", "0.20"] and len(lines) == 3
    said = trials.judgement(results, tmp_path)
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

    def test_every_run_of_a_sweep(self, done, folder, capsys, tmp_path):
        out = tmp_path / "out"
        assert compare.main(self.arguments(done, folder, "--out", str(out))) == 0
        said = capsys.readouterr().out
        assert "2,936,391" in said and "McNemar" in said and "p = " in said
        for name in ("accuracy.png", "curves.png", "confusion.png"):
            assert np.asarray(Image.open(out / name)).std() > 5
        content = (out / "compare.json").read_text()
        assert '"right_alone"' in content and '"macro_f1"' in content

    def test_a_run_against_itself_is_no_difference(self, done, folder, capsys, tmp_path):
        runs = ["learning_rate-0.002", "learning_rate-0.002:latest"]
        words = self.arguments(done, folder, *runs, "--out", str(tmp_path), "--tta", "flip")
        assert compare.main(words) == 0
        assert "within noise" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "runs, said",
        [(["learning_rate-0.002"], "1 runs to compare"), (["a", "b"], "no such run")],
    )
    def test_refusals(self, done, folder, capsys, runs, said):
        assert compare.main(self.arguments(done, folder, *runs)) == 2
        assert said in capsys.readouterr().err
