"""Predict a video or a camera: rows, annotated video, window, timeline of `predict --video`."""

import collections
import contextlib
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from fer2013_tf.inference import (
    annotating,
    following,
    json_output,
    predictions,
    video_files,
    video_writing,
)
from fer2013_tf.utils import cli, files, outputs

# The timeline shows the longest tracks, of more than MIN_SECONDS if there are any; those of long
# videos are averaged to so many moments.
MAX_TRACKS, MIN_SECONDS, MOMENTS = 6, 0.5, 1200


def check_outputs(source, *, overwrite=False, json=None, csv=None, annotate=None, timeline=None):
    """Check, before any work, that the outputs of `run` destroy nothing. Raises UserError.

    source: the video that is read. overwrite: as of `outputs.check`.
    """
    declared = [
        json_output.declared(json),
        outputs.File("--csv", csv),
        outputs.File("--annotate", annotate),
        outputs.File("--timeline", timeline),
    ]
    if annotate:
        video_writing.check_output(annotate)
    outputs.check(declared, [source], overwrite=overwrite)


def run(source, load, *, smoothing="mode", window=True, timeline=None, **outputs_asked):
    """Predict a video file, a stream or a camera frame by frame and write the outputs.

    source: see `video_files.open_video`. load: returns the Recognizer; called once the video is
    open, because it takes seconds. window: whether to show a live source. timeline: PNG file of the
    probabilities over time. outputs_asked: json, csv and annotate, the annotated video. Raises
    UserError for a source that cannot be read, and at the end of a damaged one; what was predicted
    is written and printed first, also after Ctrl-C.
    """
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(video_files.open_video(source))
        recognizer = stack.enter_context(load())
        classes, drawing = recognizer.classes, _Drawing()
        every = None if video.live else following.every_of(video.rate)
        follower = following.Follower(recognizer, smoothing=smoothing, every=every, rate=video.rate)
        done = _Done(video, follower, classes, timeline)
        to_stdout = outputs_asked.get("json") == json_output.STANDARD_OUTPUT
        stack.callback(done.print, sys.stderr if to_stdout else sys.stdout)
        made = _sinks(video, classes, drawing, show=window and video.live, **outputs_asked)
        sinks = [stack.enter_context(sink) for sink in made]
        done.predict(sinks)


class _Done:
    """What has been predicted of a video so far."""

    def __init__(self, video, follower, classes, timeline):
        self.video, self.follower, self.classes = video, follower, classes
        self.timeline, self.started, self.count = timeline, None, 0
        self.tracks = {}  # number of the track -> [(seconds, probabilities)]

    def predict(self, sinks):
        """Predict frame by frame and give each to the sinks, until one of them ends the video."""
        self.started, video = time.perf_counter(), self.video
        bar = tqdm(total=video.count, desc="frames", unit=" frame", delay=2, disable=None)
        with contextlib.closing(bar):
            for frame in video:
                predictions = self.follower.predict(frame.pixels, video.name)
                for prediction in predictions:
                    entry = frame.seconds, prediction.probabilities.astype(np.float32)
                    self.tracks.setdefault(prediction.number, []).append(entry)
                # Every sink gets the frame, even if another one ends the video.
                going_on = [sink.add(frame, predictions) for sink in sinks]
                bar.update()
                self.count += 1
                if False in going_on:
                    break

    def print(self, file):
        """Print the tracks and the speed, and plot the timeline, if predicting had begun."""
        if self.started is None:
            return
        seconds = time.perf_counter() - self.started
        if self.tracks and self.timeline:
            _plot_timeline(self.tracks, self.classes, self.timeline, self.video.name)
        _print_tracks(self.tracks, self.classes, file=file)
        _print_speed(self.count, seconds, self.video, self.follower)


def _sinks(video, classes, drawing, *, show, json=None, csv=None, annotate=None):
    """Yield the sinks asked for, each to be entered before the next is made.

    Each has `add(frame, predictions)`; where it returns False, the video ends.
    """
    if show:
        yield _Window(drawing)
    if json:
        yield _Json(json)
    if csv:
        yield _Csv(csv, predictions.video_columns(classes))
    if annotate:
        yield _Annotated(annotate, video, drawing)


class _Json(json_output.JsonWriter):
    """One object per face and frame; of a frame without a face one that says so."""

    def add(self, frame, predicted):
        self.write(predictions.video_rows(frame.number, frame.seconds, predicted))


class _Csv(files.GrowingCsv):
    """One row per face and frame; of a frame without a face one that says so."""

    def add(self, frame, predicted):
        self.write(predictions.video_rows(frame.number, frame.seconds, predicted))


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
        self.writer, self.drawing = video_writing.Writer(path, video), drawing
        for note in self.writer.notes:
            print(cli.printable(f"note: {note}"), file=sys.stderr)

    def __exit__(self, *error):
        self.writer.__exit__(*error)

    def add(self, frame, predictions):
        self.writer.add(frame, np.asarray(self.drawing.of(frame, predictions)))


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
        long = f"{start} to {end} s, {cli.counted(len(entries), 'frame')}"
        print(f"track {number}: {long}: {frequent}", file=file)


def _print_speed(count, seconds, video, follower):
    often = f"one of {follower.every} frames" if follower.every > 1 else "every frame"
    print(
        f"{cli.counted(count, 'frame')} of {video.size[0]}x{video.size[1]} in {seconds:.1f} s: "
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
