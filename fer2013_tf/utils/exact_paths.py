r"""Names that TensorFlow reads as they are.

Its reader of checkpoints takes a path for a pattern, so that it never finds `ckpt/a[1]`, and none
of its functions takes a name that is not UTF-8. Both are reached through links in a temporary
folder, whose own names are plain.
"""

import atexit
import functools
import glob
import itertools
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

from fer2013_tf.utils.errors import UserError

# On Windows a backslash separates folders, in TensorFlow too.
PATTERN = re.compile(r"[*?\[]" if os.name == "nt" else r"[*?\[\\]")
_lock = threading.Lock()
_numbers = itertools.count()
# (process, path) -> link
_links = {}


def exact(path):
    """Return a name, as text, under which TensorFlow finds `path`: itself, or one through a link.

    path: a file, a folder that exists, or a checkpoint's prefix, whose files are linked as they are
    now. Raises UserError where no link can be made.
    """
    text = os.fspath(path)
    if not _is_misread(text):
        return text
    folder, name = os.path.split(os.path.abspath(text))
    with _lock:
        if not _is_misread(name):
            return os.path.join(_link(folder), name)
        if os.path.isdir(text):
            return _link(os.path.join(folder, name))
        return _link_files(folder, name)


def unlinked(text):
    """Return a message of TensorFlow's with the links in it replaced by what they stand for."""
    for (_, meant), link in _links.items():
        text = text.replace(link, meant)
    return text


def _is_misread(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return PATTERN.search(text) is not None


def _link(path):
    """Return the link to a file or folder, made once per process."""
    key = os.getpid(), path
    if key not in _links:
        link = os.path.join(_folder_of(os.getpid()), f"{next(_numbers)}-")
        _symlink(path, link)
        _links[key] = link
    return _links[key]


def _link_files(folder, name):
    """Return the prefix of links to the files `name` and `name.*`."""
    path = os.path.join(folder, name)
    key = os.getpid(), path
    if key not in _links:
        _links[key] = os.path.join(_folder_of(os.getpid()), f"{next(_numbers)}-")
    for file in (Path(path), *Path(folder).glob(f"{glob.escape(name)}.*")):
        link = _links[key] + file.name[len(name) :]
        if file.exists() and not os.path.islink(link):
            _symlink(file, link)
    return _links[key]


@functools.cache
def _folder_of(process):
    """Return the folder of a process's links, removed when that process ends."""
    folder = tempfile.mkdtemp(prefix="fer2013_tf-")
    if _is_misread(folder):
        os.rmdir(folder)
        raise UserError(
            f"{os.path.dirname(folder)}: TensorFlow cannot read names in this folder for temporary "
            "files; set TMPDIR to one without * ? [ \\ and with a name in UTF-8"
        )
    atexit.register(_remove, folder, process)
    return folder


def _remove(folder, process):
    # A forked process ends too, while its parent still needs them.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _symlink(path, link):
    try:
        os.symlink(path, link, target_is_directory=os.path.isdir(path))
    except OSError as error:
        raise UserError(
            f"{path}: TensorFlow cannot read this name, and no link to it can be made "
            f"({error.strerror}); choose one without * ? [ \\ and in UTF-8"
        ) from None
