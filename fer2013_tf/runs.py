"""Show and delete runs: `python -m fer2013_tf.runs`."""

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

from fer2013_tf.checkpoints import pruning, run_folder, variables
from fer2013_tf.utils import cli
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.runs                        list the runs and sweeps
  python -m fer2013_tf.runs show try1              the variables of its best checkpoint
  python -m fer2013_tf.runs show try1:latest       of its newest
  python -m fer2013_tf.runs prune try1 try2        delete these runs, asking first
  python -m fer2013_tf.runs prune try1 --yes       without asking
  python -m fer2013_tf.runs prune-sweep nets       delete a sweep with all its runs

Only files that this program wrote are deleted. A folder that holds others stays, with them.
"""


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.runs",
        description="List the runs under --ckpt, show the variables of some, or delete some.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        "action",
        nargs="?",
        choices=("list", "show", "prune", "prune-sweep"),
        default="list",
        help="list all; show the variables of a run; or delete the runs or the sweeps named "
        "(default: list)",
    )
    add(
        "names",
        metavar="NAME",
        nargs="*",
        help="runs to show, as RUN[:WHICH]; runs or sweeps to delete",
    )
    cli.add_folders(result, "ckpt", "logs")
    add("--yes", action="store_true", help="delete without asking")
    return result


def run(args):
    """List, show or delete. Return the exit status."""
    if args.action == "show":
        return _show(args)
    if args.action != "list":
        return _prune(args)
    runs, sweeps = run_folder.list_runs(args.ckpt), pruning.list_sweeps(args.ckpt)
    if not runs and not sweeps:
        print(f"no runs under {args.ckpt}; train one: python -m fer2013_tf.train")
    if runs:
        head = ("run", "recipe", "net", "step", "best PublicTest", "age", "size")
        _print_table([head, *map(_row, runs)])
    if sweeps:
        _print_table([("sweep", "runs", "size"), *(_sweep_row(args, *s) for s in sweeps.items())])
    return 0


def _print_table(rows):
    rows = [[cli.printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _show(args):
    """Print name, shape, mean and spread of every variable, its EMA weights beside."""
    if not args.names:
        raise UserError("runs show: name a run, as RUN or RUN:WHICH")
    for wanted in args.names:
        name, _, which = wanted.partition(":")
        this = run_folder.Run(args.ckpt, name)
        recipe, _ = this.read()
        print(f"run {name}: recipe {recipe.name}, net {recipe.net}")
        print(run_folder.best_line(this.history()))
        for checkpoint in run_folder.select_checkpoints(this, which or "best"):
            rows = [_variable_row(*each) for each in variables.described(checkpoint.prefix)]
            print(f"step {checkpoint.step}: {checkpoint.prefix}")
            _print_table([("variable", "shape", "mean", "std", "EMA mean", "EMA std"), *rows])
    return 0


def _variable_row(name, shape, plain, ema):
    numbers = [f"{value:.4g}" for value in (*plain, *(ema or ()))]
    return name, "x".join(map(str, shape)) or "scalar", *numbers, *[""] * (4 - len(numbers))


def _sweep_row(args, name, runs):
    return f"{name}/", str(len(runs)), f"{_bytes(Path(args.ckpt) / name) / 2**20:.0f} MB"


def _row(this):
    try:
        recipe, _ = this.read()
        names = recipe.name, recipe.net.partition("(")[0]
    except UserError as error:
        print(f"note: {error}", file=sys.stderr)
        names = "unreadable", "-"
    steps = [c.step for c in this.checkpoints()]
    return (
        this.name,
        *names,
        str(steps[-1]) if steps else "-",
        _best_accuracy(this),
        _age(time.time() - run_folder.last_written(this.folder)),
        f"{_bytes(this.folder) / 2**20:.0f} MB",
    )


def _best_accuracy(this):
    try:
        history = this.history()
    except UserError as error:
        print(f"note: {error}", file=sys.stderr)
        return "unreadable"
    # None where nothing is PublicTest.
    known = [a for entry in history if (a := entry["public_accuracy"]) is not None]
    return f"{100 * max(known):.2f} %" if known else "-"


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
        raise UserError(f"runs {args.action}: name what to delete")
    names = list(dict.fromkeys(args.names))
    for name in names:
        _check_deletable(args, name)
    size = sum(_bytes(Path(args.ckpt) / name) for name in names) / 2**20
    question = f"delete {', '.join(names)} ({size:.0f} MB) under {args.ckpt}? [y/N] "
    if not args.yes and not _agreed(question):
        print("nothing deleted")
        return 0
    for name in names:
        if args.action == "prune":
            left = pruning.delete_run(run_folder.Run(args.ckpt, name), args.logs)
        else:
            left = pruning.delete_sweep(args.ckpt, name, args.logs)
        print(f"deleted {name}")
        if left:
            print(f"  not written by this program, left: {', '.join(map(str, left))}")
    return 0


def _check_deletable(args, name):
    """Raise UserError for a name that is not what the action deletes."""
    this = run_folder.Run(args.ckpt, name)
    is_sweep = name in pruning.list_sweeps(args.ckpt)
    if args.action == "prune" and is_sweep:
        raise UserError(
            f"{this.folder}: a sweep, not a run; delete it with: "
            f"{cli.command_line('runs', 'prune-sweep', name)}"
        )
    if not (this.exists() if args.action == "prune" else is_sweep):
        kind = "run" if args.action == "prune" else "sweep"
        raise UserError(f"{this.folder}: no such {kind}; see python -m fer2013_tf.runs")


def _agreed(question):
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        print()
        raise UserError("runs prune: nobody there to ask; --yes deletes without asking") from None


def main(argv=None):
    """Entry point; returns the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
