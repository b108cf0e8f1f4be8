"""Calibrations of ensembles and flipping: fitted on PublicTest, kept beside the run, found."""

import json
import shutil

import numpy as np
import pytest

from fer2013_tf import eval, ship
from fer2013_tf.checkpoints import run_folder, weights
from fer2013_tf.data import records
from fer2013_tf.evaluation import calibration, combinations, ensembles
from fer2013_tf.utils.errors import UserError
from tests import toy


@pytest.fixture
def ckpt(trained_run, tmp_path):
    """A copy of the trained run's folder without calibrations."""
    shutil.copytree(trained_run / "ckpt", tmp_path / "ckpt")
    (tmp_path / "ckpt/r" / run_folder.CALIBRATIONS).unlink(missing_ok=True)
    return tmp_path / "ckpt"


def members_of(ckpt, which="last2"):
    return ensembles.resolve_ensemble(ckpt, "r", which)


def fitted(ckpt, records_dir, *, which="last2", tta="flip"):
    """Evaluate on PublicTest with `fit`. Return (members, logits, labels)."""
    members, record_set = members_of(ckpt, which), records.RecordSet(records_dir)
    how = {"combine": "mean", "tta": tta, "fit": True}
    ensembles.evaluate_split(members, record_set, "PublicTest", **how)
    faces = record_set.read("PublicTest")
    return members, ensembles.predict_logits(members, faces.images, tta=tta), faces.labels


def test_fit_is_of_the_mean_kept_and_found_in_any_order(ckpt, records_dir):
    members, logits, labels = fitted(ckpt, records_dir)
    mean = np.log(calibration.probabilities(logits).mean(axis=(0, 1)))
    smoothing = members[0].recipe.label_smoothing
    expected = calibration.fit(mean, labels, smoothing)
    for order in (members, members[::-1]):
        found = combinations.find(order, "flip")
        assert found.fitted.temperatures == pytest.approx(expected.temperatures, rel=1e-3)
        np.testing.assert_allclose(
            found.probabilities(logits), found.fitted.probabilities(mean), atol=1e-9
        )
    assert combinations.find(members, "none").fitted is None
    assert combinations.find(members[:1], "flip").fitted is None


def test_find_of_one_checkpoint_is_its_own_calibration(ckpt):
    (member,) = members_of(ckpt, "latest")
    assert combinations.find([member], "none").fitted == member.calibration
    logits = np.random.default_rng(0).normal(size=(1, 1, 4, 7))
    np.testing.assert_array_equal(
        combinations.find([member], "none").probabilities(logits),
        member.calibration.probabilities(logits[0, 0]),
    )


def test_find_of_weights_trained_again_is_none(ckpt, records_dir):
    members, _, _ = fitted(ckpt, records_dir, which="6", tta="flip")
    assert combinations.find(members, "flip").fitted
    # The step of the name stays, the content is another's.
    for other in (ckpt / "r").glob("model.ckpt-4.*"):
        shutil.copy(other, ckpt / "r" / other.name.replace("-4.", "-6."))
    assert combinations.find(members_of(ckpt, "6"), "flip").fitted is None


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_find_in_a_damaged_file_names_it(ckpt, records_dir, damage):
    members, _, _ = fitted(ckpt, records_dir)
    path = ckpt / "r" / run_folder.CALIBRATIONS
    content = json.loads(path.read_text())
    content["fitted"][0]["temperatures"][0] += 0.5
    path.write_text(json.dumps(content) if damage == "changed" else path.read_text()[:-20])
    with pytest.raises(UserError, match="calibration.json: damaged.*eval on PublicTest fits"):
        combinations.find(members, "flip")


def test_fit_needs_public_test_of_the_records_of_the_training(ckpt, tmp_path, records_dir):
    toy.write_records(tmp_path / "others", seed=5)
    how = {"combine": "mean", "tta": "flip", "fit": True}
    for folder, split in ((records_dir, "PrivateTest"), (tmp_path / "others", "PublicTest")):
        record_set = records.RecordSet(folder)
        evaluation = ensembles.evaluate_split(members_of(ckpt), record_set, split, **how)
        assert not evaluation.result["calibration"]["fitted"]
    assert not (ckpt / "r" / run_folder.CALIBRATIONS).exists()


def test_fit_keeps_the_default_run_the_default(ckpt, records_dir):
    before = run_folder.last_written(ckpt / "r")
    fitted(ckpt, records_dir, which="latest")
    assert run_folder.last_written(ckpt / "r") == before


def test_eval_fits_ship_packs_and_shipped_weights_flip(
    ckpt, records_dir, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "packed"
    packing = ["--run", "r", "--ckpt", str(ckpt), "--out", str(out)]
    monkeypatch.setattr(weights, "SHIPPED", out)
    assert ship.main(packing) == 0
    note = capsys.readouterr().err
    assert "not calibrated for r:" in note and "with flip; to fit it: " in note
    shipped = [ensembles.shipped_member()]
    assert combinations.find(shipped, "flip").fitted is None
    evaluating = ["--run", "r", "--ckpt", str(ckpt), "--records", str(records_dir)]
    evaluating += ["--logs", str(tmp_path / "logs"), "--tta", "flip", "--split", "PublicTest"]
    assert eval.main(evaluating) == 0
    assert "not calibrated" not in capsys.readouterr().out
    assert ship.main(packing) == 0 and capsys.readouterr().err == ""
    expected = combinations.find(members_of(ckpt, "best"), "flip").fitted
    assert combinations.find([ensembles.shipped_member()], "flip").fitted == expected


def test_the_weights_of_the_package_are_calibrated_with_and_without_flip():
    shipped = [ensembles.shipped_member()]
    assert all(combinations.find(shipped, tta).fitted for tta in ("none", "flip"))
