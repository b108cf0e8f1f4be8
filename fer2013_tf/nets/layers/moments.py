"""Mean and variance of a convolution's output, from the second moments of its input's patches."""

import functools

import numpy as np

from fer2013_tf.tensorflow1 import tf


def of_grey_conv(images, kernel):
    """Moments of the SAME convolution of images [n, h, w, 1] with kernel [k, k, 1, d], float32.

    Returns (mean [d], biased variance [d], count): y = p w for a patch p, so that the mean is
    mean(p) w and the variance w' cov(p) w. Differentiable in the kernel, not in the images.
    """
    size, _, _, filters = kernel.shape.as_list()
    n, height, width, _ = images.shape.as_list()
    count = float(n * height * width)
    sums, products = _patch_sums(tf.stop_gradient(images[..., 0]), size)
    weights = tf.reshape(kernel, [size * size, filters])
    centre = sums[tf.newaxis] / count
    covariance = products / count - tf.matmul(centre, centre, transpose_a=True)
    mean = tf.matmul(centre, weights)[0]
    return mean, tf.reduce_sum(weights * tf.matmul(covariance, weights), axis=0), count


def _patch_sums(images, size):
    """images [n, h, w] -> sums [k*k] and sums of products [k*k, k*k] over all patches, float32.

    With zeros around the pictures. A patch's products of two of its rows are, over all patches, the
    products of the pictures' rows at that distance, less those that the edge cuts off; what they
    are for two of its columns, `_column_pairs` sums up.
    """
    n, height, width = images.shape.as_list()
    before, after = (size - 1) // 2, size // 2
    wide = width + size - 1
    padded = tf.pad(images, [[0, 0], [before, after], [before, after]])
    sums = tf.nn.avg_pool2d(
        tf.reduce_sum(padded, axis=0)[tf.newaxis, ..., tf.newaxis], [height, width], 1, "VALID"
    ) * float(height * width)
    rows = tf.transpose(padded, [1, 0, 2])  # [row, n, column]
    pairs = tf.reshape(_row_pairs(rows, height, size), [size * size, wide * wide])
    products = tf.matmul(pairs, tf.constant(_column_pairs(width, size)))
    products = tf.transpose(tf.reshape(products, [size] * 4), [0, 2, 1, 3])
    return tf.reshape(sums, [-1]), tf.reshape(products, [size * size, size * size])


def _row_pairs(rows, height, size):
    """rows [h + k - 1, n, w] -> [k, k, w, w]: (i, j) is the sum over p < h of row[p+i]'row[p+j]."""
    wide = rows.shape[2]

    first = tf.reshape(rows[:height], [-1, wide])
    others = [tf.reshape(rows[j : j + height], [-1, wide]) for j in range(size)]
    products = tf.matmul(first, tf.concat(others, axis=1), transpose_a=True)
    whole = tf.split(products, size, axis=1)
    shift = _within(rows[height:]) - _within(rows[: size - 1])
    pairs = [whole] + [[None] * size for _ in range(size - 1)]
    for i in range(1, size):
        for j in range(i, size):
            pairs[i][j] = pairs[i - 1][j - 1] + shift[i - 1, j - 1]
        for j in range(i):
            pairs[i][j] = tf.transpose(pairs[j][i])
    return tf.stack([tf.stack(line) for line in pairs])


def _within(rows):
    """rows [r, n, w] -> [r, r, w, w]: at (i, j) row[i]' row[j]."""
    count, _, wide = rows.shape.as_list()
    beside = tf.reshape(tf.transpose(rows, [1, 0, 2]), [-1, count * wide])
    products = tf.matmul(beside, beside, transpose_a=True)
    return tf.transpose(tf.reshape(products, [count, wide, count, wide]), [0, 2, 1, 3])


@functools.lru_cache(maxsize=8)
def _column_pairs(width, size):
    """[(w + k - 1)^2, k*k]: 1 where columns (a, b) are (x + i, x + j) for an x < w, else 0."""
    wide = width + size - 1
    chosen = np.zeros([wide, wide, size, size], np.float32)
    x = np.arange(width)
    for i in range(size):
        for j in range(size):
            chosen[x + i, x + j, i, j] = 1
    return chosen.reshape(wide * wide, size * size)
