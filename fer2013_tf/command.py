"""What every command shares: parse, run, one line for a user's error, an exit status.

def main(argv=None):
    return command.main_of(parser(), run, argv)

if __name__ == "__main__":
    sys.exit(main())
"""

import contextlib
import errno
import importlib.util
import logging
import os
import signal
import sys
import threading

from fer2013_tf.errors import UserError

FOLDERS = {"records": "tfrecords", "ckpt": "ckpt", "logs": "logs"}
STATUSES = """\

exit status: 0 done, 2 something you can mend, said in one line, 130 Ctrl-C, 143 SIGTERM,
1 a bug of ours, with a traceback
"""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM)
REMEDIES = {
    **dict.fromkeys(FULL, "make room, then start the same command again"),
    **dict.fromkeys(FORBIDDEN, "check its permissions, or choose another"),
    errno.EROFS: "choose a folder that can be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def add_folders(parser, **purposes):
    """Adds --records, --ckpt or --logs, whichever are named, each with what it is for."""
    for name, purpose in purposes.items():
        text = f"{purpose} (default: %(default)s)"
        parser.add_argument(f"--{name}", metavar="DIR", default=FOLDERS[name], help=text)


def add_settings(parser, purpose):
    """Adds --set KEY=VALUE, to be read as `arguments.settings`."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help=f"{purpose}; may be repeated",
    )


def main_of(parser, run, argv=None):
    """Calls `run(arguments)`; returns its exit status, 0 where it returns None.

    A UserError, an OSError that names a file, or a full disk becomes one line on stderr and status
    2, Ctrl-C status 130, SIGTERM 143, a reader that has gone (`| head`) 141; every other exception
    is a bug and keeps its traceback. Arguments that do not parse leave by SystemExit(2). Adds
    -v/--verbose; without it TensorFlow loads and runs quietly.
    """
    parser.epilog = (parser.epilog or "") + STATUSES
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show TensorFlow's own messages too"
    )
    arguments = parser.parse_intermixed_args(argv)
    if not arguments.verbose:
        _quiet_tensorflow()
    _print_any_name()
    try:
        with _cleaning_up_on_sigterm():
            return run(arguments) or 0
    except UserError as error:
        lines = [printable(line) for line in (f"error: {error}", *error.details)]
        print(*lines, sep="\n  ", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # What is still in the buffer has nowhere to go; Python would try again as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is None and error.errno not in FULL:
            raise
        where = f"{error.filename}: " if error.filename else ""
        remedy = f"; {REMEDIES[error.errno]}" if error.errno in REMEDIES else ""
        print(printable(f"error: {where}{error.strerror}{remedy}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def printable(text):
    """`text` on one line: what a terminal would not show as it is (line ends, escapes) as \\n."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_any_name():
    """Names of files may hold bytes that are no text; they are printed as \\udcff and so on."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _cleaning_up_on_sigterm():
    """SIGTERM unwinds as an exception would, so that what is half-written is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, _):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _quiet_tensorflow():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.CRITICAL)
    if "tensorflow" not in sys.modules and _QuietImport not in sys.meta_path:
        sys.meta_path.insert(0, _QuietImport)


class _QuietImport:
    """An import finder for TensorFlow only: whatever its libraries write while loading is dropped.

    They write before they read TF_CPP_MIN_LOG_LEVEL, and past sys.stderr.
    """

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: without_stderr(load, module)
        return spec


def without_stderr(function, *arguments):
    """What a function returns; what its libraries write past sys.stderr meanwhile is dropped."""
    with contextlib.ExitStack() as stack:
        kept = os.dup(2)
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, 2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        return function(*arguments)
