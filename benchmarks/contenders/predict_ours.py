"""`Classifier.probabilities` on single faces and on batches."""

import argparse
import json

import numpy as np

from benchmarks import contenders
from benchmarks.predict import BATCHES
from fer2013_tf import emotions, evaluation, inference, recipes

DATA = {"classes": list(emotions.FER2013), "size": [48, 48], "mean": 129.0, "deviation": 65.0}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--precision", default="float32")
    args = parser.parse_args()
    draw = np.random.default_rng(0)
    result = {}
    for batch in BATCHES:
        single = batch <= evaluation.FEW
        if single and args.precision != "float32":
            continue
        with inference.Classifier(
            recipes.load("lenet"), DATA, precision=args.precision, single=single
        ) as classifier:
            classifier.load(
                {
                    name: draw.uniform(0.01, 0.1, place.shape.as_list())
                    for name, (place, _) in classifier.net.assign.items()
                }
            )
            faces = draw.integers(0, 256, (batch, 48, 48), np.uint8)
            result[batch] = contenders.latencies(classifier.probabilities, faces, args.seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
