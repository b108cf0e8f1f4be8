"""A film or a camera through a Recognizer: what `predict --video` writes, draws and prints."""

import collections
import contextlib
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from fer2013_tf import command, drawing, files, video
from fer2013_tf.following import Follower

# A film's faces are detected in every third frame, whatever the machine: its results repeat.
EVERY = 3
# Panels of the timeline: the people seen most, for longer than so many seconds if any were. Longer
# films are averaged into so many moments.
MOST_PEOPLE, GLIMPSE, MOMENTS = 6, 0.5, 1200


def run(args, load):
    """Reads the film or camera that `args` (of predict) names. Returns the exit status.

    load: makes the Recognizer, which takes seconds, once it is known that there is a film.
    """
    check_outputs(args)
    people = {}
    with contextlib.ExitStack() as stack:
        film = stack.enter_context(video.open_film(args.video))
        recognizer = stack.enter_context(load())
        sinks = _sinks(stack, args, film, recognizer.classes)
        every = None if film.live else EVERY
        follower = Follower(recognizer, smooth=args.smooth, every=every, rate=film.rate)
        started = time.perf_counter()
        try:
            count = _read(args, film, follower, sinks, people)
        finally:
            seconds = time.perf_counter() - started
            if people and args.timeline:
                _draw_timeline(people, recognizer.classes, args, film.name)
    _summary(people, recognizer.classes, json_lines=args.json)
    often = f"one of {follower.every} frames" if follower.every > 1 else "every frame"
    print(
        f"{count} frames of {film.size[0]}x{film.size[1]} in {seconds:.1f} s: "
        f"{count / seconds:.1f} frames a second; faces looked for in {often}",
        file=sys.stderr,
    )
    return 0


def check_outputs(args):
    """Before any work: what is to be written can be. Raises UserError."""
    files.check_folders(args.csv, args.timeline)
    if args.out:
        video.check_output(args.out)


def _read(args, film, follower, sinks, people):
    """Frame by frame; adds to people {number: [(seconds, probabilities)]}; returns their count."""
    count = 0
    bar = tqdm(total=film.count, desc="frames", unit=" frame", delay=2, disable=None)
    with contextlib.closing(bar):
        for frame in film:
            read = follower.read(frame.pixels, film.name)
            shown = [reading for _, reading in read]
            for person, reading in read:
                entry = frame.seconds, reading.probabilities.astype(np.float32)
                people.setdefault(person.number, []).append(entry)
            if args.json:
                with tqdm.external_write_mode(file=sys.stdout):
                    for reading in shown:
                        print(json.dumps(_row(frame, reading)))
            # Every sink gets the frame, whatever another says.
            going_on = [sink.add(frame, shown) for sink in sinks]
            bar.update()
            count += 1
            if False in going_on:
                break
    return count


def _row(frame, reading):
    plain = reading.as_row()
    for key in ("picture", "face", "found", "weights"):
        del plain[key]
    first = {"frame": frame.number, "seconds": round(frame.seconds, 3)}
    return {**first, "person": reading.number, **plain}


def _sinks(stack, args, film, classes):
    """What takes (frame, readings); False from it ends the reading. Each is open, on the stack."""
    opened, drawn = [], _Drawn()
    if film.live and not args.no_window:
        opened.append(stack.enter_context(_Shown(drawn)))
    if args.csv:
        opened.append(stack.enter_context(_Rows(args.csv, _columns(classes))))
    if args.out:
        opened.append(stack.enter_context(_Filmed(args.out, film, drawn)))
    return opened


class _Rows(files.GrowingCsv):
    """A row a face and frame."""

    def add(self, frame, readings):
        self.write(_row(frame, reading) for reading in readings)


def _columns(classes):
    """The names of `_row`'s values."""
    first = ["frame", "seconds", "person", "expression", "left", "top", "right", "bottom"]
    return [*first, *(f"p_{name}" for name in classes)]


class _Drawn:
    """The newest frame with its readings, drawn once for the file and the window."""

    def __init__(self):
        self.number, self.image = None, None

    def of(self, frame, readings):
        if self.number != frame.number:
            numbered = any(reading.number > 1 for reading in readings)
            image = Image.fromarray(frame.pixels)
            self.image = drawing.annotated(image, readings, enlarge=False, numbered=numbered)
            self.number = frame.number
        return self.image


class _Filmed:
    def __init__(self, path, film, drawn):
        self.writer, self.drawn = video.Writer(path, film), drawn

    def __enter__(self):
        self.writer.__enter__()
        return self

    def __exit__(self, *error):
        self.writer.__exit__(*error)

    def add(self, frame, readings):
        self.writer.add(np.asarray(self.drawn.of(frame, readings)))


class _Shown:
    def __init__(self, drawn):
        from fer2013_tf.window import Window

        self.window, self.drawn = Window("fer2013_tf"), drawn

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.window.__exit__(*error)

    def add(self, frame, readings):
        return self.window.show(self.drawn.of(frame, readings))


def _summary(people, classes, *, json_lines):
    """Of each person from when to when, and how long which expression; not among JSON lines."""
    out = sys.stderr if json_lines else sys.stdout
    if not people:
        print("no face found in any frame", file=out)
    for number, entries in sorted(people.items()):
        answers = collections.Counter(int(chances.argmax()) for _, chances in entries)
        shares = ", ".join(
            f"{classes[c]} {100 * n / len(entries):.0f} %" for c, n in answers.most_common(3)
        )
        start, end = (f"{entries[at][0]:.1f}" for at in (0, -1))
        print(f"person {number}: {start} to {end} s, {len(entries)} frames: {shares}", file=out)


def _draw_timeline(people, classes, args, name):
    from fer2013_tf import plots_of_faces

    shown, heading = _seen_longest(people), command.printable(Path(name).name)
    if len(shown) < len(people):
        heading += f", the {len(shown)} of {len(people)} people seen longest"
    curves = {f"person {number}": _moments(people[number]) for number in shown}
    plots_of_faces.timeline(curves, classes, args.timeline, heading)


def _seen_longest(people):
    """The numbers of those to be shown; who was seen for a glimpse alone may have been nobody."""
    lasting = [n for n, entries in people.items() if entries[-1][0] - entries[0][0] >= GLIMPSE]
    return sorted(sorted(lasting or people, key=lambda n: -len(people[n]))[:MOST_PEOPLE])


def _moments(entries):
    """(seconds [n], probabilities [n, k]), long ones averaged piece by piece."""
    seconds, chances = (np.array(values) for values in zip(*entries))
    length = -(-len(seconds) // MOMENTS)
    starts = np.arange(0, len(seconds), length)
    counts = np.diff([*starts, len(seconds)])
    return (
        np.add.reduceat(seconds, starts) / counts,
        np.add.reduceat(chances, starts) / counts[:, None],
    )
