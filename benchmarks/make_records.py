"""Compare converting FER2013's CSV to TFRecords: ours, a straightforward script, plain read_csv.

python -m benchmarks.make_records fer2013.csv           # or the challenge's fer2013.tar.gz
"""

import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.lib import runner

UNIT = "seconds"


def plain_csv(source, folder):
    """Return `source`, or fer2013.csv extracted from the archive, which the script needs."""
    if not tarfile.is_tarfile(source):
        return source
    with tarfile.open(source) as archive:
        name = next(n for n in archive.getnames() if n.endswith("fer2013.csv"))
        path = folder / "fer2013.csv"
        with archive.extractfile(name) as packed, path.open("wb") as file:
            while block := packed.read(1 << 20):
                file.write(block)
    return path


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    command = runner.parser("make_records", __doc__, rounds=5)
    command.add_argument("source", type=Path, metavar="SOURCE", help="fer2013.csv or its tar.gz")
    args = command.parse_args(argv)
    if not args.source.is_file():
        print(f"error: {args.source}: no such file; name fer2013.csv", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = str(plain_csv(args.source, folder))
        script = [sys.executable, "-m", "benchmarks.baselines.records_script"]
        ours = [sys.executable, "-m", "fer2013_tf.make_records", source, "--force"]
        commands = {
            "ours": [*ours, "--out", str(folder / "ours")],
            "script": [*script, source, str(folder / "script")],
            "read_csv": [sys.executable, "-c", f"import pandas; pandas.read_csv({source!r})"],
        }
        results = {name: [] for name in commands}
        for name in runner.in_turn(list(commands), args.rounds):
            results[name].append(runner.timed(commands[name]))
    figures = runner.summary(results, "seconds")
    memory = runner.summary(results, "peak_mb")
    print(runner.table(figures, ["ours"], unit=UNIT, more_is_better=False))
    print(runner.table(memory, ["ours"], unit="MB at most", more_is_better=False))
    result = {"seconds": figures, "peak_mb": memory}
    runner.save(args, result, figures, title="FER2013's CSV to TFRecords", unit=UNIT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
