"""Ensembles: which weights are chosen, and their predictions against those of each member."""

import os

import numpy as np
import pytest

from fer2013_tf.checkpoints import run_folder, storage, weights
from fer2013_tf.data import records
from fer2013_tf.evaluation import calibration, combinations, ensembles, metrics
from fer2013_tf.utils.errors import UserError


def names(members):
    return [member.name for member in members]


def make_run(root, name, written, *, best=False):
    """Make a run's folder with nothing in it that is read here; written: seconds, of the files."""
    folder = root / name
    (folder / "best").mkdir(parents=True)
    paths = [folder / "recipe.json"]
    if best:
        paths += [
            folder / "best" / f"model.ckpt-2.{end}" for end in ("index", "data-00000-of-00001")
        ]
    for path in paths:
        path.touch()
    for path in (*paths, folder / "best"):
        os.utime(path, (written, written))


def test_choose_run_returns_the_wanted_as_it_is(tmp_path):
    for wanted in ("lenet", "lenet:last5", "shipped"):
        assert ensembles.choose_run(tmp_path, wanted) == (wanted, "as asked")


def test_choose_run_newest_with_checkpoints(tmp_path):
    make_run(tmp_path, "older", 100, best=True)
    make_run(tmp_path, "newer", 200, best=True)
    make_run(tmp_path, "begun", 300)
    assert ensembles.choose_run(tmp_path, None) == ("newer", f"the newest run under {tmp_path}")
    assert [run.name for run in ensembles.runs_with_checkpoints(tmp_path)] == ["newer", "older"]


def test_choose_run_shipped_where_no_run_has_checkpoints(tmp_path):
    make_run(tmp_path, "begun", 300)
    for root in (tmp_path, tmp_path / "none"):
        name, why = ensembles.choose_run(root, None)
        assert name == "shipped" and "the shipped weights" in why and str(root) in why


@pytest.mark.parametrize("which", ["last2", "latest", "4,8", "best"])
def test_resolve_ensemble_run_which_equals_ensemble(trained_run, which):
    found = ensembles.resolve_ensemble(trained_run / "ckpt", f"r:{which}")
    assert found == ensembles.resolve_ensemble(trained_run / "ckpt", "r", which)


def test_resolve_ensemble_default_is_best(trained_run):
    best = run_folder.Run(trained_run / "ckpt", "r").best()
    (member,) = ensembles.resolve_ensemble(trained_run / "ckpt", "r")
    assert (member.name, member.path) == (f"r:{best.step}", str(best.prefix))


@pytest.mark.parametrize(("run", "ensemble"), [("r:last2", "last2"), ("r:best", "r:4,8")])
def test_resolve_ensemble_checkpoints_chosen_twice(trained_run, run, ensemble):
    with pytest.raises(UserError, match=f"--run {run} --ensemble {ensemble}: both choose"):
        ensembles.resolve_ensemble(trained_run / "ckpt", run, ensemble)


def test_resolve_ensemble_shipped_is_one_checkpoint(tmp_path):
    for run, ensemble in (("shipped:last5", None), ("shipped", "last5")):
        with pytest.raises(UserError, match="shipped:last5: the shipped weights are one"):
            ensembles.resolve_ensemble(tmp_path, run, ensemble)


def test_choose_members_says_which_and_why(trained_run):
    root = trained_run / "ckpt"
    chosen = ensembles.choose_members(root, "r:last2", None)
    assert chosen.name == "r" and names(chosen.members) == ["r:6", "r:8"]
    assert chosen.text == "run r (as asked): r:6, r:8"
    by_default = ensembles.choose_members(root, None, "latest")
    assert by_default.text == f"run r (the newest run under {root}): r:8"


def test_evaluate_split_mean_of_members(records_dir, trained_run):
    members = ensembles.resolve_ensemble(trained_run / "ckpt", "r", "last3")
    faces = records.RecordSet(records_dir).read("PublicTest")
    logits = ensembles.predict_logits(members, faces.images)
    assert logits.shape == (3, 1, 10, 7)
    each = calibration.probabilities(logits[:, 0])
    result, _, predicted, combined = ensembles.evaluate_split(
        members, records.RecordSet(records_dir), "PublicTest", combine="mean", tta="none"
    )
    np.testing.assert_allclose(combined, each.mean(axis=0), rtol=1e-5)
    assert (predicted == combined.argmax(axis=1)).all()
    expected = metrics.evaluate(each.mean(axis=0), faces.labels, members[0].data["classes"])
    assert result["confusion"] == expected["confusion"]


def test_evaluate_split_flip_averages_with_the_mirror_image(records_dir, trained_run):
    members = ensembles.resolve_ensemble(trained_run / "ckpt", "r", "latest")
    images = records.RecordSet(records_dir).read("PublicTest").images
    straight, mirrored, both = (
        ensembles.predict_logits(members, views, tta=tta)[0]
        for views, tta in ((images, "none"), (images[:, :, ::-1], "none"), (images, "flip"))
    )
    np.testing.assert_allclose(both, [straight[0], mirrored[0]], rtol=1e-5)
    _, _, _, combined = ensembles.evaluate_split(
        members, records.RecordSet(records_dir), "PublicTest", combine="mean", tta="flip"
    )
    np.testing.assert_allclose(combined, calibration.probabilities(both).mean(axis=0), rtol=1e-5)


def test_evaluate_split_each_member_has_its_own_calibration(records_dir, trained_run):
    record_set = records.RecordSet(records_dir)
    entries = {e["step"]: e for e in run_folder.Run(trained_run / "ckpt", "r").history()}
    members = ensembles.resolve_ensemble(trained_run / "ckpt", "r", "last2")
    assert [list(m.calibration.temperatures) for m in members] == [
        entries[s]["temperatures"] for s in (6, 8)
    ]
    faces = record_set.read("PublicTest")
    logits = ensembles.predict_logits(members, faces.images)
    for member, (own,) in zip(members, logits):
        smoothing = member.recipe.label_smoothing
        fitted = calibration.fit(own, faces.labels, smoothing)
        assert member.calibration.temperatures == pytest.approx(fitted.temperatures, rel=0.01)
        assert member.calibration.smoothing == smoothing
    how = {"combine": "mean", "tta": "none"}
    result = ensembles.evaluate_split(members, record_set, "PublicTest", **how).result
    scaled = combinations.find(members, "none").probabilities(logits)
    loss = metrics.cross_entropy(scaled, faces.labels)
    assert result["calibration"]["after"]["loss"] == pytest.approx(loss, rel=1e-4)
    assert loss < result["calibration"]["before"]["loss"] == pytest.approx(result["loss"])


def test_predict_logits_uses_ema_weights(trained_run):
    (member,) = ensembles.resolve_ensemble(trained_run / "ckpt", "r", "latest")
    reader = storage.open_checkpoint(member.path)
    averages = weights.read_ema_weights(member.path)
    name = "fc1/kernel"
    assert np.array_equal(averages[name], reader.get_tensor(name + storage.EMA_SUFFIX))
    assert not np.array_equal(averages[name], reader.get_tensor(name))


def test_predict_logits_damaged_weights_named(trained_run, tmp_path):
    (member,) = ensembles.resolve_ensemble(trained_run / "ckpt", "r", "latest")
    values = weights.read_ema_weights(member.path)
    del values["conv1/gamma"]
    values["fc2/kernel"] = values["fc2/kernel"][:5]
    np.savez(tmp_path / "w.npz", **values)
    broken = member._replace(path=str(tmp_path / "w.npz"))
    with pytest.raises(UserError, match="w.npz: does not fit the net .2 variables.: conv1/gamma"):
        ensembles.predict_logits([broken], np.zeros((1, 48, 48), np.uint8))
