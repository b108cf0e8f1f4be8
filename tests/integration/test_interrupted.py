"""Trainings that are stopped, killed or damaged, and go on as if they had not been."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from fer2013_tf import train
from fer2013_tf.checkpoints import run_folder, storage
from tests import toy

# A trainer that sends itself a signal as the step of that number is about to run.
SIGNALLED = """
import os, sys
from fer2013_tf import train
from fer2013_tf.training import trainer

number, step, run = int(sys.argv[1]), int(sys.argv[2]), trainer.Loop._step

def signalled(self, fetches, coming):
    if coming == step:
        os.kill(os.getpid(), number)
    return run(self, fetches, coming)

trainer.Loop._step = signalled
sys.exit(train.main(sys.argv[3:]))
"""


def signalled_at(step, number, words):
    command = [sys.executable, "-c", SIGNALLED, str(int(number)), str(step), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True)


def test_killed_at_any_step_and_started_again_equals_not_stopped(
    records_dir, trained_run, tmp_path
):
    run = run_folder.Run(tmp_path / "ckpt", "r")
    step = int(np.random.default_rng().integers(3, 9))
    print("killed before step", step)
    words = toy.arguments(records_dir, tmp_path, settings=toy.EVERYTHING)
    assert signalled_at(step, signal.SIGKILL, words).returncode == -signal.SIGKILL
    assert [c.step for c in run.checkpoints()] == list(range(2, step, 2))
    assert subprocess.run([sys.executable, "-m", "fer2013_tf.train", *words]).returncode == 0
    toy.assert_equal(toy.weights(trained_run), toy.weights(tmp_path))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]
    assert run.best().step == run_folder.Run(trained_run / "ckpt", "r").best().step


@pytest.mark.parametrize("survived", [0, 1])
def test_killed_while_saving_leaves_a_whole_checkpoint(
    records_dir, trained_run, tmp_path, monkeypatch, survived
):
    """Whichever rename the second save dies at, the next start goes on from the first."""
    run = run_folder.Run(tmp_path / "ckpt", "r")
    words = toy.arguments(records_dir, tmp_path, settings=toy.EVERYTHING)
    rename, renamed = os.replace, []

    def replace(source, target):
        if target.parent == run.folder and "model.ckpt-4" in target.name:
            if len(renamed) == survived:
                raise KeyboardInterrupt
            renamed.append(target)
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        assert train.main(words) == 130
    assert len(renamed) == survived and [c.step for c in run.checkpoints()] == [2]
    assert train.main(words) == 0
    toy.assert_equal(toy.weights(trained_run), toy.weights(tmp_path))
    assert not (run.folder / storage.PARTIAL).exists()


def test_sigterm_saves_mid_epoch_and_the_rest_is_equal(records_dir, trained_run, tmp_path):
    words = toy.arguments(records_dir, tmp_path, settings=toy.EVERYTHING)
    stopped = signalled_at(3, signal.SIGTERM, words)
    assert stopped.returncode == 128 + signal.SIGTERM
    assert "SIGTERM: saved; the same command goes on from here" in stopped.stdout
    run = run_folder.Run(tmp_path / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2, 3]
    assert train.main(toy.again(records_dir, tmp_path)) == 0
    toy.assert_equal(toy.weights(trained_run), toy.weights(tmp_path))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]
    # That of all its steps, those before the signal too.
    whole = run_folder.Run(trained_run / "ckpt", "r").history()
    assert [e["loss"] for e in run.history()] == [e["loss"] for e in whole]


def test_newest_checkpoints_taken_away_are_made_again(records_dir, trained_run, tmp_path):
    """What was written after the newest checkpoint - history, best - belongs to no run."""
    root = shutil.copytree(trained_run, tmp_path / "copy")
    run = run_folder.Run(root / "ckpt", "r")
    for step in (4, 6, 8):
        for file in run.folder.glob(f"model.ckpt-{step}.*"):
            file.unlink()
    best = f"-{run.best().step}."
    for file in list(run.best_folder.glob("model.ckpt-*")):
        file.rename(file.with_name(file.name.replace(best, "-999.")))
    assert train.main(toy.again(records_dir, root)) == 0
    toy.assert_equal(toy.weights(trained_run), toy.weights(root))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]
    best = max(run.history(), key=lambda entry: entry["public_accuracy"])
    assert [c.step for c in storage.list_checkpoints(run.best_folder)] == [best["step"]]


def damage(path):
    """Flips a bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_a_damaged_newest_checkpoint_is_passed_over(records_dir, trained_run, tmp_path, capsys):
    root = shutil.copytree(trained_run, tmp_path / "copy")
    run = run_folder.Run(root / "ckpt", "r")
    damage(run.folder / "model.ckpt-8.data-00000-of-00001")
    assert train.main(toy.again(records_dir, root)) == 0
    said = capsys.readouterr()
    assert f"note: {run.folder}/model.ckpt-8: damaged" in said.err
    assert "going on from step 6 (epoch 3 of 4)" in said.out
    toy.assert_equal(toy.weights(trained_run), toy.weights(root))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]


def test_where_no_checkpoint_can_be_read_nothing_starts_over(
    records_dir, trained_run, tmp_path, capsys
):
    root = shutil.copytree(trained_run, tmp_path / "copy")
    run = run_folder.Run(root / "ckpt", "r")
    for data in run.folder.glob("model.ckpt-*.data-*"):
        damage(data)
    assert train.main(toy.again(records_dir, root)) == 2
    error = capsys.readouterr().err
    assert f"error: {run.folder}: none of its 4 checkpoints can be read" in error


def test_a_damaged_or_lost_best_is_replaced_by_the_best_of_the_others(
    records_dir, trained_run, tmp_path, capsys
):
    expected = run_folder.Run(trained_run / "ckpt", "r").best().step
    for number, harm in enumerate((damage, os.unlink)):
        root = shutil.copytree(trained_run, tmp_path / str(number))
        run = run_folder.Run(root / "ckpt", "r")
        harm(next(run.best_folder.glob("*.data-*")))
        assert train.main(toy.again(records_dir, root)) == 0
        assert run.best().step == expected and not storage.corruption_error(run.best().prefix)
    assert "the best of the others takes its place" in capsys.readouterr().err


def test_a_best_whose_history_is_lost_is_evaluated_anew(records_dir, trained_run, tmp_path):
    root = shutil.copytree(trained_run, tmp_path / "copy")
    run = run_folder.Run(root / "ckpt", "r")
    (run.folder / "history.json").unlink()
    assert train.main(toy.again(records_dir, root, "--set", "epochs=5")) == 0
    reached = run_folder.Run(trained_run / "ckpt", "r").history()
    best = max(entry["public_accuracy"] for entry in reached)
    later = run.history()[-1]["public_accuracy"]
    assert run.best().step == (
        10 if later > best else run_folder.Run(trained_run / "ckpt", "r").best().step
    )


def test_weights_that_are_no_numbers_are_neither_kept_nor_evaluated(
    records_dir, tmp_path, monkeypatch, capsys
):
    from fer2013_tf.training import trainer

    run = trainer.Loop._step

    def poisoned(self, fetches, coming):
        results = run(self, fetches, coming)
        if coming == 4:
            bias = next(v for v in self.net.variables if v.op.name == "logits/bias")
            bias.load(np.full(bias.shape, np.nan), self.session)
        return results

    monkeypatch.setattr(trainer.Loop, "_step", poisoned)
    assert train.main(toy.arguments(records_dir, tmp_path, settings=toy.EVERYTHING)) == 2
    error = capsys.readouterr().err
    assert "variable logits/bias became infinite or not a number at step 4" in error
    assert "last good checkpoint" in error and "model.ckpt-2;" in error
    assert [c.step for c in run_folder.Run(tmp_path / "ckpt", "r").checkpoints()] == [2]
