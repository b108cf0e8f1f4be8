"""pixels.csv beside emotion.csv, a row of each per image, as Yunwei 2025 parts the CSV of FER2013.

With or without a header; perhaps with usage.csv as well. The files are named as the columns of the
one CSV may be (columns.py), in any case. Pixels are separated by blanks or commas.
"""

import codecs
import contextlib
from pathlib import Path

from fer2013_tf.data.readers import SEED, columns, fer2013_csv, sha256_of
from fer2013_tf.utils.errors import UserError

_ROLES = ("label", "pixels", "split")
_NAMES = {"label": "emotion", "split": "Usage"}


def sniff(path):
    """Return True for the CSV of pixels beside one of labels."""
    if path is None or not Path(path).is_file() or _role(Path(path)) != "pixels":
        return False
    return "label" in _parts(path)


def open(path, *, seed=SEED, classes=()):
    """Open the parts of a CSV; path: the one with the pixels. Options are those of fer2013_csv."""
    if not sniff(path):
        raise UserError(f"{path}: expected a CSV of pixels, and one of labels (emotion.csv) beside")
    source = fer2013_csv.open_table(_Parts(path), seed, classes)
    return source._replace(description={**source.description, "format": "csv_parts"})


def _role(path):
    """Return "label", "pixels" or "split" for a CSV named after such a column, else None."""
    if path.suffix.lower() not in (".csv", ".txt"):
        return None
    return next((role for role in _ROLES if columns.find([path.stem], role) is not None), None)


def _parts(path):
    """Return {role: path} of the parts beside a path. Raises UserError for two of one role."""
    found = {}
    for file in sorted(Path(path).parent.iterdir()):
        role = _role(file) if file.is_file() else None
        if role in found:
            raise UserError(f"{file}: {found[role].name} has the same; leave one")
        if role:
            found[role] = file
    return found


class _Parts(fer2013_csv.Table):
    """The rows of several files, side by side as the lines of one CSV."""

    def __init__(self, path):
        super().__init__(path, 0)
        self._files = _parts(path)

    def sha256(self):
        """Return the digest of all files."""
        return sha256_of(self._files[role] for role in _ROLES if role in self._files)

    @contextlib.contextmanager
    def _lines(self):
        others = [role for role in _ROLES if role in self._files and role != "pixels"]
        rows = {role: _rows(self._files[role]) for role in others}
        with self.path.open("rb") as file:
            yield self._joined(file, rows)

    def _joined(self, file, rows):
        """Yield a header and joined lines. Raises UserError for another number of rows."""
        yield ",".join(["pixels", *(_NAMES[role] for role in rows)]).encode()
        size, count = self.path.stat().st_size, 0
        for number, line in enumerate(_without_header(file, "pixels"), start=1):
            self.progress = file.tell() / size
            pixels = line.replace(b",", b" ").replace(b'"', b"").strip()
            # Blank lines at the end are none.
            count = number if pixels else count
            if all(number <= len(texts) for texts in rows.values()):
                yield b",".join([pixels, *(texts[number - 1] for texts in rows.values())])
        for role, texts in rows.items():
            if count != len(texts):
                raise UserError(
                    f"{self._files[role]}: {len(texts)} rows, {self.path.name} has {count}"
                )


def _rows(path):
    """Return the lines of a small file, without a header and blank lines at its end."""
    lines = list(_without_header(path.read_bytes().rstrip().splitlines(), _role(path)))
    return [line.strip() for line in lines]


def _without_header(lines, role):
    for number, line in enumerate(lines):
        line = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
        text = line.decode("utf-8", "replace").strip().strip('"')
        if number or columns.find([text], role) is None:
            yield line
