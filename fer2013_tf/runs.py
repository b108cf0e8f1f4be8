"""The command that lists and deletes runs: `python -m fer2013_tf.runs`."""

import argparse
import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from fer2013_tf import checkpoints, command
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.runs                    what is there
  python -m fer2013_tf.runs prune try1 try2    delete these, asking first
  python -m fer2013_tf.runs prune try1 --yes   without asking
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.runs",
        description="List the runs under --ckpt, or delete some.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("action", nargs="?", choices=("list", "prune"), default="list", help="default: list")
    add("names", metavar="RUN", nargs="*", help="runs to delete")
    command.add_folders(result, ckpt="where the runs are", logs="where their events are")
    add("--yes", action="store_true", help="delete without asking")
    return result


def run(args):
    """Lists or deletes. Returns the exit status."""
    if args.action == "prune":
        return _prune(args)
    rows = [_row(this) for this in checkpoints.runs(args.ckpt)]
    if not rows:
        print(f"no runs under {args.ckpt}; train one: python -m fer2013_tf.train")
        return 0
    head = ("run", "recipe", "net", "step", "best PublicTest", "age", "size")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0


def _row(this):
    try:
        recipe, _ = this.read()
        names = recipe.name, recipe.net.partition("(")[0]
    except UserError as error:
        print(f"note: {error}", file=sys.stderr)
        names = "unreadable", "-"
    steps = [c.step for c in this.checkpoints()]
    best = max((entry["public_accuracy"] for entry in this.history()), default=None)
    return (
        this.name,
        *names,
        str(steps[-1]) if steps else "-",
        f"{100 * best:.2f} %" if best is not None else "-",
        _age(time.time() - checkpoints.last_written(this.folder)),
        f"{_bytes(this.folder) / 2**20:.0f} MB",
    )


def _age(seconds):
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _bytes(folder):
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            # A training beside this one may rotate it away meanwhile.
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total


def _prune(args):
    if not args.names:
        raise UserError("runs prune: name the runs to delete")
    names = list(dict.fromkeys(args.names))
    chosen = [checkpoints.Run(args.ckpt, name) for name in names]
    for this in chosen:
        if not this.folder.is_dir():
            raise UserError(f"{this.folder}: no such run; see python -m fer2013_tf.runs")
    size = sum(_bytes(this.folder) for this in chosen) / 2**20
    question = f"delete {', '.join(names)} ({size:.0f} MB) under {args.ckpt}? [y/N] "
    if not args.yes and not _agreed(question):
        print("nothing deleted")
        return 0
    for this in chosen:
        with this.lock():
            shutil.rmtree(this.folder)
        shutil.rmtree(Path(args.logs) / this.name, ignore_errors=True)
        print(f"deleted {this.name}")
    return 0


def _agreed(question):
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        print()
        raise UserError("runs prune: nobody there to ask; --yes deletes without asking") from None


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
