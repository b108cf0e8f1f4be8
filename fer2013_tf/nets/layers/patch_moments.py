"""Compute a convolution's output mean and variance from the moments of its input's patches."""

import functools

import numpy as np

from fer2013_tf.utils.tf1 import tf


def of_gray_conv(images, kernel):
    """Return (mean [d], biased variance [d], count) of a SAME convolution's output, float32.

    images: [n, h, w, 1]. kernel: [k, k, 1, d]. The output for a patch p is p w, so that the mean is
    mean(p) w and the variance w' cov(p) w. Differentiable in the kernel, not in the images.
    """
    size, _, _, filters = kernel.shape.as_list()
    n, height, width, _ = images.shape.as_list()
    count = float(n * height * width)
    sums, products = _patch_sums(tf.stop_gradient(images[..., 0]), size)
    weights = tf.reshape(kernel, [size * size, filters])
    center = sums[tf.newaxis] / count
    covariance = products / count - tf.matmul(center, center, transpose_a=True)
    mean = tf.matmul(center, weights)[0]
    return mean, tf.reduce_sum(weights * tf.matmul(covariance, weights), axis=0), count


def _patch_sums(images, size):
    """Return float32 (sums [k*k], sums of products [k*k, k*k]) over patches of images [n, h, w].

    Patches reach over the edge, into zeros. Summed over all patches, the products of two of their
    rows are the products of the images' rows at that distance, without those beyond the edge;
    `_column_pairs` then sums over the columns.
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
    """Return [k, k, w, w] of rows [h+k-1, n, w]: at (i, j) sum over p < h of row[p+i]' row[p+j]."""
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
    """Return [r, r, w, w] of rows [r, n, w]: at (i, j) row[i]' row[j]."""
    count, _, wide = rows.shape.as_list()
    side_by_side = tf.reshape(tf.transpose(rows, [1, 0, 2]), [-1, count * wide])
    products = tf.matmul(side_by_side, side_by_side, transpose_a=True)
    return tf.transpose(tf.reshape(products, [count, wide, count, wide]), [0, 2, 1, 3])


@functools.lru_cache(maxsize=8)
def _column_pairs(width, size):
    """Return [(w+k-1)^2, k*k]: 1 where columns (a, b) are (x + i, x + j) for an x < w, else 0."""
    wide = width + size - 1
    chosen = np.zeros([wide, wide, size, size], np.float32)
    x = np.arange(width)
    for i in range(size):
        for j in range(size):
            chosen[x + i, x + j, i, j] = 1
    return chosen.reshape(wide * wide, size * size)
