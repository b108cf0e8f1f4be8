"""Made-up videos for tests, written by PyAV."""

from fractions import Fraction

import av
import numpy as np

SIZE = (64, 48)
# Formats of the samples that an encoder takes, where they are not planar floats.
SAMPLES = {"libopus": "flt", "flac": "s16", "pcm_s16le": "s16"}


def frame_of(number, size=SIZE):
    """Return a smooth frame whose first pixels tell its number: uint8 [h, w, 3]."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    gray = 100 + 60 * np.sin((x + 2 * number) / 9) + 40 * np.cos(y / 7)
    return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=2)


def steady(rate, frames=30):
    """Return the times of so many frames at a rate, in seconds."""
    return [Fraction(number) / Fraction(rate) for number in range(frames)]


def write(path, times, *, frames=None, size=SIZE, codec="libx264", rate=25, sounds=(), rotation=0):
    """Write a video with a frame at each of `times`, in seconds. Return the path.

    frames: pixels per frame, by default those of `frame_of`. sounds: per track (codec, seconds).
    rotation: degrees in the metadata, counterclockwise.
    """
    with av.open(str(path), "w") as container:
        options = {"qmin": "2", "qmax": "4"} if codec in ("mjpeg", "mpeg4") else {"crf": "15"}
        stream = container.add_stream(codec, rate=Fraction(rate), options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        steady_only = str(path).endswith((".avi", ".mpg"))
        base = 1 / Fraction(rate) if steady_only else Fraction(1, 60_000)
        stream.codec_context.time_base = base
        stream.codec_context.gop_size = 10
        if rotation:
            stream.set_display_rotation(rotation)
        tracks = [_track(container, *sound) for sound in sounds]
        for number, at in enumerate(times):
            pixels = frame_of(number, size) if frames is None else frames[number]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = round(at / base), base
            container.mux(stream.encode(frame))
        for track in tracks:
            for out, samples in track:
                container.mux(out.encode(samples))
        container.mux(stream.encode(None))
    return path


def _track(container, codec, seconds, start=0.0):
    """Return (stream, frames of a tone) one after another; the last flushes the encoder."""
    rate = 48_000
    stream = container.add_stream(codec, rate=rate, layout="mono")

    def samples():
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
        for begin in range(0, len(tone), 960):
            piece = tone[None, begin : begin + 960].astype(np.float32)
            form = SAMPLES.get(codec, "fltp")
            piece = (piece * 32_000).astype(np.int16) if form == "s16" else piece
            frame = av.AudioFrame.from_ndarray(piece, format=form, layout="mono")
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = begin + round(start * rate)
            yield stream, frame
        yield stream, None

    return samples()


def times_of(path):
    """Return the times of the frames of a video in seconds, as PyAV has them."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def sounds_of(path):
    """Return (codec, seconds of sound decoded) of each sound track."""
    found = []
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    for number in range(count):
        with av.open(str(path)) as container:
            stream = container.streams.audio[number]
            seconds = sum(f.samples / f.sample_rate for f in container.decode(stream))
            found.append((stream.codec_context.codec.canonical_name, seconds))
    return found


def damage(path, start, length=400):
    """Replace bytes of a file by zeros, from the share `start` of it on. Return the path."""
    data = bytearray(path.read_bytes())
    at = round(start * len(data))
    data[at : at + length] = bytes(length)
    path.write_bytes(data)
    return path


def cut(path, share):
    """Cut a file to a share of its length. Return the path."""
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])
    return path
