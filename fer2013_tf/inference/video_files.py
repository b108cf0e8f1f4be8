"""Read frames of a video, a network stream or a camera (extra `[video]`).

with open_video("video.mp4") as video, video_writing.Writer("annotated.mp4", video) as writer:
    for frame in video:
        writer.add(frame)
"""

import contextlib
import queue
import threading
from typing import Any, NamedTuple

from fer2013_tf.inference import camera, video_decoding
from fer2013_tf.utils.errors import UserError

# Frames that wait between the threads that decode, predict and encode.
AHEAD = 8


class Frame(NamedTuple):
    """An image of a video."""

    number: int  # from 0, of those that could be read
    seconds: float  # since the video's first frame
    pixels: Any  # uint8 [h, w, 3], RGB


def open_video(source):
    """Return the `Video` of a file's name, a stream's address or a camera.

    source: a file, also a pipe; an address such as `rtsp://...`; a camera's number or /dev/videoN.
    Raises UserError where there is no such source, or no frame can be read from it.
    """
    source = str(source)
    is_camera = camera.camera_number(source) is not None
    make = camera.Camera if is_camera else video_decoding.Decoded
    frames = make(source)
    try:
        return Video(frames, live=is_camera or video_decoding.is_url(source) and not frames.count)
    except BaseException:
        frames.close()
        raise


class Video:
    """Iterates over the frames; a thread decodes ahead.

    Of a live source only the newest frame waits. Iterating raises UserError after the last frame
    of a damaged video, and where a camera stops.
    """

    def __init__(self, frames, *, live):
        self._frames, self.live, self.name, self.path = frames, live, frames.name, frames.path
        self.rate, self.count, self.is_constant = frames.rate, frames.count, frames.is_constant
        self.has_sound = frames.has_sound
        self._stop, self._waiting = threading.Event(), queue.Queue(1 if live else AHEAD)
        self._failed, self._decoded = None, enumerate(frames)
        self.first = self._next()
        if self.first is None:
            raise UserError(f"--video {self.name}: no frame can be read from it")
        self.size, self.origin = self.first.pixels.shape[1::-1], frames.origin
        self._thread = threading.Thread(target=self._decode, daemon=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stop decoding and close the source."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._frames.close()

    def __iter__(self):
        self._thread.start()
        yield self.first
        while (frame := self._waiting.get()) is not None:
            yield frame
        if self._failed:
            raise self._failed

    def _next(self):
        for number, (seconds, pixels) in self._decoded:
            return Frame(number, seconds, pixels)
        return None

    def _decode(self):
        try:
            while not self._stop.is_set() and (frame := self._next()) is not None:
                self._put(frame)
        # The iterating thread raises it; here its traceback would pass unseen.
        except Exception as error:
            self._failed = error
        self._end()

    def _end(self):
        """Tell the iterating thread that there are no more frames."""
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=0.1)
                return

    def _put(self, frame):
        """Wait for room; of a live source drop the frame that waits."""
        while not self._stop.is_set():
            try:
                self._waiting.put(frame, timeout=0.1 if not self.live else 0)
                return
            except queue.Full:
                if self.live:
                    with contextlib.suppress(queue.Empty):
                        self._waiting.get_nowait()
