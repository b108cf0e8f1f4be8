"""Expressions of all faces in pictures, as a library.

from fer2013_tf import Recognizer

with Recognizer() as recognizer:                      # loads once: weights, session, detector
    for reading in recognizer.predict("people.jpg"):  # a readings.Reading a face
        print(reading.expression, reading.confidence, reading.face.box)
"""

import threading
from pathlib import Path

import numpy as np
from PIL import Image

from fer2013_tf import calibration, checkpoints, command, detectors, evaluation, faces
from fer2013_tf.errors import UserError
from fer2013_tf.readings import Reading

# How faces are found: by a detector; the middle square of each picture; the picture itself.
HOW = ("detect", "centre", "none")


def add_weights(group):
    """Adds what says who answers to a command line: --run, --ckpt, --ensemble, --tta."""
    add = group.add_argument
    add(
        "--run",
        metavar="NAME",
        default=checkpoints.SHIPPED_NAME,
        help="run under --ckpt (default: the shipped weights)",
    )
    command.add_folders(group, ckpt="where the runs are")
    add(
        "--ensemble",
        metavar="WHICH",
        default="best",
        help="checkpoints whose probabilities are averaged, as in eval (default: %(default)s)",
    )
    add(
        "--tta",
        choices=evaluation.TTAS,
        default="none",
        help="flip: average with the mirrored face (default: %(default)s)",
    )


def add_detector(group):
    """Adds --detector and --framing to a command line."""
    add = group.add_argument
    add(
        "--detector",
        choices=detectors.names(),
        default=detectors.DEFAULT,
        help="what finds the faces (default: %(default)s)",
    )
    add(
        "--framing",
        choices=sorted(faces.FRAMINGS),
        default="level",
        help="as FER2013 frames faces, turned until the eyes are level, or upright; or by the eyes "
        "alone, as the third article does (default: %(default)s)",
    )


def default_faces(detector=detectors.DEFAULT):
    """`detect` where the detector's packages are installed, else `centre`."""
    return "detect" if detectors.installed(detector) else "centre"


class Recognizer:
    """Reads expressions; may be used from several threads, which share one session.

    Args:
        run: name under `ckpt`, "shipped" for the weights in the package.
        ensemble: which of its checkpoints: "best", "last5", ..., as in eval; their probabilities
            are averaged.
        tta: "flip" averages each face with its mirror image, "none" does not.
        faces: "detect", "centre" or "none"; None: `default_faces(detector)`.
        detector, framing: names, see `detectors.names()` and `faces.FRAMINGS`.
        min_confidence: 0..1; less sure readings say "uncertain".
        precision: "float32", or "bfloat16" for many faces a call.
        many: whether most calls are for many faces; single ones then take longer.

    Raises UserError where weights, a detector or an option is not there.
    """

    def __init__(
        self,
        run=checkpoints.SHIPPED_NAME,
        *,
        ckpt="ckpt",
        ensemble="best",
        tta="none",
        faces=None,
        detector=detectors.DEFAULT,
        framing="level",
        min_confidence=0.0,
        precision="float32",
        many=False,
    ):
        self.faces = _one_of("faces", faces or default_faces(detector), HOW)
        self.tta = _one_of("tta", tta, evaluation.TTAS)
        self.min_confidence = min_confidence
        self._frame = _framing(framing)
        self.members = evaluation.find_members(ckpt, run, ensemble)
        self._find = detectors.load(detector) if self.faces == "detect" else None
        self.classes = tuple(self.members[0].data["classes"])
        self.size = tuple(self.members[0].data["size"])
        self.weights = ",".join(member.name for member in self.members)
        self._classifiers = evaluation.classifiers(
            self.members, precision=precision, single=not many
        )
        # TensorFlow's sessions may be shared by threads, TensorFlow Lite's interpreters may not.
        self._one_at_a_time = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the sessions."""
        for classifier in self._classifiers:
            classifier.close()

    def predict(self, pictures):
        """A list of `Reading`, a face each, of one picture; of a list of pictures a list of those.

        A picture is a file's name or Path, a PIL image, or an array uint8 [h, w] grey or [h, w, 3]
        RGB. Raises UserError for a file that cannot be read, ValueError for another array.
        """
        if isinstance(pictures, (list, tuple)):
            cut = [self.cut(self.opened(picture)) for picture in pictures]
            names = [_name(picture, number) for number, picture in enumerate(pictures)]
            return self.read(cut, names)
        return self.predict([pictures])[0]

    def opened(self, picture):
        """Anything that `predict` takes as a PIL image of mode L or RGB."""
        if isinstance(picture, (str, Path)):
            return faces.open_picture(picture).image
        if isinstance(picture, Image.Image):
            return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
        array = np.asarray(picture)
        grey, colour = array.ndim == 2, array.ndim == 3 and array.shape[-1] == 3
        if array.dtype != np.uint8 or not (grey or colour) or 0 in array.shape:
            raise ValueError(
                f"picture is {array.dtype} {array.shape}; expected uint8 [h, w] or [h, w, 3] RGB"
            )
        return Image.fromarray(array)

    def find(self, image, *, closely=True):
        """The faces in a PIL image of mode L or RGB: [faces.Face], left to right.

        closely: whether to spend more time on small faces.
        """
        width, height = image.size
        if self.faces == "none":
            return [faces.Face((0.0, 0.0, float(width), float(height)))]
        if self.faces == "centre":
            return [faces.centre_face(image)]
        with self._one_at_a_time:
            return self._find(image, closely=closely)

    def crop(self, image, face):
        """What the nets are fed of a face: uint8 of the nets' size."""
        if self.faces == "none":
            return faces.whole(image, self.size)
        if self.faces == "centre":
            return faces.centre_crop(image, self.size)
        return faces.cut(image, self._frame(face), self.size)

    def cut(self, image):
        """The faces in a PIL image, each with its crop: [(faces.Face, uint8 [h, w])]."""
        return [(face, self.crop(image, face)) for face in self.find(image)]

    def answer(self, crops):
        """(scores float32 [n, k], probabilities float64 [n, k]) of crops uint8 [n, h, w]."""
        logits = np.stack([c.views(crops, self.tta) for c in self._classifiers])
        calibrations = [member.calibration for member in self.members]
        return logits.mean(axis=(0, 1)), calibration.combined(logits, calibrations)

    def read(self, cut, names):
        """Readings of pictures whose faces were cut out, all answered at once.

        cut: a list of `cut`'s results, a picture each; names: of the pictures. Returns a list of
        lists of `Reading`.
        """
        crops = [crop for of_picture in cut for _, crop in of_picture]
        if not crops:
            return [[] for _ in cut]
        answers = iter(zip(*self.answer(np.stack(crops))))
        return [
            [
                self.reading(name, number, face, crop, *next(answers))
                for number, (face, crop) in enumerate(of_picture, 1)
            ]
            for name, of_picture in zip(names, cut)
        ]

    def reading(self, name, number, face, crop, scores, chances):
        """The `Reading` of a face that was cut out and answered; see its fields."""
        return Reading(
            picture=name,
            number=number,
            face=face,
            classes=self.classes,
            scores=scores,
            probabilities=chances,
            crop=crop,
            weights=self.weights,
            min_confidence=self.min_confidence,
        )


def _one_of(option, value, known):
    if value not in known:
        raise UserError(f"{option} {value!r}: not known; known: {', '.join(known)}")
    return value


def _framing(name):
    return faces.FRAMINGS[_one_of("framing", name, sorted(faces.FRAMINGS))]


def _name(picture, number):
    return str(picture) if isinstance(picture, (str, Path)) else str(number)
