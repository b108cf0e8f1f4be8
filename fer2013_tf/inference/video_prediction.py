"""Predict a video or a camera: rows, annotated video, window, timeline of `predict --video`."""

import collections
import contextlib
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from fer2013_tf.inference import annotating, json_output, video_files
from fer2013_tf.inference.following import Follower
from fer2013_tf.utils import cli, files

# Faces of a video file are detected in every third frame on every machine: results repeat.
EVERY = 3
# The timeline shows the longest tracks, of more than MIN_SECONDS if there are any; those of long
# videos are averaged to so many moments.
MAX_TRACKS, MIN_SECONDS, MOMENTS = 6, 0.5, 1200


def check_outputs(*, json=None, csv=None, annotate=None, timeline=None):
    """Check, before any work, that the outputs of `run` can be written. Raises UserError."""
    json_output.check_name(json)
    files.check_folders(None if json == json_output.STANDARD_OUTPUT else json, csv, timeline)
    if annotate:
        video_files.check_output(annotate)


def run(source, load, *, smoothing="mode", window=True, timeline=None, **outputs):
    """Predict a video file, or camera 0, 1, ..., frame by frame and write the outputs.

    load: returns the Recognizer; called once the video is open, because it takes seconds. window:
    whether to show the camera. timeline: PNG file of the probabilities over time. outputs: json,
    csv and annotate, the annotated video. Raises UserError for a source that cannot be read.
    """
    tracks = {}
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(video_files.open_video(source))
        recognizer = stack.enter_context(load())
        classes, drawing = recognizer.classes, _Drawing()
        show = window and video.live
        made = _sinks(video, classes, drawing, show=show, **outputs)
        sinks = [stack.enter_context(sink) for sink in made]
        every = None if video.live else EVERY
        follower = Follower(recognizer, smoothing=smoothing, every=every, rate=video.rate)
        started = time.perf_counter()
        try:
            count = _predict_frames(video, follower, sinks, tracks)
        finally:
            seconds = time.perf_counter() - started
            if tracks and timeline:
                _plot_timeline(tracks, classes, timeline, video.name)
    to_stdout = outputs.get("json") == json_output.STANDARD_OUTPUT
    _print_tracks(tracks, classes, file=sys.stderr if to_stdout else sys.stdout)
    _print_speed(count, seconds, video, follower)


def _predict_frames(video, follower, sinks, tracks):
    """Add to tracks {number: [(seconds, probabilities)]} frame by frame; return their count."""
    count = 0
    bar = tqdm(total=video.count, desc="frames", unit=" frame", delay=2, disable=None)
    with contextlib.closing(bar):
        for frame in video:
            predictions = follower.predict(frame.pixels, video.name)
            for prediction in predictions:
                entry = frame.seconds, prediction.probabilities.astype(np.float32)
                tracks.setdefault(prediction.number, []).append(entry)
            # Every sink gets the frame, even if another one ends the video.
            going_on = [sink.add(frame, predictions) for sink in sinks]
            bar.update()
            count += 1
            if False in going_on:
                break
    return count


def _row(frame, prediction):
    plain = prediction.as_row()
    for key in ("image", "face", "detection_score", "weights"):
        del plain[key]
    first = {"frame": frame.number, "seconds": round(frame.seconds, 3)}
    return {**first, "track": prediction.number, **plain}


def _columns(classes):
    """Return the keys of `_row` in their order."""
    first = ["frame", "seconds", "track", "expression", "left", "top", "right", "bottom"]
    return [*first, *(f"p_{name}" for name in classes)]


def _sinks(video, classes, drawing, *, show, json=None, csv=None, annotate=None):
    """Yield the sinks asked for, each to be entered before the next is made.

    Each has `add(frame, predictions)`; where it returns False, the video ends.
    """
    if show:
        yield _Window(drawing)
    if json:
        yield _Json(json)
    if csv:
        yield _Csv(csv, _columns(classes))
    if annotate:
        yield _Annotated(annotate, video, drawing)


class _Json(json_output.JsonWriter):
    """One object per face and frame."""

    def add(self, frame, predictions):
        self.write(_row(frame, prediction) for prediction in predictions)


class _Csv(files.GrowingCsv):
    """One row per face and frame."""

    def add(self, frame, predictions):
        self.write(_row(frame, prediction) for prediction in predictions)


class _Drawing:
    """The newest frame with its predictions, drawn once for the file and the window."""

    def __init__(self):
        self.number, self.image = None, None

    def of(self, frame, predictions):
        if self.number != frame.number:
            numbered = any(prediction.number > 1 for prediction in predictions)
            image = Image.fromarray(frame.pixels)
            self.image = annotating.annotate(image, predictions, enlarge=False, numbered=numbered)
            self.number = frame.number
        return self.image


class _Annotated(contextlib.AbstractContextManager):
    def __init__(self, path, video, drawing):
        self.writer, self.drawing = video_files.Writer(path, video), drawing

    def __exit__(self, *error):
        self.writer.__exit__(*error)

    def add(self, frame, predictions):
        self.writer.add(np.asarray(self.drawing.of(frame, predictions)))


class _Window(contextlib.AbstractContextManager):
    def __init__(self, drawing):
        from fer2013_tf.inference.window import Window

        self.window, self.drawing = Window("fer2013_tf"), drawing

    def __exit__(self, *error):
        self.window.__exit__(*error)

    def add(self, frame, predictions):
        return self.window.show(self.drawing.of(frame, predictions))


def _print_tracks(tracks, classes, *, file):
    """Print when each track begins and ends, and its most frequent expressions."""
    if not tracks:
        print("no face found in any frame", file=file)
    for number, entries in sorted(tracks.items()):
        counts = collections.Counter(int(probabilities.argmax()) for _, probabilities in entries)
        frequent = ", ".join(
            f"{classes[c]} {100 * n / len(entries):.0f} %" for c, n in counts.most_common(3)
        )
        start, end = (f"{entries[at][0]:.1f}" for at in (0, -1))
        print(f"track {number}: {start} to {end} s, {len(entries)} frames: {frequent}", file=file)


def _print_speed(count, seconds, video, follower):
    often = f"one of {follower.every} frames" if follower.every > 1 else "every frame"
    print(
        f"{count} frames of {video.size[0]}x{video.size[1]} in {seconds:.1f} s: "
        f"{count / seconds:.1f} frames per second; faces detected in {often}",
        file=sys.stderr,
    )


def _plot_timeline(tracks, classes, path, name):
    from fer2013_tf.visualization import prediction_plots

    shown, heading = _longest(tracks), cli.printable(Path(name).name)
    if len(shown) < len(tracks):
        heading += f", the {len(shown)} longest of {len(tracks)} tracks"
    curves = {f"track {number}": _moments(tracks[number]) for number in shown}
    prediction_plots.timeline(curves, classes, path, heading)


def _longest(tracks):
    """Return the numbers of the tracks to be shown; very short ones may be false detections."""
    lasting = [n for n, entries in tracks.items() if entries[-1][0] - entries[0][0] >= MIN_SECONDS]
    return sorted(sorted(lasting or tracks, key=lambda n: -len(tracks[n]))[:MAX_TRACKS])


def _moments(entries):
    """Return (seconds [n], probabilities [n, k]); of long tracks means over equal pieces."""
    seconds, probabilities = (np.array(values) for values in zip(*entries))
    length = -(-len(seconds) // MOMENTS)
    starts = np.arange(0, len(seconds), length)
    counts = np.diff([*starts, len(seconds)])
    return (
        np.add.reduceat(seconds, starts) / counts,
        np.add.reduceat(probabilities, starts) / counts[:, None],
    )
