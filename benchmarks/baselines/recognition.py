"""Shared by the programs of `beside_fer`: two tasks, the result as JSON.

The module's `load()` imports what it needs and returns (classify, predict): classify(uint8 [n, 48,
48]) -> probabilities [n, 7] in FER2013's order, predict(uint8 [h, w, 3] RGB) -> number of faces.
"""

import argparse
import json
import time

import numpy as np

from benchmarks.baselines import common
from benchmarks.lib import memory


def main(load):
    """Run `--task accuracy` on labeled faces, or `--task speed` on scenes, both of --images."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=("accuracy", "speed"), required=True)
    parser.add_argument("--images", required=True, help=".npz: images, labels; scene_N")
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    given = np.load(args.images)
    started = time.perf_counter()
    classify, predict = load()
    result = {"ready_seconds": time.perf_counter() - started}
    if args.task == "accuracy":
        predicted = np.asarray(classify(given["images"])).argmax(axis=1)
        result["accuracy"] = float((predicted == given["labels"]).mean())
    else:
        for name in (name for name in given.files if name.startswith("scene_")):
            pixels = given[name]
            result[f"{name}_faces"] = predict(pixels)
            result[f"{name}_ms"] = common.latencies(predict, pixels, args.seconds)["p50"]
    print(json.dumps({**result, "peak_mb": memory.own_peak()}))


if __name__ == "__main__":
    raise SystemExit("run one of: python -m benchmarks.baselines.recognize_ours, recognize_fer")
