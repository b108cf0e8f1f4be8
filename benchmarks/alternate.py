"""Runs contenders in turn, several rounds, each run a process of its own; medians and ratios.

Whatever else the machine does in a slow minute then falls on all of them.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).parent.parent
# Where `make bench-env` installs the peers that the program itself does not need.
PEERS = ROOT / ".venv-bench" / "bin" / "python"


class Contender(NamedTuple):
    """Something to be timed."""

    name: str
    module: str  # below benchmarks.contenders
    arguments: tuple = ()
    python: str = sys.executable


def rounds(contenders, count, *, key):
    """{name: [value a round]} of `key` in each contender's JSON; the order turns every round."""
    values = {contender.name: [] for contender in contenders}
    turns = [
        c
        for r in range(count)
        for c in contenders[r % len(contenders) :] + contenders[: r % len(contenders)]
    ]
    for contender in tqdm(turns, desc="runs", unit=" run"):
        values[contender.name].append(_run(contender)[key])
    return values


def _run(contender):
    command = [contender.python, "-m", f"benchmarks.contenders.{contender.module}"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [*command, *map(str, contender.arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise SystemExit(f"{contender.name}: ended with {ran.returncode}\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout.strip().splitlines()[-1])


def summary(values):
    """{name: values} -> {name: {"median", "low", "high", "runs"}}."""
    return {
        name: {"median": statistics.median(v), "low": min(v), "high": max(v), "runs": v}
        for name, v in values.items()
    }
