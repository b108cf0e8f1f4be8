"""Listing and deleting runs."""

import io
import re

import pytest

from fer2013_tf import checkpoints, runs
from tests import toy


@pytest.fixture
def root(tmp_path):
    for name in ("one", "two"):
        run = checkpoints.Run(tmp_path / "ckpt", name)
        run.best_folder.mkdir(parents=True)
        run.write(toy.recipe(), {"data": {}})
        (run.folder / "model.ckpt-12.index").touch()
        (run.folder / "model.ckpt-12.data-00000-of-00001").write_bytes(bytes(3 << 20))
        (tmp_path / "logs" / name).mkdir(parents=True)
    checkpoints.Run(tmp_path / "ckpt", "two").write_history([{"public_accuracy": 0.6123}])
    return tmp_path


def call(root, *words):
    return runs.main([*words, "--ckpt", str(root / "ckpt"), "--logs", str(root / "logs")])


def test_list(root, capsys):
    assert call(root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["run", "recipe", "net", "step"]
    two = next(line for line in lines if line.startswith("two"))
    assert re.fullmatch(r"two +tiny +lenet +12 +61\.23 % +\d+ s +3 MB", two)


def test_nothing_there(tmp_path, capsys):
    assert call(tmp_path) == 0
    assert "no runs under" in capsys.readouterr().out


def test_an_unreadable_run_is_listed_and_named(root, capsys):
    (root / "ckpt" / "one" / "recipe.json").write_text("{")
    assert call(root) == 0
    out, error = capsys.readouterr()
    assert "unreadable" in out and "one/recipe.json" in error


@pytest.mark.parametrize("answer, kept", [("n", True), ("", True), ("y", False)])
def test_prune_asks_first(root, monkeypatch, answer, kept):
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    assert call(root, "prune", "one") == 0
    assert "delete one (3 MB)" in asked[0]
    assert (root / "ckpt" / "one").exists() == (root / "logs" / "one").exists() == kept
    assert (root / "ckpt" / "two").exists()


def test_prune_without_asking(root):
    assert call(root, "prune", "one", "two", "--yes") == 0
    assert not list((root / "ckpt").iterdir())


def test_prune_with_nobody_to_ask(root, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert call(root, "prune", "one") == 2
    assert "--yes deletes without asking" in capsys.readouterr().err
    assert (root / "ckpt" / "one").exists()


def test_prune_refusals(root, capsys):
    assert call(root, "prune", "--yes") == 2
    assert call(root, "prune", "one", "three", "--yes") == 2
    assert "three: no such run" in capsys.readouterr().err
    assert call(root, "prune", "../ckpt", "--yes") == 2
    with checkpoints.Run(root / "ckpt", "one").lock():
        assert call(root, "prune", "one", "--yes") == 2
    assert (root / "ckpt" / "one" / "recipe.json").exists()


@pytest.mark.parametrize("seconds, shown", [(5, "5 s"), (90, "2 min"), (7200, "2 h"), (2e5, "2 d")])
def test_age(seconds, shown):
    assert runs._age(seconds) == shown
