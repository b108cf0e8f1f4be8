"""The library: pictures of every kind, one session for many threads, options that are refused."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from skimage import data

import fer2013_tf
from fer2013_tf import calibration, evaluation, explain, readings
from fer2013_tf.errors import UserError
from fer2013_tf.recognizer import Recognizer

ASTRONAUT, COFFEE = data.astronaut(), data.coffee()


@pytest.fixture(scope="module")
def recognizer(whole):
    with Recognizer("r", ckpt=whole / "ckpt", faces="detect") as recognizer:
        yield recognizer


def test_one_picture_or_a_list_of_any_kind(recognizer, tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / "a.png")
    kinds = [tmp_path / "a.png", str(tmp_path / "a.png"), ASTRONAUT, Image.fromarray(ASTRONAUT)]
    results = recognizer.predict([*kinds, COFFEE])
    assert [len(of_picture) for of_picture in results] == [1, 1, 1, 1, 0]
    (one,) = recognizer.predict(ASTRONAUT)
    for (reading,) in results[:4]:
        np.testing.assert_allclose(reading.probabilities, one.probabilities, atol=1e-6)
    assert [results[n][0].picture for n in (0, 2)] == [str(tmp_path / "a.png"), "2"]
    assert recognizer.predict([]) == [] and recognizer.predict(COFFEE) == []


def test_a_reading_is_what_the_net_says_of_the_crop(recognizer):
    (reading,) = recognizer.predict(ASTRONAUT)
    (member,) = recognizer.members
    logits = evaluation.answers([member], reading.crop[None])
    np.testing.assert_allclose(reading.scores, logits[0, 0, 0], atol=1e-4)
    chances = calibration.probabilities(reading.scores, *member.calibration)
    np.testing.assert_allclose(reading.probabilities, chances, atol=1e-5)
    assert reading.probabilities.sum() == pytest.approx(1)
    assert reading.expression == reading.classes[reading.scores.argmax()]
    assert reading.weights == member.name and reading.crop.shape == (48, 48)


def test_threads_share_one_session(recognizer):
    flipped = np.ascontiguousarray(ASTRONAUT[:, ::-1])
    alone = [recognizer.predict(picture)[0].probabilities for picture in (ASTRONAUT, flipped)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(recognizer.predict, [ASTRONAUT, flipped] * 12))
    for number, (reading,) in enumerate(together):
        np.testing.assert_allclose(reading.probabilities, alone[number % 2], atol=1e-6)


def test_ensembles_and_mirror_images_are_averaged(whole, recognizer):
    how = {"ckpt": whole / "ckpt", "faces": "none"}
    with Recognizer("r", ensemble="last2", tta="flip", **how) as both:
        (reading,) = both.predict(ASTRONAUT)
        logits = evaluation.answers(both.members, reading.crop[None], tta="flip")
        expected = calibration.combined(logits, [m.calibration for m in both.members])
    np.testing.assert_allclose(reading.probabilities, expected[0], atol=1e-5)
    assert reading.weights == "r:6,r:8"
    assert reading.face.box == (0, 0, 512, 512)


def test_unsure_readings_are_uncertain(whole):
    with Recognizer("r", ckpt=whole / "ckpt", faces="centre", min_confidence=0.999) as strict:
        (reading,) = strict.predict(ASTRONAUT)
    assert reading.expression == readings.UNCERTAIN
    assert reading.likeliest in reading.classes
    assert reading.as_dict()["expression"] == "uncertain"


@pytest.mark.parametrize(
    "picture", [np.zeros((5, 5)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 9), np.uint8)]
)
def test_arrays_of_another_kind_are_refused(recognizer, picture):
    with pytest.raises(ValueError, match="expected uint8"):
        recognizer.predict(picture)


@pytest.mark.parametrize(
    "option", [{"faces": "all"}, {"framing": "wide"}, {"detector": "eyes"}, {"tta": "turn"}]
)
def test_unknown_options_name_the_known_ones(whole, option):
    with pytest.raises(UserError, match="not known; known: "):
        Recognizer("r", ckpt=whole / "ckpt", **{"faces": "detect", **option})


def test_it_is_exported_and_costs_nothing_until_used():
    exported = fer2013_tf.Recognizer
    assert exported is Recognizer
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        _ = fer2013_tf.Recogniser
    code = "import sys, fer2013_tf; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_heat_and_maps_of_a_face(recognizer):
    (reading,) = recognizer.predict(ASTRONAUT)
    explainer = explain.Explainer(recognizer.members[0])
    maps, heat = explainer.look(reading.crop)
    assert list(maps) == ["conv1", "pool1", "conv2", "pool2", "conv3", "pool3"]
    assert maps["conv1"].shape == (48, 48, 3) and maps["pool3"].shape == (6, 6, 3)
    assert heat.shape == (48, 48) and heat.min() >= 0 and heat.max() <= 1
    # It follows the picture: of the mirror image it is another.
    assert not np.allclose(heat, explainer.heat(reading.crop[:, ::-1].copy()))
    explainer.close()
