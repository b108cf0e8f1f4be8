"""What is read off a face, and how it is written down: dicts, JSON lines, CSV rows, text."""

import dataclasses
from typing import Any

UNCERTAIN = "uncertain"


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """One face's expression.

    Arrays are in the order of `classes`.
    """

    picture: str  # the file's name, or which of the pictures given
    number: int  # of the face in its picture, from 1, left to right
    face: Any  # faces.Face: box in pixels, score of the detector, eyes
    classes: tuple  # names
    scores: Any  # float32 [k], the logits; of an ensemble their mean
    probabilities: Any  # float64 [k], calibrated, sum 1
    crop: Any  # uint8 [h, w] or [h, w, 3], what the net was fed
    weights: str  # which weights answered
    min_confidence: float = 0.0  # below it the expression is "uncertain"

    @property
    def likeliest(self):
        """The class of the largest probability, certain or not."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def confidence(self):
        """The largest probability."""
        return float(self.probabilities.max())

    @property
    def expression(self):
        """The likeliest class, or "uncertain"."""
        return self.likeliest if self.confidence >= self.min_confidence else UNCERTAIN

    def as_dict(self):
        """Plain values, ready for JSON: box in whole pixels, probabilities to 6 digits."""
        left, top, right, bottom = (round(end) for end in self.face.box)
        chances = zip(self.classes, self.probabilities)
        scores = zip(self.classes, self.scores)
        return {
            "picture": self.picture,
            "face": self.number,
            "box": {"left": left, "top": top, "right": right, "bottom": bottom},
            "expression": self.expression,
            "probabilities": {name: round(float(p), 6) for name, p in chances},
            "scores": {name: round(float(s), 4) for name, s in scores},
            "found": None if self.face.score is None else round(self.face.score, 4),
            "weights": self.weights,
        }

    def as_row(self):
        """The same as one flat row, for CSV."""
        plain = self.as_dict()
        box, chances, _ = (plain.pop(key) for key in ("box", "probabilities", "scores"))
        return {**plain, **box, **{f"p_{name}": p for name, p in chances.items()}}

    def as_text(self, name):
        """Four lines: answer, classes, scores, probabilities. name: of picture and face."""
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
        answer = f"{name}: {self.expression.capitalize()} ({100 * self.confidence:.1f} %)"
        return "\n".join([answer, *(f"  {title:<11}{''.join(cells)}" for title, cells in rows)])


def columns(classes):
    """The names of `Reading.as_row`'s values, in their order."""
    first = ["picture", "face", "expression", "found", "weights", "left", "top", "right", "bottom"]
    return [*first, *(f"p_{name}" for name in classes)]
