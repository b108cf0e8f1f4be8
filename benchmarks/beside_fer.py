"""Compare prediction from image to expressions with the `fer` package, each with its defaults.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.beside_fer                 # about five minutes, on an idle machine

First the accuracy of the classifiers alone on the images of PrivateTest, resized to 64x64 for
`fer`, each with the weights it contains. Then prediction on a 640x480 image with one face and with
ten, made of test images (benchmarks/lib/test_images.py): milliseconds, faces found, seconds until
ready (imports and weights), peak memory. Ours detects faces by BlazeFace, `fer` by its default, the
Haar cascade. Sizes of installations: python -m benchmarks.install_size.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.lib import runner, test_images
from fer2013_tf.data import records
from fer2013_tf.evaluation import metrics
from fer2013_tf.utils import constants

FACES = (1, 10)
UNITS = {
    **{f"scene_{count}_ms": f"{count} face{'s' * (count > 1)}, 640x480, ms" for count in FACES},
    "ready_seconds": "ready, seconds",
    "peak_mb": "peak memory, MB",
}


def candidates(images, task, seconds):
    """Return both programs, for one task."""
    words = ("--task", task, "--images", images, "--seconds", seconds)
    return [
        runner.Candidate("ours", "recognize_ours", words),
        runner.Candidate("fer", "recognize_fer", words, str(runner.PEERS)),
    ]


def write_images(path, args):
    """Write the input of both programs. Return the number of images in PrivateTest."""
    private = records.RecordSet(args.records).read(constants.PRIVATE_TEST)
    scenes = {f"scene_{count}": test_images.scene(args.cache, count) for count in FACES}
    arrays = {name: np.asarray(image) for name, image in scenes.items()}
    np.savez(path, images=private.images, labels=private.labels, **arrays)
    return len(private.labels)


def accuracies(results, count):
    """Return {name: {"median", "low", "high"}} in percent; the range is Wilson's 95 % interval."""
    shown = {}
    for name, (result,) in results.items():
        ends = metrics.accuracy_interval(round(result["accuracy"] * count), count)
        low, high = (100 * end for end in ends)
        shown[name] = {"median": 100 * result["accuracy"], "low": low, "high": high}
    return shown


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    command = runner.parser("beside_fer", __doc__, rounds=5, seconds=5)
    command.add_argument("--records", default="tfrecords", metavar="DIR", help="(%(default)s)")
    test_images.add_cache(command)
    args = command.parse_args(argv)
    if runner.peers_missing():
        return 2
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npz"
        count = write_images(images, args)
        classified = runner.rounds(candidates(images, "accuracy", 0), 1)
        timed = runner.rounds(candidates(images, "speed", args.seconds), args.rounds)
    result = {"accuracy": accuracies(classified, count)}
    print(runner.table(result["accuracy"], ["ours"], unit="PrivateTest, % (95 % interval)"))
    for key, unit in UNITS.items():
        result[key] = runner.summary(timed, key)
        print(runner.table(result[key], ["ours"], unit=unit, more_is_better=False))
    for faces in FACES:
        key = f"scene_{faces}_faces"
        result[key] = {name: runs[0][key] for name, runs in timed.items()}
        found = ", ".join(f"{name} {number}" for name, number in result[key].items())
        print(f"of {faces} found: {found}")
    largest = f"scene_{FACES[-1]}_ms"
    title = f"{FACES[-1]} faces in an image of 640x480"
    runner.save(args, result, result[largest], title=title, unit="milliseconds, median")
    return 0


if __name__ == "__main__":
    sys.exit(main())
