"""Run candidates in turn for several rounds, each run a process of its own; medians and ratios.

As they take turns, a slow minute of the machine slows all of them.
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

from benchmarks.lib import chart

ROOT = Path(__file__).parents[2]
# Where `make bench-env` installs the packages compared with, which ours does not need.
PEERS = ROOT / ".venv-bench" / "bin" / "python"


class Candidate(NamedTuple):
    """A program to be timed."""

    name: str
    module: str  # in benchmarks.baselines
    arguments: tuple = ()
    python: str = sys.executable


def parser(name, description, *, rounds, seconds=None):
    """Return a parser with the options that benchmarks share; --seconds where it has a default."""
    result = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--rounds", type=int, default=rounds, metavar="N", help="(default: %(default)s)")
    if seconds:
        text = "measured per run (default: %(default)s)"
        add("--seconds", type=float, default=seconds, metavar="S", help=text)
    add("--json", metavar="FILE", help="write the figures")
    add("--plot", metavar="FILE.png", help="plot the figures")
    return result


def peers_missing():
    """Return whether the peers' environment is missing; print how to make it."""
    if PEERS.exists():
        return False
    print(f"error: no {PEERS}; make it with: make bench-env", file=sys.stderr)
    return True


def in_turn(items, count):
    """Yield every item once per round, each round begun with the next one; show a progress bar."""
    turns = [
        item
        for number in range(count)
        for item in items[number % len(items) :] + items[: number % len(items)]
    ]
    return tqdm(turns, desc="runs", unit=" run")


def rounds(candidates, count):
    """Return {name: [result per round]}, the JSON that each candidate prints.

    Raises SystemExit with the end of its errors where one fails.
    """
    results = {candidate.name: [] for candidate in candidates}
    for candidate in in_turn(candidates, count):
        results[candidate.name].append(_run(candidate))
    return results


def _run(candidate):
    command = [candidate.python, "-m", f"benchmarks.baselines.{candidate.module}"]
    command += map(str, candidate.arguments)
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{candidate.name}: ended with {ran.returncode}\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout.strip().splitlines()[-1])


def timed(command, *, succeeds=True):
    """Run a command. Return {"seconds", "peak_mb"} of the process.

    Raises SystemExit where it exits with 0 and `succeeds` is false, or the other way round.
    """
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
    """Return the environment of every run: this process' own, with the repository's modules."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def summary(results, key):
    """Return {name: {"median", "low", "high", "runs"}} of one value of {name: results}."""
    values = {name: [result[key] for result in each] for name, each in results.items()}
    return {
        name: {"median": statistics.median(v), "low": min(v), "high": max(v), "runs": v}
        for name, v in values.items()
    }


def machine():
    """Return what the figures were measured on: {"cores", "processor", "python"}."""
    names = [line for line in _cpuinfo() if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": names[0].partition(":")[2].strip() if names else platform.processor(),
        "python": platform.python_version(),
    }


def _cpuinfo():
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def save(args, result, figures, *, title, unit):
    """Write what --json and --plot ask for: `result`, and a bar chart of `figures`."""
    write_json(args, result)
    if args.plot:
        chart.bars(figures, args.plot, title=title, unit=unit)


def write_json(args, result):
    """Write `result` and the machine to the file of --json, where it is given."""
    if args.json:
        Path(args.json).write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")


def table(figures, ours, *, unit, more_is_better=True):
    """Return one line per candidate, the best first, with how many times better `ours` are."""
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
