"""The train command: learning, resuming, being killed, refusing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from fer2013_tf import checkpoints, train
from tests import golden, toy


def again(folder, root, *more, run="r"):
    """A command line that goes on with the run as it is."""
    words = ["--records", folder, "--run", run, "--ckpt", root / "ckpt", "--logs", root / "logs"]
    return [str(word) for word in (*words, *more)]


def weights(root, run="r"):
    """Everything in the newest checkpoint."""
    reader = checkpoints.open_checkpoint(
        checkpoints.Run(root / "ckpt", run).checkpoints()[-1].prefix
    )
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_equal(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def test_learns_a_few_pictures_by_heart(folder, tmp_path, capsys):
    assert train.main(toy.arguments(folder, tmp_path, settings=("epochs=15", "ema_decay=0.5"))) == 0
    history = checkpoints.Run(tmp_path / "ckpt", "r").history()
    assert history[-1]["loss"] < 0.05 and history[-1]["train_accuracy"] == 1.0
    assert "epoch  15/15" in capsys.readouterr().out


def test_the_queue_input_learns_them_too(folder, tmp_path):
    words = toy.arguments(
        folder, tmp_path, "--input", "queue", settings=("epochs=12", "ema_decay=0.5")
    )
    assert train.main(words) == 0
    assert checkpoints.Run(tmp_path / "ckpt", "r").history()[-1]["loss"] < 0.2


def test_what_a_run_leaves_behind(whole):
    run = checkpoints.Run(whole / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2, 4, 6, 8]
    history = run.history()
    assert [entry["step"] for entry in history] == [2, 4, 6, 8]
    best = max(history, key=lambda entry: entry["public_accuracy"])
    assert run.best().step == best["step"]
    recipe, settings = run.read()
    assert recipe.epochs == 4 and settings["seed"] == 0 and settings["precision"] == "float32"
    assert settings["data"]["classes"][0] == "angry" and settings["data"]["size"] == [48, 48]
    assert (whole / "logs" / "r" / "curves.png").stat().st_size > 5000
    # TensorFlow's own list, which stays true where the folder is moved.
    assert tf.train.latest_checkpoint(str(run.folder)) == str(run.checkpoints()[-1].prefix)
    assert str(whole) not in (run.folder / "checkpoint").read_text()


def test_a_checkpoint_holds_weights_slots_step_and_shadows(whole):
    stored = weights(whole)
    plain = {name for name in stored if "/" in name and not re.search("Momentum|Average", name)}
    listed = (golden.FOLDER / "lenet.txt").read_text().split()
    assert plain == {line.split(":")[0] for line in listed}
    trained = {name for name in plain if "moving" not in name}
    assert {n.removesuffix("/Momentum") for n in stored if n.endswith("Momentum")} == trained
    assert {n.removesuffix(checkpoints.SHADOW) for n in stored if n.endswith("Average")} == plain
    assert stored["global_step"] == 8
    assert not np.array_equal(stored["fc1/kernel"], stored["fc1/kernel" + checkpoints.SHADOW])


def test_the_same_seed_gives_the_same_weights_and_another_does_not(folder, whole, tmp_path):
    assert train.main(toy.arguments(folder, tmp_path, settings=toy.EVERYTHING)) == 0
    assert_equal(weights(whole), weights(tmp_path))
    assert (
        train.main(
            toy.arguments(folder, tmp_path, "--seed", "1", "--fresh", settings=toy.EVERYTHING)
        )
        == 0
    )
    assert not np.array_equal(weights(whole)["fc2/kernel"], weights(tmp_path)["fc2/kernel"])


# A trainer that sends itself a signal as the step of that number is about to run.
SIGNALLED = """
import os, sys
from fer2013_tf import train, training

number, step, run = int(sys.argv[1]), int(sys.argv[2]), training.Trainer._run

def signalled(self, session, fetches, coming):
    if coming == step:
        os.kill(os.getpid(), number)
    return run(self, session, fetches, coming)

training.Trainer._run = signalled
sys.exit(train.main(sys.argv[3:]))
"""


def signalled_at(step, number, words):
    command = [sys.executable, "-c", SIGNALLED, str(int(number)), str(step), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True)


def test_killed_at_any_step_and_started_again_equals_not_stopped(folder, whole, tmp_path):
    run = checkpoints.Run(tmp_path / "ckpt", "r")
    step = int(np.random.default_rng().integers(3, 9))
    print("killed before step", step)
    words = toy.arguments(folder, tmp_path, settings=toy.EVERYTHING)
    assert signalled_at(step, signal.SIGKILL, words).returncode == -signal.SIGKILL
    assert [c.step for c in run.checkpoints()] == list(range(2, step, 2))
    assert subprocess.run([sys.executable, "-m", "fer2013_tf.train", *words]).returncode == 0
    assert_equal(weights(whole), weights(tmp_path))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]
    assert run.best().step == checkpoints.Run(whole / "ckpt", "r").best().step


@pytest.mark.parametrize("survived", [0, 1])
def test_killed_while_saving_leaves_a_whole_checkpoint(
    folder, whole, tmp_path, monkeypatch, survived
):
    """Whichever rename the second save dies at, the next start goes on from the first."""
    run = checkpoints.Run(tmp_path / "ckpt", "r")
    words = toy.arguments(folder, tmp_path, settings=toy.EVERYTHING)
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
    assert_equal(weights(whole), weights(tmp_path))
    assert not (run.folder / checkpoints.PARTIAL).exists()


def test_sigterm_saves_mid_epoch_and_the_rest_is_equal(folder, whole, tmp_path):
    words = toy.arguments(folder, tmp_path, settings=toy.EVERYTHING)
    stopped = signalled_at(3, signal.SIGTERM, words)
    assert stopped.returncode == 128 + signal.SIGTERM
    assert "SIGTERM: saved; the same command goes on from here" in stopped.stdout
    run = checkpoints.Run(tmp_path / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2, 3]
    assert train.main(again(folder, tmp_path)) == 0
    assert_equal(weights(whole), weights(tmp_path))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]


def test_newest_checkpoints_taken_away_are_made_again(folder, whole, tmp_path):
    """What was written after the newest checkpoint - history, best - belongs to no run."""
    root = shutil.copytree(whole, tmp_path / "copy")
    run = checkpoints.Run(root / "ckpt", "r")
    for step in (4, 6, 8):
        for file in run.folder.glob(f"model.ckpt-{step}.*"):
            file.unlink()
    best = f"-{run.best().step}."
    for file in list(run.best_folder.glob("model.ckpt-*")):
        file.rename(file.with_name(file.name.replace(best, "-999.")))
    assert train.main(again(folder, root)) == 0
    assert_equal(weights(whole), weights(root))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]
    best = max(run.history(), key=lambda entry: entry["public_accuracy"])
    assert [c.step for c in checkpoints.complete(run.best_folder)] == [best["step"]]


def damage(path):
    """Flips a bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_a_damaged_newest_checkpoint_is_passed_over(folder, whole, tmp_path, capsys):
    root = shutil.copytree(whole, tmp_path / "copy")
    run = checkpoints.Run(root / "ckpt", "r")
    damage(run.folder / "model.ckpt-8.data-00000-of-00001")
    assert train.main(again(folder, root)) == 0
    said = capsys.readouterr()
    assert f"note: {run.folder}/model.ckpt-8: cannot be read" in said.err
    assert "going on from step 6 (epoch 3 of 4)" in said.out
    assert_equal(weights(whole), weights(root))
    assert [e["step"] for e in run.history()] == [2, 4, 6, 8]


def test_where_no_checkpoint_can_be_read_nothing_starts_over(folder, whole, tmp_path, capsys):
    root = shutil.copytree(whole, tmp_path / "copy")
    run = checkpoints.Run(root / "ckpt", "r")
    for data in run.folder.glob("model.ckpt-*.data-*"):
        damage(data)
    assert train.main(again(folder, root)) == 2
    error = capsys.readouterr().err
    assert f"error: {run.folder}: none of its 4 checkpoints can be read" in error


def test_a_damaged_or_lost_best_is_replaced_by_the_best_of_the_others(
    folder, whole, tmp_path, capsys
):
    expected = checkpoints.Run(whole / "ckpt", "r").best().step
    for number, harm in enumerate((damage, os.unlink)):
        root = shutil.copytree(whole, tmp_path / str(number))
        run = checkpoints.Run(root / "ckpt", "r")
        harm(next(run.best_folder.glob("*.data-*")))
        assert train.main(again(folder, root)) == 0
        assert run.best().step == expected and not checkpoints.damage(run.best().prefix)
    assert "the best of the others takes its place" in capsys.readouterr().err


def test_a_best_whose_history_is_lost_is_evaluated_anew(folder, whole, tmp_path):
    root = shutil.copytree(whole, tmp_path / "copy")
    run = checkpoints.Run(root / "ckpt", "r")
    (run.folder / "history.json").unlink()
    assert train.main(again(folder, root, "--set", "epochs=5")) == 0
    reached = checkpoints.Run(whole / "ckpt", "r").history()
    best = max(entry["public_accuracy"] for entry in reached)
    later = run.history()[-1]["public_accuracy"]
    assert run.best().step == (
        10 if later > best else checkpoints.Run(whole / "ckpt", "r").best().step
    )


def test_weights_that_are_no_numbers_are_neither_kept_nor_evaluated(
    folder, tmp_path, monkeypatch, capsys
):
    from fer2013_tf import training

    run = training.Trainer._run

    def poisoned(self, session, fetches, coming):
        results = run(self, session, fetches, coming)
        if coming == 4:
            bias = next(v for v in self.net.variables if v.op.name == "logits/bias")
            bias.load(np.full(bias.shape, np.nan), session)
        return results

    monkeypatch.setattr(training.Trainer, "_run", poisoned)
    assert train.main(toy.arguments(folder, tmp_path, settings=toy.EVERYTHING)) == 2
    error = capsys.readouterr().err
    assert "variable logits/bias became infinite or not a number at step 4" in error
    assert "last good checkpoint" in error and "model.ckpt-2;" in error
    assert [c.step for c in checkpoints.Run(tmp_path / "ckpt", "r").checkpoints()] == [2]


def test_more_epochs_and_changes_on_resume_are_noted(folder, tmp_path, capsys):
    assert train.main(toy.arguments(folder, tmp_path, settings=("epochs=1",))) == 0
    more = ("--set", "epochs=2", "--set", "learning_rate=0.0001")
    assert train.main(again(folder, tmp_path, *more)) == 0
    assert "from step 2 on: learning_rate = 0.0001 (was 0.001)" in capsys.readouterr().out
    recipe, settings = checkpoints.Run(tmp_path / "ckpt", "r").read()
    assert recipe.epochs == 2 and recipe.learning_rate == 0.0001
    assert [(c["step"], c["key"]) for c in settings["changes"]] == [
        (2, "learning_rate"),
        (2, "epochs"),
    ]
    # The rate is a function of recipe and step: what comes last is the end of the new cosine.
    assert checkpoints.Run(tmp_path / "ckpt", "r").history()[-1]["learning_rate"] < 0.0001


def test_a_finished_run_has_nothing_left_to_do(folder, whole, capsys):
    before = weights(whole)
    assert train.main(again(folder, whole)) == 0
    assert_equal(before, weights(whole))


def test_only_the_last_checkpoints_are_kept(folder, tmp_path):
    words = toy.arguments(folder, tmp_path, "--keep", "2", settings=("epochs=3",))
    assert train.main(words) == 0
    run = checkpoints.Run(tmp_path / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [4, 6]
    # Remembered, until another number is given.
    assert train.main(again(folder, tmp_path, "--set", "epochs=4")) == 0
    assert [c.step for c in run.checkpoints()] == [6, 8]
    assert train.main(again(folder, tmp_path, "--keep", "1", "--set", "epochs=5")) == 0
    assert [c.step for c in run.checkpoints()] == [10]
    assert len(checkpoints.complete(run.best_folder)) == 1
    assert not [file for file in run.folder.iterdir() if "-6." in file.name]


def test_tensorboard_holds_what_is_promised(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole / "logs" / "r"))
    events.Reload()
    tags = events.Tags()
    assert {"loss/total", "loss/data", "loss/l2", "learning_rate"} <= set(tags["scalars"])
    assert {"accuracy/Training", "accuracy/PublicTest"} <= set(tags["scalars"])
    assert [event.step for event in events.Scalars("accuracy/PublicTest")] == [2, 4, 6, 8]
    histograms = " ".join(tags["histograms"])
    for wanted in ("conv1/kernel", "conv1/gamma", "fc1/moving_mean", "gradients", "activations"):
        assert wanted in histograms
    assert sum("feature_maps" in tag for tag in tags["images"]) == 3
    assert any("augmented_input" in tag for tag in tags["images"])
    assert tags["graph"] and any("recipe" in tag for tag in tags["tensors"])


def test_a_resumed_run_logs_each_step_once(folder, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train.main(toy.arguments(folder, tmp_path, settings=("epochs=3",))) == 0
    run = checkpoints.Run(tmp_path / "ckpt", "r")
    for file in run.folder.glob("model.ckpt-6.*"):
        file.unlink()  # as if it had been killed before the third checkpoint
    time.sleep(1.1)  # event files are ordered by the second in their names
    assert train.main(again(folder, tmp_path)) == 0
    events = EventAccumulator(str(tmp_path / "logs" / "r"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/total")] == [2, 4, 6]
    assert [event.step for event in events.Scalars("accuracy/PublicTest")] == [2, 4, 6]


def refused(words, capsys):
    assert train.main([str(word) for word in words]) == 2
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and "Traceback" not in error
    return error


@pytest.mark.parametrize(
    "batch, word",
    [(16, r"a weight, activation or gradient became infinite"), (4, r"the loss became (nan|inf)")],
)
def test_numbers_that_are_not_finite_stop_the_run(folder, tmp_path, capsys, batch, word):
    """With 2 steps an epoch the histograms meet them first, with 8 the loss."""
    settings = ("optimizer=sgd", "learning_rate=1e38", "schedule=constant", "net.norm=none")
    words = toy.arguments(folder, tmp_path, settings=(*settings, f"batch_size={batch}"))
    error = refused(words, capsys)
    assert re.search(word + r" at step \d+; last good checkpoint: none yet; .*learning_rate", error)
    assert not checkpoints.Run(tmp_path / "ckpt", "r").checkpoints()


def test_a_recipe_that_does_not_fit_lists_names_and_shapes(folder, whole, capsys):
    error = refused(again(folder, whole, "--set", "net.bias_with_bn=true"), capsys)
    assert "does not fit the checkpoint" in error and "conv1/bias" in error and "(64,)" in error
    assert checkpoints.Run(whole / "ckpt", "r").read()[0].net.count("bias_with_bn") == 0


@pytest.mark.parametrize(
    "setting, key",
    [
        ("scaling=unit", "scaling"),
        ("equalise=true", "equalise"),
        ("batch_size=8", "batch_size"),
        ("net.activation=leaky_relu", "net"),
    ],
)
def test_what_checkpoints_are_evaluated_with_cannot_change(folder, whole, capsys, setting, key):
    before = checkpoints.Run(whole / "ckpt", "r").read()
    error = refused(again(folder, whole, "--set", setting, "--set", "epochs=5"), capsys)
    assert f"run r: {key} cannot change once there are checkpoints; choose another" in error
    assert checkpoints.Run(whole / "ckpt", "r").read() == before


def test_dropout_may_change(folder, tmp_path):
    assert train.main(toy.arguments(folder, tmp_path, settings=("epochs=1",))) == 0
    more = ("--set", "net.dropout_rates=(0.5, 0.5, 0.5)", "--set", "epochs=2")
    assert train.main(again(folder, tmp_path, *more)) == 0


@pytest.mark.parametrize("wrong", ["bogus=1", "net=bogus", "scaling=bogus"])
def test_fresh_deletes_nothing_for_what_is_refused(folder, whole, capsys, wrong):
    before = weights(whole)
    refused(again(folder, whole, "--fresh", "--set", wrong), capsys)
    assert_equal(before, weights(whole))
    assert list((whole / "logs" / "r").glob("events*"))


def test_a_folder_that_is_no_run_is_left_alone(folder, whole, tmp_path, capsys):
    (tmp_path / "ckpt" / "r").mkdir(parents=True)
    (tmp_path / "ckpt" / "r" / "thesis.txt").touch()
    for more in ((), ("--fresh",)):
        error = refused(again(folder, tmp_path, *more), capsys)
        assert "thesis.txt: in a folder that is no run" in error
    assert (tmp_path / "ckpt" / "r" / "thesis.txt").exists()
    root = shutil.copytree(whole, tmp_path / "copy")
    (root / "ckpt" / "r" / "recipe.json").unlink()
    assert "checkpoints without recipe.json" in refused(again(folder, root), capsys)


def test_another_recipe_or_other_records_are_refused(folder, whole, tmp_path, capsys):
    error = refused(again(folder, whole, "--recipe", "article"), capsys)
    assert "holds recipe tiny, not article" in error
    toy.write_records(tmp_path, seed=9)
    assert "not the records" in refused(again(tmp_path, whole), capsys)


def test_a_second_trainer_is_refused(folder, whole, capsys):
    with checkpoints.Run(whole / "ckpt", "r").lock():
        error = refused(again(folder, whole), capsys)
    assert f"another training (process {os.getpid()})" in error


@pytest.mark.parametrize(
    "words, word",
    [
        (["--records", "nowhere"], "nowhere/manifest.json: no records here; make the records with"),
        (["--recipe", "bogus"], "unknown recipe 'bogus'; known: article, fast, lenet, tiny"),
        (["--set", "bogus=1"], "unknown key"),
        (["--set", "net=bogus"], "unknown net 'bogus'; known: lenet"),
        (["--set", "net.bogus=1"], "has no option 'bogus'; it has: norm='bn'"),
        (["--set", "loss.bogus=1"], "has no option 'bogus'"),
        (["--set", "augment=spin(1)"], "unknown augmentation 'spin'; known: flip, rotate"),
        (["--set", "fill=bogus"], "fill='bogus'; known: nearest, reflect, constant"),
        (["--set", "scaling=bogus"], "scaling='bogus'; known: unit, mean, picture"),
        (["--run", "../x"], "plain folder name"),
        (["--keep", "0"], "keep at least one"),
        (["--seed", "-1"], "--seed -1: must be from 0 to 2147483647"),
        (["--set", "l2_on=fc"], "unknown 'fc'; known: conv, dense, output"),
        (["--logs", __file__], "test_training.py"),
    ],
)
def test_what_a_user_can_get_wrong(folder, tmp_path, capsys, words, word):
    base = ["--records", folder, "--ckpt", tmp_path / "c", "--logs", tmp_path / "l"]
    assert word in refused([*base, *words], capsys)


def test_fresh_starts_over(folder, tmp_path):
    assert train.main(toy.arguments(folder, tmp_path, settings=("epochs=2",))) == 0
    assert train.main(toy.arguments(folder, tmp_path, "--fresh", settings=("epochs=1",))) == 0
    run = checkpoints.Run(tmp_path / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2]
    assert len(list((tmp_path / "logs" / "r").glob("events*"))) == 1
    assert json.loads((run.folder / "recipe.json").read_text())["changes"] == []
