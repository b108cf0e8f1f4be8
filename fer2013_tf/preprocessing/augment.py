"""Augmentations, each a decorated function with random values of its own for every image.

A recipe names them as a chain, `flip(0.5) | rotate(0.26) | translate(0.1) | brightness(0.5)`. Those
that move pixels return matrices, which are multiplied and applied in one projective transform, so
that images are interpolated once however many there are; then those that change pixel values are
applied, in their order. All random values are stateless functions of the seed given.
"""

import math

from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

# (n, size, seed, *, option=default) -> matrices [n, 3, 3], output pixel -> input pixel.
GEOMETRIC = registry.Registry("augmentation")
# (pixels float32 [n, h, w, channels], seed, *, option=default) -> the same, clipped to 0..255.
PIXEL_OPS = registry.Registry("augmentation")
FILL_MODES = ("nearest", "reflect", "constant")


def _uniform(n, seed, low, high):
    return tf.random.stateless_uniform([n], seed, low, high, alg="philox")


def _matrices(n, entries):
    """3x3 matrices [n, 3, 3] from {(row, column): values [n]} over the identity."""
    zero, one = tf.zeros([n]), tf.ones([n])
    cells = [
        entries.get((row, column), one if row == column else zero)
        for row in range(3)
        for column in range(3)
    ]
    return tf.reshape(tf.stack(cells, axis=1), [n, 3, 3])


@GEOMETRIC.register
def flip(n, size, seed, *, probability=0.5):
    """Mirror left and right with the given probability."""
    mirrored = _uniform(n, seed, 0.0, 1.0) < probability
    return _matrices(n, {(0, 0): tf.where(mirrored, -tf.ones([n]), tf.ones([n]))})


@GEOMETRIC.register
def rotate(n, size, seed, *, radians=0.5):
    """Rotate about the center by an angle uniform in [-radians, radians)."""
    angle = _uniform(n, seed, -radians, radians)
    sine, cosine = tf.sin(angle), tf.cos(angle)
    return _matrices(n, {(0, 0): cosine, (0, 1): -sine, (1, 0): sine, (1, 1): cosine})


@GEOMETRIC.register
def zoom(n, size, seed, *, fraction=0.1):
    """Enlarge or shrink by a factor uniform in [1 - fraction, 1 + fraction)."""
    factor = _uniform(n, seed, 1 - fraction, 1 + fraction)
    return _matrices(n, {(0, 0): factor, (1, 1): factor})


@GEOMETRIC.register
def translate(n, size, seed, *, fraction=0.1):
    """Move by up to `fraction` of the size, each way on its own."""
    moves = tf.random.stateless_uniform([2, n], seed, -fraction, fraction, alg="philox")
    return _matrices(n, {(0, 2): moves[0] * size[1], (1, 2): moves[1] * size[0]})


@GEOMETRIC.register
def shear(n, size, seed, *, radians=0.1):
    """Slant by an angle uniform in [-radians, radians): columns move, and shrink by its cosine."""
    angle = _uniform(n, seed, -radians, radians)
    return _matrices(n, {(0, 1): -tf.sin(angle), (1, 1): tf.cos(angle)})


@GEOMETRIC.register
def crop(n, size, seed, *, fraction=0.1):
    """Cut out a rectangle and enlarge it: up to `fraction` smaller, anywhere in the image."""
    values = tf.random.stateless_uniform([3, n], seed, alg="philox")
    scale = 1 - fraction * values[0]
    across, down = ((values[i] - 0.5) * (1 - scale) * size[2 - i] for i in (1, 2))
    return _matrices(n, {(0, 0): scale, (1, 1): scale, (0, 2): across, (1, 2): down})


def _each(pixels, seed, low, high):
    """One random value per image, [n, 1, 1, 1], to be multiplied with pixels."""
    return tf.random.stateless_uniform([pixels.shape[0], 1, 1, 1], seed, low, high, alg="philox")


def _seeds(seed, count):
    """Seeds for so many sets of random values of one augmentation."""
    return [tf.random.experimental.stateless_fold_in(seed, n) for n in range(1, count + 1)]


def _mean(pixels):
    return tf.reduce_mean(pixels, axis=[1, 2, 3], keepdims=True)


@PIXEL_OPS.register
def brightness(pixels, seed, *, fraction=0.5):
    """Multiply by a factor uniform in [1 - fraction, 1 + fraction)."""
    return pixels * _each(pixels, seed, 1 - fraction, 1 + fraction)


@PIXEL_OPS.register
def contrast(pixels, seed, *, fraction=0.5):
    """Scale pixel values about their mean by a factor uniform in [1 - fraction, 1 + fraction)."""
    mean = _mean(pixels)
    return mean + (pixels - mean) * _each(pixels, seed, 1 - fraction, 1 + fraction)


@PIXEL_OPS.register
def noise(pixels, seed, *, std=10.0):
    """Add normal noise; its std, in pixel values, is uniform in [0, std)."""
    strength, grain = _seeds(seed, 2)
    values = tf.random.stateless_normal(tf.shape(pixels), grain, alg="philox")
    return pixels + values * _each(pixels, strength, 0.0, std)


@PIXEL_OPS.register
def blur(pixels, seed, *, sigma=1.5):
    """Blend with the image blurred by a Gaussian of `sigma` pixels; its weight is in [0, 1)."""
    return pixels + (gaussian(pixels, sigma) - pixels) * _each(pixels, seed, 0.0, 1.0)


def gaussian(pixels, sigma):
    """Return pixels float32 [n, h, w, c] blurred by a Gaussian of `sigma` pixels, same shape.

    Raises UserError for a Gaussian that is wider than the images.
    """
    reach = max(1, math.ceil(2 * sigma))
    weights = [math.exp(-((i / sigma) ** 2) / 2) for i in range(-reach, reach + 1)]
    if reach > min(pixels.shape[1:3]):
        raise UserError(f"blur of {sigma:g} pixels: wider than images of {pixels.shape[1:3]}")
    line = tf.constant([[w / sum(weights)] * pixels.shape[-1] for w in weights])
    padded = tf.pad(pixels, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "SYMMETRIC")
    down, across = line[:, tf.newaxis, :, tf.newaxis], line[tf.newaxis, :, :, tf.newaxis]
    rows = tf.nn.depthwise_conv2d(padded, down, [1, 1, 1, 1], "VALID")
    return tf.nn.depthwise_conv2d(rows, across, [1, 1, 1, 1], "VALID")


@PIXEL_OPS.register
def cutout(pixels, seed, *, side=12, probability=0.5):
    """Gray out a square of `side` pixels anywhere, cut at the border (DeVries & Taylor 2017)."""
    height, width = pixels.shape[1:3]
    down, across, chance = _seeds(seed, 3)
    rows = tf.range(height, dtype=tf.float32)[:, tf.newaxis, tf.newaxis]
    columns = tf.range(width, dtype=tf.float32)[:, tf.newaxis]
    inside = (tf.abs(rows - _each(pixels, down, 0.0, float(height))) < side / 2) & (
        tf.abs(columns - _each(pixels, across, 0.0, float(width))) < side / 2
    )
    chosen = _each(pixels, chance, 0.0, 1.0) < probability
    return tf.where_v2(inside & chosen, _mean(pixels), pixels)


@PIXEL_OPS.register
def watermark(pixels, seed, *, opacity=0.5, probability=0.3):
    """Lay a light band of letter-like blots over the image, as stock photographs carry them.

    An idea of Hu 2019: the set is full of such images. The band is an eighth of the height.
    """
    n, height, width, _ = pixels.shape
    blots, place, chance, strength = _seeds(seed, 4)
    tall = max(4, height // 8)
    cells = tf.random.stateless_uniform([n, 4, width // 2, 1], blots, alg="philox")
    band = tf.image.resize(tf.cast(cells > 0.5, tf.float32), [tall, width], method="nearest")
    top = tf.floor(_each(pixels, place, 0.0, float(height - tall + 1)))
    row = tf.range(height, dtype=tf.float32)[tf.newaxis, :, tf.newaxis, tf.newaxis] - top
    inside = tf.cast((row >= 0) & (row < tall), tf.float32)
    chosen = tf.cast(_each(pixels, chance, 0.0, 1.0) < probability, tf.float32)
    index = tf.cast(tf.clip_by_value(row[:, :, 0, 0], 0, tall - 1), tf.int32)
    cover = tf.gather(band, index, batch_dims=1) * inside * chosen
    return pixels + (255.0 - pixels) * cover * _each(pixels, strength, 0.0, opacity)


def _resolved(chain):
    """[(place, function, options, whether it moves pixels)]. Raises UserError for unknown names."""
    found = []
    for place, spec in enumerate(chain):
        registry = PIXEL_OPS if spec.name in PIXEL_OPS else GEOMETRIC
        if spec.name not in registry:
            known = ", ".join(sorted([*GEOMETRIC, *PIXEL_OPS]))
            raise UserError(f"unknown augmentation {spec.name!r}; known: {known}")
        found.append((place, *registry.resolve(spec), registry is GEOMETRIC))
    return found


def transforms(chain, n, size, seed):
    """Return the product of a chain's matrices, float32 [n, 3, 3]: output pixel -> input pixel."""
    matrices = tf.eye(3, batch_shape=[n])
    for place, function, options, geometric in _resolved(chain):
        if geometric:
            own_seed = tf.random.experimental.stateless_fold_in(seed, place)
            matrices = tf.matmul(matrices, function(n, size, own_seed, **options))
    height, width = size
    center = tf.constant([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]], tf.float32)
    back = tf.constant([[1, 0, (1 - width) / 2], [0, 1, (1 - height) / 2], [0, 0, 1]], tf.float32)
    return center @ matrices @ back


def with_channels(images):
    """Return gray images [n, h, w] as [n, h, w, 1], images in color [n, h, w, 3] as they are."""
    return images if len(images.shape) == 4 else images[..., tf.newaxis]


def apply(images, text, *, seed, fill_mode):
    """Return a batch augmented: float32 [n, h, w, 1 or 3] in 0..255.

    images: uint8 [n, h, w] or [n, h, w, 3]. text: the chain. seed: int tensor [2]. fill_mode: what
    stands where the image does not reach. Raises UserError for unknown augmentations, options and
    fill modes.
    """
    if fill_mode not in FILL_MODES:
        raise UserError(f"fill_mode={fill_mode!r}; known: {', '.join(FILL_MODES)}")
    chain = registry.parse_chain(text)
    pixels = tf.cast(with_channels(images), tf.float32)
    if not chain:
        return pixels
    n, height, width, _ = pixels.shape.as_list()
    steps = _resolved(chain)
    if any(geometric for *_, geometric in steps):
        matrices = tf.reshape(transforms(chain, n, (height, width), seed), [n, 9])
        pixels = tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels,
            transforms=matrices[:, :8],
            output_shape=[height, width],
            interpolation="BILINEAR",
            fill_mode=fill_mode.upper(),
            fill_value=0.0,
        )
    for place, function, options, geometric in steps:
        if not geometric:
            own_seed = tf.random.experimental.stateless_fold_in(seed, place)
            pixels = tf.clip_by_value(function(pixels, own_seed, **options), 0.0, 255.0)
    return pixels
