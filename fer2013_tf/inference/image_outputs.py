"""Outputs of `predict` for images: text, JSON, CSV, annotated images, overview, explanations.

Each sink is a context manager with `add(predicted)`, which takes a PredictedImage.
"""

import collections
import contextlib
import io
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fer2013_tf.inference import annotating, gradcam, json_output, predictions
from fer2013_tf.utils import cli, files

# The overview shows the first faces, in thumbnails of so many pixels per side.
OVERVIEW_FACES, THUMBNAIL = 48, 320


def sinks(recognizer, *, json=None, csv=None, annotate=None, overview=None, explain=None):
    """Yield the sinks for the outputs asked for; text is printed unless JSON is (`-`)."""
    if json != json_output.STANDARD_OUTPUT:
        yield _Text()
    if json:
        yield _Json(json)
    if csv:
        yield _Csv(csv, predictions.csv_columns(recognizer.classes))
    if annotate:
        yield _Annotated(annotate)
    if overview:
        yield _Overview(overview)
    if explain:
        yield _Explained(explain, recognizer)


class _Text(contextlib.AbstractContextManager):
    def __exit__(self, *_):
        pass

    def add(self, predicted):
        name = cli.printable(predicted.name)
        with tqdm.external_write_mode(file=sys.stdout):
            if not predicted.predictions:
                print(f"{name}: no face found")
            for prediction in predicted.predictions:
                print(prediction.as_text(name + _which_face(prediction, predicted)))


def _which_face(prediction, predicted):
    """Return the number and place of a face among several, else nothing."""
    count = len(predicted.predictions)
    if count == 1:
        return ""
    left, top, right, bottom = (round(end) for end in prediction.face.box)
    size = f"{right - left}x{bottom - top} at {left},{top}"
    return f", face {prediction.number} of {count} ({size})"


class _Json(json_output.JsonWriter):
    """One object per face; of an image without a face one that says so."""

    def add(self, predicted):
        none = [{"image": predicted.name, "face": None}]
        self.write([each.as_dict() for each in predicted.predictions] or none)


class _Csv(files.GrowingCsv):
    """One row per face."""

    def add(self, predicted):
        self.write(each.as_row() for each in predicted.predictions)


class _Folder(contextlib.AbstractContextManager):
    """A folder of files named after images, each name used once."""

    def __init__(self, folder):
        self.folder, self.used = Path(folder), collections.Counter()

    def __exit__(self, *_):
        pass

    def path(self, name):
        """Return FOLDER/NAME.png; for the second of that name FOLDER/NAME-2.png, and so on."""
        self.used[name] += 1
        count = self.used[name]
        return self.folder / (f"{name}-{count}.png" if count > 1 else f"{name}.png")


class _Annotated(_Folder):
    def add(self, predicted):
        buffer = io.BytesIO()
        annotating.annotate(predicted.image, predicted.predictions).save(buffer, format="png")
        files.write_atomically(self.path(Path(predicted.name).stem), buffer.getvalue())


class _Explained(_Folder):
    def __init__(self, folder, recognizer):
        super().__init__(folder)
        self.explainer = gradcam.Explainer(recognizer.members[0])

    def __exit__(self, *_):
        self.explainer.close()

    def add(self, predicted):
        from fer2013_tf.visualization import prediction_plots

        for prediction in predicted.predictions:
            path = self.path(f"{Path(predicted.name).stem}-{prediction.number}")
            prediction_plots.explanation(prediction, *self.explainer.explain(prediction.crop), path)


class _Overview(contextlib.AbstractContextManager):
    """Keeps thumbnails of the first faces and draws them at the end."""

    def __init__(self, path):
        self.path, self.entries, self.count = path, [], 0

    def __exit__(self, kind, *_):
        if kind is None and self.entries:
            from fer2013_tf.visualization import prediction_plots

            first = f"the first {OVERVIEW_FACES} of " if self.count > OVERVIEW_FACES else ""
            heading = f"{first}{self.count} face{'s' if self.count > 1 else ''}"
            prediction_plots.overview(self.entries, self.path, heading)
        elif kind is None:
            print(f"note: no face found, no {self.path}", file=sys.stderr)

    def add(self, predicted):
        self.count += len(predicted.predictions)
        if len(self.entries) >= OVERVIEW_FACES or not predicted.predictions:
            return
        small = predicted.image.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        ratio = small.width / predicted.image.width
        for prediction in predicted.predictions[: OVERVIEW_FACES - len(self.entries)]:
            box = tuple(ratio * end for end in prediction.face.box)
            self.entries.append((np.asarray(small), box, prediction))
