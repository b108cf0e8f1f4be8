"""Evaluation: exact counts, ensembles, files written, refusals; watching a run; shipping it."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer2013_tf import (
    calibration,
    checkpoints,
    eval,
    evaluation,
    metrics,
    records,
    ship,
    train,
    watching,
)
from fer2013_tf.errors import UserError
from tests import toy


def words(folder, root, *more, run="r"):
    base = ["--records", folder, "--ckpt", root / "ckpt", "--logs", root / "logs"]
    return [str(word) for word in (*base, *(["--run", run] if run else []), *more)]


def evaluated(folder, root, tmp_path, *more, run="r"):
    path = tmp_path / "result.json"
    assert eval.main(words(folder, root, "--json", path, *more, run=run)) == 0
    return json.loads(path.read_text())


def test_json_has_the_promised_shape_and_adds_up(folder, whole, tmp_path, capsys):
    result = evaluated(folder, whole, tmp_path, "--ensemble", "last2", "--tta", "flip")
    assert set(result) == {"run", "recipe", "checkpoints", "combine", "tta", "splits"}
    assert result["checkpoints"] == ["r:6", "r:8"] and result["tta"] == "flip"
    assert list(result["splits"]) == ["PublicTest", "PrivateTest"]
    for split in result["splits"].values():
        assert set(split) == {
            *("n", "accuracy", "ci95", "accuracy_dedup", "n_dedup", "loss"),
            *("confusion", "per_class", "members", "calibration"),
        }
        table = np.array(split["confusion"])
        assert table.sum() == split["n"] == 10
        assert split["accuracy"] == pytest.approx(table.trace() / 10)
        assert [m["name"] for m in split["members"]] == ["r:6", "r:8"]
    said = capsys.readouterr().out
    assert "PrivateTest: ensemble of 2, flip" in said and "ensemble of 2" in said
    assert (whole / "logs" / "r" / "confusion-PrivateTest.png").stat().st_size > 5000


def test_the_ensemble_is_the_mean_of_its_members(folder, whole):
    members = evaluation.find_members(whole / "ckpt", "r", "last3")
    faces = records.read(folder, "PublicTest")
    logits = evaluation.answers(members, faces.images)
    assert logits.shape == (3, 1, 10, 7)
    each = calibration.probabilities(logits[:, 0])
    result, _, predicted, combined = evaluation.evaluate_split(
        members, folder, "PublicTest", combine="mean", tta="none"
    )
    np.testing.assert_allclose(combined, each.mean(axis=0), rtol=1e-5)
    assert (predicted == combined.argmax(axis=1)).all()
    expected = metrics.evaluate(each.mean(axis=0), faces.labels, members[0].data["classes"])
    assert result["confusion"] == expected["confusion"]


def test_a_vote_of_one_changes_nothing(folder, whole, tmp_path):
    by_mean = evaluated(folder, whole, tmp_path)
    by_vote = evaluated(folder, whole, tmp_path, "--combine", "vote")
    assert by_vote["splits"] == by_mean["splits"]


def test_a_vote_reports_the_mean_probabilities(folder, whole, tmp_path):
    """Votes decide; they are no probabilities."""
    more = ("--ensemble", "last4", "--predictions", tmp_path / "p.csv", "--split", "PrivateTest")
    tables, losses = [], []
    for how in ("mean", "vote"):
        result = evaluated(folder, whole, tmp_path, "--combine", how, *more)
        losses.append(result["splits"]["PrivateTest"]["loss"])
        tables.append(pd.read_csv(tmp_path / "p.csv"))
        right = (tables[-1]["true"] == tables[-1]["predicted"]).mean()
        assert right == result["splits"]["PrivateTest"]["accuracy"]
    assert losses[0] == losses[1]
    assert tables[0].filter(like="p_").equals(tables[1].filter(like="p_"))


def test_flip_averages_with_the_mirror_image(folder, whole):
    members = evaluation.find_members(whole / "ckpt", "r", "latest")
    images = records.read(folder, "PublicTest").images
    straight, mirrored, both = (
        evaluation.answers(members, pictures, tta=tta)[0]
        for pictures, tta in ((images, "none"), (images[:, :, ::-1], "none"), (images, "flip"))
    )
    np.testing.assert_allclose(both, [straight[0], mirrored[0]], rtol=1e-5)
    _, _, _, combined = evaluation.evaluate_split(
        members, folder, "PublicTest", combine="mean", tta="flip"
    )
    np.testing.assert_allclose(combined, calibration.probabilities(both).mean(axis=0), rtol=1e-5)


def test_each_member_has_its_own_calibration(folder, whole, tmp_path):
    entries = {e["step"]: e for e in checkpoints.Run(whole / "ckpt", "r").history()}
    members = evaluation.find_members(whole / "ckpt", "r", "last2")
    assert [list(m.calibration.temperatures) for m in members] == [
        entries[s]["temperatures"] for s in (6, 8)
    ]
    faces = records.read(folder, "PublicTest")
    logits = evaluation.answers(members, faces.images)
    for member, (own,) in zip(members, logits):
        smoothing = member.recipe.label_smoothing
        fitted = calibration.fit(own, faces.labels, smoothing)
        assert member.calibration.temperatures == pytest.approx(fitted.temperatures, rel=0.01)
        assert member.calibration.smoothing == smoothing
    figures = evaluated(folder, whole, tmp_path, "--ensemble", "last2")["splits"]["PublicTest"]
    scaled = calibration.combined(logits, [m.calibration for m in members])
    loss = metrics.cross_entropy(scaled, faces.labels)
    assert figures["calibration"]["after"]["loss"] == pytest.approx(loss, rel=1e-4)
    assert loss < figures["calibration"]["before"]["loss"] == pytest.approx(figures["loss"])
    assert (whole / "logs" / "r" / "reliability-PublicTest.png").stat().st_size > 5000


def test_evaluation_uses_the_shadows(folder, whole):
    (member,) = evaluation.find_members(whole / "ckpt", "r", "latest")
    reader = checkpoints.open_checkpoint(member.path)
    shadows = checkpoints.read_shadows(member.path)
    name = "fc1/kernel"
    assert np.array_equal(shadows[name], reader.get_tensor(name + checkpoints.SHADOW))
    assert not np.array_equal(shadows[name], reader.get_tensor(name))


def test_members_from_several_runs(folder, whole, tmp_path):
    assert train.main(toy.arguments(folder, whole, settings=("epochs=1",), run="s")) == 0
    result = evaluated(folder, whole, tmp_path, "--ensemble", "r:4,8,s:best", "--combine", "vote")
    assert result["checkpoints"] == ["r:4", "r:8", "s:2"] and result["run"] == "r+s"
    # Without --run the run last written to answers.
    assert evaluated(folder, whole, tmp_path, run=None)["run"] == "s"


def test_predictions_and_mistakes(folder, whole, tmp_path):
    table, picture = tmp_path / "p.csv", tmp_path / "m.png"
    more = ("--split", "PrivateTest", "--predictions", table, "--mistakes", picture)
    result = evaluated(folder, whole, tmp_path, *more)
    rows = pd.read_csv(table)
    assert list(rows["row"]) == list(records.read(folder, "PrivateTest").rows)
    assert (rows["true"] == rows["predicted"]).mean() == result["splits"]["PrivateTest"]["accuracy"]
    chances = rows.filter(like="p_").to_numpy()
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    assert (rows["predicted"] == rows.filter(like="p_").idxmax(axis=1).str[2:]).all()
    assert Image.open(picture).width > 300


def test_records_without_a_private_test(folder, whole, tmp_path, capsys):
    """As train.csv of the challenge makes them."""
    toy.write_records(tmp_path, private=False)
    result = evaluated(tmp_path, whole, tmp_path)
    assert list(result["splits"]) == ["PublicTest"]
    assert "PrivateTest: left out" in capsys.readouterr().out
    assert eval.main(words(tmp_path, whole, "--split", "PrivateTest")) == 2
    assert "holds no PrivateTest picture" in capsys.readouterr().err


def test_files_of_two_splits_carry_their_names(folder, whole, tmp_path, capsys):
    evaluated(folder, whole, tmp_path, "--predictions", tmp_path / "p.csv")
    assert f"predictions: {tmp_path / 'p-PublicTest.csv'}" in capsys.readouterr().out
    assert {p.name for p in tmp_path.glob("p*.csv")} == {"p-PublicTest.csv", "p-PrivateTest.csv"}


def test_json_on_standard_output_is_all_there_is(folder, whole, capsys):
    assert eval.main(words(folder, whole, "--json", "-")) == 0
    assert json.loads(capsys.readouterr().out)["run"] == "r"


def test_pictures_that_also_stand_in_training_are_left_out(folder, whole, tmp_path, monkeypatch):
    copied = json.loads((folder / records.MANIFEST).read_text())
    rows = records.read(folder, "PrivateTest").rows
    listed = {"PublicTest": [], "PrivateTest": [int(rows[0]), int(rows[3])]}
    copied["report"] = {"rows_also_in_training": listed}
    monkeypatch.setattr(records, "load", lambda _: copied)
    result = evaluated(folder, whole, tmp_path)["splits"]
    assert result["PrivateTest"]["n_dedup"] == 8 and result["PublicTest"]["n_dedup"] == 10


@pytest.mark.parametrize(
    "more, word",
    [
        (["--ensemble", "last5"], "asks for 5 checkpoints, there are 4"),
        (["--ensemble", "7"], "no checkpoint of step 7; there are: 2, 4, 6, 8"),
        (["--ensemble", "x:best"], "x: no such run; there are:"),
        (["--ensemble", "best:"], "no such run"),
        (["--json", "nowhere/x.json"], "nowhere/x.json: the folder is not there"),
        (["--records", "nowhere"], "nowhere/manifest.json: no records here"),
        (["--ensemble", "shipped:last5"], "last5: the shipped weights are one checkpoint"),
        (["--run", "shipped", "--watch"], "--watch: no run under"),
    ],
)
def test_refusals(folder, whole, capsys, more, word):
    assert eval.main(words(folder, whole, *more)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and word in error


def test_other_classes_are_refused(whole, tmp_path, capsys):
    toy.write_records(tmp_path, classes=("yes", "no"))
    assert eval.main(words(tmp_path, whole)) == 2
    assert "was trained with" in capsys.readouterr().err


def test_damaged_shadows_are_named(folder, whole, tmp_path):
    (member,) = evaluation.find_members(whole / "ckpt", "r", "latest")
    values = checkpoints.read_shadows(member.path)
    del values["conv1/gamma"]
    values["fc2/kernel"] = values["fc2/kernel"][:5]
    np.savez(tmp_path / "w.npz", **values)
    broken = member._replace(path=str(tmp_path / "w.npz"))
    with pytest.raises(UserError, match="w.npz: does not fit the net .2 variables.: conv1/gamma"):
        evaluation.answers([broken], np.zeros((1, 48, 48), np.uint8))


def test_watch_evaluates_each_checkpoint_and_ends_with_the_run(folder, whole, capsys):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert eval.main(words(folder, whole, "--watch")) == 0
    said = capsys.readouterr().out
    assert [f"step {step}:" in said for step in (2, 4, 6, 8)] == [True] * 4
    events = EventAccumulator(str(whole / "logs" / "r" / "watch"))
    events.Reload()
    assert [e.step for e in events.Scalars("accuracy/PublicTest")] == [2, 4, 6, 8]
    history = checkpoints.Run(whole / "ckpt", "r").history()
    for event, entry in zip(events.Scalars("accuracy/PublicTest"), history):
        assert event.value == pytest.approx(entry["public_accuracy"])


def test_watch_waits_for_what_is_not_there_yet(folder, whole, monkeypatch):
    run = checkpoints.Run(whole / "ckpt", "r")
    there = run.checkpoints()
    shown, naps = [there[:2]], []
    monkeypatch.setattr(run, "checkpoints", lambda: shown[-1])

    def sleep(seconds):
        naps.append(seconds)
        # The first was rotated away before it could be read; the rest has appeared.
        shown.append([there[0]._replace(prefix=whole / "model.ckpt-99", step=99), *there])

    assert watching.watch(run, folder, whole / "logs" / "w", sleep=sleep) == 0
    assert naps == [watching.POLL_SECONDS]


def test_shipped_weights_answer_like_the_checkpoint(folder, whole, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    with pytest.raises(UserError, match="no shipped weights"):
        evaluation.shipped()
    line = ["--run", "r", "--ckpt", str(whole / "ckpt"), "--checkpoint", "latest"]
    assert ship.main([*line, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "weights.npz").stat().st_size < 8 * 2**20
    images = records.read(folder, "PublicTest").images
    (member,) = evaluation.find_members(whole / "ckpt", "r", "latest")
    shipped = evaluation.shipped()
    assert shipped.calibration == member.calibration != calibration.Calibration()
    theirs = evaluation.answers([shipped], images)
    np.testing.assert_allclose(theirs, evaluation.answers([member], images), atol=0.02)
    # Where there is no run, the shipped weights answer, and eval says so.
    empty = words(folder, whole, "--ckpt", tmp_path / "none", run=None)
    assert eval.main(empty) == 0
    assert "run shipped (no run under" in capsys.readouterr().out


def test_ship_refuses_what_float16_cannot_hold(whole, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        checkpoints, "read_shadows", lambda _: {"conv1/kernel": np.array([1e6], np.float32)}
    )
    line = ["--run", "r", "--ckpt", str(whole / "ckpt"), "--out", str(tmp_path)]
    assert ship.main(line) == 2
    assert "conv1/kernel does not fit into float16" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
