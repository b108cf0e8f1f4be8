"""Refuse TensorFlow in a process that was forked from one that used it.

A fork copies the memory of a process, but of its threads only one. In the copy TensorFlow and
LiteRT wait for ever for their other threads.
"""

import os
import sys
from pathlib import Path

from fer2013_tf.utils.errors import UserError

# Threads that TensorFlow starts with its first session or operation, whoever asked for it.
THREADS = "tf_"
_used = _forked = False


def use():
    """Note that this process uses TensorFlow or LiteRT, from here on.

    Raises UserError where a process used them that this one was forked from.
    """
    global _used
    if _forked:
        raise UserError(
            "TensorFlow ran before this process was forked, and would wait here for ever; use "
            "TensorFlow, and make each Recognizer, after the fork only, or start processes with "
            'multiprocessing.get_context("spawn") (docs/library.md)'
        )
    _used = True


def forked():
    """Return whether this process was forked from one that used TensorFlow."""
    return _forked


def _before():
    global _used
    _used = _used or ("tensorflow" in sys.modules and _runs_tensorflow())


def _in_child():
    global _forked
    _forked = _used


def _runs_tensorflow():
    """Return whether TensorFlow's threads run in this process, as far as the system tells."""
    try:
        names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    except OSError:
        return False
    return any(name.startswith(THREADS) for name in names)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
