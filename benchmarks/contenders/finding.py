"""What the detectors' contenders share: the packaged pictures, boxes as JSON, one core's time.

Each contender is a process of its own, `python -m benchmarks.contenders.find_NAME --packages DIR`,
whose module has `load() -> find`, find(PIL image of mode RGB) -> boxes (left, top, right, bottom).
"""

import argparse
import json
import os
import sys
from pathlib import Path

from PIL import ImageOps

from benchmarks import contenders, packaged

# The single picture that is timed, fitted into 640x480.
TIMED, SIZE = "scikit-image/astronaut.png", (640, 480)


def main(load):
    """Finds the faces of all pictures in all ways; prints {way: {picture: boxes}} as JSON.

    With `--seconds` it is timed instead, on one picture: {"milliseconds"}. load: a contender's,
    called with `--detector` where that is given.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages", required=True, help="folder with what the detector needs")
    parser.add_argument("--detector")
    parser.add_argument("--seconds", type=float, default=0.0)
    packaged.add_cache(parser)
    args = parser.parse_args()
    sys.path.insert(0, args.packages)
    # Before any library counts the cores.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    find = load(args.detector) if args.detector else load()
    pictures = packaged.pictures(Path(args.cache))
    print(
        json.dumps(timed(find, pictures, args.seconds) if args.seconds else found(find, pictures))
    )


def timed(find, pictures, seconds):
    """{"milliseconds"}: the median, of a picture of 640x480."""
    (image,) = (picture.image for picture in pictures if picture.name == TIMED)
    image = ImageOps.pad(image.convert("RGB"), SIZE)
    return {"milliseconds": contenders.latencies(find, image, seconds)["p50"]}


def found(find, pictures):
    """{way: {picture's name: boxes}}."""
    result = {way: {} for way in packaged.WAYS}
    for picture in pictures:
        for way, change in packaged.WAYS.items():
            boxes = find(change(picture).image.convert("RGB"))
            result[way][picture.name] = [[round(float(end), 1) for end in box] for box in boxes]
    return result


def corners(left, top, width, height):
    """A box given by its size as one given by its corners."""
    return left, top, left + width, top + height
