"""The bare training step, ours beside Keras, PyTorch and the articles' style.

make bench-env                                  # once: PyTorch, in .venv-bench
python -m benchmarks.train_step                 # about 20 minutes, on an idle machine
python -m benchmarks.train_step --rounds 3 --seconds 5 --batches 128
"""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import alternate

OURS = ("bfloat16", "float32")
KERAS = ("float32", "mixed_bfloat16", "jit")
TORCH = ("float32", "bfloat16", "compiled", "compiled_bfloat16")


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.train_step",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        "--rounds",
        type=int,
        default=5,
        metavar="N",
        help="runs of each (default: %(default)s)",
    )
    add(
        "--seconds",
        type=float,
        default=8,
        metavar="S",
        help="a run measures (default: %(default)s)",
    )
    add(
        "--batches",
        default="128,256",
        metavar="N,N",
        help="batch sizes (default: %(default)s)",
    )
    add("--json", metavar="FILE", help="write the figures")
    return result


def contenders(batch, seconds):
    """Every setting of every framework at one batch size."""
    settings = [
        ("ours", "ours", OURS),
        ("Keras", "keras_fit", KERAS),
        ("PyTorch", "torch_step", TORCH),
    ]
    settings.append(("feed_dict", "feed_dict", ("float32",)))
    return [
        alternate.Contender(
            f"{name} {precision}",
            module,
            ("--batch", batch, "--precision", precision, "--seconds", seconds),
            python=str(alternate.PEERS) if name == "PyTorch" else sys.executable,
        )
        for name, module, precisions in settings
        for precision in precisions
    ]


def main(argv=None):
    """Entry point; returns the exit status."""
    args = parser().parse_args(argv)
    if not alternate.PEERS.exists():
        print(
            f"error: no {alternate.PEERS}; make it with: make bench-env",
            file=sys.stderr,
        )
        return 2
    result = {"cores": len(os.sched_getaffinity(0)), "batches": {}}
    for batch in map(int, args.batches.split(",")):
        values = alternate.rounds(
            contenders(batch, args.seconds), args.rounds, key="pictures_per_second"
        )
        result["batches"][batch] = alternate.summary(values)
        print(table(result["batches"][batch], batch))
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    return 0


def table(figures, batch):
    """Text: a line a contender, the fastest first, with our bfloat16 and float32 rates over it."""
    lines = [f"batch {batch}: pictures a second, median (lowest to highest); ours over theirs"]
    for name, figure in sorted(figures.items(), key=lambda item: -item[1]["median"]):
        ratios = [figures[f"ours {p}"]["median"] / figure["median"] for p in OURS]
        lines.append(
            f"  {name:<26}{figure['median']:7.0f} ({figure['low']:.0f} to {figure['high']:.0f})"
            f"   bfloat16 {ratios[0]:.2f}, float32 {ratios[1]:.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
