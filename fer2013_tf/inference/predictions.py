"""The prediction for one face, and its forms: dict, JSON, CSV row, text."""

import dataclasses
from typing import Any

UNCERTAIN = "uncertain"
NO_FACE = "no face found"
BOX = ("left", "top", "right", "bottom")


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """The expression of one face. Arrays are in the order of `classes`."""

    image: str  # the file's name, or its place in the list given
    number: int  # of the face in its image, from 1, left to right
    face: Any  # alignment.Face: box in pixels, score of the detector, eyes
    classes: tuple  # names
    scores: Any  # float32 [k], the logits; of an ensemble their mean
    probabilities: Any  # float64 [k], calibrated, sum 1
    crop: Any  # uint8 [h, w] or [h, w, 3], the input of the net
    weights: str  # names of the checkpoints
    min_confidence: float = 0.0  # below it the expression is "uncertain"
    # Whether the face was found in this image itself; False: in a video, tracked from the frame
    # before; None: faces are not looked for.
    detected: bool | None = True

    @property
    def predicted_class(self):
        """Return the class of the largest probability, however small it is."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def confidence(self):
        """Return the largest probability."""
        return float(self.probabilities.max())

    @property
    def expression(self):
        """Return the predicted class, or "uncertain" below `min_confidence`."""
        return self.predicted_class if self.confidence >= self.min_confidence else UNCERTAIN

    def as_dict(self):
        """Return plain values for JSON: box in whole pixels, probabilities to 6 digits."""
        left, top, right, bottom = (round(end) for end in self.face.box)
        probabilities = zip(self.classes, self.probabilities)
        scores = zip(self.classes, self.scores)
        return {
            "image": self.image,
            "face": self.number,
            "box": {"left": left, "top": top, "right": right, "bottom": bottom},
            "expression": self.expression,
            "probabilities": {name: round(float(p), 6) for name, p in probabilities},
            "scores": {name: round(float(s), 4) for name, s in scores},
            "detection_score": None if self.face.score is None else round(self.face.score, 4),
            "weights": self.weights,
        }

    def as_row(self):
        """Return `as_dict` without the scores as one flat row for CSV, see `csv_columns`."""
        plain = self.as_dict()
        box, probabilities, _ = (plain.pop(key) for key in ("box", "probabilities", "scores"))
        return {**plain, **box, **{f"p_{name}": p for name, p in probabilities.items()}}

    def as_text(self, name):
        """Return four lines: expression, classes, scores, probabilities.

        name: of image and face.
        """
        classes = [c.capitalize() for c in self.classes]
        columns = [max(len(c), 7) + 2 for c in classes]
        rows = [
            ("", [c.rjust(w) for c, w in zip(classes, columns)]),
            ("score", [f"{s:.2f}".rjust(w) for s, w in zip(self.scores, columns)]),
            (
                "probability",
                [f"{100 * p:.1f} %".rjust(w) for p, w in zip(self.probabilities, columns)],
            ),
        ]
        first = f"{name}: {self.expression.capitalize()} ({100 * self.confidence:.1f} %)"
        return "\n".join([first, *(f"  {title:<11}{''.join(cells)}" for title, cells in rows)])


def csv_columns(classes):
    """Return the keys of `Prediction.as_row` in their order, then the reason of empty rows."""
    first = ["image", "face", "expression", "detection_score", "weights"]
    return [*first, *BOX, *(f"p_{name}" for name in classes), "reason"]


def video_columns(classes):
    """Return the keys of `video_rows` in their order."""
    first = ["frame", "seconds", "track", "expression"]
    return [*first, *BOX, *(f"p_{name}" for name in classes), "detected", "reason"]


def without_face(name, reason=NO_FACE):
    """Return the row, for JSON and CSV, of an image without a prediction, and why it has none."""
    return {"image": name, "face": None, "reason": reason}


def video_rows(number, seconds, predictions):
    """Return the rows, for JSON and CSV, of one frame: one per face, or one without a face.

    number: of the frame, from 0. seconds: since the beginning of the video.
    """
    first = {"frame": number, "seconds": round(seconds, 3)}
    if not predictions:
        return [{**first, "track": None, "reason": NO_FACE}]
    return [
        {**first, "track": p.number, **_in_video(p.as_row()), "detected": p.detected}
        for p in predictions
    ]


def _in_video(row):
    left_out = ("image", "face", "detection_score", "weights")
    return {key: value for key, value in row.items() if key not in left_out}
