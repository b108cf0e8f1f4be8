"""The benchmarks' harness: turns, figures, and that the programs have the same net."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import (
    dataset_scaling,
    end_to_end,
    predict,
    start_up,
    time_to_accuracy,
    train_step,
)
from benchmarks.lib import runner
from fer2013_tf.data import records


def named(*names, python=sys.executable):
    return [runner.Candidate(name, "nothing_of_this_name", python=python) for name in names]


def test_rounds_each_start_with_another_candidate(monkeypatch):
    ran = []
    monkeypatch.setattr(runner, "_run", lambda c: ran.append(c.name) or {"rate": len(ran)})
    results = runner.rounds(named("a", "b", "c"), 3)
    assert "".join(ran) == "abcbcacab"
    figures = runner.summary(results, "rate")
    assert [figures[name]["runs"] for name in "abc"] == [[1, 6, 8], [2, 4, 9], [3, 5, 7]]
    assert figures["c"] == {"median": 5, "low": 3, "high": 7, "runs": [3, 5, 7]}


def test_rounds_end_where_a_candidate_fails():
    with pytest.raises(SystemExit, match="(?s)a: ended with 1.*No module named"):
        runner.rounds(named("a"), 1)


@pytest.mark.parametrize("benchmark", [train_step, end_to_end, predict, start_up, time_to_accuracy])
def test_main_without_the_peers_environment_says_what_makes_it(
    monkeypatch, tmp_path, capsys, benchmark
):
    monkeypatch.setattr(runner, "PEERS", tmp_path / "python")
    assert benchmark.main([]) == 2
    assert "make it with: make bench-env" in capsys.readouterr().err


def figures(**medians):
    return runner.summary({n: [{"rate": v}] for n, v in medians.items()}, "rate")


def test_table_has_the_best_first_and_ratios():
    rates = figures(ours=40, half=20, tenth=4)
    lines = runner.table(rates, ["ours"], unit="rate").splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["ours", "half", "tenth"]
    assert lines[1].endswith("ours 2.00") and lines[2].endswith("ours 10.00")
    assert lines[0].split() == ["ours", "40", "(40", "to", "40)"]
    seconds = runner.table(rates, ["ours"], unit="seconds", more_is_better=False)
    assert [line.split()[0] for line in seconds.splitlines()[1:]] == ["tenth", "half", "ours"]
    assert seconds.splitlines()[1].endswith("ours 0.10")


def test_ratios_take_the_peers_best():
    medians = {f"ours {p}": r for p, r in (("bfloat16", 100), ("float32", 60))}
    medians |= {f"floor {p}": 80 for p in train_step.OURS}
    medians |= {f"Keras {p}": r for p, r in zip(train_step.KERAS, (20, 25, 10))}
    medians |= {f"PyTorch {p}": r for p, r in zip(train_step.TORCH, (30, 50, 15, 40))}
    assert train_step.ratios(figures(**medians)) == {
        "share of the floor": 1.25,
        "bfloat16 over Keras": 4,
        "float32 over Keras": 3,
        "bfloat16 over PyTorch": 2,
        "float32 over PyTorch": 2,
    }


def test_reached_is_the_first_time():
    curve = [(10, 50.0), (20, 61.0), (30, 59.0), (40, 63.5)]
    assert [time_to_accuracy.reached(curve, level) for level in (55, 60, 63.2, 65)] == [
        20,
        20,
        40,
        None,
    ]
    row = time_to_accuracy.table_row([curve, [(12, 56.0)]])
    assert row[55.0] == {"median": 16, "runs": [20, 12], "of": 2}
    text = time_to_accuracy.table({"ours": row})
    assert "0.3 (0.2 to 0.3)" in text and "1 of 2" in text and "not reached" in text


def test_add_former_keeps_curves_of_this_machine(tmp_path, capsys):
    path = tmp_path / "curves.json"
    result = {"machine": runner.machine(), "curves": {}}
    assert time_to_accuracy.add_former(result, path, ["fast"]) and result["curves"] == {}
    former = {"machine": runner.machine(), "curves": {"fast": [[[1, 50]]], "lenet": [[[2, 60]]]}}
    path.write_text(json.dumps(former))
    assert time_to_accuracy.add_former(result, path, ["fast"])
    assert result["curves"] == {"lenet": [[[2, 60]]]}
    path.write_text(json.dumps(former | {"machine": {"cores": 0}}))
    assert not time_to_accuracy.add_former(result, path, ["fast"])
    assert str(path) in capsys.readouterr().err


def test_follow_ends_at_the_limit_the_level_or_the_end(tmp_path):
    """Reads lines of our own and of the scripts."""

    def curve(*lines, limit=60, then="import time; time.sleep(60)"):
        body = "".join(f"print({line!r}, flush=True); " for line in lines) + then
        return time_to_accuracy.follow("x", [sys.executable, "-c", body], limit)

    ours = "epoch   2/40  step 672  loss 1.312  Training 55.2 %  PublicTest 54.1 %  rate 0.1"
    assert [a for _, a in curve(ours, "epoch 3 PublicTest 66.1234 %", "other")] == [54.1, 66.1234]
    assert [a for _, a in curve(ours, ours, limit=0)] == [54.1]
    assert [a for _, a in curve(ours, then="pass")] == [54.1]
    with pytest.raises(SystemExit, match="(?s)x: ended early.*ZeroDivision"):
        curve(ours, then="1 / 0")


def test_repeated_multiplies_training_alone(records_dir, tmp_path):
    dataset_scaling.repeated(records_dir, tmp_path, 3)
    before, after = (records.RecordSet(where).read("Training") for where in (records_dir, tmp_path))
    assert np.array_equal(after.images, np.concatenate([before.images] * 3))
    assert len(records.RecordSet(tmp_path).read("PublicTest").labels) == 10


def test_timed_measures_and_checks_the_exit_status():
    result = runner.timed([sys.executable, "-c", "import time; time.sleep(0.2)"])
    assert 0.2 < result["seconds"] < 5 and result["peak_mb"] > 1
    runner.timed([sys.executable, "-c", "raise SystemExit(2)"], succeeds=False)
    with pytest.raises(SystemExit, match="ended with 0"):
        runner.timed([sys.executable, "-c", "pass"], succeeds=False)


def test_save_writes_figures_and_chart(tmp_path):
    args = runner.parser("x", "", rounds=2).parse_args(
        ["--json", str(tmp_path / "f.json"), "--plot", str(tmp_path / "f.png")]
    )
    runner.save(args, {"figures": figures(a=2)}, figures(a=2), title="t", unit="u")
    saved = json.loads((tmp_path / "f.json").read_text())
    assert saved["figures"]["a"]["median"] == 2 and saved["machine"]["cores"] >= 1
    assert (tmp_path / "f.png").stat().st_size > 1000


@pytest.mark.parametrize("module", ["ours", "feed_dict", "convolutions"])
def test_baselines_have_the_same_net(module):
    words = ["--batch", "4", "--precision", "float32", "--seconds", "0.05"]
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.baselines.{module}", *words],
        cwd=runner.ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["images_per_second"] > 1
