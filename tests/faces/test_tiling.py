"""Tiles: every square of 40 pixels or more is whole in one, large enough to be seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer2013_tf.faces import tiling

# The side of the detector's net, and the fewest pixels of a face there.
NET, SEEN = 192, 16


def shown(square, size):
    """Yield the square's side in pixels of the net for the image and each tile that has it whole.

    square: left, top, side in pixels.
    """
    left, top, side = square
    yield NET * side / max(size)
    corners = np.array([[[left, top], [left + side, top + side]]])
    for tile in tiling.tiles(size):
        part = [-(-length // tile.factor) for length in size]
        box = np.array(tile.box) * tile.factor
        inside = (corners[0, 0] >= box[:2]).all() and (corners[0, 1] <= box[2:]).all()
        if inside and tiling.whole(corners / tile.factor, tile, part).all():
            yield NET * side / (tiling.SIDE * tile.factor)


@settings(deadline=None, max_examples=150)
@given(st.integers(41, 9000), st.integers(41, 9000), st.data())
def test_every_square_is_whole_in_a_tile_that_shows_it_large(width, height, data):
    side = data.draw(st.integers(40, min(width, height)))
    left = data.draw(st.integers(0, width - side))
    top = data.draw(st.integers(0, height - side))
    assert max(shown((left, top, side), (width, height))) >= SEEN


@pytest.mark.parametrize(
    "size, count", [((300, 200), 0), ((426, 426), 0), ((640, 480), 4), ((8000, 400), 89)]
)
def test_tiles_of_sizes(size, count):
    found = tiling.tiles(size)
    assert len(found) == count and len(set(found)) == count
    for tile in found:
        left, top, right, bottom = tile.box
        assert 0 <= left < right <= -(-size[0] // tile.factor) and right - left <= tiling.SIDE
        assert 0 <= top < bottom <= -(-size[1] // tile.factor) and bottom - top <= tiling.SIDE


def test_reductions_halve_the_image():
    image = Image.new("L", (1601, 900))
    reduced = tiling.reductions(image, tiling.tiles(image.size))
    assert {f: r.size for f, r in reduced.items()} == {1: (1601, 900), 2: (801, 450)}


def test_whole_leaves_out_what_inner_edges_cut():
    tile = tiling.Tile(1, (0, 100, 384, 484))
    corners = np.array([[[-5, 150], [50, 200]], [[5, 110], [50, 200]], [[300, 150], [370, 200]]])
    assert tiling.whole(corners, tile, (2000, 2000)).tolist() == [True, False, False]
    assert tiling.whole(corners, tile, (384, 2000)).tolist() == [True, False, True]
