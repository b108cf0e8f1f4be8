"""Run a command that kills itself, by SIGKILL, right before it touches a folder for the Nth time.

    python -m tests.faults.dying LOG FOLDER N fer2013_tf.train --run r ...

A touch is an audit event of Python: opening a file for writing, renaming, removing, making a
folder. Each touch is a line of LOG. With N = 0 nothing is killed.
"""

import importlib
import os
import signal
import sys

TOUCHES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def touched(event, arguments):
    """Return the path that an audit event is about to change, or None."""
    if event == "open":
        path, mode, flags = arguments
        writes = set(mode or "") & set("wax+") or (isinstance(flags, int) and flags & WRITING)
        return path if writes else None
    return arguments[0] if event in TOUCHES else None


def die_at(number, folder, log):
    """Add the audit hook."""
    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    count = 0

    def hook(event, arguments):
        nonlocal count
        path = touched(event, arguments)
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(path))
        if not path.startswith(folder + os.sep):
            return
        count += 1
        os.write(lines, f"{count} {event} {path.removeprefix(folder)}\n".encode())
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main():
    """Run the command."""
    log, folder, number, module, *words = sys.argv[1:]
    die_at(int(number), os.path.abspath(folder), log)
    sys.exit(importlib.import_module(module).main(words))


if __name__ == "__main__":
    main()
