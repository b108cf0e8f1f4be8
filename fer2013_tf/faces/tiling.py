"""Cut images of any size and shape into overlapping tiles, so that small faces can be found.

The tiles have one size in pixels, and lie over a pyramid: the image, its half, its quarter and so
on.
"""

import math
from typing import NamedTuple

import numpy as np

# Side of a tile; tiles overlap by at least OVERLAP of it.
SIDE, OVERLAP = 384, 0.3
# A box nearer than this to an inner edge of its tile, as a fraction of its side, may be cut off.
EDGE_MARGIN = 0.05
# Tiles larger than this fraction of the image's longer side show no more than the whole image.
LARGEST = 0.9


class Tile(NamedTuple):
    """A part of an image, or of its reduction by a factor."""

    factor: int  # 1, 2, 4, ...
    box: tuple  # left, top, right, bottom in pixels of the image reduced by it


def tiles(size):
    """Return the tiles [Tile] of an image of (width, height).

    Every square of 40 pixels or more lies in one of them, or in the whole image, away from inner
    edges, with a side of at least 0.09 of theirs. Images up to 426 pixels have none.
    """
    found, factor = [], 1
    while SIDE * factor < LARGEST * max(size):
        width, height = (math.ceil(length / factor) for length in size)
        found += [
            Tile(factor, (left, top, min(left + SIDE, width), min(top + SIDE, height)))
            for top in _starts(height)
            for left in _starts(width)
        ]
        factor *= 2
    return found


def _starts(length):
    """Return where tiles begin that cover `length`, evenly spaced."""
    if length <= SIDE:
        return [0]
    count = 1 + math.ceil((length - SIDE) / (SIDE * (1 - OVERLAP)))
    return [round(start) for start in np.linspace(0, length - SIDE, count)]


def reductions(image, found):
    """Return {factor: a PIL image reduced by it} for the factors of tiles."""
    result = {1: image}
    for factor in sorted({tile.factor for tile in found} - {1}):
        result[factor] = result[factor // 2].reduce(2)
    return result


def whole(corners, tile, size):
    """Return which boxes no inner edge of their tile cuts: bool [n].

    corners: float [n, 2, 2], upper left and lower right, in pixels of the image that the tile is
    of; size: (width, height) of that image.
    """
    margin = EDGE_MARGIN * SIDE
    result = np.ones(len(corners), bool)
    for axis in (0, 1):
        start, end = tile.box[axis], tile.box[axis + 2]
        if start > 0:
            result &= corners[:, 0, axis] > start + margin
        if end < size[axis]:
            result &= corners[:, 1, axis] < end - margin
    return result
