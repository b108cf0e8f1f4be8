"""The `fer` package's classifier, its shipped weights, on single faces and on batches."""

import argparse
import json

import numpy as np
from fer.fer import FER

from benchmarks.baselines import common
from benchmarks.predict import BATCHES


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--model", choices=("tflite", "keras"), required=True)
    args = parser.parse_args()
    classify = FER(use_tflite=args.model == "tflite")._classify_emotions
    random = np.random.default_rng(0)
    result = {}
    for batch in BATCHES:
        faces = random.uniform(-1, 1, (batch, 64, 64)).astype(np.float32)
        result[batch] = common.latencies(
            lambda images: np.asarray(classify(images)), faces, args.seconds
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
