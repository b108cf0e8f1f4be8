"""Many pictures through a Recognizer: opened ahead, faces answered in batches, memory flat."""

import collections
import contextlib
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from fer2013_tf import command, drawing, explain, faces, files, readings
from fer2013_tf.errors import UserError

# Files opened ahead of the one whose faces are being found, by so many threads.
AHEAD, THREADS = 6, 2
# Faces are answered when so many have come together, or so many pictures.
FACES, PICTURES = 64, 16
# Of bad files so many are listed, of faces so many stand on the sheet, in thumbnails this wide.
LISTED, MOST_ON_SHEET, THUMBNAIL = 20, 48, 320


class Read(NamedTuple):
    """What became of one picture."""

    name: str
    image: Any  # PIL image, or None
    readings: list | None  # of readings.Reading; None where the file could not be read
    note: str | None  # of the file: what of it was not taken, or why it could not be read


def read_all(recognizer, names):
    """Yields a `Read` for every file named, in order; bad files do not stop the others."""
    waiting, pending = [], 0
    with contextlib.closing(_opened(names)) as pictures:
        for name, picture, problem in pictures:
            cut = recognizer.cut(picture.image) if picture else None
            waiting.append((name, picture, problem, cut))
            pending += len(cut or [])
            if pending >= FACES or len(waiting) >= PICTURES:
                yield from _answered(recognizer, waiting)
                waiting, pending = [], 0
    yield from _answered(recognizer, waiting)


def _opened(names):
    """Yields (name, faces.Picture or None, problem or None); the next few are being opened."""
    names, ahead = iter(names), collections.deque()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            while True:
                while len(ahead) < AHEAD and (name := next(names, None)) is not None:
                    ahead.append((name, pool.submit(faces.open_picture, name)))
                if not ahead:
                    return
                name, opening = ahead.popleft()
                try:
                    yield name, opening.result(), None
                except UserError as error:
                    yield name, None, str(error)
        finally:
            for _, opening in ahead:
                opening.cancel()


def _answered(recognizer, waiting):
    good = [(name, cut) for name, _, _, cut in waiting if cut is not None]
    answers = iter(recognizer.read([cut for _, cut in good], [name for name, _ in good]))
    for name, picture, problem, _ in waiting:
        if picture:
            yield Read(name, picture.image, next(answers), picture.note)
        else:
            yield Read(name, None, None, problem)


def check_outputs(args):
    """Before any work: the folders that outputs are to stand in. Raises UserError."""
    files.check_folders(args.csv, args.sheet)
    for folder in (args.annotate, args.explain):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)


def run(args, names, recognizer):
    """Reads the files and writes what `args` (of predict) asks for. Returns the exit status.

    Raises UserError at the end, listing the files that could not be read.
    """
    bad, seen = [], 0
    bar = tqdm(total=len(names), desc="pictures", unit=" picture", delay=2, disable=None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(recognizer)
        stack.enter_context(contextlib.closing(bar))
        sinks = [stack.enter_context(sink) for sink in _sinks(args, recognizer)]
        for read in read_all(recognizer, names):
            bar.update()
            if read.readings is None:
                bad.append(read.note)
                continue
            if read.note:
                tqdm.write(f"note: {command.printable(read.note)}", file=sys.stderr)
            seen += len(read.readings)
            with tqdm.external_write_mode(file=sys.stdout):
                _say(read, as_json=args.json)
            for sink in sinks:
                sink.add(read)
    if len(names) > 1:
        good = len(names) - len(bad)
        print(f"{seen} faces in {good} pictures", file=sys.stderr)
    if bad:
        more = [f"... and {len(bad) - LISTED} more"] if len(bad) > LISTED else []
        raise UserError(f"{len(bad)} of {len(names)} pictures not read", [*bad[:LISTED], *more])
    return 0


def _say(read, *, as_json):
    """Prints the readings of a picture; that there is none, too."""
    if not read.readings:
        nothing = json.dumps({"picture": read.name, "face": None})
        print(nothing if as_json else f"{command.printable(read.name)}: no face found")
    for reading in read.readings:
        if as_json:
            print(json.dumps(reading.as_dict()))
            continue
        name = command.printable(read.name)
        if len(read.readings) > 1:
            left, top, right, bottom = (round(end) for end in reading.face.box)
            size = f"{right - left}x{bottom - top} at {left},{top}"
            name += f", face {reading.number} of {len(read.readings)} ({size})"
        print(reading.as_text(name))


def _sinks(args, recognizer):
    wanted = []
    if args.csv:
        wanted.append(_Rows(args.csv, readings.columns(recognizer.classes)))
    if args.annotate:
        wanted.append(_Annotated(args.annotate))
    if args.sheet:
        wanted.append(_Sheet(args.sheet))
    if args.explain:
        wanted.append(_Explained(args.explain, recognizer))
    return wanted


class _Rows(files.GrowingCsv):
    """A row a face."""

    def add(self, read):
        self.write(reading.as_row() for reading in read.readings)


class _Folder:
    """A folder whose files are named after pictures, none twice in one run."""

    def __init__(self, folder):
        self.folder, self.used = Path(folder), collections.Counter()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def path(self, name):
        """FOLDER/NAME.png; for the second of that name FOLDER/NAME-2.png, and so on."""
        self.used[name] += 1
        count = self.used[name]
        return self.folder / (f"{name}-{count}.png" if count > 1 else f"{name}.png")


class _Annotated(_Folder):
    def add(self, read):
        drawn, buffer = drawing.annotated(read.image, read.readings), io.BytesIO()
        drawn.save(buffer, format="png")
        files.write_atomically(self.path(Path(read.name).stem), buffer.getvalue())


class _Explained(_Folder):
    def __init__(self, folder, recognizer):
        super().__init__(folder)
        self.explainer = explain.Explainer(recognizer.members[0])

    def __exit__(self, *_):
        self.explainer.close()

    def add(self, read):
        from fer2013_tf import plots_of_faces

        for reading in read.readings:
            path = self.path(f"{Path(read.name).stem}-{reading.number}")
            plots_of_faces.explanation(reading, *self.explainer.look(reading.crop), path)


class _Sheet:
    """Keeps thumbnails of the first faces and draws them at the end."""

    def __init__(self, path):
        self.path, self.entries, self.seen = path, [], 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None and self.entries:
            from fer2013_tf import plots_of_faces

            shown = f"the first {MOST_ON_SHEET} of " if self.seen > MOST_ON_SHEET else ""
            heading = f"{shown}{self.seen} face{'s' if self.seen > 1 else ''}"
            plots_of_faces.sheet(self.entries, self.path, heading)
        elif kind is None:
            print(f"note: no face found, no {self.path}", file=sys.stderr)

    def add(self, read):
        self.seen += len(read.readings)
        if len(self.entries) >= MOST_ON_SHEET or not read.readings:
            return
        small = read.image.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        ratio = small.width / read.image.width
        for reading in read.readings[: MOST_ON_SHEET - len(self.entries)]:
            box = tuple(ratio * end for end in reading.face.box)
            self.entries.append((np.asarray(small), box, reading))
