"""Measure frames per second of `predict --video`: 640x480, one moving face, read and written.

python -m benchmarks.video                       # about three minutes, on an idle machine
python -m benchmarks.video --frames 100 --video kept.mp4

The video is made of a test image (benchmarks/lib/test_images.py), panned and zoomed. There are two
figures: the rate that the program prints, from the first frame to the last, and frames divided by
the time of the whole command, imports and weights included. Real time is 25 frames per second.
"""

import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.baselines.detection import SIZE, TIMED
from benchmarks.lib import runner, test_images

RATE = 25
# What `predict --video` prints at its end.
SPEED = re.compile(r"([\d.]+) frames per second")
# Frames per pan and per zoom.
PAN, ZOOM = 125, 170


def window(number, size):
    """Return the crop (left, top, right, bottom), 4 to 3, of an image of (width, height).

    It pans and zooms, between half and four fifths of the width.
    """
    width, height = size
    wide = width * (0.65 + 0.15 * math.sin(2 * math.pi * number / ZOOM))
    high = wide * SIZE[1] / SIZE[0]
    left = (width - wide) * (0.4 + 0.3 * math.sin(2 * math.pi * number / PAN))
    top = (height - high) * (0.1 + 0.1 * math.cos(2 * math.pi * number / PAN))
    return left, top, left + wide, top + high


def make(path, image, frames):
    """Write the video of a PIL image."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
    if not writer.isOpened():
        raise SystemExit(f"{path}: OpenCV cannot write it; choose a folder that can be written to")
    for number in range(frames):
        box = window(number, image.size)
        frame = image.resize(SIZE, Image.Resampling.BILINEAR, box=box)
        writer.write(np.asarray(frame.convert("RGB"))[:, :, ::-1])
    writer.release()


def measure(video, folder, frames):
    """Run the command once. Return {"printed", "clock"} in frames per second."""
    command = [sys.executable, "-m", "fer2013_tf.predict", "--video", str(video)]
    command += ["--annotate", str(folder / "out.mp4"), "--csv", str(folder / "out.csv")]
    start = time.perf_counter()
    ran = subprocess.run(
        command, cwd=runner.ROOT, env=runner.environment(), capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    if ran.returncode:
        raise SystemExit(f"predict --video ended with {ran.returncode}\n{ran.stderr[-2000:]}")
    printed = SPEED.search(ran.stdout + ran.stderr)
    if printed is None:
        raise SystemExit(f"predict --video printed no frames per second:\n{ran.stdout[-2000:]}")
    return {"printed": float(printed[1]), "clock": frames / seconds}


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    command = runner.parser("video", __doc__, rounds=3)
    test_images.add_cache(command)
    command.add_argument("--frames", type=int, default=500, metavar="N", help="(%(default)s)")
    command.add_argument("--video", metavar="FILE.mp4", help="where to write and keep the video")
    args = command.parse_args(argv)
    image = next(p.image for p in test_images.images(args.cache) if p.name == TIMED)
    results = {"ours": []}
    with tempfile.TemporaryDirectory() as folder:
        video = Path(args.video or Path(folder) / "video.mp4")
        make(video, image, args.frames)
        for _ in runner.in_turn(["ours"], args.rounds):
            results["ours"].append(measure(video, Path(folder), args.frames))
    figures = {
        f"ours, {name}": runner.summary(results, key)["ours"]
        for key, name in (("printed", "as printed"), ("clock", "by the clock"))
    }
    unit = "frames per second"
    print(runner.table(figures, list(figures), unit=unit))
    result = {"frames": args.frames, "figures": figures}
    runner.save(args, result, figures, title="A video of 640x480, one face", unit=unit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
