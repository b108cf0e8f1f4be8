"""Measure memory and speed of `predict` on a folder of 10,000 images: does memory stay constant?

python -m benchmarks.many_images                      # about ten minutes, on an idle machine
python -m benchmarks.many_images --count 500 --plot memory.png

The folder contains eight test images with faces (benchmarks/lib/test_images.py), reduced, under
many names. The memory of the process (VmRSS) is sampled every second, from the first prediction on;
the first tenth of the samples is compared with the last. Linux only.
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
from csv import DictReader
from pathlib import Path

from benchmarks.lib import memory, runner, test_images

# Longer side of an image in pixels, and how many different images there are.
LONGEST, DIFFERENT = 320, 8


def fill(folder, images, count):
    """Write the first images that have faces, reduced, under `count` names."""
    shown = [image.image for image in images if image.faces][:DIFFERENT]
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
    """Run a command. Return (seconds, [(seconds since the first row of the CSV, MB)])."""
    environment = runner.environment()
    process = subprocess.Popen(command, cwd=runner.ROOT, env=environment, stdout=subprocess.DEVNULL)
    start = begun = time.perf_counter()
    samples = []
    while process.poll() is None:
        now = time.perf_counter()
        if not csv.exists() or csv.stat().st_size < 1000:
            begun = now
        else:
            used = memory.mb(Path(f"/proc/{process.pid}/status").read_text(), memory.RESIDENT)
            if used is not None:
                samples.append((now - begun, used))
        time.sleep(every)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: ended with {process.returncode}")
    return time.perf_counter() - start, samples


def tenths(samples):
    """Return the median MB of the first and of the last tenth of the samples."""
    if not samples:
        raise SystemExit("the command ended before its memory was sampled; raise --count")
    tenth = max(1, len(samples) // 10)
    used = [mb for _, mb in samples]
    return statistics.median(used[:tenth]), statistics.median(used[-tenth:])


def plot(samples, path):
    """Plot memory over time -> PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    axes.plot(*zip(*samples), color="#1f77b4")
    highest = 1.15 * max(mb for _, mb in samples)
    axes.set(xlabel="seconds since the first prediction", ylabel="memory, MB", ylim=(0, highest))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_images",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test_images.add_cache(parser)
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="(%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the figures")
    parser.add_argument("--plot", metavar="FILE.png", help="plot memory over time")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        images, csv = Path(folder) / "images", Path(folder) / "out.csv"
        images.mkdir()
        fill(images, test_images.images(args.cache), args.count)
        command = [sys.executable, "-m", "fer2013_tf.predict", str(images), "--csv", str(csv)]
        seconds, samples = watched(command, csv)
        with csv.open(encoding="utf-8", newline="") as file:
            rows = sum(bool(row["face"]) for row in DictReader(file))
    first, last = tenths(samples)
    result = {
        "machine": runner.machine(),
        "images": args.count,
        "faces": rows,
        "seconds": seconds,
        "first_tenth_mb": first,
        "last_tenth_mb": last,
        "samples": samples,
    }
    rate = args.count / seconds
    print(f"{args.count} images, {rows} faces in {seconds:.1f} s: {rate:.1f} images per second")
    change = 100 * (last / first - 1)
    print(f"memory: first tenth {first:.0f} MB, last tenth {last:.0f} MB ({change:+.1f} %)")
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    if args.plot:
        plot(samples, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
