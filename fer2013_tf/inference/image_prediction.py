"""Predict many image files: opened ahead, faces predicted in batches, memory flat."""

import collections
import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from fer2013_tf.faces import image_io
from fer2013_tf.inference import image_outputs, video_writing
from fer2013_tf.utils import cli, outputs
from fer2013_tf.utils.errors import UserError

# Files opened ahead of the one in which faces are detected, by so many threads.
AHEAD, THREADS = 6, 2
# A batch is full with so many faces, or so many images.
BATCH_FACES, BATCH_IMAGES = 64, 16
# Of files that could not be read so many are listed.
LISTED = 20


class PredictedImage(NamedTuple):
    """An image file and the predictions for its faces."""

    name: str
    image: Any  # PIL image, or None
    predictions: list | None  # of Prediction; None where the file could not be read
    note: str | None  # which frames of the file were not read, or why it could not be read
    compared: list | None = None  # predictions of another recognizer for the same faces


def predict_files(recognizer, names, *, images=None, other=None):
    """Yield a `PredictedImage` per file, in order; bad files do not stop the others.

    images: what is opened instead of the files that are named, see `image_io.open_image`. other: a
    recognizer that predicts the same faces too.
    """
    batch, count = [], 0
    with contextlib.closing(_opened(names, images or names)) as images:
        for name, image, problem in images:
            faces = recognizer.detect_and_crop(image.image) if image else None
            batch.append((name, image, problem, faces))
            count += len(faces or [])
            if count >= BATCH_FACES or len(batch) >= BATCH_IMAGES:
                yield from _predicted(recognizer, other, batch)
                batch, count = [], 0
    yield from _predicted(recognizer, other, batch)


def _opened(names, images):
    """Yield (name, OpenedImage or None, problem or None); threads open the next few meanwhile."""
    pairs, ahead = zip(names, images, strict=True), collections.deque()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            while True:
                while len(ahead) < AHEAD and (pair := next(pairs, None)) is not None:
                    name, image = pair
                    ahead.append((name, pool.submit(image_io.open_image, image, name)))
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


def _predicted(recognizer, other, batch):
    good = [(name, image.image, faces) for name, image, _, faces in batch if faces is not None]
    names = [name for name, _, _ in good]
    predictions = iter(recognizer.predict_faces([faces for *_, faces in good], names))
    compared = iter(_compared(other, good, names))
    for name, image, problem, _ in batch:
        if image:
            yield PredictedImage(name, image.image, next(predictions), image.note, next(compared))
        else:
            yield PredictedImage(name, None, None, problem)


def _compared(other, good, names):
    """Return per image the predictions of another recognizer, which may be of another size."""
    if other is None:
        return [None] * len(names)
    cropped = [[(face, other.crop(image, face)) for face, _ in faces] for _, image, faces in good]
    return other.predict_faces(cropped, names)


def check_outputs(names, *, inputs=(), overwrite=False, **outputs_asked):
    """Check, before any work, that the outputs of `run` destroy nothing; make their folders.

    names: of the images; empty while they are not known. inputs: what else is read, such as the
    folder they are in. overwrite, errors: as of `outputs.check`.
    """
    declared = image_outputs.declared(names, **outputs_asked)
    annotate, explain = outputs_asked.get("annotate"), outputs_asked.get("explain")
    if annotate and Path(annotate).suffix.lower() in video_writing.CODECS:
        raise UserError(f"--annotate {annotate}: only with --video; for images name a folder")
    outputs.check(declared, [*inputs, *names], overwrite=overwrite)
    for folder in (annotate, explain):
        if folder and names:
            Path(folder).mkdir(parents=True, exist_ok=True)


def run(
    recognizer, names, *, images=None, other=None, annotate=None, explain=None, **outputs_asked
):
    """Predict image files, print the predictions and write the outputs.

    images, other: see `predict_files`; text, JSON, CSV and overview have the predictions of both.
    annotate: folder for annotated images. explain: folder for figures with Grad-CAM.
    outputs_asked: json and csv files, overview a PNG file. Closes the recognizers. Raises UserError
    at the end, listing the files that could not be read, and the drawings that could not be
    written.
    """
    bar = tqdm(total=len(names), desc="images", unit=" image", delay=2, disable=None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(recognizer)
        stack.enter_context(other or contextlib.nullcontext())
        stack.enter_context(contextlib.closing(bar))
        asked = image_outputs.drawings(recognizer, annotate=annotate, explain=explain)
        drawings = [stack.enter_context(drawing) for drawing in asked]
        fields = [drawing.field for drawing in drawings]
        classes = list(dict.fromkeys([*recognizer.classes, *(other.classes if other else ())]))
        asked = image_outputs.sinks(classes, fields, **outputs_asked)
        sinks = [stack.enter_context(sink) for sink in asked]
        predicted = predict_files(recognizer, names, images=images, other=other)
        bad, count = _write(predicted, names, drawings, sinks, bar)
    if len(names) > 1:
        read = cli.counted(len(names) - len(bad), "image")
        print(f"{cli.counted(count, 'face')} in {read}", file=sys.stderr)
    failed = [line for drawing in drawings for line in drawing.failed]
    _report_failed(bad, failed, len(names))


def _write(all_predicted, names, drawings, sinks, bar):
    """Write the outputs of all images. Return (why images were not read, number of faces)."""
    bad, count = [], 0
    for predicted, stem in zip(all_predicted, image_outputs.stems(names), strict=True):
        bar.update()
        if predicted.predictions is None:
            bad.append(predicted.note)
        elif predicted.note:
            tqdm.write(f"note: {cli.printable(predicted.note)}", file=sys.stderr)
        count += len(predicted.predictions or [])
        drawn = {drawing.field: drawing.add(predicted, stem) for drawing in drawings}
        for sink in sinks:
            sink.add(predicted, drawn)
    return bad, count


def _report_failed(bad, failed, count):
    """Raise UserError that lists images not read and drawings not written, if there are any."""
    said = [f"{len(bad)} of {cli.counted(count, 'image')} not read"] if bad else []
    said += [f"{cli.counted(len(failed), 'drawing')} not written"] if failed else []
    if said:
        listed = [*bad[:LISTED], *failed[:LISTED]]
        more = len(bad) + len(failed) - len(listed)
        raise UserError(", ".join(said), [*listed, *([f"... and {more} more"] if more else [])])
