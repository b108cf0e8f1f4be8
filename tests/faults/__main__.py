"""Run all fault cases, or some of them; counts for docs/reliability.md.

    python -m tests.faults                               # about two hours
    python -m tests.faults --only kills,damage --share 0.1
    python -m tests.faults --json docs/results/reliability.json

Run as root, or with the right to mount, for full and read-only disks.
"""

import argparse
import importlib
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fer2013_tf.utils import files
from tests.faults import harness

KINDS = (
    "kills",
    "disks",
    "damage",
    "together",
    "tables",
    "images",
    "labels",
    "sources",
    "memory",
    "outputs",
    "names",
    "same_face",
    "videos",
    "recognizers",
)


def parser():
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--only", default=",".join(KINDS), metavar="A,B", help="default: all")
    result.add_argument(
        "--share", type=float, default=1.0, help="run this share of each kind's cases (default: 1)"
    )
    result.add_argument("--json", metavar="FILE", help="add the counts to those in this file")
    return result


def main(argv=None):
    """Run the command. Return its exit status, 1 where a case failed."""
    args = parser().parse_args(argv)
    failed = 0
    for kind in args.only.split(","):
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"faults-{kind}-") as scratch:
            cases = []
            for case in importlib.import_module(f"tests.faults.{kind}").cases(
                Path(scratch), args.share
            ):
                cases.append(case)
                print(f"{kind} {len(cases)}: {case.name}: {case.verdict}", flush=True)
        figures = count_verdicts(cases, time.monotonic() - started)
        print(kind, figures, flush=True)
        failed += figures["failed"]
        if args.json:
            _add(Path(args.json), kind, {**figures, "listed": [case._asdict() for case in cases]})
    return int(failed > 0)


def count_verdicts(cases, seconds):
    """Count the verdicts."""
    verdicts = Counter(case.verdict for case in cases)
    return {
        "cases": len(cases),
        **{verdict: verdicts[verdict] for verdict in harness.VERDICTS},
        "failed": sum(n for verdict, n in verdicts.items() if verdict not in harness.VERDICTS),
        "most epochs lost": max((case.lost for case in cases), default=0),
        "seconds": round(seconds),
    }


def _add(path, kind, figures):
    there = json.loads(path.read_text()) if path.exists() else {}
    files.write_atomically(path, json.dumps({**there, kind: figures}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
