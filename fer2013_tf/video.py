"""Frames out of a film or a camera, read ahead, and back into a film (OpenCV, extra `[video]`).

with video.open_film("film.mp4") as film, video.Writer("out.mp4", film) as writer:
    for frame in film:
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

from fer2013_tf import command, files
from fer2013_tf.errors import UserError

EXTRA = 'pip install "fer2013_tf[video]"'
# Frames that wait between the threads that decode, read and encode.
AHEAD = 8
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
# Of films that do not say theirs.
USUAL_RATE = 25.0


class Frame(NamedTuple):
    """A picture of a film."""

    number: int  # from 0
    seconds: float  # since the film's beginning
    pixels: Any  # uint8 [h, w, 3], RGB


def opencv():
    """The module cv2. Raises UserError that names the extra where it is not installed."""
    try:
        import cv2
    except ImportError:
        raise UserError(f"--video: needs OpenCV, which is not installed: {EXTRA}") from None
    return cv2


def open_film(source):
    """A `Film` of a file's name, or of camera 0, 1, ... where it is a number.

    Raises UserError where there is no such file or camera, or no frame can be read from it.
    """
    cv2, camera = opencv(), str(source).isdecimal()
    if not camera and not Path(source).is_file():
        raise UserError(f"--video {source}: no such file; a camera is named by its number")
    # OpenCV writes of every way it tries and fails to open something.
    named = int(source) if camera else str(source)
    capture = command.without_stderr(cv2.VideoCapture, named)
    film = Film(capture, str(source), live=camera)
    if film.first is None:
        film.close()
        if camera:
            raise UserError(f"--video {source}: no camera answers by this number")
        raise UserError(f"--video {source}: not a film OpenCV can read; convert it to MP4 (H.264)")
    return film


class Film:
    """Iterates over the frames; a thread decodes ahead of the reader.

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
        """Stops decoding and lets go of the file or the camera."""
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
        # Cameras and some files do not tell.
        seconds = seconds if seconds > 0 or number == 0 else number / self.rate
        pixels = self._to_rgb(pixels)
        return Frame(number, seconds, pixels[:, ::-1].copy() if self._mirror else pixels)

    def _decode(self):
        number = 1
        try:
            while not self._stop.is_set() and (frame := self._next(number)) is not None:
                number += 1
                self._put(frame)
        # Whatever it is, the reader is told; a thread's own traceback would pass unseen.
        except Exception as error:
            self._failed = error
        self._put(None)

    def _put(self, frame):
        """Waits for room; of a camera the frame that nobody took yet gives way."""
        while not self._stop.is_set():
            try:
                self._waiting.put(frame, timeout=0.1)
                return
            except queue.Full:
                if self.live:
                    with contextlib.suppress(queue.Empty):
                        self._waiting.get_nowait()


def check_output(path):
    """Raises UserError where a film cannot be written by this name."""
    if Path(path).suffix.lower() not in CODECS:
        raise UserError(f"{path}: name a file that ends in {', '.join(CODECS)}")
    files.check_folders(path)


class Writer:
    """Writes a film of `film`'s size and rate, in a thread; sound is kept where ffmpeg is there.

    The file is put in place when it is closed, also after an error: what was read is kept.
    """

    def __init__(self, path, film):
        cv2 = opencv()
        check_output(path)
        self.path, self.film = Path(path), film
        if not film.live and self.path.resolve() == Path(film.name).resolve():
            raise UserError(f"{path}: is the film that is read; name another file")
        self.partial = self.path.with_name(f".{self.path.stem}.{os.getpid()}{self.path.suffix}")
        codec = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(self.partial), codec, film.rate, film.size)
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
            if not self.film.live:
                _add_sound(self.partial, self.film.name)
            os.replace(self.partial, self.path)
        finally:
            self.partial.unlink(missing_ok=True)

    def add(self, pixels):
        """Appends a frame: uint8 [h, w, 3], RGB."""
        self._added += 1
        self._waiting.put(pixels)

    def _check_written(self):
        """OpenCV says nothing of a full disk; the film then cannot be opened, or is too short."""
        cv2 = opencv()
        written = command.without_stderr(cv2.VideoCapture, str(self.partial))
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
    """Copies the sound of `source` into the film `silent`; without ffmpeg, or sound, nothing."""
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
