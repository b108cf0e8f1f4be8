"""Decode the frames of a video file or a network stream (PyAV).

for seconds, pixels in Decoded("video.mp4"): ...   # since the first frame; uint8 [h, w, 3] RGB
"""

import collections
import contextlib
import errno
import io
import logging
import re
import stat
import threading
from pathlib import Path

import numpy as np

from fer2013_tf.utils import files
from fer2013_tf.utils.errors import UserError

INSTALL = 'pip install av, or in the clone: pip install -e ".[video]"'
# For sources that do not name their rate, in frames per second.
USUAL_RATE = 25.0
URL = re.compile(r"(rtsps?|rtmps?|https?|udp|tcp|rtp|srt|mms|ftp)://", re.IGNORECASE)
# Seconds to wait for a network stream: to open, and for each next piece.
NETWORK_SECONDS = (15.0, 15.0)
# Formats that are one image; FFmpeg calls the others xxx_pipe.
IMAGES = ("image2", "ico", "webp")
# Formats that do not say how long they are.
ENDLESS = ("mpeg", "mpegts")
# The rate of what lists no frames is the median over so many.
STEPS = 1000
# A source is given up after so many errors in a row of finding its next packet.
MAX_ERRORS = 50
# Times that go back by more seconds than this are another clock that begins, as in joined videos.
BACKWARDS = 1.0
# FFmpeg's messages are collected where they are asked for; nothing else prints them.
logging.getLogger("libav").addHandler(logging.NullHandler())
_messages_lock = threading.Lock()


def pyav():
    """Return the module av. Raises UserError that says how to install it where it is missing."""
    try:
        import av
    except ImportError:
        raise UserError(f"--video: needs PyAV, which is not installed; {INSTALL}") from None
    return av


def is_url(source):
    """Return whether a source is the address of a network stream; existing files are not."""
    return bool(URL.match(source)) and not Path(source).exists()


def open_file(path):
    """Return a video file or a pipe opened for FFmpeg, without its name.

    FFmpeg takes a name with a colon for a protocol, one with a number for a row of images, and one
    that is not UTF-8 not at all. Raises UserError where there is no file.
    """
    try:
        kind = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise UserError(f"--video {path}: no such file; a camera is named by its number") from None
    if stat.S_ISDIR(kind):
        raise UserError(f"--video {path}: a folder; name a video, or its images without --video")
    return File(path)


class File(io.FileIO):
    """A file for FFmpeg, whose errors name it; shown_as: the name to be told instead."""

    def __init__(self, path, mode="r", shown_as=None):
        self._shown_as = shown_as or path
        with files.naming(self._shown_as):
            super().__init__(path, mode)

    def read(self, size=-1):
        with files.naming(self._shown_as):
            return super().read(size)

    def write(self, data):
        left = memoryview(data)
        with files.naming(self._shown_as):
            while left:
                left = left[super().write(left) :]
        return len(data)

    # FFmpeg seeks before the beginning of damaged files.
    def seek(self, offset, whence=0):
        try:
            return super().seek(offset, whence)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return -1


class Decoded:
    """Frames of a file or a network stream, each at its own time.

    Frames are turned as their metadata say. Damaged ones are passed over; iterating raises
    UserError after the last frame of a source that did not give all of its frames.

    rate: frames per second. is_constant: whether all frames have that rate for certain. count: the
    number of frames, or None. origin: the time of the first frame in the source's clock, seconds.
    has_sound: whether there is sound. path: what can be opened a second time, for it, or None.
    """

    def __init__(self, source):
        self.name, self.url = source, is_url(source)
        self.path = source if Path(source).is_file() else None
        self.read = self._bad = self._seen = 0
        self._complaints, self._corrupt = set(), None
        self._end, self.origin, self._steps = 0, 0.0, collections.deque(maxlen=STEPS)
        self._stack = contextlib.ExitStack()
        try:
            self._open(pyav())
        except BaseException:
            self.close()
            raise
        self._places = self._avi_places()
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate = float(rate) if rate else USUAL_RATE
        # Of what lists its frames; others name a rate for videos that have none.
        self.is_constant = bool(rate and self._stream.frames) and rate == self._stream.base_rate
        self.count, self.has_sound = self._declared(), bool(self._container.streams.audio)

    def _open(self, av):
        opened = self.name if self.url else self._stack.enter_context(open_file(self.name))
        waits = {"timeout": NETWORK_SECONDS} if self.url else {}
        try:
            with self._listening():
                self._container = self._stack.enter_context(av.open(opened, **waits))
        except (av.error.FFmpegError, UnicodeError) as error:
            raise UserError(self._unreadable(error)) from None
        kind = self._container.format.name
        if kind.endswith("_pipe") or kind in IMAGES:
            raise UserError(
                f"--video {self.name}: FFmpeg reads one image of it; leave out --video, and "
                "convert an animated WebP to GIF or MP4"
            )
        cover = av.stream.Disposition.attached_pic
        streams = [s for s in self._container.streams.video if not s.disposition & cover]
        if not streams:
            raise UserError(f"--video {self.name}: has no video in it, only sound or text")
        self._stream = streams[0]

    def _unreadable(self, error):
        if self.url:
            return f"--video {self.name}: cannot be opened ({error.strerror})"
        return (
            f"--video {self.name}: not a video FFmpeg can read, or it is cut off or damaged where "
            "its index is; copy it again, or convert it to MP4 (H.264)"
        )

    def close(self):
        """Close the source."""
        self._stack.close()

    def __iter__(self):
        clock, last = Clock(1 / self.rate), 0.0
        for frame in self._frames():
            seconds = clock.seconds(None if frame.pts is None else frame.time)
            self.origin = clock.origin
            self._steps.append(seconds - last)
            last = seconds
            pixels = frame.to_ndarray(format="rgb24")
            yield seconds, np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))
        self._check_whole()

    def _frames(self):
        error = pyav().error.FFmpegError
        for packet in self._packets():
            try:
                frames = packet.decode()
            except error:
                self._bad += 1
                continue
            for frame in frames:
                # Where parts are missing FFmpeg paints over them with the frame before.
                if frame.is_corrupt:
                    self._bad += 1
                else:
                    self.read += 1
                    yield frame

    def _packets(self):
        """Yield the packets, also those after damage, and note what tells of damage."""
        error, found = pyav().error, None
        errors = 0
        while errors < MAX_ERRORS:
            found = found or self._container.demux(self._stream)
            try:
                with self._listening():
                    packet = next(found, None)
            except error.FFmpegError as failed:
                if self.url and not isinstance(failed, error.InvalidDataError):
                    raise UserError(self._ended(failed)) from None
                found, errors = None, errors + 1
                self._complaints.add(self._container.format.name)
                continue
            if packet is None:
                return
            errors = 0
            if packet.size:
                self._note(packet)
            yield packet

    @contextlib.contextmanager
    def _listening(self):
        """Context that notes which parts of FFmpeg complain.

        A lost piece of a Matroska file shows nowhere else. Messages of decoders are not asked for:
        they complain of sound videos too.
        """
        log = pyav().logging
        with _messages_lock, log.Capture(local=False) as messages:
            log.set_level(log.ERROR)
            try:
                yield
            finally:
                log.set_level(None)
                self._complaints.update(name for _, name, _ in messages)

    def _avi_places(self):
        """Return {place in the file: time} of the frames of an AVI file; {} for others.

        AVI fills gaps between frames with empty ones, and counts them; its index does not. FFmpeg
        gives the place behind the eight bytes with which a frame begins.
        """
        if self._container.format.name != "avi":
            return {}
        return {e.pos + 8: e.timestamp for e in self._stream.index_entries if e.size}

    def _note(self, packet):
        self._seen += 1
        place = self._places.get(packet.pos)
        if place is not None and packet.dts is not None and packet.dts != place:
            # FFmpeg counts the frames of AVI, which is wrong after one that is lost.
            packet.pts = None if packet.pts is None else packet.pts + place - packet.dts
            packet.dts = place
        if packet.is_corrupt:
            self._corrupt = self._seen
            self._complaints.add(self._container.format.name)
        if packet.pts is not None:
            self._end = max(self._end, packet.pts + (packet.duration or 0))

    def _ended(self, failed):
        return f"--video {self.name}: ended after {self.read} frames ({failed.strerror})"

    def _declared(self):
        """Return how many frames there should be, or None."""
        if self._listed():
            return self._listed()
        lasting = self._stream.duration and self._stream.duration * self._stream.time_base
        if not lasting and self._container.duration:
            lasting = self._container.duration / 1e6
        # Matroska files of phones and of recorders name rates that their frames have not.
        step = np.median(self._steps) if self._steps else 0
        rate = 1 / step if step > 0 else self.rate
        return round(float(lasting) * rate) if lasting and lasting > 0 else None

    def _listed(self):
        """Return the number of frames that the file lists; 0 for formats without a list."""
        if len(self._places) < max(1, self._seen):
            return self._stream.frames
        return len(self._places)

    def _stopped_short(self):
        """Return whether there are fewer frames than the file lists."""
        stream = self._stream
        if self._seen >= self._listed():
            return False
        if self._container.format.name == "avi" or stream.duration is None:
            return True
        # Frames that were cut out by an editor are listed too, beyond the duration.
        missing = (stream.start_time or 0) + stream.duration - self._end
        return missing * stream.time_base > 1.5 / self.rate

    def _check_whole(self):
        """Raise UserError where frames are missing.

        Many sound videos decode to fewer frames than they list, and FFmpeg complains of some that
        lost none: neither is damage without the other.
        """
        total = max(self._declared() or 0, self.read + self._bad)
        complained = self._container.format.name in self._complaints
        complained = complained and (self.count is None or self.read < total)
        # FFmpeg may cut the corrupt end of a file in two. Corrupt packets are also where videos
        # were joined, without a loss.
        cut = self._corrupt is not None and self._seen - self._corrupt < 2
        if self.read and not (self._bad or cut or complained or self._stopped_short()):
            return
        of = f"{self.read} of {total} frames could be read"
        if self.read >= total or (cut and self._container.format.name in ENDLESS):
            of = f"{self.read} frames could be read, how many there were is not known"
        raise UserError(
            f"--video {self.name}: damaged, {of}; the results are of these; copy the video again "
            "from where it came"
        )


class Clock:
    """Turns the times of a source into seconds since its first frame, which never go back."""

    def __init__(self, period):
        self.origin, self._period, self._last = 0.0, period, None

    def seconds(self, at):
        """Return the seconds of the frame at `at` seconds of the source's clock, or None."""
        if self._last is None:
            self.origin, self._last = at or 0.0, 0.0
            return 0.0
        elapsed = self._last + self._period if at is None else at - self.origin
        if elapsed < self._last - BACKWARDS:
            self.origin += elapsed - (self._last + self._period)
            elapsed = self._last + self._period
        self._last = max(self._last, elapsed)
        return self._last
