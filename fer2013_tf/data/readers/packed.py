"""Sources inside archives of many files, which are unpacked to a temporary folder."""

import contextlib
import re
import shutil
import tempfile
import weakref
from pathlib import Path

from fer2013_tf.data.readers import finding
from fer2013_tf.faces import image_files
from fer2013_tf.utils import archives, unpacking
from fer2013_tf.utils.errors import UserError

EXPECTED = "expected a CSV of images, or a tree of images, a list with its images, or arrays"
_SHOWN = 5


def open(path, open_folder, *, max_unpacked=archives.LIMIT):
    """Open an archive by `open_folder(folder)` on what it holds. Return that `Source`, renamed.

    The folder is removed when nothing uses the source any more, at the program's end at the
    latest. max_unpacked: bytes. Raises UserError for an archive without a data set, naming what it
    holds, for a damaged one, and for members that reach outside of it.
    """
    kept = _TemporaryFolder()
    folder = kept.path / re.sub(r"(\.tar)?\.\w+$", "", Path(path).name)
    with kept.naming(folder, path):
        folder.mkdir()
        others = unpacking.unpack(path, folder, wanted=_is_wanted, limit=max_unpacked)
        if not any(folder.iterdir()):
            more = ", ..." if len(others) > _SHOWN else ""
            listed = ", ".join(sorted(others)[:_SHOWN]) or "no file"
            raise UserError(f"{path}: holds {listed}{more}; {EXPECTED}")
        source = open_folder(folder)

    def examples():
        with kept.naming(folder, path):
            yield from source.examples()

    description = {**source.description, "name": Path(path).name}
    notes = tuple(_renamed(note, folder, path) for note in source.notes)
    return source._replace(description=description, examples=examples, notes=notes)


def _is_wanted(name):
    suffixes = (*image_files.IMAGE_SUFFIXES, *finding.TABLES, *finding.ARRAYS)
    hidden = any(image_files.is_hidden(part) for part in name.split("/") if part != ".")
    return name.lower().endswith(suffixes) and not hidden


class _TemporaryFolder:
    """A folder that lives as long as this object."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="fer2013_tf-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    @contextlib.contextmanager
    def naming(self, folder, path):
        """Context in which errors name the archive `path`, and its members, for `folder`."""
        try:
            yield
        except UserError as error:
            details = [_renamed(line, folder, path) for line in error.details]
            raise UserError(_renamed(str(error), folder, path), details) from None


def _renamed(text, folder, path):
    return text.replace(f"{folder}/", f"{path}:").replace(str(folder), str(path))
