"""predict --video: rows, annotated video, timeline; following between detections; errors."""

import csv
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from fer2013_tf import predict
from fer2013_tf.faces.alignment import Face
from fer2013_tf.inference import following, video_files, video_prediction
from fer2013_tf.utils.errors import UserError

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
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
    for number in range(FRAMES):
        writer.write(frame(number)[..., ::-1].copy())
    writer.release()
    return path


def words(root, video, *more):
    return ["--video", str(video), "--run", "r", "--ckpt", str(root / "ckpt"), *map(str, more)]


def test_predict_video_writes_rows_video_and_timeline(trained_run, video, tmp_path, capsys):
    outputs = ("--annotate", tmp_path / "out.mp4", "--csv", tmp_path / "f.csv")
    outputs += ("--timeline", tmp_path / "t.png")
    assert predict.main(words(trained_run, video, *outputs)) == 0
    out, err = capsys.readouterr()
    assert "track 1: 0.0 to 0.9 s, 24 frames: " in out and "track 2" not in out
    assert "24 frames of 320x240" in err and "frames per second" in err
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert [int(row["frame"]) for row in rows] == list(range(FRAMES))
    assert float(rows[10]["seconds"]) == pytest.approx(0.4)
    assert sum(float(rows[5][key]) for key in rows[5] if key.startswith("p_")) == pytest.approx(1)
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


def test_predict_video_with_faces_none_takes_whole_frames(trained_run, video, tmp_path):
    assert (
        predict.main(words(trained_run, video, "--faces", "none", "--csv", tmp_path / "f.csv")) == 0
    )
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    places = {(row["track"], row["left"], row["right"], row["bottom"]) for row in rows}
    assert len(rows) == FRAMES and places == {("1", "0", "320", "240")}


def test_writer_that_lost_frames_raises(trained_run, video, tmp_path, monkeypatch):
    def lose(writer):
        while writer._waiting.get() is not None:
            pass

    monkeypatch.setattr(video_files.Writer, "_encode", lose)
    with (
        pytest.raises(UserError, match="out.mp4: of 3 frames 0 could be written"),
        video_files.open_video(video) as read,
        video_files.Writer(tmp_path / "out.mp4", read) as writer,
    ):
        for number in range(3):
            writer.add(frame(number))
    assert list(tmp_path.iterdir()) == []


def test_predict_video_json_has_an_object_per_face_and_frame(trained_run, video, capsys):
    assert predict.main(words(trained_run, video, "--json", "-", "--smooth", "none")) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == FRAMES and lines[0]["track"] == 1


def test_predict_video_twice_gives_the_same_rows(trained_run, video, tmp_path):
    for name in ("a.csv", "b.csv"):
        assert predict.main(words(trained_run, video, "--csv", tmp_path / name)) == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_predict_video_stopped_keeps_the_frames_so_far(trained_run, video, tmp_path, monkeypatch):
    predict_frame, seen = following.Follower.predict, []

    def stopped(self, *arguments):
        seen.append(1)
        if len(seen) == 10:
            raise KeyboardInterrupt
        return predict_frame(self, *arguments)

    monkeypatch.setattr(following.Follower, "predict", stopped)
    outputs = ("--annotate", tmp_path / "out.mp4", "--csv", tmp_path / "f.csv")
    outputs += ("--timeline", tmp_path / "t.png")
    assert predict.main(words(trained_run, video, *outputs)) == 130
    assert len((tmp_path / "f.csv").read_text().splitlines()) == 10
    with video_files.open_video(tmp_path / "out.mp4") as written:
        assert len(list(written)) == 9
    assert (tmp_path / "t.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.csv", "out.mp4", "t.png"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("nothing.mp4", "no such file; a camera is named by its number"),
        ("99", "no camera has this number"),
        ("text.mp4", "not a video OpenCV can read"),
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
    assert "is the input video" in capsys.readouterr().err
    assert video.read_bytes() == before


class Camera:
    """A capture of so many frames without a rate or a size."""

    def __init__(self, count):
        self.left = count

    def read(self):
        self.left -= 1
        return self.left >= 0, frame(0)[..., ::-1].copy()

    def get(self, _):
        return 0.0

    def release(self):
        pass


def test_predict_camera_is_mirrored_and_shown_until_the_window_closes(
    trained_run, monkeypatch, capsys
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

    monkeypatch.setattr(video_files, "opencv", lambda: cv2)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Camera(200))
    monkeypatch.setattr("fer2013_tf.inference.window.Window", Window)
    assert predict.main(words(trained_run, "0")) == 0
    assert len(shown) == 5 and "5 frames" in capsys.readouterr().err
    below = slice(200, 240)
    np.testing.assert_array_equal(shown[0][below, :100], frame(0)[below, ::-1][:, :100])


def test_predict_camera_without_a_screen_fails(trained_run, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Camera(5))
    assert predict.main(words(trained_run, "0")) == 2
    assert "no screen to show the camera on" in capsys.readouterr().err
    assert predict.main(words(trained_run, "0", "--no-window")) == 0


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


class Slow:
    """A recognizer whose detection takes `cost` seconds of its own clock."""

    faces, classes, weights, min_confidence = "detect", ("a", "b"), "none", 0.0

    def __init__(self):
        self.seconds, self.cost = 0.0, 0.0

    def detect(self, image, *, search_tiles):
        assert not search_tiles
        self.seconds += self.cost
        return [Face((10.0, 10.0, 30.0, 30.0))]

    def crop(self, image, face):
        return np.zeros((8, 8), np.uint8)

    def prediction(self, *_):
        return None

    def predict_crops(self, crops):
        return np.zeros((len(crops), 2)), np.full((len(crops), 2), 0.5)


def test_follower_on_a_slow_machine_detects_less_often(monkeypatch):
    slow = Slow()
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


def test_open_video_without_opencv_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(UserError, match=r"opencv-python-headless.*\.\[video\]"):
        video_files.open_video("x.mp4")
