"""Reading and writing videos: times, sound, sizes, damage, names; without nets."""

import errno
import functools
import http.server
import os
import re
import threading

import av
import numpy as np
import pytest
from PIL import Image

from fer2013_tf.inference import video_decoding, video_files, video_writing
from fer2013_tf.utils import files, outputs
from fer2013_tf.utils.errors import UserError
from tests import videos

VARIABLE = [0, 0.04, 0.08, 0.5, 1.3, 1.31, 2.0]


def copied(source, target):
    """Read a video and write it; return (times read, pixels read, notes)."""
    with (
        video_files.open_video(source) as video,
        video_writing.Writer(target, video) as writer,
    ):
        frames = list(video)
        for frame in frames:
            writer.add(frame)
    return [f.seconds for f in frames], [f.pixels for f in frames], writer.notes


def seconds_of(path):
    with video_files.open_video(path) as video:
        return [frame.seconds for frame in video]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize(
    ("name", "times", "rate"),
    [
        ("half.mp4", videos.steady("1/2", 4), "1/2"),
        ("fast.mp4", videos.steady(480), 480),
        ("ntsc.mkv", videos.steady("30000/1001"), "30000/1001"),
        ("variable.mp4", VARIABLE, 25),
        ("variable.mkv", VARIABLE, 25),
        ("late.mkv", [1 + at for at in VARIABLE], 25),
    ],
)
def test_frames_are_written_at_their_own_times(tmp_path, name, times, rate, suffix):
    path = videos.write(tmp_path / name, times, rate=rate)
    expected = [float(at - times[0]) for at in times]
    read, _, notes = copied(path, tmp_path / f"out{suffix}")
    np.testing.assert_allclose(read, expected, atol=0.0006)
    np.testing.assert_allclose(seconds_of(tmp_path / f"out{suffix}"), expected, atol=0.0011)
    assert not notes and outputs.made_here(tmp_path / f"out{suffix}")


def test_delays_of_an_animation_are_kept(tmp_path):
    delays = [100, 500, 40, 300, 1000, 20]
    frames = [Image.fromarray(videos.frame_of(5 * n)) for n in range(6)]
    for name in ("a.gif", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=delays)
        copied(tmp_path / name, tmp_path / "out.mp4")
        expected = np.cumsum([0, *delays[:-1]]) / 1000
        np.testing.assert_allclose(videos.times_of(tmp_path / "out.mp4"), expected, atol=0.001)


def test_the_last_frame_lasts_as_long_as_the_one_before(tmp_path):
    path = videos.write(tmp_path / "a.mp4", videos.steady("1/2", 4), rate="1/2")
    copied(path, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as written:
        assert written.duration == pytest.approx(8e6, abs=1e4)


@pytest.mark.parametrize("seconds", [0.4, 3.0])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_sound_of_any_length_cuts_no_frame(tmp_path, suffix, seconds):
    path = videos.write(tmp_path / "a.mp4", videos.steady(25), sounds=[("aac", seconds)])
    copied(path, tmp_path / f"out{suffix}")
    assert len(seconds_of(tmp_path / f"out{suffix}")) == 30
    ((_, written),) = videos.sounds_of(tmp_path / f"out{suffix}")
    assert written == pytest.approx(seconds, abs=0.08)


@pytest.mark.parametrize(
    ("name", "codec", "suffix", "expected"),
    [
        ("a.mp4", "aac", ".mp4", "aac"),
        ("a.mp4", "libmp3lame", ".mkv", "mp3"),
        ("a.mkv", "libopus", ".mkv", "opus"),
        ("a.mkv", "libopus", ".mp4", "aac"),
        ("a.mkv", "flac", ".avi", "mp3"),
        ("a.avi", "pcm_s16le", ".mp4", "aac"),
        ("a.ts", "aac", ".mp4", "aac"),
    ],
)
def test_sound_that_the_container_refuses_is_encoded_and_said(
    tmp_path, name, codec, suffix, expected
):
    encoder = "mpeg4" if name.endswith(".avi") else "libx264"
    path = videos.write(tmp_path / name, videos.steady(25), codec=encoder, sounds=[(codec, 1.2)])
    _, _, notes = copied(path, tmp_path / f"out{suffix}")
    ((written, seconds),) = videos.sounds_of(tmp_path / f"out{suffix}")
    assert written == expected and seconds == pytest.approx(1.2, abs=0.08)
    said = f"is written as {expected.upper()}"
    assert any(said in note for note in notes) == (expected not in codec or name == "a.ts")


def test_all_sound_tracks_are_kept_beside_their_frames(tmp_path):
    """The second begins half a second late, and still does afterwards."""
    sounds = [("libopus", 1.2), ("flac", 0.7, 0.5)]
    path = videos.write(tmp_path / "a.mkv", videos.steady(25), sounds=sounds)
    copied(path, tmp_path / "out.mp4")
    assert [codec for codec, _ in videos.sounds_of(tmp_path / "out.mp4")] == ["aac", "aac"]
    with av.open(str(tmp_path / "out.mp4")) as written:
        frames = list(written.decode(written.streams.audio[1]))
    loud = [f.time for f in frames if abs(f.to_ndarray()).max() > 0.05]
    assert loud[0] == pytest.approx(0.5, abs=0.05)
    assert loud[-1] == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (65, 49)])
def test_odd_sizes_keep_every_row_and_column(tmp_path, size):
    path = videos.write(tmp_path / "a.avi", videos.steady(25, 3), size=size, codec="mjpeg")
    for suffix, even in ((".mp4", True), (".mkv", True), (".avi", False)):
        _, pixels, notes = copied(path, tmp_path / f"out{suffix}")
        wanted = tuple(side + side % 2 for side in size) if even else size
        with video_files.open_video(tmp_path / f"out{suffix}") as written:
            assert written.size == wanted
            shown = written.first.pixels[: size[1], : size[0]].astype(int)
        assert abs(shown - pixels[0]).mean() < 6
        assert len(notes) == even and all("even sizes only" in note for note in notes)


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_frames_are_turned_as_their_metadata_say(tmp_path, degrees):
    path = videos.write(tmp_path / "a.mp4", videos.steady(25, 2), rotation=degrees)
    with video_files.open_video(path) as video:
        expected = np.rot90(videos.frame_of(0), degrees // 90).astype(int)
        assert video.first.pixels.shape == expected.shape
        assert abs(video.first.pixels - expected).mean() < 6


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.mp4", "libx264"), ("a.mov", "mjpeg"), ("a.avi", "mjpeg"), ("a.avi", "mpeg4")),
        *(("a.ts", "libx264"), ("a.flv", "libx264"), ("a.mkv", "libx264"), ("a.mkv", "mjpeg")),
    ],
)
def test_a_damaged_video_goes_on_after_the_damage_and_says_so(tmp_path, capfd, name, codec):
    # FFmpeg finds the next frames of a Matroska file at its next cluster, after five seconds.
    rate = 2 if name == "a.mkv" else 25
    times = videos.steady(rate, 60)
    path = videos.write(tmp_path / name, times, codec=codec, rate=25, size=(128, 96))
    assert len(seconds_of(path)) == 60
    videos.damage(path, 0.5, 2500)
    seconds = []
    with video_files.open_video(path) as video, pytest.raises(UserError) as error:
        for frame in video:
            seconds.append(frame.seconds)
    said = re.search(r"damaged, (\d+) of (\d+) frames could be read", str(error.value))
    assert int(said[1]) == len(seconds) < int(said[2]) and 57 <= int(said[2]) <= 62
    # The frames of the two AVI files differ: FFmpeg cannot use the index of the second.
    end = 1.5 if (name, codec) == ("a.avi", "mpeg4") else times[-1] - 0.01
    assert len(seconds) > 20 and seconds[-1] >= end
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.avi", "a.mkv", "a.flv"])
def test_a_video_that_is_cut_off_says_so(tmp_path, name):
    """Of a transport stream nothing tells where it should end."""
    codec = "mjpeg" if name == "a.avi" else "libx264"
    path = videos.cut(videos.write(tmp_path / name, videos.steady(25, 60), codec=codec), 0.5)
    with pytest.raises(UserError, match=r"damaged, \d+ of \d\d frames"):
        seconds_of(path)


def test_a_video_of_unknown_length_that_is_cut_off_says_so(tmp_path):
    path = tmp_path / "a.mpg"
    videos.write(path, videos.steady(25, 60), codec="mpeg2video", size=(320, 240))
    assert len(seconds_of(path)) == 60
    with pytest.raises(UserError, match=r"damaged, \d+ frames could be read, how many there were"):
        seconds_of(videos.cut(path, 0.4))


def test_an_mp4_without_its_index_is_told_to_be_cut_off(tmp_path):
    path = videos.cut(videos.write(tmp_path / "a.mp4", videos.steady(25, 60)), 0.5)
    with pytest.raises(UserError, match="cut off or damaged where its index is"):
        video_files.open_video(path)


def test_joined_videos_are_whole_and_go_on_in_time_with_their_sound(tmp_path):
    parts = []
    for name, size in (("a.ts", (64, 48)), ("b.ts", (128, 96))):
        path = tmp_path / name
        videos.write(path, videos.steady(25, 50), size=size, sounds=[("aac", 2.0)])
        parts.append(path.read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    times, _, _ = copied(tmp_path / "joined.ts", tmp_path / "out.mp4")
    np.testing.assert_allclose(times, np.arange(100) / 25, atol=0.001)
    ((_, seconds),) = videos.sounds_of(tmp_path / "out.mp4")
    assert seconds == pytest.approx(4, abs=0.15)


def test_an_edited_mp4_that_hides_frames_is_whole(tmp_path):
    """Phones cut videos by a list of what is to be shown; the other frames stay in the file."""
    path = videos.write(tmp_path / "a.mp4", [at - 1 for at in videos.steady(25, 60)])
    seconds = seconds_of(path)
    assert len(seconds) < 60 and seconds[0] == 0


NAMES = [
    "2024-01-01T12:30:00.mp4",
    "a%03d.mp4",
    "12:30.mp4",
    os.fsdecode(b"latin-\xe9.mp4"),
    "表.mp4",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_names_for_reading_and_writing(tmp_path, monkeypatch, name):
    videos.write(tmp_path / "a.mp4", videos.steady(25, 5), sounds=[("aac", 0.2)])
    (tmp_path / "a.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    os.mkdir("out")
    copied(name, f"out/{name}")
    monkeypatch.chdir("out")
    assert os.listdir() == [name] and len(seconds_of(name)) == 5


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("nothing.mp4", "no such file"),
        ("file:a.mp4", "no such file"),
        (".", "a folder"),
        ("rtsp://127.0.0.1:9/a", "cannot be opened"),
        ("http://127.0.0.1:9/a.mp4", "cannot be opened"),
        ("/dev/video9", "no camera has this number"),
        ("img_001.png", "one image of it; leave out --video"),
        ("one.jpg", "one image of it; leave out --video"),
        ("moving.webp", "an animated WebP to GIF"),
        ("text.mp4", "not a video FFmpeg can read"),
        ("empty.mp4", "not a video FFmpeg can read"),
        ("sound.mp4", "only sound"),
    ],
)
def test_what_is_no_video_is_told_as_what_it_is(tmp_path, monkeypatch, capfd, source, expected):
    monkeypatch.chdir(tmp_path)
    frames = [Image.fromarray(videos.frame_of(9 * n)) for n in range(3)]
    for name in ("img_001.png", "img_002.png", "one.jpg"):
        frames[0].save(name)
    frames[0].save("moving.webp", save_all=True, append_images=frames[1:])
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    (tmp_path / "empty.mp4").touch()
    if source == "sound.mp4":
        with av.open(source, "w") as container:
            for stream, samples in videos._track(container, "aac", 0.3):
                container.mux(stream.encode(samples))
    with pytest.raises(UserError, match=expected) as error:
        video_files.open_video(source)
    assert source in str(error.value) and capfd.readouterr() == ("", "")


def test_a_stream_is_read_without_its_sound_and_says_so(tmp_path):
    videos.write(tmp_path / "a.ts", videos.steady(25), sounds=[("aac", 1.0)])

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    serve = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{server.server_port}/a.ts"
        times, _, notes = copied(source, tmp_path / "out.mp4")
        with pytest.raises(UserError, match="cannot be opened"):
            video_files.open_video(source.replace("a.ts", "b.ts"))
        server.shutdown()
    assert len(times) == 30 and "its sound is not written" in notes[0]


def test_a_pipe_is_read(tmp_path):
    path, pipe = videos.write(tmp_path / "a.ts", videos.steady(25)), tmp_path / "pipe"
    os.mkfifo(pipe)
    if os.fork() == 0:
        try:
            pipe.write_bytes(path.read_bytes())
        finally:
            os._exit(0)
    assert len(seconds_of(pipe)) == 30
    os.wait()


def test_a_full_disk_is_named_and_leaves_no_file(tmp_path, monkeypatch):
    path = videos.write(tmp_path / "a.mp4", videos.steady(25), sounds=[("aac", 1.0)])
    (tmp_path / "out").mkdir()

    def full(file, _):
        with files.naming(file._shown_as):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(video_decoding.File, "write", full)
    for suffix in video_writing.CODECS:
        target = tmp_path / "out" / f"b{suffix}"
        with pytest.raises(OSError, match="No space left") as error:
            copied(path, target)
        assert error.value.filename == str(target)
        assert not list(target.parent.iterdir())


def test_ctrl_c_keeps_the_frames_so_far_and_their_sound(tmp_path):
    path = videos.write(tmp_path / "a.mp4", videos.steady(25), sounds=[("aac", 1.2)])
    with (
        pytest.raises(KeyboardInterrupt),
        video_files.open_video(path) as video,
        video_writing.Writer(tmp_path / "out.mp4", video) as writer,
    ):
        for frame in video:
            if frame.number == 10:
                raise KeyboardInterrupt
            writer.add(frame)
    assert len(seconds_of(tmp_path / "out.mp4")) == 10
    ((_, seconds),) = videos.sounds_of(tmp_path / "out.mp4")
    assert seconds == pytest.approx(0.4, abs=0.05)


def test_clock_never_goes_back():
    clock = video_decoding.Clock(0.04)
    times = [5.0, 5.04, 5.04, 5.03, None, 5.2, 0.0, 0.04, 100.0]
    found = [clock.seconds(at) for at in times]
    expected = [0, 0.04, 0.04, 0.04, 0.08, 0.2, 0.24, 0.28, 100.24]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("module", ["av", "cv2"])
def test_without_the_extra_it_says_how_to_install_it(monkeypatch, module):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(UserError, match=r"pip install.*\.\[video\]"):
        video_files.open_video("x.mp4" if module == "av" else "0")
