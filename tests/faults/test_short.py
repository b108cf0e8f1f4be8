"""A share of every kind of fault; `python -m tests.faults` runs all."""

import importlib

import pytest

from tests.faults import __main__ as whole
from tests.faults import harness

SHARES = {
    "kills": 0.15,
    "disks": 0.5,
    "damage": 0.07,
    "together": 0.15,
    "tables": 0.04,
    "images": 1.0,
    "memory": 0.08,
    "labels": 0.3,
    "sources": 0.4,
    "recognizers": 0.5,
    "videos": 0.25,
    "names": 0.4,
    "outputs": 0.2,
    "same_face": 0.3,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", whole.KINDS)
def test_faults_nothing_lost_and_nothing_silent(kind, tmp_path):
    cases = list(importlib.import_module(f"tests.faults.{kind}").cases(tmp_path, SHARES[kind]))
    failed = [case for case in cases if case.verdict not in harness.VERDICTS]
    assert cases and not failed


def test_killed_at_touch_counts_and_kills(tmp_path):
    words = ["fer2013_tf.make_records", "--out", tmp_path / "out", "--format", "synthetic"]
    (tmp_path / "out").mkdir()
    killed = harness.killed_at_touch(2, tmp_path / "out", tmp_path / "log", words)
    lines = harness.touches(tmp_path / "log")
    assert killed.status == -9 and len(lines) == 2
    assert lines[0].startswith("1 open /.lock") and lines[1].startswith("2 os.mkdir /.partial-")


def ended(status, *errors):
    return harness.Ended(status, "", "".join(f"\rbar\rerror: {line}\n" for line in errors))


def test_judged_verdicts():
    assert harness.judged(ended(0)) == "went on"
    assert harness.judged(ended(2, "a/b.json: damaged"), "a/b.json") == "named"
    for bad in (ended(2, "damaged"), ended(1), ended(2, "b", "b"), ended(-9), ended(2)):
        assert harness.judged(bad, "b") not in harness.VERDICTS
    assert "traceback" in harness.judged(harness.Ended(1, "", "Traceback\nValueError: b"), "b")


def test_count_verdicts_failed():
    cases = [
        harness.Case("a", "went on", 1),
        harness.Case("b", "named"),
        harness.Case("c", "wrong"),
    ]
    counts = whole.count_verdicts(cases, 1.0)
    assert (counts["cases"], counts["failed"], counts["most epochs lost"]) == (3, 1, 1)
