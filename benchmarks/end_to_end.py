"""Compare training with input and augmentation to the training step alone: ours, Keras, PyTorch.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.end_to_end                 # about ten minutes, on an idle machine

As many random images as FER2013's Training has, flipped, rotated, scaled and translated as in
recipe `lenet`. Ours are read from TFRecords, the peers' from memory. Each framework has its fastest
number format.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.lib import runner
from fer2013_tf.data import records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.utils import constants

IMAGES = constants.OFFICIAL_SIZES[constants.TRAINING]
UNIT = "images per second"


def random_set(folder):
    """Write random images as records and, for the peers, as arrays. Return (records, arrays)."""
    random = np.random.default_rng(0)
    size = constants.IMAGE_SIZE
    images = random.integers(0, 256, (IMAGES, size, size), np.uint8)
    labels = random.integers(0, len(constants.FER2013), IMAGES)
    with records.Writer(folder / "records", classes=constants.FER2013) as writer:
        for row, (pixels, label) in enumerate(zip(images, labels), start=1):
            writer.add(LabeledImage(pixels, int(label), constants.TRAINING, row, "random"))
        writer.commit()
    np.savez(folder / "images.npz", images=images, labels=labels)
    return folder / "records", folder / "images.npz"


def candidates(batch, seconds, folder):
    """Return each framework with and without input."""
    our_images, their_images = random_set(folder)
    frameworks = [
        ("ours", "ours", "bfloat16", our_images, sys.executable),
        ("Keras", "keras_fit", "mixed_bfloat16", their_images, sys.executable),
        ("PyTorch", "torch_step", "bfloat16", their_images, str(runner.PEERS)),
    ]
    result = []
    for name, module, precision, images, python in frameworks:
        words = ("--batch", batch, "--precision", precision, "--seconds", seconds)
        result.append(runner.Candidate(f"{name} step", module, words, python))
        words = (*words, "--images", images)
        result.append(runner.Candidate(f"{name} end to end", module, words, python))
    return result


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    command = runner.parser("end_to_end", __doc__, rounds=5, seconds=10)
    command.add_argument("--batch", type=int, default=256, metavar="N", help="(default: 256)")
    args = command.parse_args(argv)
    if runner.peers_missing():
        return 2
    with tempfile.TemporaryDirectory() as folder:
        competing = candidates(args.batch, args.seconds, Path(folder))
        results = runner.rounds(competing, args.rounds)
    figures = runner.summary(results, "images_per_second")
    ratios = {
        name: figures[f"{name} end to end"]["median"] / figures[f"{name} step"]["median"]
        for name in ("ours", "Keras", "PyTorch")
    }
    print(runner.table(figures, ["ours end to end"], unit=UNIT))
    print("\n".join(f"  {name}: {ratio:.3f} of its step's rate" for name, ratio in ratios.items()))
    result = {"batch": args.batch, "figures": figures, "share of the step": ratios}
    runner.save(args, result, figures, title=f"Training, batch {args.batch}", unit=UNIT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
