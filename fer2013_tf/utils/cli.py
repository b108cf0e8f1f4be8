"""Run commands: parse options, print a user's errors as one line, return an exit status.

def main(argv=None):
    return command.main_of(parser(), run, argv)

if __name__ == "__main__":
    sys.exit(main())
"""

import argparse
import contextlib
import errno
import importlib.util
import logging
import os
import signal
import sys
import threading

from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

# Option -> (default, meaning).
FOLDERS = {
    "records": ("tfrecords", "folder of the TFRecords that make_records wrote"),
    "ckpt": ("ckpt", "folder of the runs"),
    "logs": ("logs", "folder of TensorBoard events and figures"),
}
STATUSES = """\

exit status: 0 done, 2 an error that you can fix (one line says how), 130 Ctrl-C, 143 SIGTERM,
1 a bug of this program, with a traceback
"""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM)
REMEDIES = {
    **dict.fromkeys(FULL, "make room, then start the same command again"),
    **dict.fromkeys(FORBIDDEN, "check its permissions, or choose another"),
    errno.EROFS: "choose a folder that can be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def add_folders(parser, *names, **purposes):
    """Add --records, --ckpt or --logs, those that are named.

    purposes: as names, each with what the command does there: logs="events go to DIR/RUN".
    """
    for name, purpose in {**dict.fromkeys(names), **purposes}.items():
        default, meaning = FOLDERS[name]
        text = f"{meaning}; {purpose}" if purpose else meaning
        parser.add_argument(
            f"--{name}", metavar="DIR", default=default, help=f"{text} (default: %(default)s)"
        )


def add_settings(parser, purpose):
    """Add --set KEY=VALUE, read as `arguments.settings`. purpose: how, or for what."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help=f"override a setting of the recipe, {purpose}; may be repeated",
    )


def add_model_options(parser):
    """Add the options that choose weights: --run, --ckpt, --ensemble, --tta."""
    add = parser.add_argument
    add(
        "--run",
        metavar="RUN[:WHICH]",
        help="run whose weights are used, under --ckpt, or shipped; WHICH is best (the default), "
        "latest, last5 or STEP (default: the newest run that has checkpoints, else shipped)",
    )
    add_folders(parser, "ckpt")
    add(
        "--ensemble",
        metavar="WHICH",
        help="average the probabilities of several checkpoints: last5, last10, STEP,STEP or "
        "RUN:WHICH,RUN:WHICH (default: best)",
    )
    add_tta(parser)


def add_tta(parser):
    """Add --tta, test-time augmentation."""
    parser.add_argument(
        "--tta",
        choices=constants.TTA_CHOICES,
        default="none",
        help="flip: average with the mirrored image (default: %(default)s)",
    )


def renamed(parser, names):
    """Make old options fail with an error that names the new ones.

    names: {"--framing": "--alignment"}. The old options are hidden from --help, and whether a value
    follows them does not matter.
    """
    for old, new in names.items():
        parser.add_argument(old, action=Renamed, new=new, nargs="?", help=argparse.SUPPRESS)


class Renamed(argparse.Action):
    """An option that changed its name; it ends in an error that names the new one, `new`."""

    def __init__(self, option_strings, dest, new, **options):
        super().__init__(option_strings, dest, default=argparse.SUPPRESS, **options)
        self.new = new

    def __call__(self, parser, namespace, values, option_string=None):
        parser.exit(2, f"error: {option_string} is now {self.new}\n")


def main_of(parser, run, argv=None):
    """Parse `argv` and call `run(arguments)`. Return its exit status, 0 where it returns None.

    A UserError, an OSError that names a file and a full disk become one line on stderr and status
    2, Ctrl-C status 130, SIGTERM 143, a closed pipe (`| head`) 141. Every other exception is a bug
    and keeps its traceback. Options that do not parse raise SystemExit(2). Without --verbose
    TensorFlow's messages are hidden.
    """
    arguments = completed(parser).parse_intermixed_args(argv)
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
        # Python would write the rest of its buffer at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is None and error.errno not in FULL:
            raise
        print(printable(f"error: {_with_remedy(error)}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _with_remedy(error):
    where = f"{error.filename}: " if error.filename else ""
    remedy = f"; {REMEDIES[error.errno]}" if error.errno in REMEDIES else ""
    return f"{where}{error.strerror}{remedy}"


def completed(parser):
    """Return `parser` with what all commands have in common: --verbose, the exit statuses."""
    parser.epilog = (parser.epilog or "") + STATUSES
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show TensorFlow's own messages too"
    )
    return parser


def printable(text):
    """Return `text` on one line, with control characters and other unprintable ones escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_any_name():
    """Print file names that hold bytes outside their encoding with escapes such as \\udcff."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _cleaning_up_on_sigterm():
    """Turn SIGTERM into an exception, so that temporary files are removed."""
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
    """An import finder for TensorFlow only, which drops the messages of its libraries.

    They write while they load, before they read TF_CPP_MIN_LOG_LEVEL, and not through sys.stderr.
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
    """Return function(*arguments); drop what it writes to file descriptor 2, as C libraries do."""
    with contextlib.ExitStack() as stack:
        kept = os.dup(2)
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, 2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        return function(*arguments)
