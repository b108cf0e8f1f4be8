"""Labels, classes and splits that sets in the wild have, given to make_records.

Each is read with the right classes, labels and splits, and what was decided is said; or it is
refused in one line that says what to do. Nothing is guessed silently.
"""

import numpy as np
from PIL import Image

from fer2013_tf.data import ferplus, records
from fer2013_tf.utils import constants
from tests.csv_files import row_of
from tests.faults import harness
from tests.faults.harness import Case

SEVEN = "surprise,fear,disgust,happy,sad,angry,neutral"
CONTEMPT = ",".join((*constants.FER2013, "contempt"))
# FER2013's classes in the order of FER+'s columns.
COLUMNS = [4, 5, 6, 1, 3, 2, 0]


def _lines(labels, line="{n}.png,{label}"):
    return "\n".join(line.format(n=n, label=label) for n, label in enumerate(labels)) + "\n"


# {name: (text of a list of 28 images, further words, expected classes or part of the error, said)}
NUMBERS = [n % 7 for n in range(28)]
FROM_1 = [n % 7 + 1 for n in range(28)]
LISTS = {
    "zeros and decimals": (_lines([f"{n:02}.0" for n in NUMBERS]), "", "0,1,2,3,4,5,6", ""),
    "exponents": (_lines([f"{n:.3e}" for n in NUMBERS]), "", "0,1,2,3,4,5,6", ""),
    "1 to 7": (_lines(FROM_1), "", "1,2,3,4,5,6,7", "1 is the first class"),
    "1 to 7, seven names": (_lines(FROM_1), SEVEN, SEVEN, "1 is the first class"),
    "0 to 6, eight names": (_lines(NUMBERS), CONTEMPT, CONTEMPT, "no image in Training"),
    "1 to 7, eight names": (_lines(FROM_1), CONTEMPT, "LABEL=NAME", None),
    "0 to 6, six names": (_lines(NUMBERS), "a,b,c,d,e,f", "give 7 names", None),
    "names for some": (_lines(NUMBERS), "3=glad,4=sad", "label '0', expected 3, 4", None),
    "0, 90, 180, 270": (_lines([n % 4 * 90 for n in NUMBERS]), "", "label 270", None),
    "an empty label": (_lines(["", *NUMBERS[1:]]), "", "line 1: 0.png, row 1: no label", None),
    "NaN": (_lines(["nan", *NUMBERS[1:]]), "", "no label", None),
    "case": (_lines(["Glad", "glad", "sad"] * 9), "", "Glad,sad", "one class: 'Glad'"),
    "spaces": (_lines(["a  b", "a b", "c"] * 9), "", "a b,c", "are one class: 'a b'"),
    "blanks": (_lines(NUMBERS, "{n}.png {label}"), "", "0,1,2,3,4,5,6", ""),
    "semicolons": (_lines(NUMBERS, "{n}.png;{label}"), "", "0,1,2,3,4,5,6", ""),
    "a byte-order mark": ("\ufeff" + _lines(NUMBERS), "", "0,1,2,3,4,5,6", ""),
    "label first": (_lines(NUMBERS, "{label},{n}.png"), "", "0,1,2,3,4,5,6", ""),
    "other columns": (
        ",pth,label,relFCs\n" + _lines(NUMBERS, "{n},{n}.png,{label},0.5"),
        *("", "0,1,2,3,4,5,6", "not used: number 1, relFCs"),
    ),
    "a longer table": (_lines(NUMBERS, "{n}.png 0 1 2 3 {label}"), "", "line 1: 6 fields", None),
    "no split's name": (_lines(NUMBERS, "{n}.png,{label},extra"), "", "split 'extra'", None),
}


def cases(scratch, share=1.0):
    """Yield a `Case` per list, CSV and folder of arrays."""
    (scratch / "images").mkdir()
    rng = np.random.default_rng(0)
    for n in range(28):
        pixels = rng.integers(0, 256, (48, 48), np.uint8)
        Image.fromarray(pixels).save(scratch / "images" / f"{n}.png")
    for name in list(LISTS)[: max(3, round(len(LISTS) * share))]:
        text, classes, expected, said = LISTS[name]
        path = scratch / "images" / "list.txt"
        path.write_text(text)
        words = ["--classes", classes] if classes else []
        yield _case(scratch, f"list: {name}", path, words, expected, said)
    yield _raf(scratch)
    yield from _tables(scratch)
    yield from _arrays(scratch)
    yield from _votes(scratch)


def _case(scratch, name, path, words, expected, said, **more):
    """Make records; they have the classes `expected`, or where `said` is None the error has it."""
    out = scratch / "out"
    ended = harness.run(["fer2013_tf.make_records", path, "--out", out, "--force", *words])
    if said is None:
        return Case(name, harness.judged(ended, expected) if ended.status else "read")
    if (verdict := harness.judged(ended)) != "went on":
        return Case(name, f"{verdict}: {ended.err[-300:]}")
    manifest = records.load_manifest(out)
    if ",".join(manifest["classes"]) != expected:
        return Case(name, f"classes {manifest['classes']}")
    if said not in ended.out:
        return Case(name, f"{said!r} is not said: {ended.out[:300]}")
    split = records.RecordSet(out).split("Training")
    wanted = more.get("labels", {})
    pairs = zip(split.rows.tolist(), split.labels.tolist())
    wrong = [row for row, label in pairs if wanted.get(row, label) != label]
    return Case(name, f"labels of rows {wrong}" if wrong else "went on")


def _raf(scratch):
    """Yield the case of RAF-DB's list: names that are not quite the files', splits in them."""
    folder = scratch / "raf" / "Image" / "aligned"
    folder.mkdir(parents=True)
    names = [f"{('train', 'test')[n > 20]}_{n:05}" for n in range(28)]
    for n, name in enumerate(names):
        source = scratch / "images" / f"{n}.png"
        (folder / f"{name}_aligned.png").write_bytes(source.read_bytes())
    path = scratch / "raf" / "list_partition_label.txt"
    path.write_text("".join(f"{name}.png {FROM_1[n]}\n" for n, name in enumerate(names)))
    words = ["--classes", ",".join(f"{n}={name}" for n, name in enumerate(SEVEN.split(","), 1))]
    labels = {n + 1: NUMBERS[n] for n in range(28)}
    said = "'test' is PrivateTest (7 images)"
    return _case(scratch, "list: RAF-DB", path, words, SEVEN, said, labels=labels)


def _csv(scratch, labels, header="emotion,pixels,Usage", splits=("Training",)):
    path = scratch / "a.csv"
    rows = [row_of(n, label, splits[n % len(splits)]) for n, label in enumerate(labels)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def _tables(scratch):
    """Yield cases of CSV files with other columns, labels and parts."""
    fer = ",".join(constants.FER2013)
    labels = {n + 1: NUMBERS[n] for n in range(28)}
    for header in ("Label,Pixels,Usage", "EMOTION, pixel values,Subset"):
        path = _csv(scratch, NUMBERS, header)
        yield _case(scratch, f"CSV: {header}", path, [], fer, "", labels=labels)
    named = _csv(scratch, [constants.FER2013[n].title() for n in NUMBERS])
    yield _case(scratch, "CSV: names", named, [], fer, "", labels=labels)
    eight = _csv(scratch, [n % 8 for n in range(48)])
    yield _case(scratch, "CSV: CK+, no names", eight, ["--skip-bad"], "label 7 is in 6 rows", None)
    labels = {n + 1: n % 8 for n in range(48)}
    words = ["--classes", CONTEMPT]
    yield _case(scratch, "CSV: CK+, eight names", eight, words, CONTEMPT, "", labels=labels)
    seven = _csv(scratch, [n % 7 + 1 for n in range(42)])
    yield _case(scratch, "CSV: 1 to 7", seven, ["--skip-bad"], "--classes 1=angry", None)
    parts = scratch / "parts"
    parts.mkdir()
    rows = [row_of(n).split(",") for n in range(28)]
    for name, place in (("emotion", 0), ("pixels", 1)):
        (parts / f"{name}.csv").write_text("\n".join(row[place] for row in rows) + "\n")
    labels = {n + 1: n % 7 for n in range(28)}
    yield _case(scratch, "CSV: emotion and pixels apart", parts, [], fer, "", labels=labels)
    (parts / "emotion.csv").write_text("1\n" * 27)
    yield _case(scratch, "CSV: apart, one short", parts, [], "27 rows, pixels.csv has 28", None)


def _arrays(scratch):
    """Yield cases of arrays: ranges decided once, names in any case, labels of any shape."""
    fer = ",".join(constants.FER2013)
    x = np.random.default_rng(1).random((28, 48, 48))
    over, dark = x.copy(), x * 255
    over[0, 3, 3], dark[1] = 1.02, x[1]
    y = np.array(NUMBERS)
    found = {n + 1: NUMBERS[n] for n in range(28)}
    for name, images, labels, expected, said in (
        ("one pixel of 1.02", over, y, fer, "fractions 0 to 1; 1 image with values slightly"),
        ("a dark image in 0 to 255", dark, y, fer, "0 to 255; 1 image with none over 1"),
        ("labels [n, 1], all ones", x, np.ones((28, 1), int), fer, "X_train.npy is Training"),
        ("standardized", x * 2 - 1, y, "before they are standardized", None),
        ("two ranges", np.where(y[:, None, None] < 3, x, x * 255), y, "bring all to one", None),
    ):
        folder = scratch / f"arrays {name.replace(' ', '-')}"
        folder.mkdir()
        np.save(folder / "X_train.npy", images)
        np.save(folder / "y_train.npy", labels)
        wanted = found if labels is y else dict.fromkeys(found, 1)
        yield _case(scratch, f"arrays: {name}", folder, [], expected, said, labels=wanted)


def _votes(scratch):
    """Yield cases of FER+'s votes: without Usage, shuffled, shifted, equal."""
    votes = np.zeros((70, 10), int)
    for n in range(70):
        votes[n, COLUMNS[n % 7]] = 8
    order = np.random.default_rng(2).permutation(70)
    train = scratch / "train.csv"
    rows = [row_of(n).rpartition(",")[0] for n in range(70)]
    train.write_text("\n".join(["emotion,pixels", *rows]) + "\n")
    classes = ",".join(constants.FERPLUS)
    equal = votes.copy()
    equal[:, 7] = 8  # contempt has as many votes as FER2013's label everywhere
    labels = {n + 1: COLUMNS[n % 7] for n in range(70)}
    for name, table, splits, said in (
        ("no Usage, all Training", votes, ["Training"], "100.0% of 70 images"),
        ("no Usage, the votes' splits", votes, ["Training", "PublicTest"], "100.0% of 70 images"),
        ("equal top votes", equal, ["Training"], "decides in 70, the other 0"),
        ("shuffled", votes[order], ["Training"], None),
        ("shifted by a row", np.roll(votes, 1, axis=0), ["Training"], None),
    ):
        path = scratch / "fer2013new.csv"
        lines = [
            f"{splits[n % len(splits)]},fer{n:07}.png,{','.join(map(str, row))}"
            for n, row in enumerate(table.tolist())
        ]
        path.write_text("\n".join(["Usage,Image name," + ",".join(ferplus.COLUMNS), *lines]) + "\n")
        expected = classes if said else "68 % is usual"
        words = ["--ferplus", path]
        yield _case(scratch, f"FER+: {name}", train, words, expected, said, labels=labels)
