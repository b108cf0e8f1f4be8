"""`Classifier.probabilities` on single faces and on batches."""

import argparse
import json

import numpy as np

from benchmarks.baselines import common
from benchmarks.predict import BATCHES
from fer2013_tf import recipes
from fer2013_tf.evaluation import ensembles
from fer2013_tf.evaluation.classifier import Classifier
from fer2013_tf.utils import constants

DATA = {"classes": list(constants.FER2013), "size": [48, 48], "mean": 129.0, "std": 65.0}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--precision", default="float32")
    args = parser.parse_args()
    random = np.random.default_rng(0)
    result = {}
    for batch in BATCHES:
        latency_mode = batch <= ensembles.FEW
        if latency_mode and args.precision != "float32":
            continue
        with Classifier(
            recipes.load("lenet"), DATA, precision=args.precision, latency_mode=latency_mode
        ) as classifier:
            classifier.load(
                {
                    name: random.uniform(0.01, 0.1, place.shape.as_list())
                    for name, (place, _) in classifier.net.assign.items()
                }
            )
            faces = random.integers(0, 256, (batch, 48, 48), np.uint8)
            result[batch] = common.latencies(classifier.probabilities, faces, args.seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
