"""Files that stand there whole or not at all, and JSON that carries its own checksum."""

import contextlib
import csv
import hashlib
import json
import os
import time
from pathlib import Path

from fer2013_tf.errors import UserError

CHECKSUM = "checksum"
# Seconds after which nobody is still writing a file of one write.
SWEPT_AFTER = 60


def write_atomically(path, data):
    """Replaces `path` by `data` (str or bytes): temporary name, fsync, rename."""
    path = Path(path)
    data = data.encode() if isinstance(data, str) else data
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with naming(path):
            with open(partial, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path):
    """Gives the errors of writing to `path`, which often name no file or a temporary one, its name.

    Whatever is raised is raised on.
    """
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def check_folders(*paths):
    """Raises UserError naming the first path whose folder is not there; None is passed over."""
    for path in paths:
        if path and not Path(path).resolve().parent.is_dir():
            raise UserError(f"{path}: the folder is not there; make it first")


def sweep(folder):
    """Removes what `write_atomically` left in a folder when its process was killed."""
    for partial in Path(folder).glob(".*.partial"):
        with contextlib.suppress(FileNotFoundError):
            if partial.is_file() and time.time() - partial.stat().st_mtime > SWEPT_AFTER:
                partial.unlink()


class GrowingCsv:
    """Rows as they come, in a file that grows: what was written before a stop is kept.

    Use as a context manager. columns: the keys of the rows, in order.
    """

    def __init__(self, path, columns):
        self.path, self.columns = path, columns

    def __enter__(self):
        self.file = open(self.path, "w", newline="", encoding="utf-8", errors="surrogateescape")
        self.writer = csv.DictWriter(self.file, self.columns)
        self.writer.writeheader()
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, rows):
        """Appends dicts. OSErrors name the file."""
        with naming(self.path):
            self.writer.writerows(rows)
            self.file.flush()


def write_json(path, content):
    """Writes a dict, with the sha256 of its canonical text as its last entry."""
    written = {**content, CHECKSUM: _checksum(content)}
    write_atomically(path, json.dumps(written, indent=1) + "\n")


def read_json(path, remedy, *, unsigned=None):
    """The dict that `write_json` wrote. Raises UserError: path, what is wrong, remedy.

    unsigned: the "version" of files that were written before there were checksums.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise UserError(f"{path}: damaged, not readable as JSON; {remedy}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged, not a JSON object; {remedy}")
    if CHECKSUM not in content and content.get("version") == unsigned is not None:
        return content
    if content.pop(CHECKSUM, None) != _checksum(content):
        raise UserError(f"{path}: damaged or changed by hand, its checksum differs; {remedy}")
    return content


def _checksum(content):
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path):
    """Hexadecimal sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def lock(path, who, remedy):
    """Holds `path` for this process; the system lets go of it when the process dies.

    who: what holds it, a training for example. Raises UserError that names the process which holds
    it already.
    """
    path = Path(path)
    with open(path, "a+", encoding="utf-8") as file:
        if not _try_lock(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise UserError(f"{path.parent}: another {who} ({holder}) is writing here; {remedy}")
        file.truncate(0)
        file.write(f"process {os.getpid()}\n")
        file.flush()
        yield


def _try_lock(file):
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        import msvcrt

        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
    except OSError:
        return False
    return True
