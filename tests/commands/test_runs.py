"""Listing and deleting runs."""

import io
import re
import shutil

import numpy as np
import pytest

from fer2013_tf import eval, runs
from fer2013_tf.checkpoints import run_folder
from tests import toy


@pytest.fixture
def root(tmp_path):
    for name in ("one", "two"):
        run = run_folder.Run(tmp_path / "ckpt", name)
        run.best_folder.mkdir(parents=True)
        run.write(toy.recipe(), {"data": {}})
        (run.folder / "model.ckpt-12.index").touch()
        (run.folder / "model.ckpt-12.data-00000-of-00001").write_bytes(bytes(3 << 20))
        (tmp_path / "logs" / name).mkdir(parents=True)
    run_folder.Run(tmp_path / "ckpt", "two").write_history([{"public_accuracy": 0.6123}])
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
    with run_folder.Run(root / "ckpt", "one").lock():
        assert call(root, "prune", "one", "--yes") == 2
    assert (root / "ckpt" / "one" / "recipe.json").exists()


@pytest.mark.parametrize("seconds, shown", [(5, "5 s"), (90, "2 min"), (7200, "2 h"), (2e5, "2 d")])
def test_age(seconds, shown):
    assert runs._age(seconds) == shown


@pytest.fixture
def sweep(root):
    """A sweep "plan" of two runs beside the runs of `root`."""
    for name in ("a", "b"):
        run = run_folder.Run(root / "ckpt" / "plan", name)
        run.best_folder.mkdir(parents=True)
        run.write(toy.recipe(), {"data": {}})
        (root / "logs" / "plan" / name).mkdir(parents=True)
        (root / "logs" / "plan" / name / "result.json").touch()
    (root / "logs" / "plan" / "results.csv").touch()
    return root


def test_list_shows_sweeps(sweep, capsys):
    assert call(sweep) == 0
    assert re.search(r"^plan/ +2 +\d+ MB$", capsys.readouterr().out, re.MULTILINE)


def test_prune_refuses_a_sweep_and_a_folder_that_is_no_run(sweep, capsys):
    thesis = sweep / "ckpt" / "mine" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years")
    assert call(sweep, "prune", "plan", "--yes") == 2
    assert "prune-sweep plan" in capsys.readouterr().err
    for action in ("prune", "prune-sweep"):
        assert call(sweep, action, "mine", "--yes") == 2
        assert "mine: no such" in capsys.readouterr().err
    assert thesis.read_text() == "years" and (sweep / "ckpt" / "plan" / "a").exists()


def test_prune_sweep_deletes_its_runs_and_results_only(sweep):
    assert call(sweep, "prune-sweep", "plan", "--yes") == 0
    assert sorted(path.name for path in (sweep / "ckpt").iterdir()) == ["one", "two"]
    assert sorted(path.name for path in (sweep / "logs").iterdir()) == ["one", "two"]
    assert call(sweep, "prune-sweep", "one", "--yes") == 2


@pytest.mark.parametrize("where", ["ckpt/one", "ckpt/one/best", "logs/one"])
def test_prune_leaves_files_of_others(root, capsys, where):
    notes = root / where / "notes.txt"
    notes.write_text("keep me")
    assert call(root, "prune", "one", "--yes") == 0
    assert notes.read_text() == "keep me"
    assert "not written by this program" in capsys.readouterr().out
    assert not (root / "ckpt" / "one" / "recipe.json").exists()
    assert not list((root / "ckpt").glob("one/model.ckpt*"))


def test_prune_leaves_and_names_folders_of_others(sweep, capsys):
    for where in ("ckpt/one/mine", "ckpt/plan/mine", "ckpt/plan/a/mine"):
        (sweep / where).mkdir()
        (sweep / where / "notes.txt").write_text("keep me")
    assert call(sweep, "prune", "one", "--yes") == 0
    assert f"left: {sweep / 'ckpt/one/mine'}" in capsys.readouterr().out
    assert call(sweep, "prune-sweep", "plan", "--yes") == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert set(line.partition("left: ")[2].split(", ")) == {
        str(sweep / "ckpt/plan/mine"),
        str(sweep / "ckpt/plan/a/mine"),
    }
    assert len(list(sweep.glob("**/notes.txt"))) == 3


def test_prune_deletes_what_a_killed_training_left_half_written(root):
    for folder in ("ckpt/one", "ckpt/one/best"):
        (root / folder / ".partial").mkdir()
        (root / folder / ".partial" / "model.ckpt-12.index").touch()
    (root / "ckpt/one/.recipe.json.1234.partial").touch()
    assert call(root, "prune", "one", "--yes") == 0
    assert not (root / "ckpt" / "one").exists()


def test_list_shows_and_names_a_run_with_a_damaged_history(root, capsys):
    (root / "ckpt" / "one" / "history.json").write_text("{")
    assert call(root) == 0
    out, error = capsys.readouterr()
    assert "61.23 %" in out and "unreadable" in out and "one/history.json" in error


def test_list_shows_a_run_without_public_test(root, capsys):
    entries = [{"public_accuracy": None}, {"public_accuracy": None}]
    run_folder.Run(root / "ckpt", "one").write_history(entries)
    assert call(root) == 0
    assert "one" in capsys.readouterr().out


def test_prune_deletes_all_that_training_and_evaluation_wrote(
    records_dir, trained_run, tmp_path, capsys
):
    for name in ("ckpt", "logs"):
        shutil.copytree(trained_run / name / "r", tmp_path / name / "r")
    words = ["--records", records_dir, "--run", "r", "--ckpt", tmp_path / "ckpt"]
    words = [str(word) for word in (*words, "--logs", tmp_path / "logs")]
    assert eval.main(words) == 0 and eval.main([*words, "--watch"]) == 0
    assert list((tmp_path / "logs" / "r").glob("watch/events*"))
    assert call(tmp_path, "prune", "r", "--yes") == 0
    assert not [*(tmp_path / "ckpt").iterdir(), *(tmp_path / "logs").iterdir()]


def test_show_every_variable_with_its_ema_weights(trained_run, capsys):
    assert runs.main(["show", "r:latest", "--ckpt", str(trained_run / "ckpt")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "net lenet" in said[0] and said[1].startswith("best on PublicTest: ")
    assert said[2].startswith("step 8: ")
    rows = {line.split()[0]: line.split()[1:] for line in said[4:]}
    values = toy.weights(trained_run)
    assert set(rows) == {n for n in values if not n.endswith("/ExponentialMovingAverage")}
    shape, *numbers = rows["fc1/kernel"]
    assert shape == "x".join(map(str, values["fc1/kernel"].shape))
    ema = values["fc1/kernel/ExponentialMovingAverage"]
    expected = [f(v) for v in (values["fc1/kernel"], ema) for f in (np.mean, np.std)]
    assert [float(n) for n in numbers] == pytest.approx(expected, rel=1e-3)
    assert rows["global_step"][:2] == ["scalar", "8"] and len(rows["global_step"]) == 3


@pytest.mark.parametrize(
    "names, said",
    [((), "name a run"), (("gone",), "gone"), (("r:77",), "no checkpoint of step 77")],
)
def test_show_refuses_what_is_not_there(trained_run, capsys, names, said):
    assert runs.main(["show", *names, "--ckpt", str(trained_run / "ckpt")]) == 2
    assert said in capsys.readouterr().err
