"""Measure time until PublicTest accuracy reaches a level: ours, Keras and PyTorch scripts.

make bench-env                                       # once: PyTorch, in .venv-bench
python -m benchmarks.time_to_accuracy                # about three hours, on an idle machine
python -m benchmarks.time_to_accuracy --only fast --seeds 0,1,2 --json FILE.json
python -m benchmarks.time_to_accuracy --only lenet,PyTorch --json FILE.json     # beside the former

Recipes `fast`, `lenet` and `article` are ours. The scripts have the settings of Hu 2019 and the
same net. Each evaluates its EMA weights on PublicTest after every epoch. Its time counts from the
start of its process, evaluation included, to the highest level or the time limit. Needs records of
FER2013 (python -m fer2013_tf.make_records fer2013.tar.gz).

With --ckpt our runs are kept there as NAME-SEED; `train --run` continues them to their end.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.lib import runner
from fer2013_tf.checkpoints import run_folder

LEVELS = (55.0, 60.0, 63.2, 65.0)
SCRIPTS = {
    "Keras": ("keras_training", sys.executable),
    "PyTorch": ("torch_training", str(runner.PEERS)),
}
RECIPES = ("fast", "lenet", "article")
EPOCH = re.compile(r"epoch +(\d+).* PublicTest ([0-9.]+) %")


def parser():
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    everyone = ",".join((*RECIPES, *SCRIPTS))
    add("--records", default="tfrecords", metavar="DIR", help="(default: %(default)s)")
    add("--only", default=everyone, metavar="A,B", help="only these (default: %(default)s)")
    add("--seeds", default="0", metavar="N,N", help="one run per seed (default: %(default)s)")
    add("--minutes", type=float, default=30, metavar="M", help="limit (default: %(default)s)")
    add("--ckpt", metavar="DIR", help="keep our runs there (default: in a folder that is deleted)")
    text = "write curves and table after every run; those of others in FILE stay"
    add("--json", metavar="FILE", help=text)
    return result


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    args = parser().parse_args(argv)
    names = args.only.split(",")
    unknown = set(names) - {*RECIPES, *SCRIPTS}
    if unknown:
        known = ", ".join((*RECIPES, *SCRIPTS))
        print(f"error: --only {unknown.pop()}: known are {known}", file=sys.stderr)
        return 2
    # Before the hours that the others take.
    if "PyTorch" in names and runner.peers_missing():
        return 2
    result = {"machine": runner.machine(), "levels": LEVELS, "curves": {}}
    if args.json and not add_former(result, Path(args.json), names):
        return 2
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if set(names) & set(SCRIPTS):
            export(args.records, folder / "images.npz")
        # By seeds, so that a slow hour of the machine is shared.
        for seed in args.seeds.split(","):
            for name in names:
                command, read = commands(name, seed, args, folder)
                curve = read(follow(name, command, args.minutes * 60))
                result["curves"].setdefault(name, []).append(curve)
                print(f"{name}, seed {seed}: {described(curve)}", flush=True)
                result["reached"] = {n: table_row(c) for n, c in result["curves"].items()}
                if args.json:
                    Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    print(table(result["reached"]))
    return 0


def add_former(result, path, names):
    """Add the curves in `path` of programs not in `names`; return False if of another machine."""
    former = json.loads(path.read_text()) if path.exists() else {**result, "curves": {}}
    if former.get("machine") != result["machine"]:
        print(f"error: {path}: is of another machine; give another --json", file=sys.stderr)
        return False
    kept = {name: curves for name, curves in former["curves"].items() if name not in names}
    result["curves"].update(kept)
    return True


def export(records_folder, path):
    """Write Training and PublicTest as arrays, which the scripts read at once."""
    from fer2013_tf.data import records
    from fer2013_tf.utils import constants

    record_set = records.RecordSet(records_folder)
    train, public = record_set.read(constants.TRAINING), record_set.read(constants.PUBLIC_TEST)
    np.savez(
        path,
        images=train.images,
        labels=train.labels,
        public_images=public.images,
        public_labels=public.labels,
    )


def commands(name, seed, args, folder):
    """Return (command line, function that makes printed accuracies exact) of one program."""
    if name in SCRIPTS:
        module, python = SCRIPTS[name]
        command = [python, "-m", f"benchmarks.baselines.{module}", "--seed", seed]
        return [*command, "--images", str(folder / "images.npz")], lambda curve: curve
    run, ckpt = f"{name}-{seed}", Path(args.ckpt or folder / "ckpt")
    command = [sys.executable, "-m", "fer2013_tf.train", "--recipe", name, "--run", run]
    command += ["--fresh", "--seed", seed, "--records", str(args.records)]
    command += ["--ckpt", str(ckpt), "--logs", str(folder / "logs")]

    def exact(curve):
        """Return the curve with the accuracies of the history; ours prints one digit."""
        history = run_folder.Run(ckpt, run).history()
        accuracies = [100 * entry["public_accuracy"] for entry in history]
        return [(seconds, accuracy) for (seconds, _), accuracy in zip(curve, accuracies)]

    return command, exact


def follow(name, command, limit):
    """Run a training until LEVELS[-1] or the limit. Return [(seconds, accuracy in %)] per epoch."""
    start, curve = time.monotonic(), []
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=runner.environment(),
        )
        try:
            for line in process.stdout:
                seconds = time.monotonic() - start
                if found := EPOCH.search(line):
                    curve.append((seconds, float(found[2])))
                    # Printed with one digit, the level is surely reached a little above it.
                    if curve[-1][1] >= LEVELS[-1] + 0.1 or seconds > limit:
                        break
            else:
                if process.wait():
                    errors.seek(0)
                    raise SystemExit(f"{name}: ended early\n{errors.read()[-2000:]}")
        finally:
            process.terminate()
            process.wait()
    return curve


def reached(curve, level):
    """Return the seconds until the accuracy first is at least `level`, or None."""
    return next((seconds for seconds, accuracy in curve if accuracy >= level), None)


def table_row(curves):
    """Return {level: {"median": seconds, "runs": seconds of those that reached it, "of": runs}}."""
    row = {}
    for level in LEVELS:
        found = [s for s in (reached(curve, level) for curve in curves) if s is not None]
        middle = statistics.median(found) if found else None
        row[level] = {"median": middle, "runs": found, "of": len(curves)}
    return row


def described(curve):
    """Return a curve in one line of text."""
    seconds, _ = curve[-1]
    return f"{len(curve)} epochs in {seconds:.0f} s, best {max(a for _, a in curve):.2f} %"


def table(rows):
    """Return one line per program: minutes to each level."""
    lines = ["minutes until PublicTest reaches (median of the runs that do; lowest to highest)"]
    lines.append(f"  {'':<10}" + "".join(f"{level:>24} %" for level in LEVELS))
    for name, row in rows.items():
        cells = []
        for level in LEVELS:
            cell = row[level]
            if cell["median"] is None:
                text = "not reached"
            else:
                low, high = min(cell["runs"]) / 60, max(cell["runs"]) / 60
                text = f"{cell['median'] / 60:.1f} ({low:.1f} to {high:.1f})"
                if len(cell["runs"]) < cell["of"]:
                    text += f" {len(cell['runs'])} of {cell['of']}"
            cells.append(f"{text:>26}")
        lines.append(f"  {name:<10}" + "".join(cells))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
