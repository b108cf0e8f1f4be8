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
import sys

from fer2013_tf.errors import UserError

FOLDERS = {"records": "tfrecords", "ckpt": "ckpt", "logs": "logs"}


def add_folders(parser, **purposes):
    """Adds --records, --ckpt or --logs, whichever are named, each with what it is for."""
    for name, purpose in purposes.items():
        text = f"{purpose} (default: %(default)s)"
        parser.add_argument(f"--{name}", metavar="DIR", default=FOLDERS[name], help=text)


def main_of(parser, run, argv=None):
    """Calls `run(arguments)`; returns its exit status, 0 where it returns None.

    A UserError, an OSError that names a file, or a full disk becomes one line on stderr and status
    2, Ctrl-C status 130, a reader that has gone (`| head`) 141; every other exception is a bug and
    keeps its traceback. Arguments that do not parse leave by SystemExit(2). Adds -v/--verbose;
    without it TensorFlow loads and runs quietly.
    """
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show TensorFlow's own messages too"
    )
    arguments = parser.parse_intermixed_args(argv)
    if not arguments.verbose:
        _quiet_tensorflow()
    try:
        return run(arguments) or 0
    except UserError as error:
        print(f"error: {error}", *error.details, sep="\n  ", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # What is still in the buffer has nowhere to go; Python would try again as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _quiet_tensorflow():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
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
            spec.loader.exec_module = lambda module: _without_stderr(load, module)
        return spec


def _without_stderr(function, *arguments):
    with contextlib.ExitStack() as stack:
        kept = os.dup(2)
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, 2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        return function(*arguments)
