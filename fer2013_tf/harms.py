"""What may befall a picture of a face, each with a strength, to see what accuracy it costs.

    for tried in harms.TRIED:
        for strength in tried.strengths:
            worse = harms.apply(tried.spec(strength), images)

Pictures are uint8 [n, h, w] grey or [n, h, w, 3] RGB and keep shape and type. With the default of
its option each harm leaves them as they are. Draws are functions of `seed` and of the number of
pictures. What a harm moves in from outside repeats the edge, as in `faces.cut`. NumPy and Pillow
only.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from fer2013_tf import emotions, specs
from fer2013_tf.errors import UserError

HARMS = specs.Registry("harm")
MID_GREY = 128


class Tried(NamedTuple):
    """One kind of harm and the strengths that it is tried with."""

    harm: str  # name in HARMS
    option: str  # of the harm, what `strengths` are given to
    strengths: tuple  # from the least to the worst
    words: str  # what is done

    def spec(self, strength):
        """The `specs.Spec` of one strength."""
        return specs.Spec(self.harm, options={self.option: strength})


TRIED = (
    Tried("darkened", "factor", (0.5, 0.25, 0.1, 0.05), "grey levels times"),
    Tried("blurred", "sigma", (0.5, 1.0, 2.0, 3.0), "Gaussian, sigma in pixels"),
    Tried("turned", "degrees", (10.0, 20.0, 30.0, 40.0), "turned by, degrees"),
    Tried("shrunk", "pixels", (24, 16, 12), "shrunk to, pixels"),
    Tried("covered", "part", ("lower", "upper", "left", "right"), "half covered"),
    Tried("shifted", "pixels", (2, 4, 8), "shifted by, pixels"),
    Tried("noisy", "deviation", (5.0, 10.0, 20.0, 40.0), "noise, grey levels"),
)


def apply(spec, images):
    """A harm's pictures: uint8 like `images`. Raises UserError for an unknown one or option."""
    function, options = HARMS.resolve(spec)
    return function(images, **options)


@HARMS.register
def darkened(images, *, factor=1.0):
    """Every grey level times `factor`, 0..1."""
    return _pixels(images * np.float32(factor))


@HARMS.register
def blurred(images, *, sigma=0.0):
    """Convolved with a Gaussian of this standard deviation in pixels, cut off at three of them."""
    reach = math.ceil(3 * sigma)
    if not reach:
        return images.copy()
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    result = _padded(images, reach).astype(np.float32)
    for axis in (1, 2):
        length = result.shape[axis] - 2 * reach
        parts = (
            weight * result.take(range(start, start + length), axis=axis)
            for start, weight in enumerate(kernel)
        )
        result = sum(parts)
    return _pixels(result)


@HARMS.register
def turned(images, *, degrees=0.0, seed=0):
    """Turned about the middle, to either side as drawn a picture."""
    height, width = images.shape[1:3]
    # Half of what a diagonal is longer than a side, and what interpolation looks at beyond it.
    edge = math.ceil((math.sqrt(2) - 1) / 2 * max(height, width)) + 2
    signs = np.random.default_rng(seed).choice([-1, 1], len(images))
    inside = (edge, edge, edge + width, edge + height)

    def turn(image, sign):
        return image.rotate(sign * degrees, Image.Resampling.BICUBIC).crop(inside)

    return _each(turn, _padded(images, edge), signs)


@HARMS.register
def shrunk(images, *, pixels=emotions.PICTURE_SIZE):
    """The longer side reduced to so many pixels and enlarged again; smaller ones are left."""
    height, width = images.shape[1:3]
    ratio = pixels / max(height, width)
    if ratio >= 1:
        return images.copy()
    small = [max(1, round(ratio * length)) for length in (width, height)]

    def shrink(image):
        return image.resize(small, Image.Resampling.BOX).resize(
            (width, height), Image.Resampling.BICUBIC
        )

    return _each(shrink, images)


@HARMS.register
def covered(images, *, part="none"):
    """One half mid-grey: upper, lower, left or right as the picture shows it, or none."""
    height, width = images.shape[1:3]
    middle, centre = height // 2, width // 2
    halves = {
        "none": np.s_[:, :0],
        "upper": np.s_[:, :middle],
        "lower": np.s_[:, height - middle :],
        "left": np.s_[:, :, :centre],
        "right": np.s_[:, :, width - centre :],
    }
    if part not in halves:
        raise UserError(f"harm 'covered': part {part!r}; known: {', '.join(halves)}")
    result = images.copy()
    result[halves[part]] = MID_GREY
    return result


@HARMS.register
def shifted(images, *, pixels=0, seed=0):
    """Moved by so many pixels up, down, left or right, as drawn a picture."""
    height, width = images.shape[1:3]
    ways = np.array([(0, 1), (2, 1), (1, 0), (1, 2)]) * pixels
    starts = ways[np.random.default_rng(seed).integers(0, len(ways), len(images))]
    return np.stack(
        [
            image[top : top + height, left : left + width]
            for image, (top, left) in zip(_padded(images, pixels), starts)
        ]
    )


@HARMS.register
def noisy(images, *, deviation=0.0, seed=0):
    """Gaussian noise of this standard deviation in grey levels on every pixel and channel."""
    noise = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return _pixels(images + np.float32(deviation) * noise)


def _pixels(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _padded(images, edge):
    """With so many repetitions of the edge on all four sides."""
    beside = [(0, 0), (edge, edge), (edge, edge), (0, 0)]
    return np.pad(images, beside[: images.ndim], mode="edge")


def _each(function, images, *more):
    """What a function makes of every picture as PIL image, and of its share of `more`."""
    return np.stack([np.asarray(function(Image.fromarray(i), *m)) for i, *m in zip(images, *more)])
