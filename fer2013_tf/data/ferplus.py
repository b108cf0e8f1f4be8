"""FER+ (Barsoum et al. 2016): ten votes per image of FER2013, and the soft labels made of them.

    table = ferplus.read("fer2013new.csv")
    source = ferplus.join(source, table, "fer2013new.csv", classes=8)
    soft_labels, kept = ferplus.targets("distribution", votes, num_classes=8)  # votes: int [n, 10]

The rules are the paper's (section 3): single votes are set to zero; a scheme turns the others into
soft labels and leaves images out: those whose plurality is no face or an unknown expression, and
those on which too few voters agree. An image of a held-out split is kept where one class has the
majority, whatever the scheme.
"""

import csv
from pathlib import Path

import numpy as np

from fer2013_tf.data.readers import LabeledImage, Source, sha256_of
from fer2013_tf.utils import constants, registry
from fer2013_tf.utils.errors import UserError

SCHEMES = registry.Registry("labels")
# The records' own label, one class per image.
HARD = "hard"
# A single vote is taken for a slip.
MIN_VOTES = 2
VOTERS = 10
COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
COLUMNS += ("contempt", "unknown", "NF")
CLASSES = {
    7: constants.FER2013,
    8: constants.FERPLUS,
    10: (*constants.FERPLUS, "unknown", "NF"),
}
# FER2013's classes among the columns, in FER2013's order; contempt is none of them.
_FER2013_COLUMNS = [4, 5, 6, 1, 3, 2, 0]


def read(path):
    """Read fer2013new.csv: return (votes uint8 [rows, 10], the split of each row).

    Rows are in the order of fer2013.csv. Raises UserError naming file and row.
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
    """Return (split, ten counts) of a line."""
    where = f"{path}, row {row}"
    if len(line) != len(COLUMNS) + 2:
        raise UserError(f"{where}: {len(line)} fields, expected {len(COLUMNS) + 2}")
    split, _, *texts = (text.strip() for text in line)
    if split not in constants.SPLITS:
        raise UserError(f"{where}: Usage {split!r}, expected {', '.join(constants.SPLITS)}")
    if not all(text.isdecimal() and int(text) <= VOTERS for text in texts):
        raise UserError(f"{where}: votes {','.join(texts)}, expected whole numbers to {VOTERS}")
    return split, [int(text) for text in texts]


def join(source, table, path, *, classes=8):
    """Return `source` with votes, and with the class of the plurality as each image's label.

    table: what `read` returned for `path`. classes: 8 expressions; 10 with unknown and NF; or
    FER2013's 7, for comparison with its nets. Leaves out images whose plurality is none of the
    classes, and images of held-out splits without a majority. Raises UserError for a source other
    than the challenge's CSV, and while it is read, for a row whose split is another in the table.
    """
    counts, splits = table
    if source.description["format"] != "fer2013_csv":
        raise UserError(f"{path}: FER+ names images by their row; give fer2013.csv as source")
    votes = votes_by_class(counts, classes)
    plurality_labels, has_class = targets("plurality", votes, num_classes=classes)
    in_training = np.array([split == constants.TRAINING for split in splits])
    kept = np.where(in_training, has_class, targets("majority", votes, num_classes=classes)[1])
    labels = plurality_labels.argmax(axis=1)

    def examples():
        for example in source.examples():
            if isinstance(example, LabeledImage):
                _check_split(example, splits, path)
                row = example.row - 1
                if not kept[row]:
                    continue
                example = example._replace(label=int(labels[row]), votes=votes[row])
            yield example

    ferplus = {"name": Path(path).name, "classes": classes, "left_out": int((~kept).sum())}
    description = {**source.description, "ferplus": ferplus}
    digest = sha256_of([f"{source.sha256} {classes} ".encode(), counts.tobytes()])
    return Source(CLASSES[classes], description, digest, examples, None, source.progress)


def _check_split(image, splits, path):
    """Raise UserError where an image's row has another split in FER+'s table."""
    there = splits[image.row - 1] if image.row <= len(splits) else "no such row"
    if there != image.split:
        raise UserError(
            f"{path}, row {image.row}: {there}, but {image.where} has {image.split}; "
            "the files do not belong together"
        )


def votes_by_class(counts, classes):
    """Reorder votes [n, 10] from FER+'s columns to the order of 7, 8 or 10 classes, others last."""
    if classes != 7:
        return counts
    others = [column for column in range(len(COLUMNS)) if column not in _FER2013_COLUMNS]
    return counts[:, [*_FER2013_COLUMNS, *others]]


def denoise_votes(votes):
    """Return votes int64 [n, 10] with single votes set to zero."""
    votes = np.asarray(votes, np.int64)
    return np.where(votes < MIN_VOTES, 0, votes)


@SCHEMES.register
def majority(votes):
    """Take the class of more than half of the votes; leave out images without one."""
    total = votes.sum(axis=1, keepdims=True)
    chosen = votes * (2 * votes > total)
    return _normalized(chosen), chosen.any(axis=1)


@SCHEMES.register
def plurality(votes):
    """Take the class of the most votes, the first of equals."""
    chosen = np.eye(votes.shape[1])[votes.argmax(axis=1)]
    return chosen * votes.any(axis=1, keepdims=True), votes.any(axis=1)


@SCHEMES.register
def distribution(votes, *, max_classes=3, coverage=0.75):
    """Take the classes with the most votes, up to the fraction `coverage` of all, as soft labels.

    Classes with equally many votes are taken together. Left out are images that need more than
    `max_classes` classes, or whose classes have no more than half of the votes.
    """
    return _most_voted(votes, max_classes, coverage)


@SCHEMES.register
def sampled(votes, *, max_classes=3, coverage=0.75):
    """Sample a class from the soft labels of `distribution`, each time an image is read."""
    return _most_voted(votes, max_classes, coverage)


@SCHEMES.register
def multi(votes, *, min_fraction=0.3):
    """Take all classes with at least the fraction `min_fraction` of the votes, equally weighted.

    Left out are images whose classes have no more than half of the votes together.
    """
    total = votes.sum(axis=1, keepdims=True)
    chosen = np.where((votes >= min_fraction * total) & (votes > 0), votes, 0)
    return _normalized(chosen > 0), 2 * chosen.sum(axis=1) > total[:, 0]


def _most_voted(votes, max_classes, coverage):
    total = votes.sum(axis=1, keepdims=True)
    # Per class, the votes for classes with more votes: so equals are taken together or not at all.
    ahead = (votes[:, np.newaxis] * (votes[:, np.newaxis] > votes[:, :, np.newaxis])).sum(axis=2)
    chosen = np.where(ahead < coverage * total, votes, 0)
    kept = ((chosen > 0).sum(axis=1) <= max_classes) & (2 * chosen.sum(axis=1) > total[:, 0])
    return _normalized(chosen), kept


def _normalized(weights):
    weights = np.asarray(weights, np.float64)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)


def targets(scheme, votes, *, num_classes):
    """Compute soft labels: return (float32 [n, num_classes], kept bool [n]).

    scheme: a spec, e.g. `multi(min_fraction=0.2)`. votes: int [n, 10], the classes' first. With
    fewer than ten classes, images whose largest soft label is none of the classes are left out, and
    the others' are normalized over the classes; so the soft labels of a kept image are non-negative
    and sum to one. Raises UserError for an unknown scheme or option.
    """
    function, options = SCHEMES.resolve(registry.parse(scheme))
    soft_labels, kept = function(denoise_votes(votes), **options)
    if num_classes < soft_labels.shape[1]:
        kept = kept & (soft_labels.argmax(axis=1) < num_classes)
        soft_labels = _normalized(soft_labels[:, :num_classes])
    return soft_labels.astype(np.float32), kept
