"""Atomic file writes, JSON with a checksum, locks."""

import contextlib
import csv
import hashlib
import json
import os
import time
from pathlib import Path

from fer2013_tf.utils import names
from fer2013_tf.utils.errors import UserError

CHECKSUM = "checksum"
# Seconds after which a temporary file is no longer being written.
ABANDONED_AFTER = 60


def write_atomically(path, data):
    """Replace `path` by `data` (str or bytes): temporary name, fsync, rename.

    After a crash the old content is there, or the new one. OSErrors name `path`. A link stays, what
    it leads to is replaced; a device or a pipe, such as /dev/null, is written to.
    """
    # Names of files may hold bytes that are no text.
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    target = Path(os.path.realpath(path))
    partial = partial_of(target)
    try:
        with naming(path):
            if target.exists() and not target.is_file():
                target.write_bytes(data)
                return
            with open(partial, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def partial_of(path, suffix=".partial"):
    """Return the name of this process's temporary file for `path`, in the same folder, hidden."""
    path, ending = Path(path), f".{os.getpid()}{suffix}"
    return path.with_name(f".{names.plain(path.name, room=1 + len(ending))}{ending}")


@contextlib.contextmanager
def naming(path):
    """Context that makes every OSError name `path`.

    Errors of writing often name no file, or a temporary one.
    """
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def check_folders(*paths):
    """Raise UserError naming the first path whose folder does not exist; None is skipped."""
    for path in paths:
        if path and not Path(path).resolve().parent.is_dir():
            raise UserError(f"{path}: the folder is not there; make it first")


def remove_partials(folder):
    """Remove temporary files that killed processes left in a folder in `write_atomically`."""
    for partial in Path(folder).glob(".*.partial"):
        with contextlib.suppress(FileNotFoundError):
            if partial.is_file() and time.time() - partial.stat().st_mtime > ABANDONED_AFTER:
                partial.unlink()


class GrowingCsv:
    """A CSV file that is written row by row; after an interruption the rows so far are there.

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
        """Append rows, a list of dicts. OSErrors name the file."""
        with naming(self.path):
            self.writer.writerows(rows)
            self.file.flush()


def write_json(path, content):
    """Write a dict, with the sha256 of its canonical text as its last entry."""
    written = {**content, CHECKSUM: _checksum(content)}
    write_atomically(path, json.dumps(written, indent=1) + "\n")


def read_json(path, remedy, *, unsigned=None):
    """Return the dict that `write_json` wrote. Raises UserError: path, what is wrong, remedy.

    unsigned: the "version" of files that may lack a checksum.
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
    """Return the sha256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def lock(path, who, remedy):
    """Context that locks `path` for this process; the system unlocks it when the process ends.

    who: what takes the lock, for messages, such as "training". Raises UserError naming the process
    that has the lock already, and the remedy.
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
