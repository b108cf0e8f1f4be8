"""The benchmarks' harness: turns, figures, and that our contender is the net it is said to be."""

import json
import subprocess
import sys

import pytest

from benchmarks import alternate, train_step


def named(*names, python=sys.executable):
    return [alternate.Contender(name, "nothing_of_this_name", python=python) for name in names]


def test_every_round_starts_with_another_contender(monkeypatch):
    ran = []
    monkeypatch.setattr(alternate, "_run", lambda c: ran.append(c.name) or {"rate": len(ran)})
    values = alternate.rounds(named("a", "b", "c"), 3, key="rate")
    assert "".join(ran) == "abcbcacab"
    assert values == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}
    assert alternate.summary(values)["c"] == {"median": 5, "low": 3, "high": 7, "runs": [3, 5, 7]}


def test_a_contender_that_fails_ends_the_benchmark():
    with pytest.raises(SystemExit, match="(?s)a: ended with 1.*No module named"):
        alternate.rounds(named("a"), 1, key="rate")


def test_without_the_peers_environment_one_line_says_what_makes_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(alternate, "PEERS", tmp_path / "python")
    assert train_step.main([]) == 2
    assert "make it with: make bench-env" in capsys.readouterr().err


def test_the_table_has_the_fastest_first_and_ratios():
    figures = alternate.summary({"ours bfloat16": [40], "ours float32": [20], "Keras jit": [10]})
    lines = train_step.table(figures, 128).splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["bfloat16", "float32", "jit"]
    assert "bfloat16 4.00, float32 2.00" in lines[-1]


@pytest.mark.parametrize("module", ["ours", "feed_dict"])
def test_contenders_have_the_net_they_are_said_to_have(module):
    words = ["--batch", "4", "--precision", "float32", "--seconds", "0.05"]
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.contenders.{module}", *words],
        cwd=alternate.ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["pictures_per_second"] > 1
