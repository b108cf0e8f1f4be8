"""Seconds of a training epoch and peak memory as the set grows: records repeated 1, 2, 5, 10 times.

python -m benchmarks.growth                             # about ten minutes, on an idle machine
python -m benchmarks.growth --records tfrecords --times 1,2
"""

import sys
import tempfile
from pathlib import Path

from benchmarks import alternate
from fer2013_tf import checkpoints, emotions, records
from fer2013_tf.sources import Face


def repeated(source, out, times):
    """Writes records whose Training holds the source's so many times; PublicTest stays."""
    manifest = records.load(source)
    splits = {split: records.read(source, split) for split in emotions.SPLITS[:2]}
    with records.Writer(out, classes=manifest["classes"], shards=2) as writer:
        for split, faces in splits.items():
            for _ in range(times if split == emotions.TRAINING else 1):
                for pixels, label, row in zip(*faces):
                    writer.add(Face(pixels, int(label), split, int(row), str(source)))
        writer.commit()


def epoch(folder, times, source):
    """{"seconds", "peak_mb"} of one epoch on the set repeated so many times."""
    repeated(source, folder / "records", times)
    command = [sys.executable, "-m", "fer2013_tf.train", "--recipe", "lenet", "--run", "r"]
    command += ["--set", "epochs=1", "--records", str(folder / "records")]
    command += ["--ckpt", str(folder / "ckpt"), "--logs", str(folder / "logs")]
    peak = alternate.timed(command)["peak_mb"]
    (entry,) = checkpoints.Run(folder / "ckpt", "r").history()
    return {"seconds": entry["seconds"], "peak_mb": peak}


def main(argv=None):
    """Entry point; returns the exit status."""
    command = alternate.parser("growth", __doc__, rounds=1)
    command.add_argument("--records", default="tfrecords", metavar="DIR", help="(%(default)s)")
    command.add_argument("--times", default="1,2,5,10", metavar="N,N", help="(%(default)s)")
    args = command.parse_args(argv)
    results = {f"{times} times": [] for times in args.times.split(",")}
    for name in alternate.in_turn(list(results), args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            results[name].append(epoch(Path(folder), int(name.split()[0]), args.records))
    figures, memory = (alternate.summary(results, key) for key in ("seconds", "peak_mb"))
    for name in results:
        seconds, peak = figures[name]["median"], memory[name]["median"]
        print(f"{name:>9}: epoch {seconds:6.1f} s, peak {peak:6.0f} MB")
    result = {"seconds": figures, "peak_mb": memory}
    alternate.keep(args, result, figures, title="One epoch", unit="seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
