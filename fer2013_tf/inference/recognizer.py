"""Predict the expressions of all faces in images, as a library.

from fer2013_tf import Recognizer

with Recognizer() as recognizer:                         # loads once: weights, session, detector
    for prediction in recognizer.predict("people.jpg"):  # a predictions.Prediction per face
        print(prediction.expression, prediction.confidence, prediction.face.box)
"""

import threading
from pathlib import Path

import numpy as np
from PIL import Image

from fer2013_tf.evaluation import calibration, ensembles
from fer2013_tf.faces import alignment, detectors, image_io
from fer2013_tf.inference.predictions import Prediction
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

# Where the faces are: found by a detector; the center square of each image; the image itself.
FACES_CHOICES = ("detect", "center", "none")


def default_faces(detector=detectors.DEFAULT):
    """Return "detect" where the detector's package is installed, else "center"."""
    return "detect" if detectors.installed(detector) else "center"


class Recognizer:
    """Predicts expressions; may be used from several threads, which share one session.

    Args:
        run: RUN or RUN:WHICH under `ckpt`, or "shipped" for the weights in the package.
        ensemble: which of its checkpoints, where `run` does not say it: "best" (the default),
            "last5", ..., as in eval; their probabilities are averaged.
        tta: "flip" averages each face with its mirror image, "none" does not.
        faces: "detect", "center" or "none"; None: `default_faces(detector)`.
        detector, alignment: names, see `detectors.names()` and `alignment.ALIGNMENTS`.
        min_confidence: 0..1; the expression of less confident predictions is "uncertain".
        precision: "float32", or "bfloat16" for many faces per call.
        many: whether most calls are for many faces; calls for one face then take longer.

    Raises UserError for weights, a detector or an option that does not exist.
    """

    def __init__(
        self,
        run=constants.SHIPPED_NAME,
        *,
        ckpt="ckpt",
        ensemble=None,
        tta="none",
        faces=None,
        detector=detectors.DEFAULT,
        alignment="aligned",
        min_confidence=0.0,
        precision="float32",
        many=False,
    ):
        self.faces = _one_of("faces", faces or default_faces(detector), FACES_CHOICES)
        self.tta = _one_of("tta", tta, constants.TTA_CHOICES)
        self.min_confidence = min_confidence
        self._align = _alignment(alignment)
        self.members = ensembles.resolve_ensemble(ckpt, run, ensemble)
        self._detect = detectors.load(detector) if self.faces == "detect" else None
        self.classes = tuple(self.members[0].data["classes"])
        self.size = tuple(self.members[0].data["size"])
        self.weights = ",".join(member.name for member in self.members)
        self._classifiers = ensembles.load_classifiers(
            self.members, precision=precision, latency_mode=not many
        )
        # Threads may share TensorFlow's sessions, but not TensorFlow Lite's interpreters.
        self._detector_lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the sessions."""
        for classifier in self._classifiers:
            classifier.close()

    def predict(self, images):
        """Return a list of `Prediction`, one per face, of one image; of a list a list of those.

        An image is a file's name or Path, a PIL image, or an array uint8 [h, w] gray or [h, w, 3]
        RGB. Raises UserError for a file that cannot be read, ValueError for another array.
        """
        if isinstance(images, (list, tuple)):
            crops = [self.detect_and_crop(self.open(image)) for image in images]
            names = [_name(image, number) for number, image in enumerate(images)]
            return self.predict_faces(crops, names)
        return self.predict([images])[0]

    def open(self, image):
        """Return any image that `predict` takes as a PIL image of mode L or RGB."""
        if isinstance(image, (str, Path)):
            return image_io.open_image(image).image
        if isinstance(image, Image.Image):
            return image if image.mode in ("L", "RGB") else image.convert("RGB")
        array = np.asarray(image)
        gray, color = array.ndim == 2, array.ndim == 3 and array.shape[-1] == 3
        if array.dtype != np.uint8 or not (gray or color) or 0 in array.shape:
            raise ValueError(
                f"image is {array.dtype} {array.shape}; expected uint8 [h, w] or [h, w, 3] RGB"
            )
        return Image.fromarray(array)

    def detect(self, image, *, search_tiles=True):
        """Return the faces [Face] in a PIL image of mode L or RGB, left to right.

        search_tiles: whether to search tiles of the image too, for small faces.
        """
        width, height = image.size
        if self.faces == "none":
            return [alignment.Face((0.0, 0.0, float(width), float(height)))]
        if self.faces == "center":
            return [alignment.center_face(image)]
        with self._detector_lock:
            return self._detect(image, search_tiles=search_tiles)

    def crop(self, image, face):
        """Return the input of the nets for a face in a PIL image: uint8 of the nets' size."""
        if self.faces == "none":
            return alignment.resize_whole(image, self.size)
        if self.faces == "center":
            return alignment.center_crop(image, self.size)
        return alignment.crop_face(image, self._align(face), self.size)

    def detect_and_crop(self, image):
        """Return each face in a PIL image with its crop: [(Face, uint8 [h, w])]."""
        return [(face, self.crop(image, face)) for face in self.detect(image)]

    def predict_crops(self, crops):
        """Return (scores float32 [n, k], probabilities float64 [n, k]) of crops uint8 [n, h, w]."""
        logits = np.stack([c.tta_logits(crops, self.tta) for c in self._classifiers])
        calibrations = [member.calibration for member in self.members]
        return logits.mean(axis=(0, 1)), calibration.ensemble_probabilities(logits, calibrations)

    def predict_faces(self, faces, names):
        """Return the predictions for the faces of several images, computed in one batch.

        faces: per image what `detect_and_crop` returns; names: of the images. Returns a list of
        lists of `Prediction`.
        """
        crops = [crop for of_image in faces for _, crop in of_image]
        if not crops:
            return [[] for _ in faces]
        predicted = iter(zip(*self.predict_crops(np.stack(crops))))
        return [
            [
                self.prediction(name, number, face, crop, *next(predicted))
                for number, (face, crop) in enumerate(of_image, 1)
            ]
            for name, of_image in zip(names, faces)
        ]

    def prediction(self, name, number, face, crop, scores, probabilities):
        """Return the `Prediction` with these fields and with those of this recognizer."""
        return Prediction(
            image=name,
            number=number,
            face=face,
            classes=self.classes,
            scores=scores,
            probabilities=probabilities,
            crop=crop,
            weights=self.weights,
            min_confidence=self.min_confidence,
        )


def _one_of(option, value, known):
    if value not in known:
        raise UserError(f"{option} {value!r}: not known; known: {', '.join(known)}")
    return value


def _alignment(name):
    return alignment.ALIGNMENTS[_one_of("alignment", name, sorted(alignment.ALIGNMENTS))]


def _name(image, number):
    return str(image) if isinstance(image, (str, Path)) else str(number)
