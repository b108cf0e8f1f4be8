"""Predict many image files: opened ahead, faces predicted in batches, memory flat."""

import collections
import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from fer2013_tf.faces import image_io
from fer2013_tf.inference import image_outputs, json_output, video_files
from fer2013_tf.utils import cli, files
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


def predict_files(recognizer, names):
    """Yield a `PredictedImage` per file, in order; bad files do not stop the others."""
    batch, count = [], 0
    with contextlib.closing(_opened(names)) as images:
        for name, image, problem in images:
            faces = recognizer.detect_and_crop(image.image) if image else None
            batch.append((name, image, problem, faces))
            count += len(faces or [])
            if count >= BATCH_FACES or len(batch) >= BATCH_IMAGES:
                yield from _predicted(recognizer, batch)
                batch, count = [], 0
    yield from _predicted(recognizer, batch)


def _opened(names):
    """Yield (name, OpenedImage or None, problem or None); threads open the next few meanwhile."""
    names, ahead = iter(names), collections.deque()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            while True:
                while len(ahead) < AHEAD and (name := next(names, None)) is not None:
                    ahead.append((name, pool.submit(image_io.open_image, name)))
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


def _predicted(recognizer, batch):
    good = [(name, faces) for name, _, _, faces in batch if faces is not None]
    predictions = iter(
        recognizer.predict_faces([faces for _, faces in good], [name for name, _ in good])
    )
    for name, image, problem, _ in batch:
        if image:
            yield PredictedImage(name, image.image, next(predictions), image.note)
        else:
            yield PredictedImage(name, None, None, problem)


def check_outputs(*, json=None, csv=None, annotate=None, overview=None, explain=None):
    """Check, before any work, that the outputs of `run` can be written; make the folders.

    Raises UserError.
    """
    json_output.check_name(json)
    files.check_folders(None if json == json_output.STANDARD_OUTPUT else json, csv, overview)
    if annotate and Path(annotate).suffix.lower() in video_files.CODECS:
        raise UserError(f"--annotate {annotate}: only with --video; for images name a folder")
    for folder in (annotate, explain):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)


def run(recognizer, names, **outputs):
    """Predict image files, print the predictions and write the outputs.

    outputs: as for `check_outputs`: json and csv files, annotate a folder for annotated images,
    overview a PNG file, explain a folder for figures with Grad-CAM. Closes the recognizer. Raises
    UserError at the end, listing the files that could not be read.
    """
    bad, count = [], 0
    bar = tqdm(total=len(names), desc="images", unit=" image", delay=2, disable=None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(recognizer)
        stack.enter_context(contextlib.closing(bar))
        sinks = [stack.enter_context(sink) for sink in image_outputs.sinks(recognizer, **outputs)]
        for predicted in predict_files(recognizer, names):
            bar.update()
            if predicted.predictions is None:
                bad.append(predicted.note)
                continue
            if predicted.note:
                tqdm.write(f"note: {cli.printable(predicted.note)}", file=sys.stderr)
            count += len(predicted.predictions)
            for sink in sinks:
                sink.add(predicted)
    if len(names) > 1:
        print(f"{count} faces in {len(names) - len(bad)} images", file=sys.stderr)
    if bad:
        more = [f"... and {len(bad) - LISTED} more"] if len(bad) > LISTED else []
        raise UserError(f"{len(bad)} of {len(names)} images not read", [*bad[:LISTED], *more])
