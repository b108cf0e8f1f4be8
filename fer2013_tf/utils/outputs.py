"""The outputs of a command, compared with its inputs and each other before it starts.

outputs.check(
    [outputs.File("--csv", "faces.csv"), outputs.Folder("--annotate", "out", {"a.png"})],
    inputs=["holiday/a.png"],  # files and folders; standard input is looked at by itself
    overwrite=False,           # --overwrite, see cli.add_overwrite
)

An existing file is replaced without --overwrite only if this program made it. That is seen from
the file itself, so every writer marks what it writes:

PNG         text chunk "Software": MARK (figures: visualization.style; drawings: `png`)
videos      metadata "comment": MARK
CSV, JSON   the beginnings that are listed in TEXTS; a new writer adds its own there
folders     what `Folder.known` is told, as of records and of packed weights
"""

import contextlib
import io
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from fer2013_tf.utils import names
from fer2013_tf.utils.errors import UserError

MARK = "made by fer2013_tf"
STANDARD_OUTPUT = "-"
# The mark of a PNG file is in its first bytes; that of a video at its beginning or end.
PNG_SEARCHED, VIDEO_SEARCHED = 1 << 12, 1 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
# MP4 (after four bytes of length), AVI, Matroska.
_VIDEO = re.compile(rb"....ftyp|RIFF....AVI |\x1aE\xdf\xa3", re.DOTALL)
_TEXT = r'"(?:[^"\\]|\\.)*"'
# Beginnings of the text files of this program, those of earlier versions too.
TEXTS = [
    re.compile(pattern)
    for pattern in (
        # predict: faces of images, faces of a video
        "image,face,expression,detection_score,weights,left,",
        "frame,seconds,track,expression,left,",
        rf'(\[\s*)?\{{"image": {_TEXT}, "face": (\d+, "box": |null\b)',
        r'(\[\s*)?\{"frame": \d+, "seconds": [\d.]+, "track": ',
        r"\[\]\s*$",
        # eval, robustness, compare
        "row,true,predicted,p_",
        rf'\{{\s*"run": {_TEXT},\s*("recipe": {_TEXT},\s*)?"checkpoints": \[',
        rf'\{{\s*"split": {_TEXT},\s*"runs": \[',
        # make_records --images
        r"path,label,name,split,row\r?\n",
    )
]


class File(NamedTuple):
    """A file that a command writes."""

    option: str
    path: str | Path | None  # None: not asked for


class Folder(NamedTuple):
    """A folder that a command writes files into."""

    option: str
    path: str | Path | None  # None: not asked for
    names: Collection  # of the files, as `names.fold` gives them; asked with "in"
    known: bool = False  # whether files of these names in it are known as this program's


def check(outputs, inputs=(), *, overwrite=False):
    """Raise UserError for an output that would destroy something. Nothing is changed.

    outputs: of `File` and `Folder`. inputs: names of the files and folders that are read. Refused
    are an input by any name (links, case, relative paths), a file that two outputs write, a file
    in a folder that does not exist, and, unless `overwrite`, a file that this program did not make.
    """
    wanted = [output for output in outputs if output.path]
    read = {_identity(name): str(name) for name in inputs} | _standard(0, "standard input")
    written = _standard(1, "standard output") | _standard(2, "standard error")
    for output in wanted:
        one_file = isinstance(output, File)
        _check_kind(output)
        for path in [Path(output.path)] if one_file else _replaced(output):
            _check_replaced(output, path, read, overwrite)
        name = f"{output.option} {output.path}"
        identity = _identity(output.path)
        if identity in read:
            raise UserError(f"{name}: is what is read; name another")
        if one_file and written.setdefault(identity, name) is not name:
            raise UserError(f"{name}: the same file as {written[identity]}; name another")
    _check_folders(wanted)


def made_here(path):
    """Return whether this program made a file, or nothing is in it. False if it is not readable."""
    try:
        with open(path, "rb") as file:
            head = file.read(PNG_SEARCHED)
            if head.startswith(_PNG):
                return MARK.encode() in head
            if _VIDEO.match(head):
                return _marked_video(file)
    except OSError:
        return False
    text = head.decode("utf-8", "replace")
    return not head or any(pattern.match(text) for pattern in TEXTS)


def begins(path, pattern):
    """Return whether a text file begins as a regular expression says; False without the file."""
    try:
        return bool(re.match(pattern, _head(path).decode("utf-8", "replace")))
    except OSError:
        return False


def is_drawing(path):
    """Return whether a file is a PNG that this program drew."""
    # To open a pipe would wait for its other end.
    if Path(path).suffix.lower() != ".png" or not os.path.isfile(path):
        return False
    try:
        head = _head(path)
    except OSError:
        return False
    return head.startswith(_PNG) and MARK.encode() in head


def _head(path):
    with open(path, "rb") as file:
        return file.read(PNG_SEARCHED)


def png(image):
    """Return a PIL image as the bytes of a PNG file that carries the mark."""
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Software", MARK)
    buffer = io.BytesIO()
    image.save(buffer, format="png", pnginfo=info)
    return buffer.getvalue()


def _marked_video(file):
    size = file.seek(0, os.SEEK_END)
    for start in (0, max(0, size - VIDEO_SEARCHED)):
        file.seek(start)
        if MARK.encode() in file.read(VIDEO_SEARCHED):
            return True
    return False


def _identity(path):
    """Return what is equal for all names of one file.

    Of a file that exists, its device and number; of another, those of its folder and its name,
    as file systems see it that know no case.
    """
    with contextlib.suppress(OSError, ValueError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    real = Path(os.path.realpath(_without_nul(path)))
    with contextlib.suppress(OSError):
        folder = os.stat(real.parent)
        return folder.st_dev, folder.st_ino, names.fold(real.name)
    return names.fold(str(real))


def _without_nul(path):
    return str(path).replace("\0", "_")


def _standard(number, name):
    """Return {identity: name} of an open stream that is a file; {} for terminals and pipes."""
    with contextlib.suppress(OSError):
        found = os.fstat(number)
        if stat.S_ISREG(found.st_mode):
            return {(found.st_dev, found.st_ino): name}
    return {}


def _check_kind(output):
    path, name = Path(output.path), f"{output.option} {output.path}"
    if "\0" in str(path):
        raise UserError(f"{output.option}: a name with a NUL character; name another")
    if isinstance(output, File):
        if not path.resolve().parent.is_dir():
            raise UserError(f"{name}: the folder is not there; make it first")
        if path.is_dir():
            raise UserError(f"{name}: is a folder; name a file")
    elif path.exists() and not path.is_dir():
        raise UserError(f"{name}: is a file; name a folder")


def _replaced(folder):
    """Yield the files in a `Folder` that the command may replace."""
    path = Path(folder.path)
    if path.is_dir():
        for name in os.listdir(path):
            if names.fold(name) in folder.names:
                yield path / name


def _check_replaced(output, path, read, overwrite):
    identity = _identity(path)
    if identity in read:
        raise UserError(
            f"{output.option} {output.path}: would replace {read[identity]}, which is read; "
            "name another"
        )
    # Devices and pipes, such as /dev/null, are written to, not replaced.
    if overwrite or not path.exists() or not (path.is_file() or path.is_dir()):
        return
    if made_here(path) or getattr(output, "known", False):
        return
    raise UserError(
        f"{output.option} {path}: exists, and is not known as made by this program; name another, "
        "or replace it with --overwrite"
    )


def _check_folders(outputs):
    """Raise UserError where two outputs would write a file of the same name into a folder."""
    for folder in (output for output in outputs if isinstance(output, Folder)):
        for other in outputs:
            if other is folder:
                continue
            if isinstance(other, File):
                same_folder = _identity(Path(os.path.realpath(other.path)).parent)
                common = {names.fold(Path(other.path).name)}
            else:
                same_folder, common = _identity(other.path), other.names
            if same_folder == _identity(folder.path) and _overlap(common, folder.names):
                raise UserError(
                    f"{folder.option} {folder.path}: would write a file that {other.option} "
                    f"{other.path} writes; name another"
                )


def _overlap(one, other):
    if not hasattr(one, "__iter__"):
        return False
    return any(name in other for name in one)
