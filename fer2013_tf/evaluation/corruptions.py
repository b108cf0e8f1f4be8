"""Image corruptions for measuring robustness, each with a severity.

    for series in corruptions.SERIES:
        for severity in series.severities:
            corrupted = corruptions.apply(series.spec(severity), images)

Images are uint8 [n, h, w] gray or [n, h, w, 3] RGB; shape and type stay. With the default of its
option a corruption returns images as they are. Random values depend on `seed` and on the number of
images only. Where pixels from outside of an image are needed, its edge is repeated, as in
`faces.alignment`. NumPy and Pillow only.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from fer2013_tf.utils import constants, registry
from fer2013_tf.utils.errors import UserError

CORRUPTIONS = registry.Registry("corruption")
MID_GRAY = 128


class Series(NamedTuple):
    """One corruption and the severities that are measured."""

    corruption: str  # name in CORRUPTIONS
    option: str  # the option that takes the severity
    severities: tuple  # from the mildest on
    label: str  # in tables, in front of a severity

    def spec(self, severity):
        """Return the `registry.Spec` of one severity."""
        return registry.Spec(self.corruption, options={self.option: severity})


SERIES = (
    Series("darken", "factor", (0.5, 0.25, 0.1, 0.05), "darkened, factor"),
    Series("gaussian_blur", "sigma", (0.5, 1.0, 2.0, 3.0), "Gaussian blur, sigma"),
    Series("rotate", "degrees", (10.0, 20.0, 30.0, 40.0), "rotated, degrees"),
    Series("downsample", "pixels", (24, 16, 12), "downsampled to pixels"),
    Series("occlude", "half", ("lower", "upper", "left", "right"), "occluded half"),
    Series("translate", "pixels", (2, 4, 8), "translated, pixels"),
    Series("gaussian_noise", "std", (5.0, 10.0, 20.0, 40.0), "Gaussian noise, std"),
)


def apply(spec, images):
    """Return corrupted images, uint8 like `images`. Raises UserError for an unknown spec."""
    function, options = CORRUPTIONS.resolve(spec)
    return function(images, **options)


@CORRUPTIONS.register
def darken(images, *, factor=1.0):
    """Multiply pixel values by `factor`, 0..1."""
    return _to_pixels(images * np.float32(factor))


@CORRUPTIONS.register
def gaussian_blur(images, *, sigma=0.0):
    """Convolve with a Gaussian of std `sigma` in pixels, cut off at three of them."""
    reach = math.ceil(3 * sigma)
    if not reach:
        return images.copy()
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    result = _pad(images, reach).astype(np.float32)
    for axis in (1, 2):
        length = result.shape[axis] - 2 * reach
        parts = (
            weight * result.take(range(start, start + length), axis=axis)
            for start, weight in enumerate(kernel)
        )
        result = sum(parts)
    return _to_pixels(result)


@CORRUPTIONS.register
def rotate(images, *, degrees=0.0, seed=0):
    """Rotate about the center, each image to a random side."""
    height, width = images.shape[1:3]
    # Half of what a diagonal is longer than a side, and what interpolation looks at beyond it.
    edge = math.ceil((math.sqrt(2) - 1) / 2 * max(height, width)) + 2
    signs = np.random.default_rng(seed).choice([-1, 1], len(images))
    inside = (edge, edge, edge + width, edge + height)

    def rotate_one(image, sign):
        return image.rotate(sign * degrees, Image.Resampling.BICUBIC).crop(inside)

    return _for_each(rotate_one, _pad(images, edge), signs)


@CORRUPTIONS.register
def downsample(images, *, pixels=constants.IMAGE_SIZE):
    """Reduce the longer side to `pixels` and enlarge it again; smaller images stay as they are."""
    height, width = images.shape[1:3]
    ratio = pixels / max(height, width)
    if ratio >= 1:
        return images.copy()
    small = [max(1, round(ratio * length)) for length in (width, height)]

    def downsample_one(image):
        return image.resize(small, Image.Resampling.BOX).resize(
            (width, height), Image.Resampling.BICUBIC
        )

    return _for_each(downsample_one, images)


@CORRUPTIONS.register
def occlude(images, *, half="none"):
    """Set one half to mid-gray: upper, lower, left or right as the image shows it, or none."""
    height, width = images.shape[1:3]
    middle, center = height // 2, width // 2
    halves = {
        "none": np.s_[:, :0],
        "upper": np.s_[:, :middle],
        "lower": np.s_[:, height - middle :],
        "left": np.s_[:, :, :center],
        "right": np.s_[:, :, width - center :],
    }
    if half not in halves:
        raise UserError(f"corruption 'occlude': half {half!r}; known: {', '.join(halves)}")
    result = images.copy()
    result[halves[half]] = MID_GRAY
    return result


@CORRUPTIONS.register
def translate(images, *, pixels=0, seed=0):
    """Translate by `pixels` up, down, left or right, at random per image."""
    height, width = images.shape[1:3]
    directions = np.array([(0, 1), (2, 1), (1, 0), (1, 2)]) * pixels
    starts = directions[np.random.default_rng(seed).integers(0, len(directions), len(images))]
    return np.stack(
        [
            image[top : top + height, left : left + width]
            for image, (top, left) in zip(_pad(images, pixels), starts)
        ]
    )


@CORRUPTIONS.register
def gaussian_noise(images, *, std=0.0, seed=0):
    """Add Gaussian noise of this std in pixel values to every pixel and channel."""
    noise = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return _to_pixels(images + np.float32(std) * noise)


def _to_pixels(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _pad(images, edge):
    """Repeat the edge `edge` times on all four sides."""
    widths = [(0, 0), (edge, edge), (edge, edge), (0, 0)]
    return np.pad(images, widths[: images.ndim], mode="edge")


def _for_each(function, images, *more):
    """Return what `function` makes of each image, as a PIL image, and of its share of `more`."""
    return np.stack([np.asarray(function(Image.fromarray(i), *m)) for i, *m in zip(images, *more)])
