"""Augmentations, each a decorated function that draws for every picture of a batch by itself.

A recipe names them as a chain, `flip(0.5) | rotate(0.26) | zoom(0.15) | shift(0.1)`. Geometric ones
return matrices, which are multiplied and applied in one projective transform, so that pictures are
interpolated once however many there are. Every draw is a stateless function of the seed given.
"""

import tensorflow.compat.v1 as tf

from fer2013_tf import specs
from fer2013_tf.errors import UserError

AUGMENTATIONS = specs.Registry("augmentation")
FILLS = ("nearest", "reflect", "constant")


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


@AUGMENTATIONS.register
def flip(n, size, seed, *, probability=0.5):
    """Mirrors left and right with the given probability."""
    mirrored = _uniform(n, seed, 0.0, 1.0) < probability
    return _matrices(n, {(0, 0): tf.where(mirrored, -tf.ones([n]), tf.ones([n]))})


@AUGMENTATIONS.register
def rotate(n, size, seed, *, radians=0.5):
    """Rotates about the centre by an angle uniform in [-radians, radians)."""
    angle = _uniform(n, seed, -radians, radians)
    sine, cosine = tf.sin(angle), tf.cos(angle)
    return _matrices(n, {(0, 0): cosine, (0, 1): -sine, (1, 0): sine, (1, 1): cosine})


@AUGMENTATIONS.register
def zoom(n, size, seed, *, fraction=0.1):
    """Enlarges or shrinks by a factor uniform in [1 - fraction, 1 + fraction)."""
    factor = _uniform(n, seed, 1 - fraction, 1 + fraction)
    return _matrices(n, {(0, 0): factor, (1, 1): factor})


@AUGMENTATIONS.register
def shift(n, size, seed, *, fraction=0.1):
    """Moves by up to `fraction` of the size, each way on its own."""
    moves = tf.random.stateless_uniform([2, n], seed, -fraction, fraction, alg="philox")
    return _matrices(n, {(0, 2): moves[0] * size[1], (1, 2): moves[1] * size[0]})


def transforms(chain, n, size, seed):
    """The chain's matrices multiplied: [n, 3, 3], output pixel -> input pixel, about the centre."""
    matrices = tf.eye(3, batch_shape=[n])
    for place, spec in enumerate(chain):
        function, options = AUGMENTATIONS.resolve(spec)
        own_seed = tf.random.experimental.stateless_fold_in(seed, place)
        matrices = tf.matmul(matrices, function(n, size, own_seed, **options))
    height, width = size
    centre = tf.constant([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]], tf.float32)
    back = tf.constant([[1, 0, (1 - width) / 2], [0, 1, (1 - height) / 2], [0, 0, 1]], tf.float32)
    return centre @ matrices @ back


def apply(images, text, *, seed, fill):
    """Augments a batch: uint8 [n, h, w] -> float32 [n, h, w, 1] in 0..255.

    text: the chain. seed: int tensor [2]. fill: what stands where the picture does not reach.
    Raises UserError for unknown augmentations, options and fills.
    """
    if fill not in FILLS:
        raise UserError(f"fill={fill!r}; known: {', '.join(FILLS)}")
    chain = specs.parse_chain(text)
    pixels = tf.cast(images[..., tf.newaxis], tf.float32)
    if not chain:
        return pixels
    n, height, width = images.shape.as_list()
    matrices = tf.reshape(transforms(chain, n, (height, width), seed), [n, 9])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=matrices[:, :8],
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode=fill.upper(),
        fill_value=0.0,
    )
