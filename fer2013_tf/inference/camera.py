"""Read a camera (OpenCV, which opens cameras by a number on every system)."""

import os
import re
import time

from fer2013_tf.utils import quiet
from fer2013_tf.utils.errors import UserError

INSTALL = 'pip install "opencv-python-headless<5", or in the clone: pip install -e ".[video]"'
DEVICE = re.compile(r"/dev/video(\d+)")
# For cameras that do not name their rate, in frames per second.
USUAL_RATE = 25.0
# A camera that fails is tried again: seconds for its first frame, for each other, between tries.
FIRST_WAIT, NEXT_WAIT, PAUSE = 5.0, 2.0, 0.1


def opencv():
    """Return the module cv2. Raises UserError that says how to install it where it is missing."""
    try:
        import cv2
    except ImportError:
        raise UserError(f"--video: needs OpenCV, which is not installed; {INSTALL}") from None
    return cv2


def camera_number(source):
    """Return the number of the camera that a source names, or None.

    Cameras are named `0`, `/dev/video0` or by a link to that, as in /dev/v4l/by-id.
    """
    if source.isdecimal():
        return int(source)
    device = DEVICE.fullmatch(os.path.realpath(source))
    return int(device[1]) if device else None


class Camera:
    """Frames of a camera, mirrored as people expect to see themselves, at the times they came.

    The fields are those of `video_decoding.Decoded`. Iterating raises UserError where the camera
    stops.
    """

    path, count, has_sound, is_constant, origin = None, None, False, False, 0.0

    def __init__(self, source):
        cv2 = opencv()
        self.name = source
        # OpenCV prints every way in which it tries and fails to open something.
        self._capture = quiet.without_stderr(cv2.VideoCapture, camera_number(source))
        if not self._capture.isOpened():
            raise UserError(f"--video {source}: no camera has this number, or it is in use")
        self._to_rgb = lambda pixels: cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 1 <= rate <= 240 else USUAL_RATE

    def close(self):
        """Release the camera."""
        self._capture.release()

    def __iter__(self):
        started, count = None, 0
        while True:
            pixels = self._next(NEXT_WAIT if count else FIRST_WAIT)
            now = time.monotonic()
            if pixels is None:
                raise UserError(self._ended(count))
            started = now if started is None else started
            count += 1
            yield now - started, self._to_rgb(pixels)[:, ::-1].copy()

    def _next(self, patience):
        """Return the next frame, BGR, or None where there is none after `patience` seconds."""
        until = time.monotonic() + patience
        while True:
            there, pixels = self._capture.read()
            if there:
                return pixels
            if time.monotonic() >= until:
                return None
            time.sleep(PAUSE)

    def _ended(self, count):
        if not count:
            return f"--video {self.name}: the camera gives no frames; is another program using it?"
        return f"--video {self.name}: the camera stopped after {count} frames; is it unplugged?"
