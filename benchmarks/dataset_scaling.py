"""Measure time per epoch and peak memory over the size of the set: 1, 2, 5, 10 times the records.

python -m benchmarks.dataset_scaling                    # about ten minutes, on an idle machine
python -m benchmarks.dataset_scaling --records tfrecords --times 1,2
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.lib import runner
from fer2013_tf.checkpoints import run_folder
from fer2013_tf.data import records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.utils import constants


def repeated(source, out, times):
    """Write records whose Training has the source's images `times` times; PublicTest stays."""
    record_set = records.RecordSet(source)
    with records.Writer(out, classes=record_set.manifest["classes"], shards=2) as writer:
        for split in (constants.TRAINING, constants.PUBLIC_TEST):
            labeled = record_set.read(split)
            for _ in range(times if split == constants.TRAINING else 1):
                for pixels, label, row in zip(*labeled):
                    writer.add(LabeledImage(pixels, int(label), split, int(row), str(source)))
        writer.commit()


def epoch(folder, times, source):
    """Return {"seconds", "peak_mb"} of one epoch on the set repeated `times` times."""
    repeated(source, folder / "records", times)
    command = [sys.executable, "-m", "fer2013_tf.train", "--recipe", "lenet", "--run", "r"]
    command += ["--set", "epochs=1", "--records", str(folder / "records")]
    command += ["--ckpt", str(folder / "ckpt"), "--logs", str(folder / "logs")]
    peak = runner.timed(command)["peak_mb"]
    (entry,) = run_folder.Run(folder / "ckpt", "r").history()
    return {"seconds": entry["seconds"], "peak_mb": peak}


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    command = runner.parser("dataset_scaling", __doc__, rounds=1)
    command.add_argument("--records", default="tfrecords", metavar="DIR", help="(%(default)s)")
    command.add_argument("--times", default="1,2,5,10", metavar="N,N", help="(%(default)s)")
    args = command.parse_args(argv)
    results = {f"{times} times": [] for times in args.times.split(",")}
    for name in runner.in_turn(list(results), args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            results[name].append(epoch(Path(folder), int(name.split()[0]), args.records))
    figures, memory = (runner.summary(results, key) for key in ("seconds", "peak_mb"))
    for name in results:
        seconds, peak = figures[name]["median"], memory[name]["median"]
        print(f"{name:>9}: epoch {seconds:6.1f} s, peak {peak:6.0f} MB")
    result = {"seconds": figures, "peak_mb": memory}
    runner.save(args, result, figures, title="One epoch", unit="seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
