"""Run commands: parse options, print a user's errors as one line, return an exit status.

def main(argv=None):
    return command.main_of(parser(), run, argv)

if __name__ == "__main__":
    sys.exit(main())
"""

import argparse
import contextlib
import errno
import os
import shlex
import signal
import sys
import threading

from fer2013_tf.utils import constants, devices, quiet
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
    """Add the options that choose weights, and where they compute: --run to --tta, --device."""
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
    add_device(parser)


def add_device(parser):
    """Add --device; `main_of` calls `devices.use` with it."""
    parser.add_argument(
        "--device",
        metavar="DEVICE",
        help="cpu, or gpu:0, gpu:1, ...: compute there alone, so that a training keeps its GPU "
        "(default: the first GPU, else the CPU)",
    )


def add_rows(parser, default):
    """Add --rows, images of records by their row. default: which images, where it is not given."""
    parser.add_argument(
        "--rows",
        metavar="ROW,ROW",
        type=row_numbers,
        help="take these images of the records; rows count from 1 in the source of the records, as "
        f"in --predictions and --mistakes of eval (default: {default})",
    )


def row_numbers(text):
    """Return the numbers of "182,3139" as a list. Raises ArgumentTypeError for other text."""
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isascii() and number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers from 1, such as 182,3139,3981")
    return [int(number) for number in numbers]


def add_tta(parser):
    """Add --tta, test-time augmentation."""
    parser.add_argument(
        "--tta",
        choices=constants.TTA_CHOICES,
        default="none",
        help="flip: average with the mirrored image (default: %(default)s)",
    )


def add_overwrite(parser):
    """Add --overwrite: existing files that this program did not make may be replaced."""
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace existing files that this program did not make (its own are replaced anyway, "
        "what is read never)",
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
    (quiet.show if arguments.verbose else quiet.hide)()
    _print_any_name()
    try:
        with _cleaning_up_on_sigterm():
            if getattr(arguments, "device", None):
                devices.use(arguments.device)
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
        print(printable(f"error: {with_remedy(error)}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def with_remedy(error):
    """Return an OSError as one line: the file, what is wrong, what to do."""
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


def counted(count, noun):
    """Return "1 face", "2 faces", "0 faces"; the noun takes an s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def command_line(command, *words):
    """Return one of the program's commands as a shell takes it: names with spaces in quotes."""
    return f"python -m fer2013_tf.{command} {shlex.join(map(str, words))}".rstrip()


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
