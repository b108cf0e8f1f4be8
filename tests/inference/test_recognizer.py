"""The library: images of every kind, one session for many threads, options, Grad-CAM."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from skimage import data

import fer2013_tf
from fer2013_tf.evaluation import calibration, ensembles
from fer2013_tf.inference import gradcam, predictions
from fer2013_tf.inference.recognizer import Recognizer
from fer2013_tf.utils.errors import UserError

ASTRONAUT, COFFEE = data.astronaut(), data.coffee()


@pytest.fixture(scope="module")
def recognizer(trained_run):
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="detect") as recognizer:
        yield recognizer


def test_predict_one_image_or_a_list_of_any_kind(recognizer, tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / "a.png")
    kinds = [tmp_path / "a.png", str(tmp_path / "a.png"), ASTRONAUT, Image.fromarray(ASTRONAUT)]
    results = recognizer.predict([*kinds, COFFEE])
    assert [len(of_image) for of_image in results] == [1, 1, 1, 1, 0]
    (one,) = recognizer.predict(ASTRONAUT)
    for (prediction,) in results[:4]:
        np.testing.assert_allclose(prediction.probabilities, one.probabilities, atol=1e-6)
    assert [results[n][0].image for n in (0, 2)] == [str(tmp_path / "a.png"), "2"]
    assert recognizer.predict([]) == [] and recognizer.predict(COFFEE) == []


def test_predict_gives_the_logits_of_the_crop(recognizer):
    (prediction,) = recognizer.predict(ASTRONAUT)
    (member,) = recognizer.members
    logits = ensembles.predict_logits([member], prediction.crop[None])
    np.testing.assert_allclose(prediction.scores, logits[0, 0, 0], atol=1e-4)
    expected = member.calibration.probabilities(prediction.scores)
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)
    assert prediction.probabilities.sum() == pytest.approx(1)
    assert prediction.expression == prediction.classes[prediction.scores.argmax()]
    assert prediction.weights == member.name and prediction.crop.shape == (48, 48)


def test_predict_from_threads_shares_one_session(recognizer):
    flipped = np.ascontiguousarray(ASTRONAUT[:, ::-1])
    alone = [recognizer.predict(image)[0].probabilities for image in (ASTRONAUT, flipped)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(recognizer.predict, [ASTRONAUT, flipped] * 12))
    for number, (prediction,) in enumerate(together):
        np.testing.assert_allclose(prediction.probabilities, alone[number % 2], atol=1e-6)


def test_predict_with_ensemble_and_flip_averages(trained_run, recognizer):
    how = {"ckpt": trained_run / "ckpt", "faces": "none"}
    with Recognizer("r", ensemble="last2", tta="flip", **how) as both:
        (prediction,) = both.predict(ASTRONAUT)
        logits = ensembles.predict_logits(both.members, prediction.crop[None], tta="flip")
        expected = calibration.ensemble_probabilities(logits, [m.calibration for m in both.members])
    np.testing.assert_allclose(prediction.probabilities, expected[0], atol=1e-5)
    assert prediction.weights == "r:6,r:8"
    assert prediction.face.box == (0, 0, 512, 512)


def test_predict_below_min_confidence_is_uncertain(trained_run):
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="center", min_confidence=0.999) as strict:
        (prediction,) = strict.predict(ASTRONAUT)
    assert prediction.expression == predictions.UNCERTAIN
    assert prediction.predicted_class in prediction.classes
    assert prediction.as_dict()["expression"] == "uncertain"


@pytest.mark.parametrize(
    "image", [np.zeros((5, 5)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 9), np.uint8)]
)
def test_predict_of_other_arrays_is_refused(recognizer, image):
    with pytest.raises(ValueError, match="expected uint8"):
        recognizer.predict(image)


@pytest.mark.parametrize(
    "option", [{"faces": "all"}, {"alignment": "wide"}, {"detector": "eyes"}, {"tta": "turn"}]
)
def test_recognizer_with_unknown_options_names_the_known_ones(trained_run, option):
    with pytest.raises(UserError, match="not known; known: "):
        Recognizer("r", ckpt=trained_run / "ckpt", **{"faces": "detect", **option})


def test_recognizer_is_exported_without_importing_tensorflow():
    exported = fer2013_tf.Recognizer
    assert exported is Recognizer
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        _ = fer2013_tf.Recogniser
    code = "import sys, fer2013_tf; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_explain_gives_feature_maps_and_gradcam(recognizer):
    (prediction,) = recognizer.predict(ASTRONAUT)
    explainer = gradcam.Explainer(recognizer.members[0])
    maps, values = explainer.explain(prediction.crop)
    assert list(maps) == ["conv1", "pool1", "conv2", "pool2", "conv3", "pool3"]
    assert maps["conv1"].shape == (48, 48, 3) and maps["pool3"].shape == (6, 6, 3)
    assert values.shape == (48, 48) and values.min() >= 0 and values.max() <= 1
    # It depends on the image: the mirror image has another one.
    assert not np.allclose(values, explainer.gradcam(prediction.crop[:, ::-1].copy()))
    explainer.close()
