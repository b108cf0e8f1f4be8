"""Nets of more classes used for fewer: by name, the others left out and the rest normalized."""

import json
import shutil

import numpy as np
import pytest

from fer2013_tf import Recognizer, eval, train
from fer2013_tf.checkpoints import run_folder
from fer2013_tf.data import records
from fer2013_tf.evaluation import calibration, class_names, combinations, ensembles
from fer2013_tf.inference import gradcam
from fer2013_tf.utils.constants import FER2013, FERPLUS
from fer2013_tf.utils.errors import UserError
from tests import toy

TEN = (*FERPLUS, "unknown", "NF")
SEVEN_OF_EIGHT = (4, 5, 6, 1, 3, 2, 0)


@pytest.mark.parametrize(("own", "left_out"), [(FERPLUS, 1), (TEN, 3), (FER2013[::-1], 0)])
def test_match_by_name(own, left_out):
    kept = class_names.match(own, FER2013)
    assert kept.classes == FER2013 and len(kept.left_out) == left_out
    if own != FER2013[::-1]:
        assert kept.places == SEVEN_OF_EIGHT
    else:
        assert kept.places == (6, 5, 4, 3, 2, 1, 0)


def test_match_same_classes_is_none_and_case_counts_for_nothing():
    assert class_names.match(FER2013, list(FER2013)) is None
    kept = class_names.match(("Anger", "HAPPINESS", "calm"), ("happy", "angry"))
    assert kept.places == (1, 0) and kept.left_out == ("calm",)


def test_match_two_of_one_meaning_are_told_apart_as_written():
    own = ("happy", "happiness", "sad")
    assert class_names.match(own, ("happiness", "happy")).places == (1, 0)
    with pytest.raises(UserError, match="no class sadness among happy, happiness, sad"):
        class_names.match(own, ("happy", "sadness"))


def test_match_refuses_where_classes_are_missing():
    with pytest.raises(UserError, match="no class contempt among angry"):
        class_names.match(FER2013, FERPLUS)
    with pytest.raises(UserError, match="no class yes, no among"):
        class_names.match(FER2013, ("yes", "sad", "no"))


def test_common_is_the_smallest_set_that_all_have():
    assert class_names.common({"a": FERPLUS, "b": FER2013, "c": TEN}) == FER2013
    assert class_names.common({"a": TEN, "b": FERPLUS}) == FERPLUS
    with pytest.raises(UserError, match="a:1 and b:2 cannot be combined: a:1 has no class x"):
        class_names.common({"a:1": ("p", "q", "r"), "b:2": ("q", "x")})


def test_keep_normalizes():
    kept = calibration.keep(np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]), (2, 1))
    np.testing.assert_allclose(kept, [[0.625, 0.375], [0.5, 0.5]])


@pytest.fixture(scope="module")
def runs(trained_run, tmp_path_factory):
    """Root of run "r" with seven classes and "plus" with FER+'s eight."""
    root = tmp_path_factory.mktemp("classes")
    shutil.copytree(trained_run / "ckpt" / "r", root / "ckpt" / "r")
    toy.write_records(root / "eight", classes=FERPLUS)
    assert train.main(toy.arguments(root / "eight", root, settings=["epochs=1"], run="plus")) == 0
    return root


def test_evaluate_split_on_records_of_fewer_classes(runs, records_dir):
    record_set = records.RecordSet(records_dir)
    (member,) = ensembles.resolve_ensemble(runs / "ckpt", "plus")
    assert member.classes == FERPLUS and member.calibration.temperatures != (1.0,)
    faces = record_set.read("PublicTest")
    logits = ensembles.predict_logits([member], faces.images)[0, 0]
    own = calibration.probabilities(logits)[:, SEVEN_OF_EIGHT]
    how = {"combine": "mean", "tta": "none", "fit": True}
    found = ensembles.evaluate_split([member], record_set, "PublicTest", **how)
    np.testing.assert_allclose(found.probabilities, own / own.sum(axis=1, keepdims=True))
    assert list(found.result["per_class"]) == list(FER2013)
    # Its own calibration is that of its own classes; nothing is fitted across classes.
    calibrated = member.calibration.probabilities(logits)[:, SEVEN_OF_EIGHT]
    (used,) = ensembles.for_records([member], record_set)
    np.testing.assert_allclose(
        combinations.find([used], "none").probabilities([logits[None]]),
        calibrated / calibrated.sum(axis=1, keepdims=True),
    )
    assert not (run_folder.Run(runs / "ckpt", "plus").folder / run_folder.CALIBRATIONS).exists()


def test_eval_and_recognizer_average_nets_of_eight_and_seven(runs, records_dir, tmp_path, capsys):
    order = "plus:best,r:best"
    words = ["--records", records_dir, "--ckpt", runs / "ckpt", "--logs", tmp_path]
    words += ["--ensemble", order, "--json", tmp_path / "x.json", "--split", "PublicTest"]
    assert eval.main(list(map(str, words))) == 0
    said = capsys.readouterr().out
    assert "left out, the rest normalized: contempt of plus" in said
    assert "their classes differ, so that each has its own calibration" in said
    result = json.loads((tmp_path / "x.json").read_text())
    assert list(result["classes_left_out"].values()) == [["contempt"]]

    faces = records.RecordSet(records_dir).read("PublicTest")
    expected = []
    for run in ("r", "plus"):
        members = ensembles.resolve_ensemble(runs / "ckpt", run)
        logits = ensembles.predict_logits(members, faces.images)
        each = combinations.find(members, "none").probabilities(logits)
        each = each if run == "r" else each[:, SEVEN_OF_EIGHT]
        expected.append(each / each.sum(axis=1, keepdims=True))
    with Recognizer("r", ckpt=runs / "ckpt", ensemble=order, faces="none") as recognizer:
        assert recognizer.classes == FER2013 and "classes differ" in recognizer.calibration_note
        scores, probabilities = recognizer.predict_crops(faces.images)
        explainer = gradcam.Explainer(recognizer)
        assert explainer.gradcam(faces.images[0], "neutral").shape == (48, 48)
        explainer.close()
    assert scores.shape == probabilities.shape == (10, 7)
    np.testing.assert_allclose(probabilities, np.mean(expected, axis=0), rtol=1e-3)


def test_eval_refuses_records_of_more_classes(runs, tmp_path, capsys):
    words = ["--records", runs / "eight", "--ckpt", runs / "ckpt", "--logs", tmp_path]
    assert eval.main([*map(str, words), "--run", "r"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "r:" in error and "no class contempt among" in error
