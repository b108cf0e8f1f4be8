"""One contender a module, run as a process of its own; prints its result as one line of JSON.

    python -m benchmarks.contenders.NAME --batch 128 --precision float32 --seconds 10

The net is the first article's in all of them: 5x5 convolutions of 64, 64 and 128 with batch
normalization, ReLU and 3x3 pools of stride 2, two dense layers of 512 with batch normalization,
dropout 0.4 before each dense layer, 7 classes; Adam of rate 0.001; moving average of the weights.
"""

import argparse
import json
import statistics
import time

PARAMETERS = 2_936_391  # trainable, of the net above
CLASSES, SIZE, DROPOUT, RATE, EMA = 7, 48, 0.4, 0.001, 0.999
WARM_UP = 10


def arguments(precisions):
    """The command line that all contenders share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=precisions, default=precisions[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def synthetic(batch):
    """A batch of random pictures, float32 [batch, 48, 48, 1] of unit spread, and labels int64."""
    import numpy as np

    draw = np.random.default_rng(0)
    images = draw.standard_normal((batch, SIZE, SIZE, 1), dtype=np.float32)
    return images, draw.integers(0, CLASSES, batch)


def measure(step, batch, seconds):
    """Calls `step` for a while after a warm-up; returns pictures a second, by the median step."""
    for _ in range(WARM_UP):
        step()
    durations, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        step()
        durations.append(time.perf_counter() - start)
    return batch / statistics.median(durations)


def report(*, rate, parameters):
    """Prints the result, after checking that the net is the same."""
    assert parameters == PARAMETERS, f"{parameters} trainable parameters, not {PARAMETERS}"
    print(json.dumps({"pictures_per_second": rate}))
