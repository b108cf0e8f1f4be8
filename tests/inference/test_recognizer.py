"""The library: images of every kind, one session for many threads, options, Grad-CAM."""

import io
import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage import data

import fer2013_tf
from fer2013_tf.evaluation import combinations, ensembles
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
        expected = combinations.find(both.members, "flip").probabilities(logits)
    np.testing.assert_allclose(prediction.probabilities, expected[0], atol=1e-5)
    assert prediction.weights == "r:6,r:8"
    assert prediction.face.box == (0, 0, 512, 512)


def test_predict_below_min_confidence_is_uncertain(trained_run):
    with Recognizer("r", ckpt=trained_run / "ckpt", faces="center", min_confidence=0.999) as strict:
        (prediction,) = strict.predict(ASTRONAUT)
    assert prediction.expression == predictions.UNCERTAIN
    assert prediction.predicted_class in prediction.classes
    assert prediction.as_dict()["expression"] == "uncertain"


def test_predict_series_arrays_and_generators_are_lists_of_images(recognizer, tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / "a.png")
    (expected,) = recognizer.predict(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    one = [
        data,
        io.BytesIO(data),
        ASTRONAUT / 255,
        np.dstack([ASTRONAUT, np.full((512, 512), 255, np.uint8)]),
    ]
    several = [
        pd.Series([str(tmp_path / "a.png")] * 2, index=[7, 8]),
        np.stack([ASTRONAUT, ASTRONAUT]),
        (image for image in (ASTRONAUT, data)),
    ]
    for faces in [
        *map(recognizer.predict, one),
        *itertools.chain(*map(recognizer.predict, several)),
    ]:
        (prediction,) = faces
        np.testing.assert_allclose(prediction.probabilities, expected.probabilities, atol=1e-6)
    assert [len(recognizer.predict(each)) for each in (several[0], several[1])] == [2, 2]


@pytest.mark.parametrize("image", [np.full((50, 50), -1), np.zeros((4, 4), np.uint8), {"a.png": 1}])
def test_predict_of_what_is_no_image_names_its_place(recognizer, image):
    with pytest.raises(UserError, match="^image 1: "):
        recognizer.predict([ASTRONAUT, image])


def test_predict_boxes_lie_in_the_image_and_crops_stay(recognizer):
    """Her face cut off at each edge: no slice by its box is empty."""
    whole = Image.fromarray(ASTRONAUT)
    for corner in ((215, 60), (60, 115), (-287, 60), (60, -400)):
        window = [c if c > 0 else 0 for c in corner] + [512 if c > 0 else 512 + c for c in corner]
        image = whole.crop(window)
        for prediction in recognizer.predict(image):
            left, top, right, bottom = prediction.face.box
            assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height
            ends = prediction.as_dict()["box"]
            rows, columns = slice(ends["top"], ends["bottom"]), slice(ends["left"], ends["right"])
            assert np.asarray(image)[rows, columns].size


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
    explainer = gradcam.Explainer(recognizer)
    named = prediction.predicted_class
    maps, values = explainer.explain(prediction.crop, named)
    assert list(maps) == ["conv1", "pool1", "conv2", "pool2", "conv3", "pool3"]
    assert maps["conv1"].shape == (48, 48, 3) and maps["pool3"].shape == (6, 6, 3)
    assert values.shape == (48, 48) and values.min() >= 0 and values.max() <= 1
    # It depends on the image: the mirror image has another one.
    assert not np.allclose(values, explainer.gradcam(prediction.crop[:, ::-1].copy(), named))
    explainer.close()


def test_gradcam_is_of_the_named_class_over_all_members_and_views(trained_run):
    how = {"ckpt": trained_run / "ckpt", "faces": "none"}
    with Recognizer("r", ensemble="last2", tta="flip", **how) as both:
        (prediction,) = both.predict(ASTRONAUT)
        alone = [Recognizer("r", ensemble=step, **how) for step in ("6", "8")]
        crop, mirrored = prediction.crop, prediction.crop[:, ::-1].copy()
        for name in (prediction.predicted_class, "disgust"):
            maps = []
            for one in map(gradcam.Explainer, alone):
                maps += [one.gradcam(crop, name), one.gradcam(mirrored, name)[:, ::-1]]
            explainer = gradcam.Explainer(both)
            found = explainer.gradcam(crop, name)
            np.testing.assert_allclose(found, np.mean(maps, axis=0), atol=1e-6)
            assert not np.allclose(found, maps[0])
        with pytest.raises(UserError, match="class 'joy': not known; known: angry, "):
            explainer.gradcam(crop, "joy")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"min_confidence": 60}, "min_confidence 60: give a number from 0 to 1; 60 percent is 0.6"),
        ({"min_confidence": -1}, "min_confidence -1: give a number from 0 to 1"),
        ({"min_confidence": float("nan")}, "min_confidence nan: give"),
        ({"min_confidence": "0.5"}, "min_confidence '0.5': give"),
        ({"min_confidence": True}, "min_confidence True: give"),
        ({"tta": None}, "tta None: not known; known: none, flip"),
        ({"faces": ""}, "faces '': not known; known: detect, center, none"),
        ({"precision": "float16"}, "precision 'float16': not known; known: auto, "),
        ({"detector": ["haar"]}, r"detector \['haar'\]: not known"),
        ({"ensemble": 5}, "ensemble 5: give text such as 'last5'"),
        ({"many": "yes"}, "many 'yes': give True or False"),
        ({"ckpt": None}, "ckpt None: give the name of a folder"),
        ({"run": None}, "run None: give a name"),
    ],
)
def test_recognizer_checks_every_option_before_it_loads(option, said):
    with pytest.raises(UserError, match=said):
        Recognizer(**option)


def test_recognizer_says_where_it_is_not_calibrated(trained_run, recognizer):
    assert recognizer.calibrated and recognizer.calibration_note is None
    how = {"ckpt": trained_run / "ckpt", "faces": "none"}
    with Recognizer("r", ensemble="2,4", tta="flip", **how) as other:
        assert not other.calibrated
        assert "not calibrated for these 2 checkpoints together with flip" in other.calibration_note
        assert "--ensemble 2,4 --tta flip --split PublicTest" in other.calibration_note
