"""Read frames of a video or a camera, and write frames to a video (OpenCV, extra `[video]`).

with open_video("video.mp4") as video, Writer("annotated.mp4", video) as writer:
    for frame in video:
        writer.add(frame.pixels)
"""

import contextlib
import os
import queue
import shutil
import subprocess  # nosec B404
import threading
from pathlib import Path
from typing import Any, NamedTuple

from fer2013_tf.utils import cli, files
from fer2013_tf.utils.errors import UserError

INSTALL = 'pip install "opencv-python-headless<5", or in the clone: pip install -e ".[video]"'
# Frames that wait between the threads that decode, predict and encode.
AHEAD = 8
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
# For videos that do not name theirs, in frames per second.
USUAL_RATE = 25.0


class Frame(NamedTuple):
    """An image of a video."""

    number: int  # from 0
    seconds: float  # since the video's beginning
    pixels: Any  # uint8 [h, w, 3], RGB


def opencv():
    """Return the module cv2. Raises UserError that says how to install it where it is missing."""
    try:
        import cv2
    except ImportError:
        raise UserError(f"--video: needs OpenCV, which is not installed; {INSTALL}") from None
    return cv2


def open_video(source):
    """Return the `Video` of a file's name, or of camera 0, 1, ... for a number.

    Raises UserError where there is no such file or camera, or no frame can be read from it.
    """
    cv2, camera = opencv(), str(source).isdecimal()
    if not camera and not Path(source).is_file():
        raise UserError(f"--video {source}: no such file; a camera is named by its number")
    # OpenCV prints every way in which it tries and fails to open something.
    named = int(source) if camera else str(source)
    capture = cli.without_stderr(cv2.VideoCapture, named)
    video = Video(capture, str(source), live=camera)
    if video.first is None:
        video.close()
        if camera:
            raise UserError(f"--video {source}: no camera has this number")
        raise UserError(f"--video {source}: not a video OpenCV can read; convert it to MP4 (H.264)")
    return video


class Video:
    """Iterates over the frames; a thread decodes ahead.

    Of a camera (live) only the newest frame waits, mirrored as people expect to see themselves.
    """

    def __init__(self, capture, name, *, live):
        cv2 = opencv()
        self.name, self.live, self._capture = name, live, capture
        self._position, self._mirror = cv2.CAP_PROP_POS_MSEC, live
        self._to_rgb = lambda pixels: cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 1 <= rate <= 240 else USUAL_RATE
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count = count if count > 0 and not live else None
        self._stop, self._waiting = threading.Event(), queue.Queue(1 if live else AHEAD)
        self._failed = None
        self.first = self._next(0)
        self.size = self.first.pixels.shape[1::-1] if self.first else None
        self._thread = threading.Thread(target=self._decode, daemon=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stop decoding and close the file or the camera."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._capture.release()

    def __iter__(self):
        self._thread.start()
        yield self.first
        while (frame := self._waiting.get()) is not None:
            yield frame
        if self._failed:
            raise self._failed

    def _next(self, number):
        there, pixels = self._capture.read()
        if not there:
            return None
        seconds = self._capture.get(self._position) / 1000
        # Cameras and some files give no time.
        seconds = seconds if seconds > 0 or number == 0 else number / self.rate
        pixels = self._to_rgb(pixels)
        return Frame(number, seconds, pixels[:, ::-1].copy() if self._mirror else pixels)

    def _decode(self):
        number = 1
        try:
            while not self._stop.is_set() and (frame := self._next(number)) is not None:
                number += 1
                self._put(frame)
        # The iterating thread raises it; here its traceback would pass unseen.
        except Exception as error:
            self._failed = error
        self._put(None)

    def _put(self, frame):
        """Wait for room; of a camera drop the frame that waits."""
        while not self._stop.is_set():
            try:
                self._waiting.put(frame, timeout=0.1)
                return
            except queue.Full:
                if self.live:
                    with contextlib.suppress(queue.Empty):
                        self._waiting.get_nowait()


def check_output(path):
    """Raise UserError for a name by which no video can be written."""
    if Path(path).suffix.lower() not in CODECS:
        raise UserError(f"--annotate {path}: name a file that ends in {', '.join(CODECS)}")
    files.check_folders(path)


class Writer:
    """Writes a video of `video`'s size and rate in a thread; keeps its sound where ffmpeg is found.

    The file is put in place when it is closed, also after an error, with the frames so far.
    """

    def __init__(self, path, video):
        cv2 = opencv()
        check_output(path)
        self.path, self.video = Path(path), video
        if not video.live and self.path.resolve() == Path(video.name).resolve():
            raise UserError(f"{path}: is the input video; name another file")
        self.partial = self.path.with_name(f".{self.path.stem}.{os.getpid()}{self.path.suffix}")
        codec = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(self.partial), codec, video.rate, video.size)
        if not self._writer.isOpened():
            raise UserError(f"{path}: cannot be written; check the folder and its permissions")
        self._to_bgr = lambda pixels: cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        self._waiting, self._added = queue.Queue(AHEAD), 0
        self._thread = threading.Thread(target=self._encode)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._waiting.put(None)
        self._thread.join()
        self._writer.release()
        try:
            self._check_written()
            if not self.video.live:
                _add_sound(self.partial, self.video.name)
            os.replace(self.partial, self.path)
        finally:
            self.partial.unlink(missing_ok=True)

    def add(self, pixels):
        """Append a frame: uint8 [h, w, 3], RGB."""
        self._added += 1
        self._waiting.put(pixels)

    def _check_written(self):
        """Raise UserError for a video that is too short: OpenCV does not report a full disk."""
        cv2 = opencv()
        written = cli.without_stderr(cv2.VideoCapture, str(self.partial))
        count = written.get(cv2.CAP_PROP_FRAME_COUNT)
        written.release()
        if count < self._added / 2:
            raise UserError(
                f"{self.path}: of {self._added} frames {count:.0f} could be written; make room, "
                "then start the same command again"
            )

    def _encode(self):
        while (pixels := self._waiting.get()) is not None:
            self._writer.write(self._to_bgr(pixels))


def _add_sound(silent, source):
    """Copy the sound of `source` into the video `silent`, if there is sound and ffmpeg."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return
    both = silent.with_name(f"{silent.stem}-sound{silent.suffix}")
    words = [ffmpeg, "-v", "error", "-y", "-i", silent, "-i", source]
    words += ["-map", "0:v", "-map", "1:a?", "-c", "copy", "-shortest", both]
    try:
        quiet = {"stdin": subprocess.DEVNULL, "capture_output": True}
        ran = subprocess.run(list(map(str, words)), **quiet)  # nosec B603
        if ran.returncode == 0:
            os.replace(both, silent)
    finally:
        both.unlink(missing_ok=True)
