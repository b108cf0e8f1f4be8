"""Runs contenders in turn, several rounds, each run a process of its own; medians and ratios.

Whatever else the machine does in a slow minute then falls on all of them.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from benchmarks import chart

ROOT = Path(__file__).parent.parent
# Where `make bench-env` installs the peers that the program itself does not need.
PEERS = ROOT / ".venv-bench" / "bin" / "python"


class Contender(NamedTuple):
    """Something to be timed."""

    name: str
    module: str  # below benchmarks.contenders
    arguments: tuple = ()
    python: str = sys.executable


def parser(name, description, *, rounds, seconds=None):
    """A command line with what all benchmarks share. seconds: default of --seconds, if any."""
    result = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--rounds", type=int, default=rounds, metavar="N", help="(default: %(default)s)")
    if seconds:
        text = "that a run measures (default: %(default)s)"
        add("--seconds", type=float, default=seconds, metavar="S", help=text)
    add("--json", metavar="FILE", help="write the figures")
    add("--plot", metavar="FILE.png", help="draw them")
    return result


def peers_missing():
    """Says what makes the peers' environment where it is not there."""
    if PEERS.exists():
        return False
    print(f"error: no {PEERS}; make it with: make bench-env", file=sys.stderr)
    return True


def in_turn(items, count):
    """Every item once a round, the order turning from round to round, under a progress bar."""
    turns = [
        item
        for number in range(count)
        for item in items[number % len(items) :] + items[: number % len(items)]
    ]
    return tqdm(turns, desc="runs", unit=" run")


def rounds(contenders, count):
    """{name: [its result, a round]}: what each contender prints as JSON."""
    results = {contender.name: [] for contender in contenders}
    for contender in in_turn(contenders, count):
        results[contender.name].append(_run(contender))
    return results


def _run(contender):
    command = [contender.python, "-m", f"benchmarks.contenders.{contender.module}"]
    command += map(str, contender.arguments)
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{contender.name}: ended with {ran.returncode}\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout.strip().splitlines()[-1])


def timed(command, *, succeeds=True):
    """Runs a command: {"seconds", "peak_mb"} of the process. succeeds: whether it is to exit 0."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if (process.returncode == 0) != succeeds:
        words = " ".join(map(str, command))
        raise SystemExit(f"{words}: ended with {process.returncode}")
    return {"seconds": seconds, "peak_mb": usage.ru_maxrss / 1024}


def environment():
    """The environment of every run: ours, with the repository's modules."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def summary(results, key):
    """{name: results} -> {name: {"median", "low", "high", "runs"}} of one of their values."""
    values = {name: [result[key] for result in each] for name, each in results.items()}
    return {
        name: {"median": statistics.median(v), "low": min(v), "high": max(v), "runs": v}
        for name, v in values.items()
    }


def machine():
    """What the figures were measured on."""
    names = [line for line in _cpuinfo() if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": names[0].partition(":")[2].strip() if names else platform.processor(),
        "python": platform.python_version(),
    }


def _cpuinfo():
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def keep(args, result, figures, *, title, unit):
    """Writes what --json and --plot ask for."""
    if args.json:
        Path(args.json).write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
    if args.plot:
        chart.bars(figures, args.plot, title=title, unit=unit)


def table(figures, ours, *, unit, more_is_better=True):
    """Text: a line a contender, the best first; how many times better each of `ours` is."""
    lines = [f"{unit}: median (lowest to highest); how many times better ours is"]
    sign = -1 if more_is_better else 1
    for name, figure in sorted(figures.items(), key=lambda item: sign * item[1]["median"]):
        low, middle, high = (f"{figure[key]:.4g}" for key in ("low", "median", "high"))
        line = f"  {name:<28}{middle:>8} ({low} to {high})"
        if name not in ours:
            ratios = ((o, figures[o]["median"] / figure["median"]) for o in ours)
            line += "   " + ", ".join(f"{o} {ratio**-sign:.2f}" for o, ratio in ratios)
        lines.append(line)
    return "\n".join(lines)
