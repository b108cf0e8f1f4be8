"""What the numbers in an array of images mean, decided once for the whole array.

values = decide(array, "x_train.npy")      array: [n, height, width], or [..., 3]
values.note                                "x_train.npy: values are fractions 0 to 1"
values.pixels(array[0])                    uint8 [height, width], or [height, width, 3]
"""

from typing import NamedTuple

import numpy as np

from fer2013_tf.utils import cli
from fer2013_tf.utils.errors import UserError

# Of the range: what resizing with a sharp kernel makes of an edge.
OVERSHOOT = 0.1
# So many images of another range than the others are taken for dark ones, not for two ranges.
_FEW, _SHARE = 3, 0.25
_AT_ONCE = 1000


class Values(NamedTuple):
    """The range of an array's values."""

    top: int  # white: 1 or 255
    note: str  # a line that says so, "" where nothing had to be decided

    def pixels(self, image):
        """Return one image as uint8, clipped. Raises ValueError for values far out of the range."""
        if image.dtype == np.uint8:
            return np.array(image)
        values = np.asarray(image, np.float64)
        if not np.isfinite(values).all():
            raise ValueError("pixels that are not finite numbers")
        over = OVERSHOOT * self.top if image.dtype.kind == "f" else 0
        if values.min() < -over or values.max() > self.top + over:
            found = f"{values.min():g} to {values.max():g}"
            raise ValueError(f"pixels from {found}, expected 0 to {self.top}")
        return np.rint(np.clip(values, 0, self.top) * (255 / self.top)).astype(np.uint8)


def decide(array, path):
    """Return the `Values` of an array of images.

    Integers are 0 to 255. Floating-point numbers are fractions where most images have none over 1,
    give or take an overshoot. Raises UserError where they are neither, and where both are mixed.
    """
    if array.dtype.kind != "f":
        return Values(255, "")
    lowest, highest = _extremes(array)
    if not len(highest):
        return Values(255, f"{path.name}: no image of finite numbers")
    # Black images are the same in both ranges.
    usual = np.median(highest[highest > 0]) if highest.any() else 0
    top = 1 if usual <= 1 + OVERSHOOT else 255
    if (lowest < -OVERSHOOT * top).mean() > 0.5 or (top == 255 and highest.max() < 25):
        raise UserError(
            f"{path}: values from {lowest.min():g} to {highest.max():g}; expected 0 to 1 or 0 to "
            "255, before they are standardized"
        )
    notes = [f"{path.name}: values are " + ("fractions 0 to 1" if top == 1 else "0 to 255")]
    dark = int(((highest > 0) & (highest <= 1)).sum()) if top == 255 else 0
    if dark > max(_FEW, _SHARE * len(highest)):
        raise UserError(
            f"{path}: {dark} of {len(highest)} images have values 0 to 1, the others 0 to 255; "
            "bring all to one range"
        )
    if dark:
        notes.append(f"{cli.counted(dark, 'image')} with none over 1 are taken as nearly black")
    far = (lowest < -OVERSHOOT * top) | (highest > (1 + OVERSHOOT) * top)
    if beyond := int((((lowest < 0) | (highest > top)) & ~far).sum()):
        notes.append(f"{cli.counted(beyond, 'image')} with values slightly beyond, clipped")
    if far.any():
        notes.append(f"{cli.counted(int(far.sum()), 'image')} with values far beyond, not used")
    return Values(top, "; ".join(notes))


def _extremes(array):
    """Return the lowest and the highest value of each image [m] of finite numbers."""
    lowest, highest = [], []
    for start in range(0, len(array), _AT_ONCE):
        flat = np.asarray(array[start : start + _AT_ONCE]).reshape(-1, array[0].size)
        lowest.append(flat.min(axis=1))
        highest.append(flat.max(axis=1))
    lowest, highest = (np.concatenate(parts).astype(np.float64) for parts in (lowest, highest))
    finite = np.isfinite(lowest) & np.isfinite(highest)
    return lowest[finite], highest[finite]
