"""Sizes and margins of a convolution."""

from typing import NamedTuple


class Geometry(NamedTuple):
    """Where a convolution's windows lie: output (p, q) sees pixels (stride * p - top + i, ...)."""

    height: int  # of the input, in pixels
    width: int
    size: int  # of the kernel, per side
    stride: int
    top: int  # zeros above
    left: int
    out_height: int
    out_width: int

    @property
    def bottom(self):
        """Return the rows of zeros below that windows reach; negative for rows that none sees."""
        return (self.out_height - 1) * self.stride + self.size - self.top - self.height

    @property
    def right(self):
        """Return the columns of zeros on the right, likewise."""
        return (self.out_width - 1) * self.stride + self.size - self.left - self.width

    @property
    def out_pixels(self):
        """Return the number of pixels of the output."""
        return self.out_height * self.out_width


def geometry(height, width, size, *, stride=1, padding="SAME"):
    """Return the `Geometry` of a convolution.

    padding: SAME, VALID (as TensorFlow has them), or the number of zeros on every side.
    """
    top, out_height = _along(height, size, stride, padding)
    left, out_width = _along(width, size, stride, padding)
    return Geometry(height, width, size, stride, top, left, out_height, out_width)


def _along(length, size, stride, padding):
    """Return (zeros before, output's length) along one axis."""
    if padding == "SAME":
        count = -(-length // stride)
        return max((count - 1) * stride + size - length, 0) // 2, count
    before = 0 if padding == "VALID" else padding
    return before, (length + 2 * before - size) // stride + 1
