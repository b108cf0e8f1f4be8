"""What the contenders of `beside_fer` share: one of two tasks, its result as JSON.

A contender's `load()` imports what it needs and returns (classify, read): classify(uint8 [n, 48,
48]) -> probabilities [n, 7] in FER2013's order, read(uint8 [h, w, 3] RGB) -> number of faces read.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from benchmarks import contenders, memory


def main(load):
    """`--task accuracy` answers --pictures, `--task speed` reads its scenes again and again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=("accuracy", "speed"), required=True)
    parser.add_argument("--pictures", required=True, help=".npz: images, labels; scene_N")
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    given = np.load(args.pictures)
    started = time.perf_counter()
    classify, read = load()
    result = {"ready_seconds": time.perf_counter() - started}
    if args.task == "accuracy":
        answers = np.asarray(classify(given["images"])).argmax(axis=1)
        result["accuracy"] = float((answers == given["labels"]).mean())
    else:
        for name in (name for name in given.files if name.startswith("scene_")):
            pixels = given[name]
            result[f"{name}_faces"] = read(pixels)
            result[f"{name}_ms"] = contenders.latencies(read, pixels, args.seconds)["p50"]
    print(json.dumps({**result, "peak_mb": peak_mb()}))


def peak_mb():
    """The most memory this process has held, as Linux has it.

    Not `getrusage`'s, which begins with what the process held that started this one.
    """
    return memory.mb(Path("/proc/self/status").read_text(), memory.PEAK)


if __name__ == "__main__":
    raise SystemExit("run a contender: python -m benchmarks.contenders.read_ours, read_fer")
