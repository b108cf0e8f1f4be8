"""Whole readings, from picture to expressions: ours beside the `fer` package, each as it comes.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.beside_fer                 # about five minutes, on an idle machine

Accuracy of the classifiers alone on PrivateTest's pictures, `fer`'s at 64x64 as it wants them, each
with the weights it ships. Then readings of a 640x480 picture with one face and with ten, made of
packaged pictures (benchmarks/packaged.py): milliseconds, faces found, seconds until ready (imports
and weights), peak memory. Ours finds faces by blazeface, `fer` by its default, the Haar cascade. Of
installing: python -m benchmarks.install_size.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import alternate, packaged
from fer2013_tf import emotions, metrics, records

FACES = (1, 10)
UNITS = {
    **{f"scene_{count}_ms": f"{count} face{'s' * (count > 1)}, 640x480, ms" for count in FACES},
    "ready_seconds": "ready, seconds",
    "peak_mb": "peak memory, MB",
}


def contenders(pictures, task, seconds):
    """Both, for one task."""
    words = ("--task", task, "--pictures", pictures, "--seconds", seconds)
    return [
        alternate.Contender("ours", "read_ours", words),
        alternate.Contender("fer", "read_fer", words, str(alternate.PEERS)),
    ]


def write_pictures(path, args):
    """What both are given. Returns the number of PrivateTest's pictures."""
    private = records.read(args.records, emotions.PRIVATE_TEST)
    scenes = {f"scene_{count}": packaged.scene(args.cache, count) for count in FACES}
    arrays = {name: np.asarray(image) for name, image in scenes.items()}
    np.savez(path, images=private.images, labels=private.labels, **arrays)
    return len(private.labels)


def accuracies(results, count):
    """{name: {"median", "low", "high"}} in percent, with Wilson's interval for the range."""
    shown = {}
    for name, (result,) in results.items():
        ends = metrics.accuracy_interval(round(result["accuracy"] * count), count)
        low, high = (100 * end for end in ends)
        shown[name] = {"median": 100 * result["accuracy"], "low": low, "high": high}
    return shown


def main(argv=None):
    """Entry point; returns the exit status."""
    command = alternate.parser("beside_fer", __doc__, rounds=5, seconds=5)
    command.add_argument("--records", default="tfrecords", metavar="DIR", help="(%(default)s)")
    packaged.add_cache(command)
    args = command.parse_args(argv)
    if alternate.peers_missing():
        return 2
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures.npz"
        count = write_pictures(pictures, args)
        answered = alternate.rounds(contenders(pictures, "accuracy", 0), 1)
        read = alternate.rounds(contenders(pictures, "speed", args.seconds), args.rounds)
    result = {"accuracy": accuracies(answered, count)}
    print(alternate.table(result["accuracy"], ["ours"], unit="PrivateTest, % (95 % interval)"))
    for key, unit in UNITS.items():
        result[key] = alternate.summary(read, key)
        print(alternate.table(result[key], ["ours"], unit=unit, more_is_better=False))
    for faces in FACES:
        key = f"scene_{faces}_faces"
        result[key] = {name: runs[0][key] for name, runs in read.items()}
        found = ", ".join(f"{name} {number}" for name, number in result[key].items())
        print(f"of {faces} found: {found}")
    largest = f"scene_{FACES[-1]}_ms"
    title = f"{FACES[-1]} faces in a picture of 640x480"
    alternate.keep(args, result, result[largest], title=title, unit="milliseconds, median")
    return 0


if __name__ == "__main__":
    sys.exit(main())
