"""Measure the start-up time of the commands: help, wrong arguments, missing sources; of imports.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.start_up                   # about two minutes, on an idle machine
"""

import sys

from benchmarks.lib import runner

UNIT = "seconds"
OURS = {
    "train --help": ("train", "--help"),
    "train, unknown key": ("train", "--set", "epoch=3"),
    "train, no records": ("train", "--records", "no/such/folder"),
    "eval, unknown run": ("eval", "--run", "no-such-run"),
    "make_records, no file": ("make_records", "no-such.csv"),
    "predict, no file": ("predict", "no-such.jpg"),
}
IMPORTS = {
    "python": (sys.executable, "pass"),
    "import tensorflow": (sys.executable, "import tensorflow"),
    "the same, as we do": (sys.executable, "from fer2013_tf.utils.tf1 import tf"),
    "import torch": (str(runner.PEERS), "import torch"),
    "import fer": (str(runner.PEERS), "from fer.fer import FER"),
}


def commands():
    """Return {name: (command line, whether it exits with 0)}."""
    result = {}
    for name, (command, *words) in OURS.items():
        line = [sys.executable, "-m", f"fer2013_tf.{command}", *words]
        result[f"ours: {name}"] = line, "--help" in words
    for name, (python, statement) in IMPORTS.items():
        result[name] = [python, "-c", statement], True
    return result


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    args = runner.parser("start_up", __doc__, rounds=5).parse_args(argv)
    if runner.peers_missing():
        return 2
    lines = commands()
    results = {name: [] for name in lines}
    for name in runner.in_turn(list(lines), args.rounds):
        command, succeeds = lines[name]
        results[name].append(runner.timed(command, succeeds=succeeds))
    figures = runner.summary(results, "seconds")
    ours = ["ours: train --help"]
    print(runner.table(figures, ours, unit=UNIT, more_is_better=False))
    runner.save(args, {"seconds": figures}, figures, title="Start-up", unit=UNIT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
