"""A run's folder: names, choice of checkpoints, locks, what is written and read back."""

import json
import multiprocessing
import shutil

import numpy as np
import pytest

from fer2013_tf.checkpoints import run_folder, storage, weights
from fer2013_tf.utils import files
from fer2013_tf.utils.errors import UserError
from tests import toy


def make(root, steps=(10, 20, 30), best=20, name="a"):
    run = run_folder.Run(root, name)
    run.best_folder.mkdir(parents=True)
    for folder, numbers in ((run.folder, steps), (run.best_folder, [best])):
        for step in numbers:
            (folder / f"model.ckpt-{step}.index").touch()
            (folder / f"model.ckpt-{step}.data-00000-of-00001").touch()
    run.write(toy.recipe(), {"data": {}, "seed": 0})
    return run


def steps(run, wanted):
    return [checkpoint.step for checkpoint in run_folder.select_checkpoints(run, wanted)]


def test_select(tmp_path):
    run = make(tmp_path, steps=(9, 10, 100))
    assert steps(run, "last2") == [10, 100]
    assert steps(run, "latest") == [100]
    assert steps(run, "9,100") == [9, 100]
    assert steps(run, "best") == [20]
    assert run_folder.select_checkpoints(run, "best")[0].prefix == run.best_folder / "model.ckpt-20"


@pytest.mark.parametrize(
    "wanted, word",
    [
        ("last5", "asks for 5 checkpoints, there are 3"),
        ("last0", "asks for 0"),
        ("11", "no checkpoint of step 11; there are: 10, 20, 30"),
        ("newest", "write last5, last10, best, latest or STEP,STEP"),
        ("", "write last5"),
    ],
)
def test_select_refuses(tmp_path, wanted, word):
    with pytest.raises(UserError) as caught:
        run_folder.select_checkpoints(make(tmp_path), wanted)
    assert word in str(caught.value)


def test_no_best_yet(tmp_path):
    run = run_folder.Run(tmp_path, "a")
    with pytest.raises(UserError, match="no best checkpoint yet"):
        run_folder.select_checkpoints(run, "best")


def test_a_checkpoint_without_its_data_does_not_count(tmp_path):
    run = make(tmp_path)
    (run.folder / "model.ckpt-30.data-00000-of-00001").unlink()
    assert steps(run, "latest") == [20]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", ".hidden", "a,b", "a:b", "shipped"]
    + ["a\0b", "x" * 256, "情" * 90, "nul", "end."],
)
def test_run_names_are_plain(tmp_path, name):
    with pytest.raises(UserError, match="plain folder name"):
        run_folder.Run(tmp_path, name)


def test_recipe_and_history_are_read_back(tmp_path):
    run = make(tmp_path)
    assert run.read() == (toy.recipe(), {"data": {}, "seed": 0})
    assert run.history() == []
    run.write_history([{"epoch": 1}])
    assert run.history() == [{"epoch": 1}]
    assert not list(run.folder.glob("*.partial"))


def test_a_damaged_or_newer_recipe_is_named(tmp_path):
    run = make(tmp_path)
    path = run.folder / "recipe.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    files.write_json(path, {**content, "version": 99})
    with pytest.raises(UserError, match="recipe.json: version 99, this program reads version 2"):
        run.read()
    path.write_text("{")
    with pytest.raises(UserError, match="recipe.json: damaged, not readable as JSON"):
        run.read()
    path.write_text(json.dumps({**content, "seed": 1}))
    with pytest.raises(UserError, match="recipe.json: damaged or changed by hand"):
        run.read()
    path.unlink()
    with pytest.raises(UserError, match="recipe.json: not there"):
        run.read()


def test_a_recipe_from_before_there_were_checksums_is_read(tmp_path):
    run = make(tmp_path)
    path = run.folder / "recipe.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps({**content, "version": 1}))
    assert run.read() == (toy.recipe(), {"data": {}, "seed": 0})


def hold(root, ready, release):
    with run_folder.Run(root, "a").lock():
        ready.set()
        release.wait(30)


def test_the_lock_keeps_a_second_trainer_out_and_dies_with_its_holder(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(tmp_path, ready, release))
    holder.start()
    assert ready.wait(30)
    run = run_folder.Run(tmp_path, "a")
    with (
        pytest.raises(UserError, match=f"another training .process {holder.pid}. is writing"),
        run.lock(),
    ):
        pass
    holder.kill()
    holder.join()
    with run.lock():
        pass


@pytest.mark.parametrize("there", [(), ("ckpt",), ("ckpt", "ckpt/a")])
def test_lock_removes_what_it_made_where_its_body_fails(tmp_path, there):
    for folder in there:
        (tmp_path / folder).mkdir()
    with pytest.raises(UserError, match="refused"), run_folder.Run(tmp_path / "ckpt", "a").lock():
        raise UserError("refused")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == list(there)


def test_lock_leaves_what_was_written(tmp_path):
    run = run_folder.Run(tmp_path / "ckpt", "a")
    with pytest.raises(UserError, match="later"), run.lock():
        run.write(toy.recipe(), {"data": {}})
        raise UserError("later")
    assert run.exists() and run.best_folder.is_dir()


def test_runs_come_newest_first(tmp_path):
    import os

    for age, name in ((300, "old"), (100, "new"), (200, "middle")):
        run = make(tmp_path, name=name)
        for path in run.folder.iterdir():
            os.utime(path, (1e9 - age, 1e9 - age))
    (tmp_path / "README.md").touch()
    assert [run.name for run in run_folder.list_runs(tmp_path)] == ["new", "middle", "old"]
    assert run_folder.list_runs(tmp_path / "none") == []


def test_npz_weights_come_back_as_float32(tmp_path):
    values = {"conv1/kernel": np.arange(6, dtype=np.float16).reshape(2, 3)}
    np.savez(tmp_path / "weights.npz", **values)
    (name, value), *more = weights.read_ema_weights(tmp_path / "weights.npz").items()
    assert name == "conv1/kernel" and value.dtype == np.float32 and not more
    np.testing.assert_array_equal(value, values["conv1/kernel"])


def test_a_truncated_checkpoint_is_named(trained_run, tmp_path):
    root = shutil.copytree(trained_run / "ckpt", tmp_path / "ckpt")
    prefix = run_folder.Run(root, "r").checkpoints()[-1].prefix
    (data,) = prefix.parent.glob(f"{prefix.name}.data-*")
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(UserError, match="model.ckpt-8: damaged .*; remove its files"):
        weights.read_ema_weights(prefix)


def test_an_unreadable_checkpoint_is_named(tmp_path):
    prefix = make(tmp_path).checkpoints()[-1].prefix
    with pytest.raises(UserError, match="model.ckpt-30: damaged"):
        weights.read_ema_weights(prefix)
    with pytest.raises(UserError, match="nowhere: no such checkpoint"):
        storage.open_checkpoint(tmp_path / "nowhere")


def test_clear_leaves_what_a_user_put_there(tmp_path):
    run = make(tmp_path)
    (run.folder / "notes.txt").write_text("mine")
    (run.folder / "photos").mkdir()
    (run.best_folder / "model.txt").write_text("mine")
    with run.lock():
        run.clear(tmp_path / "logs")
    left = {path.name for path in run.folder.rglob("*") if path.is_file()}
    assert left == {".lock", "notes.txt", "model.txt"} and (run.folder / "photos").is_dir()


def test_list_runs_passes_over_folders_with_names_that_no_run_can_have(tmp_path):
    make(tmp_path)
    shutil.copytree(tmp_path / "a", tmp_path / "a, copy")
    assert [run.name for run in run_folder.list_runs(tmp_path)] == ["a"]
