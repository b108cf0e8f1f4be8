"""Predict the expressions of all faces in images, as a library.

from fer2013_tf import Recognizer

with Recognizer() as recognizer:                         # loads once: weights, session, detector
    for prediction in recognizer.predict("people.jpg"):  # a predictions.Prediction per face
        print(prediction.expression, prediction.confidence, prediction.face.box)
"""

import functools
import os
import threading

import numpy as np

from fer2013_tf.evaluation import combinations, ensembles
from fer2013_tf.faces import alignment, detectors, image_io
from fer2013_tf.faces.alignment import ALIGNMENTS
from fer2013_tf.inference import options
from fer2013_tf.inference.predictions import Prediction
from fer2013_tf.utils import constants, devices, forks


def default_faces(detector=detectors.DEFAULT):
    """Return "detect" where the detector's package is installed, else "center"."""
    return "detect" if detectors.installed(detector) else "center"


class Recognizer:
    """Predicts expressions; may be used from several threads, which share one session.

    Args:
        run: RUN or RUN:WHICH under `ckpt`, or "shipped" for the weights in the package.
        ensemble: which of its checkpoints, where `run` does not say it: "best" (the default),
            "last5", ..., as in eval; their probabilities are averaged. Of nets of different classes
            those count that all have, matched by name.
        tta: "flip" averages each face with its mirror image, "none" does not.
        faces: "detect", "center" or "none"; None: `default_faces(detector)`.
        detector, alignment: names, see `detectors.names()` and `alignment.ALIGNMENTS`.
        min_confidence: 0..1; the expression of less confident predictions is "uncertain".
        precision: "float32", or "bfloat16" for many faces per call; "auto": as the CPU is.
        many: whether most calls are for many faces; calls for one face then take longer.

    Attributes:
        calibrated: whether the probabilities are calibrated for just these weights and views.
        calibration_note: a line that says how to change that; None where they are.

    Copies, and those that pickle sends to other processes, load their weights again. Raises
    UserError for weights, a detector or an option that does not exist, and in a process that was
    forked after TensorFlow ran.
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
        chosen = {"run": run, "ckpt": ckpt, "ensemble": ensemble}
        how = {"tta": tta, "faces": faces, "detector": detector, "alignment": alignment}
        how |= {"min_confidence": min_confidence, "precision": precision, "many": many}
        options.check(**chosen, **how)
        self._arguments = {**chosen, **how}
        self.faces = default_faces(detector) if faces is None else faces
        self.tta, self.min_confidence = tta, float(min_confidence)
        self._align = ALIGNMENTS[alignment]
        self.members = ensembles.resolve_ensemble(ckpt, run, ensemble)
        self._combination = combinations.find(self.members, tta)
        self.calibrated, self.calibration_note = self._combination.fitted is not None, None
        if not self.calibrated:
            self.calibration_note = combinations.unfitted_note(self.members, tta, **chosen)
        self._detect = detectors.load(detector) if self.faces == "detect" else None
        self.classes = self.members[0].classes
        self.size = tuple(self.members[0].data["size"])
        self.weights = ",".join(member.name for member in self.members)
        precision, _ = devices.choose_precision(precision)
        self._classifiers = ensembles.load_classifiers(
            self.members, precision=precision, latency_mode=not many
        )
        # Threads may share TensorFlow's sessions, but not TensorFlow Lite's interpreters.
        self._detector_lock = threading.Lock()

    def __reduce__(self):
        """Copy and unpickle as a new one, made from the same arguments."""
        return functools.partial(type(self), **self._arguments), ()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the sessions."""
        for classifier in self._classifiers:
            classifier.close()

    def predict(self, images):
        """Return a list of `Prediction`, one per face, of one image; of several a list of those.

        An image is a file's name or Path, the bytes of a file, a binary file object, a PIL image,
        or an array [h, w] or [h, w, c] (see `image_io.from_array`). Several are a list, any other
        iterable, a pandas Series, or an array [n, h, w, c]. Raises UserError for an image that
        cannot be read.
        """
        if not image_io.is_list(images):
            return self.predict([images])[0]
        crops, names = [], []
        for number, image in enumerate(images):
            names.append(_name(image, number))
            crops.append(self.detect_and_crop(self.open(image, f"image {number}")))
        return self.predict_faces(crops, names)

    def open(self, image, name="the image"):
        """Return any image that `predict` takes as a PIL image of mode L or RGB.

        name: stands in errors for an image that is no file's name.
        """
        return image_io.open_image(image, name).image

    def detect(self, image, *, search_tiles=True):
        """Return the faces [Face] in a PIL image of mode L or RGB, left to right.

        search_tiles: whether to search tiles of the image too, for small faces.
        """
        width, height = image.size
        if self.faces == "none":
            return [alignment.Face((0.0, 0.0, float(width), float(height)))]
        if self.faces == "center":
            return [alignment.center_face(image)]
        forks.use()  # before a lock that another thread held when this process was forked
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
        logits = [c.tta_logits(crops, self.tta) for c in self._classifiers]
        kept = [
            own if member.places is None else own[..., list(member.places)]
            for member, own in zip(self.members, logits)
        ]
        return np.mean(kept, axis=(0, 1)), self._combination.probabilities(logits)

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


def _name(image, number):
    return str(image) if isinstance(image, (str, os.PathLike)) else str(number)
