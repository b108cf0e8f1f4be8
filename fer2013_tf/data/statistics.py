"""Statistics of a data set: counts, identical and blank images, as numbers and as text."""

import hashlib
from array import array

import numpy as np

from fer2013_tf.utils import cli, constants

_SHOWN = 20


class DatasetStatistics:
    """Count identical and blank images. Keeps a digest of each image, not the image."""

    def __init__(self):
        self._digests = bytearray()
        self._labels, self._splits, self._rows = array("H"), array("B"), array("q")
        self._black = self._constant = 0

    def __len__(self):
        return len(self._rows)

    def add(self, image):
        """Count a `readers.LabeledImage`."""
        pixels = image.pixels.tobytes()
        self._digests += hashlib.blake2b(pixels, digest_size=16).digest()
        self._labels.append(image.label)
        self._splits.append(constants.SPLITS.index(image.split))
        self._rows.append(image.row)
        # Nothing is left only where every pixel equals the first.
        if not pixels.strip(pixels[:1]):
            self._constant += 1
            self._black += not pixels[0]

    def report(self):
        """Return a dict for the manifest: counts, and the rows whose image is also in Training."""
        distinct, group = np.unique(np.frombuffer(self._digests, "S16"), return_inverse=True)
        labels, splits = np.array(self._labels), np.array(self._splits)
        rows = np.array(self._rows)
        # Whether an image is in a split with a label: [distinct, splits, labels].
        found = np.zeros((len(distinct), len(constants.SPLITS), labels.max() + 1), bool)
        found[group, splits, labels] = True
        by_split = found.any(axis=2)
        also, repeated = {}, {}
        for number, split in enumerate(constants.SPLITS):
            here = splits == number
            repeated[split] = int(here.sum() - by_split[:, number].sum())
            if split != constants.TRAINING:
                also[split] = rows[here & by_split[group, 0]].tolist()
        return {
            "faces": len(self),
            "distinct": len(distinct),
            "in_more_than_one_split": int((by_split.sum(axis=1) > 1).sum()),
            "with_different_labels": int((found.any(axis=1).sum(axis=1) > 1).sum()),
            "so_within_one_split": int((found.sum(axis=2) > 1).any(axis=1).sum()),
            "repeated_within": repeated,
            "constant": self._constant,
            "black": self._black,
            "rows_also_in_training": also,
        }


def table(counts):
    """Return {split: {class: n}} as text: a line per class, a column per split, and sums."""
    classes = list(counts[constants.TRAINING])
    width = max(map(len, [*classes, "class", "all"]))
    lines = [("class", *counts, "all")]
    for name in classes:
        line = [counts[split][name] for split in counts]
        lines.append((name, *line, sum(line)))
    sums = [sum(counts[split].values()) for split in counts]
    lines.append(("all", *sums, sum(sums)))
    texts = [f"{line[0]:<{width}}" + "".join(f"{cell:>13}" for cell in line[1:]) for line in lines]
    rule = "-" * len(texts[0])
    return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]]) + "\n"


def without_training(counts):
    """Return a line that names the classes without an image in Training, "" where all have one."""
    empty = [name for name, n in counts[constants.TRAINING].items() if not n]
    if not empty:
        return ""
    are = "1 class has" if len(empty) == 1 else f"{len(empty)} classes have"
    shown = ", ".join(map(cli.printable, empty[:_SHOWN])) + ", ..." * (len(empty) > _SHOWN)
    return f"{are} no image in Training, and cannot be learned: {shown}\n"


def summary(manifest):
    """Return the manifest's report on identical and blank images as lines of text."""
    report = manifest["report"]
    within = ", ".join(f"{split} {n}" for split, n in report["repeated_within"].items())
    also = ", ".join(f"{len(r)} of {split}" for split, r in report["rows_also_in_training"].items())
    lines = (
        f"{report['distinct']} distinct images among {report['faces']}",
        f"repeated within their split: {within}",
        f"images in more than one split: {report['in_more_than_one_split']}; "
        f"also in Training: {also}",
        f"images with different labels: {report['with_different_labels']}, "
        f"{report['so_within_one_split']} of them within one split",
        f"{report['black']} all black, {report['constant'] - report['black']} of one other gray",
    )
    return "\n".join(lines) + "\n"
