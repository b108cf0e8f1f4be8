"""Write frames to a video, each at its own time, with the sound of another (PyAV)."""

import contextlib
import math
import os
import queue
import threading
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf.inference import video_decoding, video_sound
from fer2013_tf.utils import files, outputs
from fer2013_tf.utils.errors import UserError

# Frames that wait for the thread that encodes.
AHEAD = 8


class Container(NamedTuple):
    """How videos of one suffix are written."""

    format: str  # FFmpeg's name
    codec: str
    pixels: str
    options: dict
    per_second: int | None  # finest time that a frame can have; None: see `_time_base`
    even: bool  # whether the codec takes even sizes only


# H.264 plays everywhere. Frames follow each other without lookahead to later ones (bf).
H264 = ("libx264", "yuv420p", {"preset": "veryfast", "crf": "20", "bf": "0"})
CODECS = {
    ".mp4": Container("mp4", *H264, per_second=90_000, even=True),
    ".avi": Container(
        "avi", "mjpeg", "yuvj420p", {"qmin": "2", "qmax": "3"}, per_second=None, even=False
    ),
    ".mkv": Container("matroska", *H264, per_second=1000, even=True),
}


def check_output(path):
    """Raise UserError for a name by which no video can be written."""
    if Path(path).suffix.lower() not in CODECS:
        raise UserError(f"--annotate {path}: name a file that ends in {', '.join(CODECS)}")
    files.check_folders(path)


class Writer:
    """Writes a video of `video`'s size, at its frames' times, with its sound, in a thread.

    The file is put in place when it is closed, also after an error, with the frames so far and
    the sound that belongs to them. notes: lines that say what is not as in `video`.
    """

    def __init__(self, path, video):
        check_output(path)
        self.path, self.notes = Path(path), []
        self._how = CODECS[self.path.suffix.lower()]
        self._last, self._step, self._failed = None, 1, None
        self._waiting = queue.Queue(AHEAD)
        self.partial = files.partial_of(self.path, self.path.suffix)
        self._stack = contextlib.ExitStack()
        try:
            self._open(video)
        except BaseException:
            self._stack.close()
            self.partial.unlink(missing_ok=True)
            raise
        self._thread = threading.Thread(target=self._encode_all)
        self._thread.start()

    def _open(self, video):
        av = video_decoding.pyav()
        file = video_decoding.File(self.partial, "w", shown_as=self.path)
        self._stack.enter_context(file)
        self._container = av.open(file, "w", format=self._how.format)
        self._container.metadata["comment"] = outputs.MARK
        self._add_stream(av, video)
        self._sound = self._stack.enter_context(
            video_sound.Sound(video, self._container, self.path.suffix.lower())
        )
        self.notes += self._sound.notes

    def _add_stream(self, av, video):
        how, rate = self._how, Fraction(video.rate).limit_denominator(65_535)
        try:
            stream = self._container.add_stream(how.codec, rate=rate, options=dict(how.options))
        except av.codec.codec.UnknownCodecError:
            raise UserError(
                f"{self.path}: this build of PyAV has no {how.codec}; {video_decoding.INSTALL}"
            ) from None
        self._size = tuple(length + (how.even and length % 2) for length in video.size)
        if self._size != tuple(video.size):
            old, new = ("x".join(map(str, size)) for size in (video.size, self._size))
            self.notes.append(
                f"{self.path}: {old} is written as {new}, the last row or column twice; H.264 "
                "takes even sizes only"
            )
        stream.width, stream.height = self._size
        stream.pix_fmt = how.pixels
        stream.codec_context.time_base = stream.time_base = self._time_base(video, rate)
        self._stream, self._base = stream, stream.codec_context.time_base

    def _time_base(self, video, rate):
        """Return the unit of time. AVI has one chunk per unit, an empty one where no frame is."""
        if self._how.per_second:
            return Fraction(1, self._how.per_second)
        return 1 / rate if video.is_constant else Fraction(1, 1000)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._waiting.put(None)
        self._thread.join()
        # After Ctrl-C there is no sound for the frames that are missing.
        stopped = kind is not None and not issubclass(kind, Exception)
        try:
            self._finish(stopped)
            with files.naming(self.path):
                os.replace(self.partial, self.path)
        finally:
            self._stack.close()
            self.partial.unlink(missing_ok=True)

    def add(self, frame, pixels=None):
        """Append a `video_files.Frame`; pixels: uint8 [h, w, 3] RGB in place of its own."""
        if self._failed is None:
            self._waiting.put((frame.seconds, frame.pixels if pixels is None else pixels))

    def _finish(self, stopped):
        """End the file. Raises what the thread failed with."""
        if self._failed is not None:
            # The container would try to write its end.
            with contextlib.suppress(Exception):
                self._container.close()
            raise self._failed
        self._mux(self._stream.encode())
        end = math.inf
        if stopped:
            end = 0.0 if self._last is None else float((self._last + self._step) * self._base)
        self._sound.write_until(end)
        self._sound.finish()
        self._container.close()
        self._stack.close()

    def _encode_all(self):
        while (item := self._waiting.get()) is not None:
            if self._failed is None:
                try:
                    self._encode(*item)
                # `__exit__` raises it.
                except Exception as error:
                    self._failed = error

    def _encode(self, seconds, pixels):
        av = video_decoding.pyav()
        frame = av.VideoFrame.from_ndarray(self._padded(pixels), format="rgb24")
        at = seconds + self._sound.lead
        number = round(Fraction(at) / self._base)
        if self._last is not None:
            # Two frames cannot have one time.
            number = max(number, self._last + 1)
            self._step = number - self._last
        frame.pts, frame.time_base, self._last = number, self._base, number
        if frame.width != self._size[0] or frame.height != self._size[1]:
            frame = frame.reformat(width=self._size[0], height=self._size[1])
        self._mux(self._stream.encode(frame))
        self._sound.write_until(at)

    def _mux(self, packets):
        for packet in packets:
            if packet.pts == self._last:
                # The encoder gives its last frame the length that the mean rate has.
                packet.duration = self._step
            self._container.mux(packet)

    def _padded(self, pixels):
        """Return a frame with its last row or column repeated where the codec wants even sizes."""
        if not self._how.even:
            return np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
