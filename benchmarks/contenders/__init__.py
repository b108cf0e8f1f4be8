"""One contender a module, run as a process of its own.

    python -m benchmarks.contenders.NAME --batch 128 --precision float32 --seconds 10

prints its result as one line of JSON. NAME_training instead trains on real pictures with the
article's settings (see `Article`) and prints a line an epoch.

The net is the first article's in all of them: 5x5 convolutions of 64, 64 and 128 with batch
normalization, ReLU and 3x3 pools of stride 2, two dense layers of 512 with batch normalization,
dropout 0.4 before each dense layer, 7 classes; Adam of rate 0.001; moving average of the weights.
"""

import argparse
import json
import statistics
import time
from typing import NamedTuple

PARAMETERS = 2_936_391  # trainable, of the net above
CLASSES, SIZE, DROPOUT, RATE, EMA = 7, 48, 0.4, 0.001, 0.999
WARM_UP = 10


class Augmentation(NamedTuple):
    """Mirrored or not; turned, enlarged and moved by up to so much."""

    radians: float
    zoom: float = 0.0
    shift: float = 0.0
    fill: str = "constant"  # or nearest, where a picture does not reach


# Of recipe lenet, for the end-to-end rates.
AUGMENTATION = Augmentation(0.26, 0.15, 0.1, "nearest")


class Article:
    """Settings of the article's best run, which the scripts of `time_to_accuracy` share.

    Adam, the rate falling by 1 % an epoch to a tenth; dropout 0.5; disgust weighs 10; L2 on the two
    hidden dense layers; pictures divided by 255, mirrored or not, turned by up to 0.5 rad.
    """

    batch, rate, decay, floor = 256, 0.0005, 0.99, 0.1
    dropout, ema, disgust, disgust_weight = 0.5, 0.99, 1, 10.0
    augmentation = Augmentation(0.5)
    l2 = 0.04 / 256  # times |w|^2 / 2
    epochs = 100


def arguments(precisions):
    """The command line that all contenders share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=precisions, default=precisions[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--pictures", help="instead of one synthetic batch: where pictures lie")
    return parser.parse_args()


def synthetic(batch):
    """A batch of random pictures, float32 [batch, 48, 48, 1] of unit spread, and labels int64."""
    import numpy as np

    draw = np.random.default_rng(0)
    images = draw.standard_normal((batch, SIZE, SIZE, 1), dtype=np.float32)
    return images, draw.integers(0, CLASSES, batch)


def training_arguments():
    """The command line of the scripts that train: .npz with images, labels, public_images, ..."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--epochs", type=int, default=Article.epochs)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def report_epoch(epoch, accuracy):
    """Prints what `time_to_accuracy` waits for. accuracy: of PublicTest, shadow variables."""
    print(f"epoch {epoch} PublicTest {100 * accuracy:.4f} %", flush=True)


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


def latencies(call, images, seconds):
    """Milliseconds of call(images): {"p50", "p99"}, after a warm-up of a tenth."""
    durations, start = [], time.perf_counter()
    while time.perf_counter() < start + 1.1 * seconds:
        begun = time.perf_counter()
        call(images)
        if begun > start + 0.1 * seconds:
            durations.append(1000 * (time.perf_counter() - begun))
    cuts = statistics.quantiles(durations, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def report(*, rate, parameters):
    """Prints the result, after checking that the net is the same."""
    assert parameters == PARAMETERS, f"{parameters} trainable parameters, not {PARAMETERS}"
    print(json.dumps({"pictures_per_second": rate}))
