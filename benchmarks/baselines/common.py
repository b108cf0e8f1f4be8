"""Shared by the programs that train: the net's sizes, settings, timing, output.

    python -m benchmarks.baselines.NAME --batch 128 --precision float32 --seconds 10

prints its result as one line of JSON. NAME_training instead trains on real images with the
settings of Hu 2019 (see `Hu2019`) and prints one line per epoch.

All have the net of Hu 2019: 5x5 convolutions of 64, 64 and 128 filters with batch normalization,
ReLU and 3x3 pools of stride 2, two dense layers of 512 with batch normalization, dropout 0.4 before
each dense layer, 7 classes; Adam with learning rate 0.001; EMA weights.

`ours` and `torch_step` take `--net NAME` too: that net with the options of its recipe, Nesterov's
momentum, EMA weights, and one synthetic batch in every step. The learning rate is so low that no
net diverges: infinite values are slow, in some operations a hundred times.
"""

import argparse
import json
import math
import statistics
import time
from typing import NamedTuple

from benchmarks.lib import memory

PARAMETERS = 2_936_391  # trainable, of the net above
CLASSES, SIZE, DROPOUT, RATE, EMA, MOMENTUM = 7, 48, 0.4, 0.001, 0.999, 0.9
NET_RATE = 1e-5  # with --net
WARM_UP, LEAST = 10, 3


class Augmentation(NamedTuple):
    """Random flips, and the largest rotation, zoom and translation."""

    radians: float
    zoom: float = 0.0
    translation: float = 0.0  # of the image's side
    fill_mode: str = "constant"  # of pixels from outside the image; or nearest


# As in recipe lenet, for the end-to-end rates.
AUGMENTATION = Augmentation(0.26, 0.15, 0.1, "nearest")


class Hu2019:
    """Settings of the best run of Hu 2019, which the scripts of `time_to_accuracy` share.

    Adam, its learning rate reduced by 1 % per epoch down to a tenth; dropout 0.5; class weight 10
    for disgust; weight decay on the two hidden dense layers; images divided by 255, random flips,
    rotations of up to 0.5 rad.
    """

    batch, rate, decay, floor = 256, 0.0005, 0.99, 0.1
    dropout, ema, disgust, disgust_weight = 0.5, 0.99, 1, 10.0
    augmentation = Augmentation(0.5)
    weight_decay = 0.04 / 256  # times |w|^2 / 2
    epochs = 100


def arguments(precisions, *, nets=False):
    """Return the options of the programs that time a training step; --net where `nets`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=precisions, default=precisions[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--images", help="train on these instead of on one synthetic batch")
    if nets:
        parser.add_argument("--net", help="with momentum, instead of the net of Hu 2019 with Adam")
    return parser.parse_args()


def synthetic(batch):
    """Return random images, float32 [batch, 48, 48, 1] with std 1, and labels int64 [batch]."""
    import numpy as np

    random = np.random.default_rng(0)
    images = random.standard_normal((batch, SIZE, SIZE, 1), dtype=np.float32)
    return images, random.integers(0, CLASSES, batch)


def training_arguments():
    """Return the options of the scripts that train; --images: .npz with images, labels,
    public_images, public_labels."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", required=True)
    parser.add_argument("--epochs", type=int, default=Hu2019.epochs)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def report_epoch(epoch, accuracy):
    """Print the line that `time_to_accuracy` reads. accuracy: of EMA weights on PublicTest."""
    print(f"epoch {epoch} PublicTest {100 * accuracy:.4f} %", flush=True)


def measure(step, batch, seconds):
    """Return images per second of the median call of `step` over `seconds`, after a warm-up.

    Slow steps are warmed up for half of `seconds`. Either takes at least LEAST calls.
    """
    _durations(step, seconds / 2, most=WARM_UP)
    return batch / statistics.median(_durations(step, seconds))


def _durations(step, seconds, most=None):
    result, end = [], time.perf_counter() + seconds
    while len(result) < LEAST or (time.perf_counter() < end and len(result) != most):
        start = time.perf_counter()
        step()
        result.append(time.perf_counter() - start)
    return result


def latencies(call, images, seconds):
    """Return {"p50", "p99"} of call(images) in milliseconds, after a warm-up of a tenth."""
    durations, start = [], time.perf_counter()
    while time.perf_counter() < start + 1.1 * seconds:
        begun = time.perf_counter()
        call(images)
        if begun > start + 0.1 * seconds:
            durations.append(1000 * (time.perf_counter() - begun))
    cuts = statistics.quantiles(durations, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def report(*, rate, parameters, net=None, loss=0.0):
    """Print the result as JSON, after checking that the net is that of Hu 2019 and the loss finite.

    parameters: trainable ones. net: another net, whose parameters `train_step` compares.
    """
    same = net or parameters == PARAMETERS
    assert same, f"{parameters} trainable parameters, not {PARAMETERS}"
    assert math.isfinite(loss), f"the loss is {loss}: such values change the speed"
    result = {"images_per_second": rate, "parameters": parameters, "peak_mb": memory.own_peak()}
    print(json.dumps(result))
