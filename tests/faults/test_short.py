"""A share of every kind of fault; the whole is `python -m tests.faults`."""

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
    "pictures": 1.0,
    "memory": 0.08,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", whole.KINDS)
def test_nothing_is_lost_and_nothing_silent(kind, tmp_path):
    cases = list(importlib.import_module(f"tests.faults.{kind}").cases(tmp_path, SHARES[kind]))
    failed = [case for case in cases if case.verdict not in harness.VERDICTS]
    assert cases and not failed


def test_a_command_dies_before_its_touch_of_that_number(tmp_path):
    """The harness itself: what it counts, and that it kills."""
    words = ["fer2013_tf.make_records", "--out", tmp_path / "out", "--format", "drawn"]
    (tmp_path / "out").mkdir()
    killed = harness.killed_at_touch(2, tmp_path / "out", tmp_path / "log", words)
    lines = harness.touches(tmp_path / "log")
    assert killed.status == -9 and len(lines) == 2
    assert lines[0].startswith("1 open /.lock") and lines[1].startswith("2 os.mkdir /.partial-")


def ended(status, *errors):
    return harness.Ended(status, "", "".join(f"\rbar\rerror: {line}\n" for line in errors))


def test_verdicts():
    assert harness.judged(ended(0)) == "went on"
    assert harness.judged(ended(2, "a/b.json: damaged"), "a/b.json") == "named"
    for bad in (ended(2, "damaged"), ended(1), ended(2, "b", "b"), ended(-9), ended(2)):
        assert harness.judged(bad, "b") not in harness.VERDICTS
    assert "traceback" in harness.judged(harness.Ended(1, "", "Traceback\nValueError: b"), "b")


def test_figures_count_what_failed():
    cases = [
        harness.Case("a", "went on", 1),
        harness.Case("b", "named"),
        harness.Case("c", "wrong"),
    ]
    figures = whole.figures_of(cases, 1.0)
    assert (figures["cases"], figures["failed"], figures["most epochs lost"]) == (3, 1, 1)
