"""The train command: learning, resuming, being killed, refusing."""

import json
import os
import re
import shutil
import time

import numpy as np
import pytest

from fer2013_tf import train
from fer2013_tf.checkpoints import run_folder, storage
from fer2013_tf.utils.tf1 import tf
from tests import toy
from tools import golden_lists


def test_learns_a_few_images_by_heart(records_dir, tmp_path, capsys):
    settings = ("epochs=15", "ema_decay=0.5", "net.dense_units=512")
    assert train.main(toy.arguments(records_dir, tmp_path, settings=settings)) == 0
    history = run_folder.Run(tmp_path / "ckpt", "r").history()
    assert history[-1]["loss"] < 0.05 and history[-1]["train_accuracy"] == 1.0
    assert "epoch  15/15" in capsys.readouterr().out


def test_the_queue_input_learns_them_too(records_dir, tmp_path):
    settings = ("epochs=12", "ema_decay=0.5", "net.dense_units=512")
    words = toy.arguments(records_dir, tmp_path, "--input", "queue", settings=settings)
    assert train.main(words) == 0
    assert run_folder.Run(tmp_path / "ckpt", "r").history()[-1]["loss"] < 0.2


def test_what_a_run_leaves_behind(trained_run):
    run = run_folder.Run(trained_run / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2, 4, 6, 8]
    history = run.history()
    assert [entry["step"] for entry in history] == [2, 4, 6, 8]
    best = max(history, key=lambda entry: entry["public_accuracy"])
    assert run.best().step == best["step"]
    recipe, settings = run.read()
    assert recipe.epochs == 4 and settings["seed"] == 0 and settings["precision"] == "float32"
    assert settings["data"]["classes"][0] == "angry" and settings["data"]["size"] == [48, 48]
    assert (trained_run / "logs" / "r" / "curves.png").stat().st_size > 5000
    # TensorFlow's own list, which stays true where the folder is moved.
    assert tf.train.latest_checkpoint(str(run.folder)) == str(run.checkpoints()[-1].prefix)
    assert str(trained_run) not in (run.folder / "checkpoint").read_text()


def test_a_checkpoint_holds_weights_slots_step_and_shadows(trained_run):
    stored = toy.weights(trained_run)
    plain = {name for name in stored if "/" in name and not re.search("Momentum|Average", name)}
    listed = (golden_lists.FOLDER / "lenet.txt").read_text().split()
    assert plain == {line.split(":")[0] for line in listed}
    trained = {name for name in plain if "moving" not in name}
    assert {n.removesuffix("/Momentum") for n in stored if n.endswith("Momentum")} == trained
    assert {n.removesuffix(storage.EMA_SUFFIX) for n in stored if n.endswith("Average")} == plain
    assert stored["global_step"] == 8
    assert not np.array_equal(stored["fc1/kernel"], stored["fc1/kernel" + storage.EMA_SUFFIX])


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    records_dir, trained_run, tmp_path
):
    assert train.main(toy.arguments(records_dir, tmp_path, settings=toy.EVERYTHING)) == 0
    toy.assert_equal(toy.weights(trained_run), toy.weights(tmp_path))
    assert (
        train.main(
            toy.arguments(records_dir, tmp_path, "--seed", "1", "--fresh", settings=toy.EVERYTHING)
        )
        == 0
    )
    assert not np.array_equal(
        toy.weights(trained_run)["fc2/kernel"], toy.weights(tmp_path)["fc2/kernel"]
    )


def test_more_epochs_and_changes_on_resume_are_noted(records_dir, tmp_path, capsys):
    assert train.main(toy.arguments(records_dir, tmp_path, settings=("epochs=1",))) == 0
    more = ("--set", "epochs=2", "--set", "learning_rate=0.0001")
    assert train.main(toy.again(records_dir, tmp_path, *more)) == 0
    assert "from step 2 on: learning_rate = 0.0001 (was 0.001)" in capsys.readouterr().out
    recipe, settings = run_folder.Run(tmp_path / "ckpt", "r").read()
    assert recipe.epochs == 2 and recipe.learning_rate == 0.0001
    assert [(c["step"], c["key"]) for c in settings["changes"]] == [
        (2, "learning_rate"),
        (2, "epochs"),
    ]
    # The rate is a function of recipe and step: what comes last is the end of the new cosine.
    assert run_folder.Run(tmp_path / "ckpt", "r").history()[-1]["learning_rate"] < 0.0001


def test_a_finished_run_has_nothing_left_to_do(records_dir, trained_run, capsys):
    before = toy.weights(trained_run)
    assert train.main(toy.again(records_dir, trained_run)) == 0
    toy.assert_equal(before, toy.weights(trained_run))


def test_only_the_last_checkpoints_are_kept(records_dir, tmp_path):
    words = toy.arguments(records_dir, tmp_path, "--keep", "2", settings=("epochs=3",))
    assert train.main(words) == 0
    run = run_folder.Run(tmp_path / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [4, 6]
    # Remembered, until another number is given.
    assert train.main(toy.again(records_dir, tmp_path, "--set", "epochs=4")) == 0
    assert [c.step for c in run.checkpoints()] == [6, 8]
    assert train.main(toy.again(records_dir, tmp_path, "--keep", "1", "--set", "epochs=5")) == 0
    assert [c.step for c in run.checkpoints()] == [10]
    assert len(storage.list_checkpoints(run.best_folder)) == 1
    assert not [file for file in run.folder.iterdir() if "-6." in file.name]


def test_tensorboard_holds_what_is_promised(trained_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trained_run / "logs" / "r"))
    events.Reload()
    tags = events.Tags()
    assert {"loss/total", "loss/data", "loss/l2", "learning_rate"} <= set(tags["scalars"])
    assert {"accuracy/Training", "accuracy/PublicTest"} <= set(tags["scalars"])
    assert [event.step for event in events.Scalars("accuracy/PublicTest")] == [2, 4, 6, 8]
    histograms = " ".join(tags["histograms"])
    for wanted in ("conv1/kernel", "conv1/gamma", "fc1/moving_mean", "gradients", "activations"):
        assert wanted in histograms
    maps = {tag.split("/")[1] for tag in tags["images"] if "feature_maps" in tag}
    assert maps == {"conv1", "pool1", "conv2", "pool2", "conv3", "pool3"}
    assert any("augmented_input" in tag for tag in tags["images"])
    assert tags["graph"] and any("recipe" in tag for tag in tags["tensors"])


def test_a_resumed_run_logs_each_step_once(records_dir, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train.main(toy.arguments(records_dir, tmp_path, settings=("epochs=3",))) == 0
    run = run_folder.Run(tmp_path / "ckpt", "r")
    for file in run.folder.glob("model.ckpt-6.*"):
        file.unlink()  # as if it had been killed before the third checkpoint
    time.sleep(1.1)  # event files are ordered by the second in their names
    assert train.main(toy.again(records_dir, tmp_path)) == 0
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
def test_numbers_that_are_not_finite_stop_the_run(records_dir, tmp_path, capsys, batch, word):
    """With 2 steps an epoch the histograms meet them first, with 8 the loss."""
    settings = ("optimizer=sgd", "learning_rate=1e38", "schedule=constant", "net.norm=none")
    words = toy.arguments(records_dir, tmp_path, settings=(*settings, f"batch_size={batch}"))
    error = refused(words, capsys)
    assert re.search(word + r" at step \d+; last good checkpoint: none yet; .*learning_rate", error)
    assert not run_folder.Run(tmp_path / "ckpt", "r").checkpoints()


def test_a_recipe_that_does_not_fit_lists_names_and_shapes(records_dir, trained_run, capsys):
    error = refused(toy.again(records_dir, trained_run, "--set", "net.bias_with_bn=true"), capsys)
    assert "does not fit the checkpoint" in error and "conv1/bias" in error and "(64,)" in error
    assert run_folder.Run(trained_run / "ckpt", "r").read()[0].net.count("bias_with_bn") == 0


@pytest.mark.parametrize(
    "setting, key",
    [
        ("scaling=unit", "scaling"),
        ("equalize=true", "equalize"),
        ("blur=0.7", "blur"),
        ("batch_size=8", "batch_size"),
        ("net.activation=leaky_relu", "net"),
    ],
)
def test_what_checkpoints_are_evaluated_with_cannot_change(
    records_dir, trained_run, capsys, setting, key
):
    before = run_folder.Run(trained_run / "ckpt", "r").read()
    error = refused(
        toy.again(records_dir, trained_run, "--set", setting, "--set", "epochs=5"), capsys
    )
    assert f"run r: {key} cannot change once there are checkpoints; choose another" in error
    assert run_folder.Run(trained_run / "ckpt", "r").read() == before


def test_dropout_may_change(records_dir, tmp_path):
    assert train.main(toy.arguments(records_dir, tmp_path, settings=("epochs=1",))) == 0
    more = ("--set", "net.dropout_rates=(0.5, 0.5, 0.5)", "--set", "epochs=2")
    assert train.main(toy.again(records_dir, tmp_path, *more)) == 0


@pytest.mark.parametrize("wrong", ["bogus=1", "net=bogus", "scaling=bogus"])
def test_fresh_deletes_nothing_for_what_is_refused(records_dir, trained_run, capsys, wrong):
    before = toy.weights(trained_run)
    refused(toy.again(records_dir, trained_run, "--fresh", "--set", wrong), capsys)
    toy.assert_equal(before, toy.weights(trained_run))
    assert list((trained_run / "logs" / "r").glob("events*"))


def test_a_folder_that_is_no_run_is_left_alone(records_dir, trained_run, tmp_path, capsys):
    (tmp_path / "ckpt" / "r").mkdir(parents=True)
    (tmp_path / "ckpt" / "r" / "thesis.txt").touch()
    for more in ((), ("--fresh",)):
        error = refused(toy.again(records_dir, tmp_path, *more), capsys)
        assert "thesis.txt: in a folder that is no run" in error
    assert (tmp_path / "ckpt" / "r" / "thesis.txt").exists()
    root = shutil.copytree(trained_run, tmp_path / "copy")
    (root / "ckpt" / "r" / "recipe.json").unlink()
    assert "checkpoints without recipe.json" in refused(toy.again(records_dir, root), capsys)


def test_another_recipe_or_other_records_are_refused(records_dir, trained_run, tmp_path, capsys):
    error = refused(toy.again(records_dir, trained_run, "--recipe", "article"), capsys)
    assert "holds recipe tiny, not article" in error
    toy.write_records(tmp_path, seed=9)
    assert "not the records" in refused(toy.again(tmp_path, trained_run), capsys)


def test_a_second_trainer_is_refused(records_dir, trained_run, capsys):
    with run_folder.Run(trained_run / "ckpt", "r").lock():
        error = refused(toy.again(records_dir, trained_run), capsys)
    assert f"another training (process {os.getpid()})" in error


@pytest.mark.parametrize(
    "words, word",
    [
        (["--records", "nowhere"], "nowhere/manifest.json: no records here; make the records with"),
        (["--recipe", "bogus"], "unknown recipe 'bogus'; known: article, blocks, cliquenet"),
        (["--set", "bogus=1"], "unknown key"),
        (["--set", "net=bogus"], "unknown net 'bogus'; known: blocks, cliquenet"),
        (["--set", "net.bogus=1"], "has no option 'bogus'; it has: norm='bn'"),
        (["--set", "loss.bogus=1"], "has no option 'bogus'"),
        (["--set", "augment=spin(1)"], "unknown augmentation 'spin'; known: blur, brightness"),
        (["--set", "fill_mode=bogus"], "fill_mode='bogus'; known: nearest, reflect, constant"),
        (["--set", "scaling=bogus"], "scaling='bogus'; known: unit, mean, per_image"),
        (["--run", "../x"], "plain folder name"),
        (["--keep", "0"], "keep at least one"),
        (["--seed", "-1"], "--seed -1: must be from 0 to 2147483647"),
        (["--set", "weight_decay_on=fc"], "unknown 'fc'; known: conv, dense, output"),
        (["--logs", __file__], "test_trainer.py"),
    ],
)
def test_what_a_user_can_get_wrong(records_dir, tmp_path, capsys, words, word):
    base = ["--records", records_dir, "--ckpt", tmp_path / "c", "--logs", tmp_path / "l"]
    assert word in refused([*base, *words], capsys)


@pytest.mark.parametrize(
    "words",
    [["--recipe", "bogus"], ["--set", "bogus=1"], ["--set", "net=bogus"], ["--records", "nowhere"]],
)
def test_train_leaves_no_folder_where_it_is_refused(records_dir, tmp_path, capsys, words):
    refused(
        ["--records", records_dir, "--ckpt", tmp_path / "c", "--logs", tmp_path / "l", *words],
        capsys,
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("split", ["Training", "PublicTest"])
def test_fresh_leaves_the_run_where_the_records_are_damaged(
    records_dir, trained_run, tmp_path, capsys, split
):
    root = shutil.copytree(trained_run, tmp_path / "root")
    folder = shutil.copytree(records_dir, tmp_path / "records")
    before = {path: path.read_bytes() for path in (root / "ckpt").rglob("model.ckpt*")}
    (shard,) = folder.glob(f"{split}-*.tfrecord")
    data = bytearray(shard.read_bytes())
    data[500] ^= 1
    shard.write_bytes(data)
    assert "damaged record" in refused(toy.arguments(folder, root, "--fresh"), capsys)
    assert before == {path: path.read_bytes() for path in (root / "ckpt").rglob("model.ckpt*")}


def test_train_announces_no_change_that_it_refuses(records_dir, trained_run, capsys):
    refused(toy.again(records_dir, trained_run, "--set", "batch_size=8"), capsys)
    assert "batch_size = 8" not in capsys.readouterr().out


def test_train_names_the_optimizer_that_was_changed(records_dir, trained_run, capsys):
    error = refused(toy.again(records_dir, trained_run, "--set", "optimizer=adam"), capsys)
    assert "optimizer momentum, the recipe has adam" in error and "--warm-start" in error
    assert len(error.splitlines()) == 1


def test_fresh_starts_over(records_dir, tmp_path):
    assert train.main(toy.arguments(records_dir, tmp_path, settings=("epochs=2",))) == 0
    assert train.main(toy.arguments(records_dir, tmp_path, "--fresh", settings=("epochs=1",))) == 0
    run = run_folder.Run(tmp_path / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2]
    assert len(list((tmp_path / "logs" / "r").glob("events*"))) == 1
    assert json.loads((run.folder / "recipe.json").read_text())["changes"] == []


def test_minutes_end_a_training_at_an_epoch_and_more_go_on(records_dir, tmp_path, capsys):
    words = toy.arguments(records_dir, tmp_path, "--minutes", "0.00001", settings=("epochs=3",))
    assert train.main(words) == 0
    run = run_folder.Run(tmp_path / "ckpt", "r")
    assert [entry["epoch"] for entry in run.history()] == [1]
    assert "no other epoch fits into 1e-05" in capsys.readouterr().out
    assert train.main(words) == 0
    assert len(run.history()) == 1
    words[words.index("--minutes") + 1] = "9"
    assert train.main(words) == 0
    assert [entry["epoch"] for entry in run.history()] == [1, 2, 3]
    assert train.main([*words, "--minutes", "0"]) == 2


def test_without_public_test_the_newest_is_the_best(tmp_path, capsys):
    toy.write_records(tmp_path / "rec", held_out=0, private=False)
    words = toy.arguments(tmp_path / "rec", tmp_path, settings=("epochs=3",))
    assert train.main(words) == 0
    run = run_folder.Run(tmp_path / "ckpt", "r")
    assert run.best().step == run.checkpoints()[-1].step == 6
    assert all(entry["public_accuracy"] is None for entry in run.history())
    assert all(0 <= entry["train_accuracy"] <= 1 for entry in run.history())
    assert "nothing is PublicTest" in capsys.readouterr().err
    words[-1] = "epochs=4"
    assert train.main(words) == 0
    assert run.best().step == 8


def test_plateau_lowers_the_rate_and_its_state_survives_a_stop(records_dir, tmp_path):
    """Labels are random, so PublicTest soon stops rising; stopped and resumed is the same."""
    settings = (
        "schedule=plateau(factor=0.5, patience=1)",
        "optimizer=sgd",
        "learning_rate=0.000001",
        "epochs=5",
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train.main(toy.arguments(records_dir, whole, settings=settings)) == 0
    for epochs in (2, 5):
        more = (*settings[:-1], f"epochs={epochs}")
        assert train.main(toy.arguments(records_dir, parts, settings=more)) == 0
    rates = [
        [entry["learning_rate"] for entry in run_folder.Run(root / "ckpt", "r").history()]
        for root in (whole, parts)
    ]
    assert rates[0] == rates[1]
    assert rates[0][-1] < rates[0][0]
    toy.assert_equal(toy.weights(whole), toy.weights(parts))


def test_curves_have_the_cross_entropy_of_both_splits(trained_run):
    for entry in run_folder.Run(trained_run / "ckpt", "r").history():
        assert 0 < entry["train_loss"] < 10 and 0 < entry["public_loss"] < 10
