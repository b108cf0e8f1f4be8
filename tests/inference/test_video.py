"""predict --video: rows, annotated video, timeline; tracking between detections; errors."""

import csv
import dataclasses
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from fer2013_tf import predict
from fer2013_tf.faces.alignment import Face
from fer2013_tf.inference import (
    annotating,
    camera,
    following,
    predictions,
    video_files,
    video_prediction,
    video_writing,
)
from fer2013_tf.utils import outputs
from fer2013_tf.utils.errors import UserError
from tests import videos

FRAMES, SIZE, RATE = 24, (320, 240), 25
ASTRONAUT = cv2.resize(data.astronaut(), (400, 400))


def frame(number):
    """The astronaut, two pixels further right and one further down per frame."""
    x, y = 60 - 2 * number, 30 - number
    x, y = max(0, x), max(0, y)
    return np.ascontiguousarray(ASTRONAUT[y : y + SIZE[1], x : x + SIZE[0]])


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "walk.mp4"
    frames = [frame(number) for number in range(FRAMES)]
    return videos.write(path, videos.steady(RATE, FRAMES), frames=frames, size=SIZE)


def words(root, video, *more):
    return ["--video", str(video), "--run", "r", "--ckpt", str(root / "ckpt"), *map(str, more)]


def test_predict_video_writes_rows_video_and_timeline(trained_run, video, tmp_path, capsys):
    files = ("--annotate", tmp_path / "out.mp4", "--csv", tmp_path / "f.csv")
    files += ("--timeline", tmp_path / "t.png")
    assert predict.main(words(trained_run, video, *files)) == 0
    out, err = capsys.readouterr()
    assert "track 1: 0.0 to 0.9 s, 24 frames: " in out and "track 2" not in out
    assert "24 frames of 320x240" in err and "frames per second" in err
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert [int(row["frame"]) for row in rows] == list(range(FRAMES))
    assert float(rows[10]["seconds"]) == pytest.approx(0.4)
    assert sum(float(rows[5][key]) for key in rows[5] if key.startswith("p_")) == pytest.approx(
        1, abs=5e-6
    )
    # Her face goes right and down as the image does, between detections too.
    lefts = [int(row["left"]) for row in rows]
    assert lefts[20] - lefts[0] == pytest.approx(40, abs=6)
    assert all(abs(b - a) < 8 for a, b in zip(lefts, lefts[1:]))
    with video_files.open_video(tmp_path / "out.mp4") as written:
        frames = [each.pixels for each in written]
    assert len(frames) == FRAMES and frames[0].shape == (240, 320, 3)
    # The annotation is there, and the rest is the video.
    difference = np.abs(frames[3].astype(int) - frame(3).astype(int)).mean(axis=2)
    assert difference.max() > 100 and np.median(difference) < 10
    assert (tmp_path / "t.png").stat().st_size > 5000
    assert outputs.made_here(tmp_path / "out.mp4")
    # Faces are detected in every third frame, and where they do not look as before.
    assert {row["detected"] for row in rows[::3]} == {"True"}
    assert sum(row["detected"] == "False" for row in rows) > FRAMES / 2


def test_predict_video_with_faces_none_takes_whole_frames(trained_run, video, tmp_path):
    assert (
        predict.main(words(trained_run, video, "--faces", "none", "--csv", tmp_path / "f.csv")) == 0
    )
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    keys = ("track", "left", "right", "bottom", "detected")
    places = {tuple(row[key] for key in keys) for row in rows}
    assert len(rows) == FRAMES and places == {("1", "0", "320", "240", "")}


def test_predict_video_json_has_an_object_per_face_and_frame(trained_run, video, capsys):
    assert predict.main(words(trained_run, video, "--json", "-", "--smooth", "none")) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == FRAMES and lines[0]["track"] == 1 and lines[0]["detected"] is True


def test_predict_video_twice_gives_the_same_rows(trained_run, video, tmp_path):
    for name in ("a.csv", "b.csv"):
        assert predict.main(words(trained_run, video, "--csv", tmp_path / name)) == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_predict_video_stopped_keeps_the_frames_so_far(
    trained_run, video, tmp_path, monkeypatch, capsys
):
    predict_frame, seen = following.Follower.predict, []

    def stopped(self, *arguments):
        seen.append(1)
        if len(seen) == 10:
            raise KeyboardInterrupt
        return predict_frame(self, *arguments)

    monkeypatch.setattr(following.Follower, "predict", stopped)
    files = ("--annotate", tmp_path / "out.mp4", "--csv", tmp_path / "f.csv")
    files += ("--timeline", tmp_path / "t.png")
    assert predict.main(words(trained_run, video, *files)) == 130
    out, err = capsys.readouterr()
    assert "track 1: 0.0 to 0.3 s, 9 frames" in out and "9 frames of 320x240" in err
    assert len((tmp_path / "f.csv").read_text().splitlines()) == 10
    with video_files.open_video(tmp_path / "out.mp4") as written:
        assert len(list(written)) == 9
    assert (tmp_path / "t.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.csv", "out.mp4", "t.png"]


def test_predict_damaged_video_writes_what_it_read_and_fails(trained_run, tmp_path, capfd):
    path = videos.write(tmp_path / "a.mp4", videos.steady(25))
    videos.damage(path, 0.5)
    files = ("--annotate", tmp_path / "out.mp4", "--csv", tmp_path / "f.csv", "--faces", "none")
    assert predict.main(words(trained_run, path, *files)) == 2
    out, err = capfd.readouterr()
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "a.mp4: damaged, " in line and "of 30 frames could be read" in line
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert f"damaged, {len(rows)} of 30" in line and "track 1: " in out
    assert float(rows[-1]["seconds"]) > 1
    with video_files.open_video(tmp_path / "out.mp4") as written:
        assert len(list(written)) == len(rows)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("nothing.mp4", "no such file; a camera is named by its number"),
        ("99", "no camera has this number"),
        ("text.mp4", "not a video FFmpeg can read"),
    ],
)
def test_predict_video_of_no_video_fails(
    trained_run, tmp_path, monkeypatch, capfd, source, expected
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    assert predict.main(words(trained_run, source)) == 2
    err = capfd.readouterr().err
    assert f"--video {source}: {expected}" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("out", "expected"),
    [("video.txt", "name a file that ends in .mp4"), ("none/video.mp4", "the folder is not there")],
)
def test_predict_video_to_an_impossible_file_fails(
    trained_run, video, tmp_path, capsys, out, expected
):
    assert predict.main(words(trained_run, video, "--annotate", tmp_path / out)) == 2
    assert expected in capsys.readouterr().err


def test_predict_video_never_overwrites_its_input(trained_run, video, capsys):
    before = video.read_bytes()
    assert predict.main(words(trained_run, video, "--annotate", video)) == 2
    assert "which is read; name another" in capsys.readouterr().err
    assert video.read_bytes() == before


class Camera:
    """A capture without a rate: of so many frames, those in `failing` fail for some tries."""

    def __init__(self, count, failing=()):
        self.left, self.failing, self.reads = count, set(failing), 0

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        self.reads += 1
        if self.reads in self.failing or not self.left:
            return False, None
        self.left -= 1
        return True, frame(0)[..., ::-1].copy()

    def get(self, _):
        return 0.0

    def release(self):
        pass


@pytest.fixture
def plug_in(monkeypatch):
    """Return a function that makes a capture the only camera; failures are waited for briefly."""
    for name, seconds in (("FIRST_WAIT", 0.2), ("NEXT_WAIT", 0.1), ("PAUSE", 0.01)):
        monkeypatch.setattr(camera, name, seconds)
    return lambda capture: monkeypatch.setattr(cv2, "VideoCapture", lambda *_: capture)


def test_predict_camera_is_mirrored_and_shown_until_the_window_closes(
    trained_run, plug_in, monkeypatch, capsys
):
    shown = []

    class Window:
        def __init__(self, _):
            pass

        def show(self, image):
            shown.append(np.asarray(image))
            return len(shown) < 5

        def __exit__(self, *_):
            pass

    plug_in(Camera(2000))
    monkeypatch.setattr("fer2013_tf.inference.window.Window", Window)
    assert predict.main(words(trained_run, "0")) == 0
    assert len(shown) == 5 and "5 frames" in capsys.readouterr().err
    below = slice(200, 240)
    np.testing.assert_array_equal(shown[0][below, :100], frame(0)[below, ::-1][:, :100])


def test_predict_camera_without_a_screen_fails(trained_run, plug_in, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    plug_in(Camera(5))
    assert predict.main(words(trained_run, "0")) == 2
    assert "no screen to show the camera on" in capsys.readouterr().err


def test_predict_camera_that_stops_says_so_after_its_results(trained_run, plug_in, capsys):
    plug_in(Camera(7))
    assert predict.main(words(trained_run, "/dev/video0", "--no-window", "--faces", "none")) == 2
    out, err = capsys.readouterr()
    assert "track 1: " in out and err.count("error: ") == 1
    assert "--video /dev/video0: the camera stopped after 7 frames" in err


@pytest.mark.parametrize("failing", [(1, 2, 3), (4,), (4, 5, 6)])
def test_camera_that_fails_is_tried_again(plug_in, failing):
    plug_in(Camera(5, failing))
    frames = camera.Camera("0")
    found = []
    with pytest.raises(UserError, match="stopped after 5 frames"):
        for seconds, _ in frames:
            found.append(seconds)
    assert len(found) == 5 and found[0] == 0 and found == sorted(found)


def test_camera_without_any_frame_says_so(plug_in):
    plug_in(Camera(0))
    with pytest.raises(UserError, match="gives no frames"):
        video_files.open_video("0")


def test_camera_is_recorded_at_the_times_its_frames_came(plug_in, monkeypatch, tmp_path):
    """It names no rate and gives ten frames per second."""
    ticks = iter(np.arange(0, 100, 0.05))
    monkeypatch.setattr(camera.time, "monotonic", lambda: next(ticks))
    plug_in(Camera(6))
    with (
        pytest.raises(UserError, match="stopped"),
        video_files.Video(camera.Camera("0"), live=False) as source,
        video_writing.Writer(tmp_path / "out.mp4", source) as writer,
    ):
        for each in source:
            writer.add(each)
    np.testing.assert_allclose(videos.times_of(tmp_path / "out.mp4"), np.arange(6) * 0.1)


def test_moved_follows_translation_rotation_and_scale():
    image = Image.fromarray(ASTRONAUT).convert("L")
    before = np.asarray(image)
    face = Face((140, 60, 220, 140), 0.9, ((160.0, 80.0), (195.0, 84.0)))
    # About the image's middle by 4 degrees, a tenth larger, then 3 to the right.
    change = cv2.getRotationMatrix2D((200, 200), 4, 1.1)
    change[0, 2] += 3
    now = cv2.warpAffine(before, change, (400, 400))
    moved = following.moved(face, before, now, 1.0)
    center = change @ (180, 100, 1)
    middle = np.array([moved.box[0] + moved.box[2], moved.box[1] + moved.box[3]]) / 2
    np.testing.assert_allclose(middle, center, atol=1.5)
    assert moved.box[2] - moved.box[0] == pytest.approx(88, abs=2)
    np.testing.assert_allclose(moved.eyes[0], change @ (160, 80, 1), atol=1.5)
    # On a plain surface there are no points to follow.
    plain = np.full((400, 400), 100, np.uint8)
    still = following.moved(face, plain, plain, 1.0)
    np.testing.assert_allclose(still.box, face.box, atol=0.5)


class Fake:
    """A recognizer that finds what `faces_in(frame)` says; detection takes `cost` seconds."""

    faces, classes, weights, min_confidence = "detect", ("a", "b"), "none", 0.0

    def __init__(self, faces_in=lambda _: [Face((10.0, 10.0, 30.0, 30.0))]):
        self.seconds, self.cost, self.faces_in = 0.0, 0.0, faces_in

    def detect(self, image, *, search_tiles):
        assert not search_tiles
        self.seconds += self.cost
        return self.faces_in(np.asarray(image))

    def crop(self, image, face):
        return np.zeros((8, 8), np.uint8)

    def prediction(self, name, number, face, crop, scores, probabilities):
        return predictions.Prediction(
            name, number, face, self.classes, scores, probabilities, crop, "none"
        )

    def predict_crops(self, crops):
        return np.zeros((len(crops), 2)), np.full((len(crops), 2), 0.5)


def test_follower_on_a_slow_machine_detects_less_often(monkeypatch):
    slow = Fake()
    monkeypatch.setattr(following.time, "perf_counter", lambda: slow.seconds)
    follower = following.Follower(slow, rate=25.0)
    slow.cost = 0.2
    for number in range(40):
        follower.predict(frame(number % 3), "f")
    assert follower.every > 2
    slow.cost = 0.0
    for number in range(200):
        follower.predict(frame(number % 3), "f")
    assert follower.every == 1


HEAD = Face((100.0, 10.0, 230.0, 160.0))


def test_a_face_that_has_gone_ends_at_once():
    """Her head is there, then covered by what is beside it, while nothing else changes."""
    gone = frame(0).copy()
    gone[:170, 90:240] = gone[60:230, 5:20].repeat(10, axis=1)
    follower = following.Follower(
        Fake(lambda pixels: [HEAD] if (pixels != gone).any() else []), every=100
    )
    found = [follower.predict(pixels, "f") for pixels in [frame(0)] * 4 + [gone] * 3]
    assert [[each.detected for each in of] for of in found] == [
        *([True], [False], [False], [False]),
        *([], [], []),
    ]


def test_tracks_end_at_a_cut_and_not_at_a_flash():
    mirrored, bright = frame(0)[::-1, ::-1], (frame(0) // 2 + 120).astype(np.uint8)
    follower = following.Follower(Fake(lambda _: [HEAD]), every=3)
    frames = [frame(n // 4) for n in range(8)] + [bright] + [frame(2)] * 3 + [mirrored] * 3
    numbers = [[p.number for p in follower.predict(pixels.copy(), "f")] for pixels in frames]
    assert numbers == [[1]] * 12 + [[2]] * 3


def test_a_frame_of_another_size_is_a_cut():
    follower = following.Follower(Fake(), every=3)
    for pixels in (frame(0), frame(0)[:200, :300], frame(0)):
        assert len(follower.predict(pixels.copy(), "f")) == 1


@pytest.mark.parametrize(("rate", "every"), [(0.5, 1), (10, 1), (15, 2), (25, 3), (480, 3)])
def test_faces_are_detected_several_times_a_second(rate, every):
    assert following.every_of(rate) == every


def test_annotate_marks_what_is_tracked():
    images = []
    for detected in (True, False, None):
        made = Fake().prediction("f", 1, HEAD, None, np.zeros(2), np.array([0.9, 0.1]))
        made = dataclasses.replace(made, detected=detected)
        images.append(np.asarray(annotating.annotate(Image.fromarray(frame(0)), [made])))
    assert (images[0] == images[2]).all() and (images[0] != images[1]).any()


def test_moments_of_a_long_track_are_averaged():
    entries = [(number / 25, np.array([number % 2, 1 - number % 2])) for number in range(6000)]
    seconds, probabilities = video_prediction._moments(entries)
    assert len(seconds) == video_prediction.MOMENTS
    assert seconds[0] == pytest.approx(0.08)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_longest_leaves_out_short_tracks():
    def track(start, frames):
        return [(start + number / 25, np.array([0.5, 0.5])) for number in range(frames)]

    assert video_prediction._longest({1: track(0, 100), 2: track(1, 3)}) == [1]
    assert video_prediction._longest({1: track(0, 3), 2: track(1, 2)}) == [1, 2]
    many = {number: track(0, 20 + number) for number in range(1, 10)}
    assert video_prediction._longest(many) == [4, 5, 6, 7, 8, 9]
