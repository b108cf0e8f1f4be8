"""FER+ (Barsoum et al. 2016): ten people's votes a picture, joined to FER2013, and what is learnt.

    votes = ferplus.read("fer2013new.csv")
    source = ferplus.join(source, votes, "fer2013new.csv", classes=8)
    targets, kept = ferplus.targets("distribution", voted, num_classes=8)   # voted: int [n, 10]

The paper's rules (section 3): single votes are set to zero; then a scheme says what is learnt, and
which pictures are left out: those that mostly show no face or an unknown expression, and those on
which too few agree. Held-out pictures are those of more than half of the votes for one expression,
whatever is learnt.
"""

import csv
import hashlib
from pathlib import Path

import numpy as np

from fer2013_tf import emotions, specs
from fer2013_tf.errors import UserError
from fer2013_tf.sources import BadFace, Source

SCHEMES = specs.Registry("labels")
# What the records' own label says, one class a picture.
HARD = "hard"
# A vote alone is taken for a slip of its giver.
FEWEST = 2
VOTERS = 10
COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
COLUMNS += ("contempt", "unknown", "NF")
CLASSES = {
    7: emotions.FER2013,
    8: emotions.FERPLUS,
    10: (*emotions.FERPLUS, "unknown", "NF"),
}
# FER2013's classes among the columns, in FER2013's order; contempt is none of them.
_SEVEN = [4, 5, 6, 1, 3, 2, 0]


def read(path):
    """(votes uint8 [rows, 10], [split a row]) of fer2013new.csv. Raises UserError with file, row.

    Rows stand in the order of fer2013.csv.
    """
    wanted = ["Usage", "Image name", *COLUMNS]
    votes, splits = [], []
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if [name.strip() for name in header] != wanted:
                raise UserError(f"{path}: not FER+'s csv; expected the columns {','.join(wanted)}")
            for row, line in enumerate(lines, start=1):
                split, counts = _parsed(path, row, line)
                splits.append(split)
                votes.append(counts)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); name fer2013new.csv") from None
    return np.array(votes, np.uint8).reshape(-1, len(COLUMNS)), splits


def _parsed(path, row, line):
    """(split, ten counts) of a line."""
    where = f"{path}, row {row}"
    if len(line) != len(COLUMNS) + 2:
        raise UserError(f"{where}: {len(line)} fields, expected {len(COLUMNS) + 2}")
    split, _, *texts = (text.strip() for text in line)
    if split not in emotions.SPLITS:
        raise UserError(f"{where}: Usage {split!r}, expected {', '.join(emotions.SPLITS)}")
    if not all(text.isdecimal() and int(text) <= VOTERS for text in texts):
        raise UserError(f"{where}: votes {','.join(texts)}, expected whole numbers to {VOTERS}")
    return split, [int(text) for text in texts]


def join(source, votes, path, *, classes=8):
    """`source` with the labels that the votes give, and the votes; see `read` for the latter.

    classes: 8 expressions; 10 with unknown and NF; or 7, FER2013's, for comparison with its nets:
    contempt is left out. Pictures of no such class, and held-out ones without a majority, are left
    out. Raises UserError for another source than the challenge's CSV.
    """
    counted, splits = votes
    if source.description["format"] != "fer2013_csv":
        raise UserError(f"{path}: FER+ names pictures by their row; give fer2013.csv as source")
    voted = of_classes(counted, classes)
    agreed = targets("majority", voted, num_classes=classes)[1]
    led, named = targets("leading", voted, num_classes=classes)

    def joined():
        for face in source.faces():
            if isinstance(face, BadFace):
                yield face
                continue
            row = face.row - 1
            if row >= len(splits) or splits[row] != face.split:
                there = splits[row] if row < len(splits) else "no such row"
                raise UserError(
                    f"{path}, row {face.row}: {there}, but {face.where} has {face.split}; "
                    "the files do not belong together"
                )
            if (named if face.split == emotions.TRAINING else agreed)[row]:
                yield face._replace(label=int(led[row].argmax()), votes=voted[row])

    of_training = np.array([split == emotions.TRAINING for split in splits])
    left_out = int((~np.where(of_training, named, agreed)).sum())
    digest = hashlib.sha256(f"{source.sha256} {classes} ".encode() + counted.tobytes())
    ferplus = {"name": Path(path).name, "classes": classes, "left_out": left_out}
    description = {**source.description, "ferplus": ferplus}
    return Source(CLASSES[classes], description, digest.hexdigest(), joined, None, source.progress)


def of_classes(counted, classes):
    """Votes [n, 10] in FER+'s columns -> in the classes' order, those of no class behind them."""
    if classes != 7:
        return counted
    others = [column for column in range(len(COLUMNS)) if column not in _SEVEN]
    return counted[:, [*_SEVEN, *others]]


def cleaned(voted):
    """Votes int [n, 10] without single ones."""
    voted = np.asarray(voted, np.int64)
    return np.where(voted < FEWEST, 0, voted)


@SCHEMES.register
def majority(voted):
    """One class: that of more than half of the votes. Others are left out."""
    total = voted.sum(axis=1, keepdims=True)
    chosen = voted * (2 * voted > total)
    return _shares(chosen), chosen.any(axis=1)


@SCHEMES.register
def leading(voted):
    """One class: that of the most votes, the first of equals."""
    chosen = np.eye(voted.shape[1])[voted.argmax(axis=1)]
    return chosen * voted.any(axis=1, keepdims=True), voted.any(axis=1)


@SCHEMES.register
def distribution(voted, *, most=3, share=0.75):
    """The shares of the classes with the most votes, until `share` of all is covered.

    Classes of as many votes are taken together. Left out where that takes more than `most` classes,
    or covers no more than half.
    """
    return _most_voted(voted, most, share)


@SCHEMES.register
def draw(voted, *, most=3, share=0.75):
    """As `distribution`; each time a picture is met, one class is drawn from it (see inputs)."""
    return _most_voted(voted, most, share)


@SCHEMES.register
def multi(voted, *, least=0.3):
    """All classes with at least the share `least` of the votes, as equals.

    Left out where they have no more than half of the votes together.
    """
    total = voted.sum(axis=1, keepdims=True)
    chosen = np.where((voted >= least * total) & (voted > 0), voted, 0)
    return _shares(chosen > 0), 2 * chosen.sum(axis=1) > total[:, 0]


def _most_voted(voted, most, share):
    total = voted.sum(axis=1, keepdims=True)
    # Votes for classes with more of them, for each class: equals are taken together or not at all.
    ahead = (voted[:, np.newaxis] * (voted[:, np.newaxis] > voted[:, :, np.newaxis])).sum(axis=2)
    chosen = np.where(ahead < share * total, voted, 0)
    kept = ((chosen > 0).sum(axis=1) <= most) & (2 * chosen.sum(axis=1) > total[:, 0])
    return _shares(chosen), kept


def _shares(chosen):
    chosen = np.asarray(chosen, np.float64)
    return chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-12)


def targets(scheme, voted, *, num_classes):
    """(float32 [n, num_classes], kept bool [n]) of the scheme of a spec, e.g. `multi(least=0.2)`.

    voted: votes int [n, 10], the classes' first. With fewer than ten classes, pictures led by what
    is no class are left out, and what is left of it is spread over the others; so the targets of a
    kept picture are non-negative and sum to one. Raises UserError for an unknown scheme or option.
    """
    function, options = SCHEMES.resolve(specs.parse(scheme))
    shares, kept = function(cleaned(voted), **options)
    if num_classes < shares.shape[1]:
        kept = kept & (shares.argmax(axis=1) < num_classes)
        shares = _shares(shares[:, :num_classes])
    return shares.astype(np.float32), kept
