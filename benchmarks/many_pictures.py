"""Memory and speed of `predict` over a folder of 10,000 pictures: flat from the first to the last?

python -m benchmarks.many_pictures                      # about ten minutes, on an idle machine
python -m benchmarks.many_pictures --count 500 --plot memory.png

The folder holds some packaged pictures with faces (benchmarks/packaged.py), reduced, under many
names. The process's memory (VmRSS) is looked up every second; the first tenth of the time, from the
first picture read on, is set beside the last. Linux only.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import alternate, memory, packaged

LONGEST, DIFFERENT = 320, 8  # of a picture in pixels; so many different ones


def fill(folder, pictures, count):
    """Writes the first few of the pictures that hold faces, reduced, under `count` names."""
    shown = [picture.image for picture in pictures if picture.faces][:DIFFERENT]
    originals = []
    for number, image in enumerate(shown):
        small = image.convert("RGB")
        small.thumbnail((LONGEST, LONGEST))
        originals.append(folder / f"original-{number}.jpg")
        small.save(originals[-1])
    for number, original in zip(range(count), itertools.cycle(originals)):
        os.link(original, folder / f"{number:06d}.jpg")
    for original in originals:
        original.unlink()


def watched(command, csv, every=1.0):
    """Runs a command: (seconds, [(seconds since the first row of the CSV, MB)])."""
    environment = alternate.environment()
    process = subprocess.Popen(
        command, cwd=alternate.ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    start = begun = time.perf_counter()
    samples = []
    while process.poll() is None:
        now = time.perf_counter()
        if not csv.exists() or csv.stat().st_size < 1000:
            begun = now
        else:
            held = memory.mb(Path(f"/proc/{process.pid}/status").read_text(), memory.RESIDENT)
            if held is not None:
                samples.append((now - begun, held))
        time.sleep(every)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: ended with {process.returncode}")
    return time.perf_counter() - start, samples


def tenths(samples):
    """Median MB of the first and of the last tenth of the samples."""
    if not samples:
        raise SystemExit("the command ended before its memory was looked up; raise --count")
    share = max(1, len(samples) // 10)
    held = [mb for _, mb in samples]
    return statistics.median(held[:share]), statistics.median(held[-share:])


def draw(samples, path):
    """Memory over time -> PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    axes.plot(*zip(*samples), color="#1f77b4")
    highest = 1.15 * max(mb for _, mb in samples)
    axes.set(xlabel="seconds since the first answer", ylabel="memory, MB", ylim=(0, highest))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def main(argv=None):
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_pictures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    packaged.add_cache(parser)
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="(%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the figures")
    parser.add_argument("--plot", metavar="FILE.png", help="draw memory over time")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        pictures, csv = Path(folder) / "pictures", Path(folder) / "out.csv"
        pictures.mkdir()
        fill(pictures, packaged.pictures(args.cache), args.count)
        command = [sys.executable, "-m", "fer2013_tf.predict", str(pictures), "--csv", str(csv)]
        seconds, samples = watched(command, csv)
        rows = sum(1 for _ in csv.open(encoding="utf-8")) - 1
    first, last = tenths(samples)
    result = {
        "machine": alternate.machine(),
        "pictures": args.count,
        "faces": rows,
        "seconds": seconds,
        "first_tenth_mb": first,
        "last_tenth_mb": last,
        "samples": samples,
    }
    rate = args.count / seconds
    print(f"{args.count} pictures, {rows} faces in {seconds:.1f} s: {rate:.1f} pictures a second")
    change = 100 * (last / first - 1)
    print(f"memory: first tenth {first:.0f} MB, last tenth {last:.0f} MB ({change:+.1f} %)")
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    if args.plot:
        draw(samples, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
