"""Shared by the detectors: the test images, boxes as JSON, time on one core.

Each detector is a process of its own, `python -m benchmarks.baselines.detect_NAME --packages DIR`.
Its module has `load() -> find`, find(PIL image of mode RGB) -> boxes (left, top, right, bottom).
"""

import argparse
import json
import os
import sys
from pathlib import Path

from PIL import ImageOps

from benchmarks.baselines import common
from benchmarks.lib import test_images

# The image for timing, fitted into 640x480.
TIMED, SIZE = "scikit-image/astronaut.png", (640, 480)


def main(load):
    """Find the faces of all images in all versions; print {version: {image: boxes}} as JSON.

    With `--seconds` print {"milliseconds"} of one image instead. load: a detector's function,
    called with `--detector` where that is given.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages", required=True, help="folder with what the detector needs")
    parser.add_argument("--detector")
    parser.add_argument("--seconds", type=float, default=0.0)
    test_images.add_cache(parser)
    args = parser.parse_args()
    sys.path.insert(0, args.packages)
    # One core; set before any library counts them.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    find = load(args.detector) if args.detector else load()
    images = test_images.images(Path(args.cache))
    print(json.dumps(timed(find, images, args.seconds) if args.seconds else found(find, images)))


def timed(find, images, seconds):
    """Return {"milliseconds"}, the median for an image of 640x480."""
    (image,) = (photo.image for photo in images if photo.name == TIMED)
    image = ImageOps.pad(image.convert("RGB"), SIZE)
    return {"milliseconds": common.latencies(find, image, seconds)["p50"]}


def found(find, images):
    """Return {version: {image's name: boxes}}."""
    result = {version: {} for version in test_images.VERSIONS}
    for image in images:
        for version, change in test_images.VERSIONS.items():
            boxes = find(change(image).image.convert("RGB"))
            result[version][image.name] = [[round(float(end), 1) for end in box] for box in boxes]
    return result


def corners(left, top, width, height):
    """Return the box (left, top, right, bottom)."""
    return left, top, left + width, top + height
