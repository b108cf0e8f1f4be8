"""Find the cuts of a video: frames that show another scene than the frame before (numpy only).

cuts = scene_cuts.SceneCuts()
for frame in video:
    if cuts.found(gray): ...
"""

import collections

import numpy as np

# Frames are compared as means over squares, about so many along the longer side.
SQUARES = 32
# A cut changes this share of the correlation at least, and so many times as much as the median of
# the LAST changes did: fast movement changes many frames in a row. The first frames have no others
# to be compared with; they have to differ by more.
CHANGE, TIMES, LAST, FIRST_CHANGE = 0.25, 4.0, 5, 0.6
# Pixel values that differ by a smaller std are one gray surface.
FLAT = 2.0


class SceneCuts:
    """Compares each frame with the one before. Changes of the light alone are no cut."""

    def __init__(self):
        self._before, self._size, self._changes = None, None, collections.deque(maxlen=LAST)

    def found(self, gray):
        """Return whether a cut comes right before a gray frame, uint8 [h, w]."""
        small, size = _means(gray), self._size
        before, self._before, self._size = self._before, small, gray.shape
        if before is None or size != gray.shape:
            return before is not None
        change = 1 - correlation(before, small)
        usual = np.median(self._changes) if len(self._changes) == LAST else None
        self._changes.append(change)
        if usual is None:
            return change > FIRST_CHANGE
        return change > CHANGE and change > TIMES * usual


def correlation(one, other):
    """Return the correlation of two arrays of the same shape, -1..1; of two flat ones 1."""
    flat = [each.std() < FLAT for each in (one, other)]
    if any(flat):
        return float(all(flat))
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def _means(gray):
    step = max(1, max(gray.shape) // SQUARES)
    height, width = (length // step for length in gray.shape)
    if not (height and width):
        return gray.astype(float)
    squares = gray[: height * step, : width * step].reshape(height, step, width, step)
    return squares.mean(axis=(1, 3))
