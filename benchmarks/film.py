"""Frames a second of `predict --video`: a 640x480 film of one moving face, read and written anew.

python -m benchmarks.film                       # about three minutes, on an idle machine
python -m benchmarks.film --frames 100 --film kept.mp4

The film is made of a packaged picture (benchmarks/packaged.py), panned and zoomed. Two figures:
what the program itself prints, from the first frame to the last, and frames by the clock of the
whole command, imports and weights included. 25 frames a second keep up with a film.
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

from benchmarks import alternate, packaged
from benchmarks.contenders.finding import SIZE, TIMED

RATE = 25
# What `predict --video` prints at its end.
SPEED = re.compile(r"([\d.]+) frames a second")
# A pan takes so many frames, a zoom so many.
PAN, ZOOM = 125, 170


def window(number, size):
    """(left, top, right, bottom) of a frame's cut-out, 4 to 3, within a picture of (width, height).

    It moves to and fro and widens and narrows, between half and four fifths of the width.
    """
    width, height = size
    wide = width * (0.65 + 0.15 * math.sin(2 * math.pi * number / ZOOM))
    high = wide * SIZE[1] / SIZE[0]
    left = (width - wide) * (0.4 + 0.3 * math.sin(2 * math.pi * number / PAN))
    top = (height - high) * (0.1 + 0.1 * math.cos(2 * math.pi * number / PAN))
    return left, top, left + wide, top + high


def make(path, picture, frames):
    """Writes the film of a PIL image."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
    if not writer.isOpened():
        raise SystemExit(f"{path}: OpenCV cannot write it; choose a folder that can be written to")
    for number in range(frames):
        box = window(number, picture.size)
        frame = picture.resize(SIZE, Image.Resampling.BILINEAR, box=box)
        writer.write(np.asarray(frame.convert("RGB"))[:, :, ::-1])
    writer.release()


def read(film, folder, frames):
    """One run of the command: {"printed", "clock"} in frames a second."""
    command = [sys.executable, "-m", "fer2013_tf.predict", "--video", str(film)]
    command += ["--out", str(folder / "out.mp4"), "--csv", str(folder / "out.csv")]
    start = time.perf_counter()
    ran = subprocess.run(
        command, cwd=alternate.ROOT, env=alternate.environment(), capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    if ran.returncode:
        raise SystemExit(f"predict --video ended with {ran.returncode}\n{ran.stderr[-2000:]}")
    printed = SPEED.search(ran.stdout + ran.stderr)
    if printed is None:
        raise SystemExit(f"predict --video printed no frames a second:\n{ran.stdout[-2000:]}")
    return {"printed": float(printed[1]), "clock": frames / seconds}


def main(argv=None):
    """Entry point; returns the exit status."""
    command = alternate.parser("film", __doc__, rounds=3)
    packaged.add_cache(command)
    command.add_argument("--frames", type=int, default=500, metavar="N", help="(%(default)s)")
    command.add_argument("--film", metavar="FILE.mp4", help="where to write and keep the film")
    args = command.parse_args(argv)
    picture = next(p.image for p in packaged.pictures(args.cache) if p.name == TIMED)
    results = {"ours": []}
    with tempfile.TemporaryDirectory() as folder:
        film = Path(args.film or Path(folder) / "film.mp4")
        make(film, picture, args.frames)
        for _ in alternate.in_turn(["ours"], args.rounds):
            results["ours"].append(read(film, Path(folder), args.frames))
    figures = {
        f"ours, {name}": alternate.summary(results, key)["ours"]
        for key, name in (("printed", "as printed"), ("clock", "by the clock"))
    }
    unit = "frames a second"
    print(alternate.table(figures, list(figures), unit=unit))
    result = {"frames": args.frames, "figures": figures}
    alternate.keep(args, result, figures, title="A film of 640x480, one face", unit=unit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
