"""Training with input and augmentation, beside the bare step; ours, Keras and PyTorch.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.end_to_end                 # about ten minutes, on an idle machine

As many random pictures as FER2013's Training holds, mirrored, turned, scaled and moved as recipe
`lenet` does; ours read from TFRecords, the peers' from memory. Each at its fastest format.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import alternate
from fer2013_tf import emotions, records
from fer2013_tf.sources import Face

PICTURES = emotions.OFFICIAL_SIZES[emotions.TRAINING]
UNIT = "pictures a second"


def random_set(folder):
    """Writes records and, for the peers, arrays of random pictures. Returns (records, arrays)."""
    draw = np.random.default_rng(0)
    size = emotions.PICTURE_SIZE
    images = draw.integers(0, 256, (PICTURES, size, size), np.uint8)
    labels = draw.integers(0, len(emotions.FER2013), PICTURES)
    with records.Writer(folder / "records", classes=emotions.FER2013) as writer:
        for row, (pixels, label) in enumerate(zip(images, labels), start=1):
            writer.add(Face(pixels, int(label), emotions.TRAINING, row, "random"))
        writer.commit()
    np.savez(folder / "pictures.npz", images=images, labels=labels)
    return folder / "records", folder / "pictures.npz"


def contenders(batch, seconds, folder):
    """Each framework with and without input."""
    our_pictures, their_pictures = random_set(folder)
    settings = [
        ("ours", "ours", "bfloat16", our_pictures, sys.executable),
        ("Keras", "keras_fit", "mixed_bfloat16", their_pictures, sys.executable),
        ("PyTorch", "torch_step", "bfloat16", their_pictures, str(alternate.PEERS)),
    ]
    result = []
    for name, module, precision, pictures, python in settings:
        words = ("--batch", batch, "--precision", precision, "--seconds", seconds)
        result.append(alternate.Contender(f"{name} step", module, words, python))
        words = (*words, "--pictures", pictures)
        result.append(alternate.Contender(f"{name} end to end", module, words, python))
    return result


def main(argv=None):
    """Entry point; returns the exit status."""
    command = alternate.parser("end_to_end", __doc__, rounds=5, seconds=10)
    command.add_argument("--batch", type=int, default=256, metavar="N", help="(default: 256)")
    args = command.parse_args(argv)
    if alternate.peers_missing():
        return 2
    with tempfile.TemporaryDirectory() as folder:
        competing = contenders(args.batch, args.seconds, Path(folder))
        results = alternate.rounds(competing, args.rounds)
    figures = alternate.summary(results, "pictures_per_second")
    shares = {
        name: figures[f"{name} end to end"]["median"] / figures[f"{name} step"]["median"]
        for name in ("ours", "Keras", "PyTorch")
    }
    print(alternate.table(figures, ["ours end to end"], unit=UNIT))
    print("\n".join(f"  {name}: {share:.3f} of its step's rate" for name, share in shares.items()))
    result = {"batch": args.batch, "figures": figures, "share of the step": shares}
    alternate.keep(args, result, figures, title=f"Training, batch {args.batch}", unit=UNIT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
