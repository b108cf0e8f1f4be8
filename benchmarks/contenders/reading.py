"""What the contenders of `beside_fer` share: one of two tasks, its result as JSON.

A contender's `load()` imports what it needs and returns (classify, read): classify(uint8 [n, 48,
48]) -> probabilities [n, 7] in FER2013's order, read(uint8 [h, w, 3] RGB) -> number of faces read.
"""

import argparse
import json
import resource
import time

import numpy as np

from benchmarks import contenders


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
    # Linux counts in kilobytes.
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    raise SystemExit("run a contender: python -m benchmarks.contenders.read_ours, read_fer")
