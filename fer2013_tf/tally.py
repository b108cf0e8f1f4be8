"""What a set of pictures holds: counts, identical and blank pictures, as figures and as text."""

import hashlib
from array import array

import numpy as np

from fer2013_tf import emotions


class Tally:
    """Counts what is identical or blank. Keeps a digest of each picture, not the picture."""

    def __init__(self):
        self._digests = bytearray()
        self._labels, self._splits, self._rows = array("H"), array("B"), array("q")
        self._black = self._constant = 0

    def __len__(self):
        return len(self._rows)

    def add(self, face):
        """Takes a `sources.Face`."""
        pixels = face.pixels.tobytes()
        self._digests += hashlib.blake2b(pixels, digest_size=16).digest()
        self._labels.append(face.label)
        self._splits.append(emotions.SPLITS.index(face.split))
        self._rows.append(face.row)
        # Nothing is left only where every pixel is like the first.
        if not pixels.strip(pixels[:1]):
            self._constant += 1
            self._black += not pixels[0]

    def report(self):
        """What the manifest keeps: counts, and the rows whose picture also stands in Training."""
        distinct, group = np.unique(np.frombuffer(self._digests, "S16"), return_inverse=True)
        labels, splits = np.array(self._labels), np.array(self._splits)
        rows = np.array(self._rows)
        # Whether a picture stands in a split with a label: [distinct, splits, labels].
        found = np.zeros((len(distinct), len(emotions.SPLITS), labels.max() + 1), bool)
        found[group, splits, labels] = True
        by_split = found.any(axis=2)
        also, repeated = {}, {}
        for number, split in enumerate(emotions.SPLITS):
            here = splits == number
            repeated[split] = int(here.sum() - by_split[:, number].sum())
            if split != emotions.TRAINING:
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
    """{split: {class: n}} -> text: a line a class, a column a split, their sums."""
    classes = list(counts[emotions.TRAINING])
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


def summary(manifest):
    """The manifest's report on identical and blank pictures as lines of text."""
    report = manifest["report"]
    within = ", ".join(f"{split} {n}" for split, n in report["repeated_within"].items())
    also = ", ".join(f"{len(r)} of {split}" for split, r in report["rows_also_in_training"].items())
    lines = (
        f"{report['distinct']} distinct pictures among {report['faces']}",
        f"repeated within their split: {within}",
        f"{report['in_more_than_one_split']} pictures stand in more than one split; "
        f"also in Training: {also}",
        f"{report['with_different_labels']} pictures carry different labels, "
        f"{report['so_within_one_split']} of them within one split",
        f"{report['black']} all black, {report['constant'] - report['black']} of one other grey",
    )
    return "\n".join(lines) + "\n"
