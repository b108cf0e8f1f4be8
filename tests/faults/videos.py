"""Odd, damaged and badly named videos, given to `predict --video`, and cameras that fail.

Videos are read and written by the library as the command does it; what a user types is run as the
command. Faces are not looked for, but where tracks are the question.
"""

import itertools
import os
import re
from fractions import Fraction
from unittest import mock

import numpy as np
from PIL import Image

from fer2013_tf.inference import camera, following, predictions, video_files, video_writing
from fer2013_tf.utils.errors import UserError
from tests import videos
from tests.faults import harness
from tests.faults.harness import Case

VARIABLE = [Fraction(n, 100) for n in (0, 4, 8, 50, 130, 131, 200, 204, 250, 400)]
# Name -> times, rate: the videos of "must show", whose frames keep their times.
RATES = {
    "half.mp4": (videos.steady("1/2", 6), "1/2"),
    "five.mkv": (videos.steady(5), 5),
    "twelve.avi": (videos.steady(12), 12),
    "cinema.mp4": (videos.steady("24000/1001"), "24000/1001"),
    "pal.ts": (videos.steady(25), 25),
    "ntsc.mkv": (videos.steady("30000/1001"), "30000/1001"),
    "sixty.mov": (videos.steady(60), 60),
    "fast.mp4": (videos.steady(480, 100), 480),
    "variable.mp4": (VARIABLE, 25),
    "variable.mkv": (VARIABLE, 25),
}
DELAYS = [100, 500, 40, 300, 1000, 20]
SOUNDS = [
    *(("a.mp4", "aac", 0.3), ("a.mp4", "aac", 4.0), ("a.mkv", "libopus", 1.2)),
    *(("a.mkv", "flac", 0.5), ("a.avi", "pcm_s16le", 1.2), ("a.ts", "aac", 2.0)),
]
DAMAGED = [
    *(("a.mp4", "libx264"), ("a.mov", "mjpeg"), ("a.avi", "mjpeg"), ("a.avi", "mpeg4")),
    *(("a.ts", "libx264"), ("a.flv", "libx264"), ("a.mkv", "libx264"), ("a.mp4", "mpeg4")),
]
NAMED = [
    *("2024-01-01T12:30:00.mp4", "a%03d.mp4", "file.mp4", "line\nend.mp4", "表情.mp4"),
    os.fsdecode(b"latin-\xe9.mp4"),
]
NO_VIDEOS = {
    "rtsp://127.0.0.1:9/a": "cannot be opened",
    "http://127.0.0.1:9/a.mp4": "cannot be opened",
    "/dev/video63": "no camera",
    "img_001.png": "leave out --video",
    "moving.webp": "animated WebP",
    ".": "a folder",
    "sound.wav": "only sound",
    "file:a.mp4": "no such file",
    "text.mp4": "not a video",
}


def copied(source, target):
    """Read a video and write it; return (times read, notes)."""
    with video_files.open_video(source) as video, video_writing.Writer(target, video) as writer:
        times = []
        for frame in video:
            times.append(frame.seconds)
            writer.add(frame)
    return times, writer.notes


def difference(source, target):
    """Return the largest difference of frame times, in frames of the source, after copying."""
    copied(source, target)
    before, after = videos.times_of(source), videos.times_of(target)
    if len(before) != len(after):
        return float("inf")
    before, after = np.subtract(before, before[0]), np.subtract(after, after[0])
    shortest = np.diff(before).min()
    return float(abs(before - after).max() / shortest)


def cases(scratch, share=1.0):
    """Yield a `Case` per video; `share` thins out those that are run as commands."""
    for make in (_rates, _sounds, _sizes, _damage, _names, _cameras, _tracks):
        folder = scratch / make.__name__
        folder.mkdir()
        yield from make(folder)
    (scratch / "commands").mkdir()
    yield from _commands(scratch / "commands", max(1, round(1 / share)))


def _rates(folder):
    for name, (times, rate) in RATES.items():
        codec = "mpeg4" if name.endswith(".avi") else "libx264"
        path = videos.write(folder / name, times, rate=rate, codec=codec)
        for suffix in video_writing.CODECS:
            frames = difference(path, folder / f"out{suffix}")
            verdict = "went on" if frames < 1 else f"{frames:.2f} frames apart"
            yield Case(f"times: {name} to {suffix}, {frames:.3f} frames apart", verdict)
    images = [Image.fromarray(videos.frame_of(5 * number)) for number in range(6)]
    for name in ("moving.gif", "moving.png"):
        path = folder / name
        images[0].save(path, save_all=True, append_images=images[1:], duration=DELAYS)
        frames = difference(path, folder / "out.mp4")
        yield Case(f"times: {name}", "went on" if frames < 1 else f"{frames:.2f} frames apart")


def _sounds(folder):
    for number, (name, codec, seconds) in enumerate(SOUNDS):
        encoder = "mpeg4" if name.endswith(".avi") else "libx264"
        sounds = [(codec, seconds), (codec, seconds / 2)] if name == "a.mkv" else [(codec, seconds)]
        path = folder / f"{number}{name}"
        videos.write(path, videos.steady(25), codec=encoder, sounds=sounds)
        for suffix in video_writing.CODECS:
            _, notes = copied(path, folder / f"out{suffix}")
            frames = len(videos.times_of(folder / f"out{suffix}"))
            written = videos.sounds_of(folder / f"out{suffix}")
            lengths = [abs(found - asked[1]) for (_, found), asked in zip(written, sounds)]
            whole = frames == 30 and len(written) == len(sounds) and max(lengths) < 0.1
            same = written[0][0] == codec.removeprefix("lib") or notes
            verdict = "went on" if whole and same else f"{frames} frames, {written}, {notes}"
            yield Case(f"sound: {name} {codec} {seconds} s to {suffix}", verdict)


def _sizes(folder):
    for size in ((65, 48), (64, 49), (33, 17)):
        path = videos.write(folder / "a.avi", videos.steady(25, 3), size=size, codec="mjpeg")
        _, notes = copied(path, folder / "out.mp4")
        with video_files.open_video(folder / "out.mp4") as video:
            kept = all(new >= old for new, old in zip(video.size, size))
        yield Case(f"size: {size} is kept or said", "went on" if kept and notes else "lost")
    for degrees in (90, 180, -90):
        path = videos.write(folder / "a.mp4", videos.steady(25, 3), rotation=degrees)
        with video_files.open_video(path) as video:
            turned = np.rot90(videos.frame_of(0), degrees // 90).astype(int)
            same = video.first.pixels.shape == turned.shape
            same = same and abs(video.first.pixels - turned).mean() < 8
        yield Case(f"size: turned by {degrees}", "went on" if same else "not turned")


def _damage(folder):
    for name, codec in DAMAGED:
        for start in (0.4, 0.8):
            path = folder / name
            videos.write(path, videos.steady(25, 100), codec=codec, size=(128, 96))
            videos.damage(path, start, 2500)
            yield Case(f"damage: {name} {codec} at {start}", _told(path, folder))
    for name in ("a.mkv", "a.avi", "a.flv", "a.mp4"):
        codec = "mjpeg" if name == "a.avi" else "libx264"
        path = videos.write(folder / name, videos.steady(25, 100), codec=codec)
        yield Case(f"damage: {name} cut off", _told(videos.cut(path, 0.6), folder))


def _told(path, folder):
    """Return "named" where the right count of frames is told and written."""
    target = folder / "out.mp4"
    target.unlink(missing_ok=True)
    try:
        copied(path, target)
    except UserError as error:
        counts = re.search(r"damaged, (\d+) of (\d+) frames could be read", str(error))
        if counts is None:
            return "named" if "cut off or damaged" in str(error) else str(error)
        written = len(videos.times_of(target))
        right = written == int(counts[1]) and 94 <= int(counts[2]) <= 106
        return "named" if right else f"{written} written: {error}"
    return "taken as whole"


def _names(folder):
    path = videos.write(folder / "a.mp4", videos.steady(25, 5), sounds=[("aac", 0.2)])
    data = path.read_bytes()
    before = os.getcwd()
    os.chdir(folder)
    try:
        os.mkdir("out")
        yield from [Case(f"name: {name!a}", _as_name(name, data)) for name in NAMED]
    finally:
        os.chdir(before)


def _as_name(name, data):
    with open(name, "wb") as file:
        file.write(data)
    copied(name, f"out/{name}")
    frames = len(copied(f"out/{name}", "out/again.mp4")[0])
    return "went on" if frames == 5 else f"{frames} frames"


def _commands(folder, step):
    images = [Image.fromarray(videos.frame_of(9 * number)) for number in range(3)]
    for name in ("img_001.png", "img_002.png"):
        images[0].save(folder / name)
    images[0].save(folder / "moving.webp", save_all=True, append_images=images[1:])
    (folder / "text.mp4").write_text("no video\n" * 100)
    _write_sound(folder / "sound.wav")
    for source, expected in list(NO_VIDEOS.items())[::step]:
        is_file = ":" not in source and not source.startswith("/")
        words = ["fer2013_tf.predict", "--video", folder / source if is_file else source]
        ended = harness.run([*words, "--faces", "none"])
        verdict = harness.judged(ended, expected)
        lines = [line for line in ended.err.splitlines() if line.strip()]
        yield Case(f"source: {source}", verdict if len(lines) == 1 else f"chatter: {lines}")
    path = videos.write(folder / "12:30.mp4", videos.steady(25, 60), size=(128, 96))
    outputs = ["--annotate", folder / "18:45.mp4", "--csv", folder / "rows.csv"]
    words = ["fer2013_tf.predict", "--video", path, "--faces", "none", *outputs, "--run", "shipped"]
    verdict = harness.judged(harness.run(words))
    yield Case("command: a name with colons", verdict)
    videos.damage(path, 0.5, 2500)
    ended = harness.run(words)
    rows = len((folder / "rows.csv").read_text().splitlines()) - 1
    verdict = harness.judged(ended, f"damaged, {rows} of 60 frames")
    chatter = [line for line in ended.err.splitlines() if "h264" in line or "NAL" in line]
    yield Case("command: a damaged video", verdict if not chatter else f"chatter: {chatter}")


def _write_sound(path):
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))


class Capture:
    """A camera whose reads fail where `fails(number of the read)` is true."""

    def __init__(self, fails):
        self.fails, self.reads = fails, 0

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        self.reads += 1
        fails = self.fails(self.reads)
        return not fails, None if fails else videos.frame_of(self.reads)

    def get(self, _):
        return 0.0

    def release(self):
        pass


def _cameras(folder):
    """Yield cases of cameras of one frame per tick of 0.1 s; no time passes in truth."""
    failures = {
        "the first frame fails twice": (lambda read: read < 3 or read > 60, 58),
        "the 50th frame fails and no other comes": (lambda read: read > 49, 49),
        "every fifth frame fails once": (lambda read: read % 5 == 0 or read > 60, 48),
        "no frame ever comes": (lambda read: True, 0),
    }
    for name, (fails, frames) in failures.items():
        ticks = itertools.count(step=0.05)
        with (
            mock.patch.object(camera.opencv(), "VideoCapture", lambda _, f=fails: Capture(f)),
            mock.patch.object(camera.time, "monotonic", lambda t=ticks: next(t)),
            mock.patch.object(camera.time, "sleep", lambda _: None),
        ):
            yield Case(f"camera: {name}", _camera_verdict(folder, frames))


def _camera_verdict(folder, frames):
    target = folder / "out.mp4"
    try:
        with (
            video_files.Video(camera.Camera("0"), live=False) as video,
            video_writing.Writer(target, video) as writer,
        ):
            for frame in video:
                writer.add(frame)
    except UserError as error:
        wanted = f"stopped after {frames} frames" if frames else "no frames"
        if wanted not in str(error):
            return str(error)
        times = videos.times_of(target) if frames else []
        steps = np.diff(times)
        right = len(times) == frames and (steps > 0.04).all()
        return "named" if right else f"{len(times)} frames, steps {steps}"
    return "ended as if whole"


class Seen:
    """A recognizer that sees one head, where `there` says it is, in every frame."""

    faces, classes = "detect", ("a", "b")

    def __init__(self, there):
        from fer2013_tf.faces.alignment import Face

        self.there, self.face = there, Face((100.0, 60.0, 200.0, 160.0))

    def detect(self, image, *, search_tiles):
        return [self.face] if self.there(np.asarray(image)) else []

    def crop(self, image, face):
        return np.zeros((8, 8), np.uint8)

    def predict_crops(self, crops):
        return np.zeros((len(crops), 2)), np.full((len(crops), 2), 0.5)

    def prediction(self, name, number, face, crop, scores, probabilities):
        return predictions.Prediction(
            name, number, face, self.classes, scores, probabilities, crop, "none"
        )


def _blobs(seed, shift=0):
    y, x = np.mgrid[0:240, 0:320]
    random, total = np.random.default_rng(seed), np.zeros((240, 320))
    for _ in range(14):
        left, top, radius = random.uniform((0, 0, 15), (320, 240, 60))
        total += random.uniform(-1, 1) * np.exp(
            -((x + shift - left) ** 2 + (y - top) ** 2) / radius**2
        )
    return np.repeat(np.clip(128 + 90 * total, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _tracks(_):
    """Yield cases of cuts, of none, and of faces that go."""
    scenes = {
        "a hard cut": ([_blobs(0, n) for n in range(9)] + [_blobs(1, n) for n in range(9)], 2),
        "a cut to black and another scene": (
            [_blobs(2)] * 7 + [np.zeros((240, 320, 3), np.uint8)] * 2 + [_blobs(3)] * 7,
            3,
        ),
        "fast movement": ([_blobs(4, 15 * n) for n in range(16)], 1),
        "a flash": ([_blobs(5)] * 8 + [_blobs(5) // 2 + 127] + [_blobs(5)] * 8, 1),
    }
    for name, (frames, wanted) in scenes.items():
        follower = following.Follower(Seen(lambda _: True), every=3)
        found = [p.number for frame in frames for p in follower.predict(frame, "v")]
        verdict = "went on" if len(set(found)) == wanted else f"{len(set(found))} tracks"
        yield Case(f"tracks: {name}", verdict)
    for every in (3, 5, 10):
        gone = _blobs(6).copy()
        gone[50:170, 90:210] = 90
        follower = following.Follower(Seen(lambda frame, g=gone: (frame != g).any()), every=every)
        found = [follower.predict(frame, "v") for frame in [_blobs(6)] * 5 + [gone] * 5]
        marked = [p.detected for of in found for p in of]
        right = not any(found[5:]) and marked == [n % every == 0 for n in range(5)]
        yield Case(f"tracks: a face that goes, detected in one of {every}", _word(right, marked))


def _word(right, otherwise):
    return "went on" if right else str(otherwise)
