"""FER+ (Barsoum et al. 2016): ten votes per image of FER2013, and the soft labels made of them.

    table = ferplus.read("fer2013new.csv")
    source = ferplus.join(source, table, "fer2013new.csv", classes=8)
    soft_labels, kept = ferplus.targets("distribution", votes, num_classes=8)  # votes: int [n, 10]

The rules are the paper's (section 3): single votes are set to zero; a scheme turns the others into
soft labels and leaves images out: those whose plurality is no face or an unknown expression, and
those on which too few voters agree. An image of a held-out split is kept where one class has the
majority, whatever the scheme. Where several classes have the most votes, FER2013's label decides if
it is among them; else the image is left out. So no label depends on the order of the classes.
"""

import csv
import math
from collections import Counter, deque
from pathlib import Path

import numpy as np

from fer2013_tf.data import readers
from fer2013_tf.data.readers import LabeledImage, fer2013_csv, sha256_of
from fer2013_tf.utils import cli, constants, registry
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
# FER2013's labels are the votes' majority in 68 % of its images, and in no 200 in a row in fewer
# than 55 %; where rows are shuffled, in 19 %.
_AGREEMENT, _LEAST_AGREEMENT = 0.65, 0.5
_JUDGED_TOGETHER = 200
TOO_FEW = "; 68 % is usual, but these are too few to tell whether the files belong together"
# Probability to refuse so many images of rows that belong together.
_RISK = 1e-6


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
    """Return `source` with votes, and with the class of the most votes as each image's label.

    table: what `read` returned for `path`. classes: 8 expressions; 10 with unknown and NF; or
    FER2013's 7, for comparison with its nets. Leaves out images whose label would be none of the
    classes, and images of held-out splits without a majority. Without a column Usage the votes'
    splits count; if they are all Training, a tenth of each class becomes PublicTest.

    Raises UserError for a source other than the challenge's CSV; while it is read, for a row whose
    split is another in the table, and for rows whose labels agree with too few votes.
    """
    if source.description["format"] != "fer2013_csv":
        raise UserError(f"{path}: FER+ names images by their row; give fer2013.csv as source")
    if source.classes != constants.FER2013:
        raise UserError(f"{path}: FER+ has classes of its own; leave out --classes")
    counts, splits = table
    no_usage = source.description["splits"].startswith(fer2013_csv.NO_USAGE)
    hold_out = no_usage and constants.PUBLIC_TEST not in splits[: source.total]
    report, ferplus = {}, {"name": Path(path).name, "classes": classes}
    description = {**source.description, "ferplus": ferplus, "ferplus_report": report}
    if no_usage and not hold_out:
        description["splits"] = f"{fer2013_csv.NO_USAGE}; FER+'s own"

    def examples():
        votes, agreement, left_out = _Votes(counts, classes), _Agreement(counts, path), Counter()
        checked = _with_splits(source.examples(), splits, path, given=not no_usage)
        labeled = _labeled(checked, votes, agreement, left_out)
        for example in readers.hold_out(labeled, readers.SEED) if hold_out else labeled:
            held_out = isinstance(example, LabeledImage) and example.split != constants.TRAINING
            if held_out and not votes.has_majority[example.row - 1]:
                left_out["no majority"] += 1
            else:
                yield example
        agreement.check()
        report.update(agreement.report(), ties=votes.ties, left_out=left_out.total())

    digest = sha256_of([f"{source.sha256} {classes} ".encode(), counts.tobytes()])
    return source._replace(
        classes=CLASSES[classes],
        description=description,
        sha256=digest,
        examples=examples,
        total=None,
    )


def summary(description):
    """Return what `join` left out and decided as lines of text; description: a manifest's source.

    It is there when all images have been read.
    """
    ferplus = {**description.get("ferplus", {}), **description.get("ferplus_report", {})}
    if "left_out" not in ferplus:
        return []
    left_out = cli.counted(ferplus["left_out"], "image")
    lines = [f"{left_out} left out: too few votes agree, or most are for no class"]
    if ferplus["classes"] == 7:
        lines.append("images of contempt are among them, as it is none of FER2013's classes")
    if decided := ferplus.get("ties"):
        lines.append(
            f"{sum(decided.values())} images have equal top votes: FER2013's label is among these "
            f"and decides in {decided['decided']}, the other {decided['left_out']} are left out"
        )
    if ferplus.get("judged"):
        share, judged = ferplus["agree"] / ferplus["judged"], ferplus["judged"]
        lines.append(
            f"FER2013's labels are the votes' majority in {share:.1%} of {judged} images that "
            f"have one{TOO_FEW * (share < _LEAST_AGREEMENT)}"
        )
    return [f"FER+: {line}" for line in lines]


class _Votes:
    """The votes in the order of the classes, and the labels they give."""

    def __init__(self, counts, classes):
        self.votes, self._classes = votes_by_class(counts, classes), classes
        self.has_majority = targets("majority", self.votes, num_classes=classes)[1]
        denoised = denoise_votes(self.votes)
        self._top = (denoised == denoised.max(axis=1, keepdims=True)) & (denoised > 0)
        self._columns = range(len(constants.FER2013)) if classes == 7 else _FER2013_COLUMNS
        self.ties = {"decided": 0, "left_out": 0}

    def label(self, row, label):
        """Return the label of a row, 0 up, or None; label: FER2013's, which decides ties."""
        top = np.flatnonzero(self._top[row])
        if len(top) > 1:
            decided = self._columns[label] in top
            self.ties["decided" if decided else "left_out"] += 1
            return self._columns[label] if decided else None
        return int(top[0]) if len(top) and top[0] < self._classes else None


class _Agreement:
    """Count how often FER2013's labels are the majority of the votes; refuse rows out of place.

    Up to 200 images in a row are judged together. They are refused where fewer than half agree, and
    so few only with a probability under one in a million if 65 % did: for 20 images at most 2 that
    agree, for 40 at most 10. Fewer than 14 images are never refused.
    """

    def __init__(self, counts, path):
        soft, self._has_majority = targets("majority", votes_by_class(counts, 7), num_classes=7)
        self._majority, self._path = soft.argmax(axis=1), path
        self._newest = deque(maxlen=_JUDGED_TOGETHER)
        self._agree = self._judged = 0

    def add(self, row, label):
        """Count a row, 0 up. Raises UserError like `check` after every 200th that is counted."""
        if not self._has_majority[row]:
            return
        agrees = int(self._majority[row] == label)
        self._newest.append((row, agrees))
        self._agree += agrees
        self._judged += 1
        if self._judged % _JUDGED_TOGETHER == 0:
            self.check()

    def check(self):
        """Raise UserError where too few of the newest 200 agree, or of all if they are fewer."""
        judged, agree = len(self._newest), sum(agrees for _, agrees in self._newest)
        if not judged or agree >= _LEAST_AGREEMENT * judged or _chance(agree, judged) >= _RISK:
            return
        first, last = (self._newest[place][0] + 1 for place in (0, -1))
        raise UserError(
            f"{self._path}, rows {first} to {last}: FER2013's labels are the votes' majority in "
            f"{agree} of {judged} images ({agree / judged:.0%}; 68 % is usual); the rows are in "
            "another order, or the files do not belong together"
        )

    def report(self):
        """Return {"judged": images whose votes have a majority, "agree": of those}."""
        return {"judged": self._judged, "agree": self._agree}


def _chance(agree, judged):
    """Return the probability that at most `agree` of `judged` images agree where 65 % do."""
    return sum(
        math.comb(judged, n) * _AGREEMENT**n * (1 - _AGREEMENT) ** (judged - n)
        for n in range(agree + 1)
    )


def _with_splits(examples, splits, path, *, given):
    """Yield examples with the splits of FER+'s table; those that are `given` have to be the same.

    Raises UserError where they are not, and for a row that is not in the table.
    """
    for example in examples:
        if isinstance(example, LabeledImage):
            row = example.row
            there = splits[row - 1] if row <= len(splits) else "no such row"
            if row > len(splits) or (given and there != example.split):
                raise UserError(
                    f"{path}, row {row}: {there}, but {example.where} has {example.split}; "
                    "the files do not belong together"
                )
            example = example._replace(split=there)
        yield example


def _labeled(examples, votes, agreement, left_out):
    """Yield examples with the votes and their label; count those without one in `left_out`."""
    for example in examples:
        if isinstance(example, LabeledImage):
            row = example.row - 1
            agreement.add(row, example.label)
            label = votes.label(row, example.label)
            if label is None:
                left_out["no class"] += 1
                continue
            example = example._replace(label=label, votes=votes.votes[row])
        yield example


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
    """Take the class of the most votes; leave out images on which several have them."""
    chosen = (votes == votes.max(axis=1, keepdims=True)) & (votes > 0)
    return _normalized(chosen), chosen.sum(axis=1) == 1


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
