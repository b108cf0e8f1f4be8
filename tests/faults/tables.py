"""Random changes of CSV files, read by the program and by a slow parser that shares no code.

Both have to accept the same rows with the same values and refuse the same others; no other error
than a UserError may be raised.
"""

import contextlib
import csv
import io
import re
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer2013_tf import make_records
from fer2013_tf.data import readers
from fer2013_tf.data.readers.columns import NAMES
from fer2013_tf.data.records import MANIFEST
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests.csv_files import text_of
from tests.faults.harness import Case

EXAMPLES, COMMANDS = 50_000, 200
ROWS = 3
COLUMNS = ("emotion", "pixels", "Usage")
PIXELS = [
    text_of(np.random.default_rng(row).integers(0, 256, (48, 48)).astype(np.uint8))
    for row in range(ROWS)
]
SPACE = " \t\x0b\x0c"
TOKENS = (
    *(b'"', b",", b"\n", b"\r\n", b"\r", b" ", b"\t", b";", b"\0", b"\xff", b"\xef\xbb\xbf"),
    *(b"0", b"7", b"-1", b"+1", b"1.0", b"256", b"1e2", b"nan", b"007", b"99999999999"),
    *(b"Training", b"publictest", b"Usage", b"emotion", b"pixels", b"\xc2\xa0", b"\xd9\xa3", b'""'),
)


@st.composite
def tables(draw):
    """Return a CSV of three faces in one of the layouts that are read, then damaged or not."""
    columns = draw(st.permutations([*COLUMNS, *draw(st.sampled_from([(), ("note",)]))]))
    if draw(st.integers(0, 9)) == 0:
        columns.remove("Usage")
    space = draw(st.sampled_from(["", " "]))
    quote = draw(st.sampled_from(["", "", '"']))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    lines = [columns]
    for row in range(ROWS):
        values = {"emotion": str(draw(st.integers(0, 6))), "pixels": PIXELS[row], "note": "x"}
        values["Usage"] = draw(st.sampled_from(constants.SPLITS))
        lines.append([values[name] for name in columns])
    text = end.join(",".join(space + quote + cell + quote for cell in line) for line in lines)
    data = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + (
        text + draw(st.sampled_from([end, ""]))
    ).encode(draw(st.sampled_from(["utf-8"] * 20 + ["utf-16", "utf-32"])))
    for _ in range(draw(st.integers(0, 3))):
        data = draw(_changed(data))
    return data


def _changed(data):
    at = st.integers(0, max(0, len(data) - 1))
    # Rows are long: half of all changes are made around the pixels.
    marks = [m.start() for m in re.finditer(rb'[,"\n\rA-Za-z]', data)] or [0]
    at = st.one_of(at, st.sampled_from(marks))
    return st.one_of(
        st.builds(lambda i, token: data[:i] + token + data[i:], at, st.sampled_from(TOKENS)),
        st.builds(lambda i, token: data[:i] + token + data[i + 1 :], at, st.sampled_from(TOKENS)),
        st.builds(lambda i, bit: _flipped(data, i, bit), at, st.integers(0, 7)),
        st.builds(lambda i, n: data[:i] + data[i + n :], at, st.integers(1, 12)),
        st.builds(lambda i: data[:i], at),
        st.builds(lambda i, n: data[:i] + data[i : i + n] + data[i:], at, st.integers(1, 9000)),
    )


def _flipped(data, at, bit):
    changed = bytearray(data)
    if changed:
        changed[at] ^= 1 << bit
    return bytes(changed)


def slowly(data):
    """Return [(label, split, pixels), or None for a row to refuse]; None for a file to refuse."""
    lines = [line for line in re.split(rb"[\r\n]", data) if line.strip(SPACE.encode())]
    if not lines:
        return None
    lines[0] = lines[0].removeprefix("\ufeff".encode())
    head, *rows = [_cells(line) for line in lines]
    # NUL is in no text; blanks and signs between words do not count.
    whole = b"\0" not in lines[0]
    names = [re.sub(r"[\s_-]", "", cell.casefold()) for cell in head or [] if whole]
    usual = {role: _usual(names, role) for role in ("label", "pixels", "split")}
    if any(len(found) > 1 for found in usual.values()):
        return None
    if not usual["label"] or not usual["pixels"]:
        return None
    places = {role: names.index(name) for role, found in usual.items() for name in found}
    return [_face(row, len(names), places) for row in rows] or None


def _usual(names, role):
    """Return the columns [name] that the first usual name of a role which is there stands for."""
    there = [name for name in NAMES[role].split() if name in names]
    return [name for name in names if name in there[:1]]


def _cells(line):
    text = line.decode("utf-8", "replace")
    try:
        (cells,) = csv.reader([text], strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        return None
    return [cell.strip(SPACE) for cell in cells]


def _face(cells, width, places):
    if cells is None or len(cells) != width:
        return None
    row = {role: cells[place] for role, place in places.items()}
    pixels = re.findall(f"[^{SPACE}]+", row["pixels"])
    label = re.fullmatch(r"\s*\+?0*([0-6])(\.0*)?\s*", row["label"])
    if not label or len(pixels) != 48 * 48:
        return None
    if not all(re.fullmatch("[0-9]+", pixel) and int(pixel) <= 255 for pixel in pixels):
        return None
    if "split" in row and row["split"] not in ("Training", "PublicTest", "PrivateTest"):
        return None
    return int(label[1]), row.get("split"), [int(pixel) for pixel in pixels]


def compare(data, path):
    """Read `data` both ways, which have to agree. Return the outcome as text."""
    path.write_bytes(data)
    expected = slowly(data)
    try:
        found = list(readers.open_source(path).examples())
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error), error
        assert expected is None, f"refused: {error}"
        return "file refused"
    assert expected is not None, f"read, though it should not be: {found[:1]}"
    assert len(found) == len(expected)
    for number, (face, wanted) in enumerate(zip(found, expected), start=1):
        assert face.row == number and path.name in face.where
        if isinstance(face, readers.BadRow):
            assert wanted is None, f"row {number} refused: {face.reason}"
            assert face.reason
        else:
            assert wanted is not None, f"row {number} read, though it should not be"
            label, split, pixels = wanted
            assert face.label == label and face.pixels.ravel().tolist() == pixels
            assert face.split == split or split is None
    return "read" if None not in expected else "rows refused"


def command(data, path, out):
    """Give `data` to the command, which may write records only where every row is good."""
    path.write_bytes(data)
    expected = slowly(data)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        status = make_records.main([str(path), "--out", str(out)])
    good = bool(expected) and None not in expected
    assert status == (0 if good else 2)
    assert (out / MANIFEST).exists() == good
    assert good or not list(out.glob("*.tfrecord"))


def cases(scratch, share=1.0):
    """Yield a `Case` for the readers and one for the command, with the number of files."""
    for name, total, check in (
        ("sources", EXAMPLES, compare),
        ("the command make_records", COMMANDS, _in_a_folder_of_its_own(scratch)),
    ):
        count, ended = max(100, round(total * share)), Counter()
        _tried(count, lambda data, check=check: check(data, scratch / "table.csv"), ended)
        figures = ", ".join(f"{n} {what}" for what, n in ended.most_common())
        yield Case(f"{name}: {sum(ended.values())} changed CSV files: {figures}", "went on")


def _tried(count, check, ended):
    """Call `check` with `count` tables, and count in `ended` what it returns."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=tables())
    def alike(data):
        ended[check(data) or "as the slow parser has it"] += 1

    alike()


def _in_a_folder_of_its_own(scratch):
    numbers = iter(range(10**9))
    return lambda data, path: command(data, path, scratch / f"out-{next(numbers)}")
