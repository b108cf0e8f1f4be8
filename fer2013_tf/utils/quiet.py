"""Hide the messages that TensorFlow's libraries write past sys.stderr.

Commands hide them unless --verbose asks for them (`hide`, `show`). Used as a library, the program
hides those of the import that it causes itself, unless TF_CPP_MIN_LOG_LEVEL is 0.
"""

import contextlib
import importlib.util
import logging
import os
import sys

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
ALL, NONE = "0", "3"
_shown = False


def show():
    """Hide nothing from here on."""
    global _shown
    _shown = True


def hide():
    """Hide all messages of TensorFlow, of its import and later."""
    os.environ.setdefault(LEVEL, NONE)
    logging.getLogger("tensorflow").setLevel(logging.CRITICAL)
    if "tensorflow" not in sys.modules and _QuietImport not in sys.meta_path:
        sys.meta_path.insert(0, _QuietImport)


@contextlib.contextmanager
def importing():
    """Context in which this program imports TensorFlow; the environment is left as it was."""
    before = os.environ.get(LEVEL)
    if _shown or before == ALL or "tensorflow" in sys.modules:
        yield
        return
    os.environ.setdefault(LEVEL, NONE)
    try:
        with _no_stderr():
            yield
    finally:
        # TensorFlow has read it.
        if before is None:
            os.environ.pop(LEVEL, None)


class _QuietImport:
    """An import finder for TensorFlow only, which drops the messages of its libraries.

    They write while they load, before they read TF_CPP_MIN_LOG_LEVEL.
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
    with _no_stderr():
        return function(*arguments)


@contextlib.contextmanager
def _no_stderr():
    with contextlib.ExitStack() as stack:
        try:
            kept = os.dup(2)
        except OSError:  # closed, as in services
            yield
            return
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, 2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
