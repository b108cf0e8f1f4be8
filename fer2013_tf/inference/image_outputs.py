"""Outputs of `predict` for images: text, JSON, CSV, annotated images, overview, explanations.

A drawing writes files of one image: `add(predicted, stem)` returns what was written, for the
fields "annotated" and "explained" of JSON and CSV. A sink takes all images: `add(predicted, drawn)`
with that. Both are context managers and take a PredictedImage.
"""

import contextlib
import re
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fer2013_tf.inference import annotating, gradcam, json_output, predictions
from fer2013_tf.utils import cli, files, names, outputs

# The overview shows the first faces, in thumbnails of so many pixels per side.
OVERVIEW_FACES, THUMBNAIL = 48, 320
# Kept free in the names of drawings: the number of the face and the suffix.
_ROOM = len("-99999.png")


def stems(images):
    """Return the names, without suffix, of the drawings of images, no two the same."""
    return names.unique([Path(image).stem for image in images], room=_ROOM)


def declared(images, *, json=None, csv=None, annotate=None, overview=None, explain=None):
    """Return all outputs of `sinks` and `drawings` for `outputs.check`."""
    drawn = [names.fold(stem) for stem in stems(images)] if annotate or explain else []
    return [
        json_output.declared(json),
        outputs.File("--csv", csv),
        outputs.File("--overview", overview),
        outputs.Folder("--annotate", annotate, {f"{stem}.png" for stem in drawn}),
        outputs.Folder("--explain", explain, _PerFace(drawn)),
    ]


class _PerFace:
    """The names STEM-NUMBER.png of all faces that images may turn out to have."""

    def __init__(self, folded):
        self.stems = set(folded)

    def __contains__(self, name):
        found = re.fullmatch(r"(.*)-\d+\.png", name, re.DOTALL)
        return bool(found) and found[1] in self.stems


def drawings(recognizer, *, annotate=None, explain=None):
    """Yield the drawings asked for."""
    if annotate:
        yield _Annotated(annotate)
    if explain:
        yield _Explained(explain, recognizer)


def sinks(classes, drawn, *, json=None, csv=None, overview=None):
    """Yield the sinks asked for; text is printed unless JSON is (`-`).

    classes: names, of all recognizers. drawn: drawings' fields.
    """
    if json != outputs.STANDARD_OUTPUT:
        yield _Text()
    if json:
        yield _Json(json)
    if csv:
        yield _Csv(csv, [*predictions.csv_columns(classes), *drawn])
    if overview:
        yield _Overview(overview)


class _Text(contextlib.AbstractContextManager):
    def __exit__(self, *_):
        pass

    def add(self, predicted, _):
        if predicted.predictions is None:
            return
        name = cli.printable(predicted.name)
        with tqdm.external_write_mode(file=sys.stdout):
            if not predicted.predictions:
                print(f"{name}: {predictions.NO_FACE}")
            for prediction in _both(predicted):
                whose = f", {prediction.weights}" if predicted.compared else ""
                print(prediction.as_text(name + _which_face(prediction, predicted) + whose))


def _both(predicted):
    """Return the predictions of an image face by face, each followed by that of the other run."""
    if predicted.compared is None:
        return predicted.predictions or []
    return [each for pair in zip(predicted.predictions, predicted.compared) for each in pair]


def _which_face(prediction, predicted):
    """Return the number and place of a face among several, else nothing."""
    count = len(predicted.predictions)
    if count == 1:
        return ""
    left, top, right, bottom = (round(end) for end in prediction.face.box)
    size = f"{right - left}x{bottom - top} at {left},{top}"
    return f", face {prediction.number} of {count} ({size})"


class _Json(json_output.JsonWriter):
    """One object per face; of an image without a face, or not read, one that says so."""

    def add(self, predicted, drawn):
        self.write(_rows(predicted, drawn, predictions.Prediction.as_dict))


class _Csv(files.GrowingCsv):
    """One row per face; of an image without a face, or not read, one that says so."""

    def add(self, predicted, drawn):
        self.write(_rows(predicted, drawn, predictions.Prediction.as_row))


def _rows(predicted, drawn, form):
    """Return the rows of one image. drawn: {field: {number of the face: file}}, 0 for the image."""
    rows = [(each.number, form(each)) for each in _both(predicted)]
    if not rows:
        rows = [(0, predictions.without_face(predicted.name, _reason(predicted)))]
    return [
        {**row, **{field: made.get(number, made.get(0)) for field, made in drawn.items()}}
        for number, row in rows
    ]


def _reason(predicted):
    if predicted.predictions is None:
        return predicted.note.removeprefix(f"{predicted.name}: ")
    return predictions.NO_FACE


class _Drawing(contextlib.AbstractContextManager):
    """Files in a folder; `failed` lists those that could not be written, the others go on."""

    field = None

    def __init__(self, folder):
        self.folder, self.failed = Path(folder), []

    def __exit__(self, *_):
        pass

    def write(self, name, draw):
        """Call draw(path). Return the path, None where it could not be written."""
        path = self.folder / name
        try:
            draw(path)
        except OSError as error:
            # A full disk stops the command: nothing else could be written either.
            if error.errno in cli.FULL:
                raise
            self.failed.append(cli.with_remedy(error))
            return None
        return str(path)


class _Annotated(_Drawing):
    field = "annotated"

    def add(self, predicted, stem):
        if predicted.predictions is None:
            return {}
        png = outputs.png(annotating.annotate(predicted.image, predicted.predictions))
        return {0: self.write(f"{stem}.png", lambda path: files.write_atomically(path, png))}


class _Explained(_Drawing):
    field = "explained"

    def __init__(self, folder, recognizer):
        super().__init__(folder)
        self.explainer = gradcam.Explainer(recognizer)

    def __exit__(self, *_):
        self.explainer.close()

    def add(self, predicted, stem):
        from fer2013_tf.visualization import prediction_plots

        made = {}
        for each in predicted.predictions or []:
            explained = self.explainer.explain(each.crop, each.predicted_class)
            made[each.number] = self.write(
                f"{stem}-{each.number}.png",
                lambda path: prediction_plots.explanation(each, *explained, path),  # noqa: B023
            )
        return made


class _Overview(contextlib.AbstractContextManager):
    """Keeps thumbnails of the first faces and draws them at the end."""

    def __init__(self, path):
        self.path, self.entries, self.count = path, [], 0

    def __exit__(self, kind, *_):
        if kind is None and self.entries:
            from fer2013_tf.visualization import prediction_plots

            first = f"the first {OVERVIEW_FACES} of " if self.count > OVERVIEW_FACES else ""
            heading = f"{first}{cli.counted(self.count, 'face')}"
            prediction_plots.overview(self.entries, self.path, heading)
        elif kind is None:
            print(f"note: no face found, no {self.path}", file=sys.stderr)

    def add(self, predicted, _):
        self.count += len(predicted.predictions or [])
        if len(self.entries) >= OVERVIEW_FACES or not predicted.predictions:
            return
        small = predicted.image.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        ratio = small.width / predicted.image.width
        others = (
            zip(predicted.compared) if predicted.compared else [()] * len(predicted.predictions)
        )
        for prediction, other in zip(predicted.predictions, others):
            if len(self.entries) < OVERVIEW_FACES:
                box = tuple(ratio * end for end in prediction.face.box)
                self.entries.append((np.asarray(small), box, (prediction, *other)))
