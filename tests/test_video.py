"""predict --video on small films: rows, film, timeline; following between detections; refusals."""

import csv
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from fer2013_tf import following, predict, reading_video, video
from fer2013_tf.errors import UserError
from fer2013_tf.faces import Face

FRAMES, SIZE, RATE = 24, (320, 240), 25
ASTRONAUT = cv2.resize(data.astronaut(), (400, 400))


def frame(number):
    """The astronaut, two pixels further right and one further down a frame."""
    x, y = 60 - 2 * number, 30 - number
    x, y = max(0, x), max(0, y)
    return np.ascontiguousarray(ASTRONAUT[y : y + SIZE[1], x : x + SIZE[0]])


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "walk.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
    for number in range(FRAMES):
        writer.write(frame(number)[..., ::-1].copy())
    writer.release()
    return path


def words(root, film, *more):
    return ["--video", str(film), "--run", "r", "--ckpt", str(root / "ckpt"), *map(str, more)]


def test_rows_film_and_timeline(whole, film, tmp_path, capsys):
    outputs = ("--out", tmp_path / "out.mp4", "--csv", tmp_path / "f.csv")
    outputs += ("--timeline", tmp_path / "t.png")
    assert predict.main(words(whole, film, *outputs)) == 0
    out, err = capsys.readouterr()
    assert "person 1: 0.0 to 0.9 s, 24 frames: " in out and "person 2" not in out
    assert "24 frames of 320x240" in err and "frames a second" in err
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert [int(row["frame"]) for row in rows] == list(range(FRAMES))
    assert float(rows[10]["seconds"]) == pytest.approx(0.4)
    assert sum(float(rows[5][key]) for key in rows[5] if key.startswith("p_")) == pytest.approx(1)
    # Her face goes right and down as the picture does, between detections too.
    lefts = [int(row["left"]) for row in rows]
    assert lefts[20] - lefts[0] == pytest.approx(40, abs=6)
    assert all(abs(b - a) < 8 for a, b in zip(lefts, lefts[1:]))
    with video.open_film(tmp_path / "out.mp4") as written:
        frames = [each.pixels for each in written]
    assert len(frames) == FRAMES and frames[0].shape == (240, 320, 3)
    # What was drawn is there, and the rest is the film.
    difference = np.abs(frames[3].astype(int) - frame(3).astype(int)).mean(axis=2)
    assert difference.max() > 100 and np.median(difference) < 10
    assert (tmp_path / "t.png").stat().st_size > 5000


def test_the_whole_frame_may_be_the_face(whole, film, tmp_path):
    assert predict.main(words(whole, film, "--faces", "none", "--csv", tmp_path / "f.csv")) == 0
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    places = {(row["person"], row["left"], row["right"], row["bottom"]) for row in rows}
    assert len(rows) == FRAMES and places == {("1", "0", "320", "240")}


def test_a_film_that_could_not_be_written_is_said_to_be_so(whole, film, tmp_path, monkeypatch):
    def lose(writer):
        while writer._waiting.get() is not None:
            pass

    monkeypatch.setattr(video.Writer, "_encode", lose)
    with (
        pytest.raises(UserError, match="out.mp4: of 3 frames 0 could be written"),
        video.open_film(film) as read,
        video.Writer(tmp_path / "out.mp4", read) as writer,
    ):
        for number in range(3):
            writer.add(frame(number))
    assert list(tmp_path.iterdir()) == []


def test_json_lines(whole, film, capsys):
    assert predict.main(words(whole, film, "--json", "--smooth", "none")) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == FRAMES and lines[0]["person"] == 1


def test_a_film_gives_the_same_rows_each_time(whole, film, tmp_path):
    for name in ("a.csv", "b.csv"):
        assert predict.main(words(whole, film, "--csv", tmp_path / name)) == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_a_stopped_reading_keeps_what_was_read(whole, film, tmp_path, monkeypatch):
    read, seen = following.Follower.read, []

    def stopped(self, *arguments):
        seen.append(1)
        if len(seen) == 10:
            raise KeyboardInterrupt
        return read(self, *arguments)

    monkeypatch.setattr(following.Follower, "read", stopped)
    outputs = ("--out", tmp_path / "out.mp4", "--csv", tmp_path / "f.csv")
    outputs += ("--timeline", tmp_path / "t.png")
    assert predict.main(words(whole, film, *outputs)) == 130
    assert len((tmp_path / "f.csv").read_text().splitlines()) == 10
    with video.open_film(tmp_path / "out.mp4") as written:
        assert len(list(written)) == 9
    assert (tmp_path / "t.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.csv", "out.mp4", "t.png"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing.mp4", "no such file; a camera is named by its number"),
        ("99", "no camera answers by this number"),
        ("text.mp4", "not a film OpenCV can read"),
    ],
)
def test_what_is_no_film_is_named(whole, tmp_path, monkeypatch, capfd, source, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no film\n" * 100)
    assert predict.main(words(whole, source)) == 2
    err = capfd.readouterr().err
    assert f"--video {source}: {said}" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("out", "said"),
    [("film.txt", "name a file that ends in .mp4"), ("none/film.mp4", "the folder is not there")],
)
def test_films_that_cannot_be_written(whole, film, tmp_path, capsys, out, said):
    assert predict.main(words(whole, film, "--out", tmp_path / out)) == 2
    assert said in capsys.readouterr().err


def test_the_film_itself_is_not_written_over(whole, film, capsys):
    before = film.read_bytes()
    assert predict.main(words(whole, film, "--out", film)) == 2
    assert "is the film that is read" in capsys.readouterr().err
    assert film.read_bytes() == before


class Camera:
    """A capture that gives as many frames as are asked for, and tells nothing of itself."""

    def __init__(self, count):
        self.left = count

    def read(self):
        self.left -= 1
        return self.left >= 0, frame(0)[..., ::-1].copy()

    def get(self, _):
        return 0.0

    def release(self):
        pass


def test_the_camera_is_mirrored_and_shown_until_the_window_closes(whole, monkeypatch, capsys):
    shown = []

    class Window:
        def __init__(self, _):
            pass

        def show(self, image):
            shown.append(np.asarray(image))
            return len(shown) < 5

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(video, "opencv", lambda: cv2)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Camera(200))
    monkeypatch.setattr("fer2013_tf.window.Window", Window)
    assert predict.main(words(whole, "0")) == 0
    assert len(shown) == 5 and "5 frames" in capsys.readouterr().err
    below = slice(200, 240)
    np.testing.assert_array_equal(shown[0][below, :100], frame(0)[below, ::-1][:, :100])


def test_without_a_screen_the_camera_says_so(whole, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Camera(5))
    assert predict.main(words(whole, "0")) == 2
    assert "no screen to show the camera on" in capsys.readouterr().err
    assert predict.main(words(whole, "0", "--no-window")) == 0


def test_a_face_is_followed_through_shift_turn_and_growth():
    image = Image.fromarray(ASTRONAUT).convert("L")
    before = np.asarray(image)
    face = Face((140, 60, 220, 140), 0.9, ((160.0, 80.0), (195.0, 84.0)))
    # About the picture's middle by 4 degrees, a tenth larger, then 3 to the right.
    change = cv2.getRotationMatrix2D((200, 200), 4, 1.1)
    change[0, 2] += 3
    now = cv2.warpAffine(before, change, (400, 400))
    moved = following.moved(face, before, now, 1.0)
    centre = change @ (180, 100, 1)
    middle = np.array([moved.box[0] + moved.box[2], moved.box[1] + moved.box[3]]) / 2
    np.testing.assert_allclose(middle, centre, atol=1.5)
    assert moved.box[2] - moved.box[0] == pytest.approx(88, abs=2)
    np.testing.assert_allclose(moved.eyes[0], change @ (160, 80, 1), atol=1.5)
    # On a plain wall there is nothing to hold on to.
    plain = np.full((400, 400), 100, np.uint8)
    still = following.moved(face, plain, plain, 1.0)
    np.testing.assert_allclose(still.box, face.box, atol=0.5)


class Slow:
    """A recognizer that takes so long to find its one face, by a clock of its own."""

    faces, classes, weights, min_confidence = "detect", ("a", "b"), "none", 0.0

    def __init__(self):
        self.seconds, self.cost = 0.0, 0.0

    def find(self, image, *, closely):
        assert not closely
        self.seconds += self.cost
        return [Face((10.0, 10.0, 30.0, 30.0))]

    def crop(self, image, face):
        return np.zeros((8, 8), np.uint8)

    def reading(self, *_):
        return None

    def answer(self, crops):
        return np.zeros((len(crops), 2)), np.full((len(crops), 2), 0.5)


def test_a_slow_machine_looks_for_faces_less_often(monkeypatch):
    slow = Slow()
    monkeypatch.setattr(following.time, "perf_counter", lambda: slow.seconds)
    follower = following.Follower(slow, rate=25.0)
    slow.cost = 0.2
    for number in range(40):
        follower.read(frame(number % 3), "f")
    assert follower.every > 2
    slow.cost = 0.0
    for number in range(200):
        follower.read(frame(number % 3), "f")
    assert follower.every == 1


def test_long_films_are_averaged_for_the_timeline():
    entries = [(number / 25, np.array([number % 2, 1 - number % 2])) for number in range(6000)]
    seconds, chances = reading_video._moments(entries)
    assert len(seconds) == reading_video.MOMENTS
    assert seconds[0] == pytest.approx(0.08)
    np.testing.assert_allclose(chances.sum(axis=1), 1)


def test_the_timeline_shows_those_seen_longest_and_no_glimpses():
    def seen(start, frames):
        return [(start + number / 25, np.array([0.5, 0.5])) for number in range(frames)]

    assert reading_video._seen_longest({1: seen(0, 100), 2: seen(1, 3)}) == [1]
    assert reading_video._seen_longest({1: seen(0, 3), 2: seen(1, 2)}) == [1, 2]
    many = {number: seen(0, 20 + number) for number in range(1, 10)}
    assert reading_video._seen_longest(many) == [4, 5, 6, 7, 8, 9]


def test_opencv_missing_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(UserError, match=r"fer2013_tf\[video\]"):
        video.open_film("x.mp4")
