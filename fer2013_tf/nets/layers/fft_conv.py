"""Convolution by discrete Fourier transforms, all in real matrix products.

A convolution of stride 1 multiplies every pixel with every tap of the kernel. The transforms
of image and kernel need only one product per frequency. For 5x5 kernels that is 5 to 7 times less
arithmetic, transforms included, and all of it is matrix products, which oneDNN computes fastest.

The layout of images is [height, width, n, channels], so that a transform over height or width is
one matrix product from the left. Two choices keep the arithmetic real and small:

- Along the height the frequencies are odd multiples of pi / L (the transform of a sequence that
  changes sign as it wraps around). None of them is its own mirror image, so that the L real numbers
  of a column become L/2 complex ones, of equal standing. L is large enough (and even) to keep
  pixels that wrap around away from those that are used.
- A complex product (a + ib)(c + id) is three real ones (Gauss): T1 = (a + b) c, T2 = a (d - c),
  T3 = b (c + d); its parts are T1 - T3 and T1 + T2. The sums are rows of the transform matrices.

All matrices have entries of at most about 2, so that bfloat16 rounds here as it does elsewhere.
The three products of one frequency are called T1, T2, T3 below; an axis of 3 columns holds them.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from fer2013_tf.utils.tf1 import tf

# Both steps in one may take so many times their multiply-adds.
ONE_STEP = 2.0


class Plan(NamedTuple):
    """How images, kernel and output of one convolution are transformed: `_OneStep` or two."""

    products: int  # of matrices [n, c] and [c, d], one per frequency and part
    images: Any
    kernel: Any
    output: Any


class Work(NamedTuple):
    """Multiply-adds of `conv`, forward."""

    products: int  # per image, of the frequencies
    transforms: int  # per image, of the input and the output
    of_kernel: int  # per batch, of the kernel


def work(g, inputs, outputs):
    """Return the `Work` of the convolution of a `Geometry` with stride 1."""
    plan = plan_of(g)
    return Work(
        products=plan.products * inputs * outputs,
        transforms=plan.images.multiply_adds * inputs + plan.output.multiply_adds * outputs,
        of_kernel=plan.kernel.multiply_adds * inputs * outputs,
    )


def transformed_kernel(kernel, g):
    """Return the transform [products, c, d] of a kernel [size, size, c, d], as `conv` takes it."""
    _, _, inputs, outputs = kernel.shape.as_list()
    plan = plan_of(g)
    return tf.reshape(plan.kernel.apply(kernel), [plan.products, inputs, outputs])


def transformed_images(x, g):
    """Return the transform [products, n, c] of x [h, w, n, c], as `conv` takes it."""
    plan = plan_of(g)
    return tf.reshape(plan.images.apply(x), [plan.products, -1, x.shape[-1]])


def conv(images, kernel, g, n):
    """Return the convolution, stride 1, of images [h, w, n, c]: [h', w', n, d].

    images: after `transformed_images`, kernel: after `transformed_kernel`; float32 or bfloat16, the
    same for both. g: the `Geometry`. n: number of images, None where it is not known. The result
    differs from `tf.nn.conv2d` by rounding only: about 1e-6 of its size in float32, 0.7 to
    1 % in bfloat16 (direct: 0.3 %).
    """
    result = plan_of(g).output.apply(tf.matmul(images, kernel))
    return tf.reshape(result, [g.out_height, g.out_width, n or -1, kernel.shape[-1]])


class _OneStep(NamedTuple):
    """One matrix [rows, columns]."""

    matrix: Any

    @property
    def multiply_adds(self):
        return self.matrix.size

    def apply(self, x):
        return _product(self.matrix, x)


class _RowsFirst(NamedTuple):
    """The matrix [2 frequencies, h] of rows, then [p, 2 w] of the columns of each frequency."""

    rows: Any
    columns: Any

    @property
    def multiply_adds(self):
        (p, two_w), (rows, height) = self.columns.shape, self.rows.shape
        return rows * height * (two_w // 2) + rows // 2 * p * two_w

    def apply(self, x):
        return _on_columns(self.columns, _product(self.rows, x), len(self.rows) // 2)

    def joined(self):
        rows = self.rows.reshape(len(self.rows) // 2, 2, -1)
        columns = self.columns.reshape(len(self.columns), 2, -1)
        joined = np.einsum("fah,paw->fphw", rows, columns)
        return _OneStep(joined.reshape(len(rows) * len(columns), -1))


class _ColumnsFirst(NamedTuple):
    """The matrix [2 w, p] of the columns of each frequency, then [h, 2 frequencies] of rows."""

    columns: Any
    rows: Any

    @property
    def multiply_adds(self):
        (two_w, p), (height, rows) = self.columns.shape, self.rows.shape
        return rows // 2 * p * two_w + rows * height * (two_w // 2)

    def apply(self, x):
        return _product(self.rows, _on_columns(self.columns, x, self.rows.shape[1] // 2))

    def joined(self):
        frequencies, p = self.rows.shape[1] // 2, self.columns.shape[1]
        rows = self.rows.reshape(-1, frequencies, 2)
        joined = np.einsum("hfa,awp->hwfp", rows, self.columns.reshape(2, -1, p))
        return _OneStep(joined.reshape(-1, frequencies * p))


def _in_one_step(steps):
    """Return both steps as one where that is hardly more work, else the two.

    One step reads and writes memory once.
    """
    joined = steps.joined()
    return joined if joined.multiply_adds <= ONE_STEP * steps.multiply_adds else steps


@functools.lru_cache(maxsize=64)
def plan_of(g):
    """Return the `Plan` of a `Geometry`."""
    if (g.height, g.width, g.size, g.top, g.left) == (2, 2, 3, 1, 1) and g.out_pixels == 4:
        return _plan_of_two_by_two()
    rows, columns = _lengths(g)
    steps = _forward(g), _forward_kernel(g), _backward(g)
    return Plan(rows // 2 * 3 * columns, *map(_in_one_step, steps))


def _plan_of_two_by_two():
    """Return the plan of a 3x3 SAME convolution of 2x2 pixels: 9 products instead of 18.

    Along one axis y0 = w1 x0 + w2 x1 and y1 = w0 x0 + w1 x1. With P0 = w1 (x0 + x1),
    P1 = (w2 - w1) x1 and P2 = (w0 - w1) x0 that is y0 = P0 + P1, y1 = P0 + P2 (Karatsuba's trick).
    """
    images = np.array([[1, 1], [0, 1], [1, 0]])
    kernel = np.array([[0, 1, 0], [0, -1, 1], [1, -1, 0]])
    output = np.array([[1, 1, 0], [1, 0, 1]])
    both_axes = (np.kron(each, each).astype(float) for each in (images, kernel, output))
    return Plan(9, *map(_OneStep, both_axes))


def _lengths(g):
    """Return the lengths (rows, columns) of the two transforms.

    Windows reach from -top to out_height + size - 2 - top: neither end may wrap around onto a pixel
    of the image.
    """
    rows = max(g.height + g.top, g.out_height + g.size - 1 - g.top, g.height)
    columns = max(g.width + g.left, g.out_width + g.size - 1 - g.left, g.width)
    return rows + rows % 2, columns


def _product(matrix, x):
    """Return matrix [r, h] times x [h, ...]: [r, everything else]."""
    return tf.matmul(tf.constant(matrix, x.dtype), tf.reshape(x, [matrix.shape[1], -1]))


def _on_columns(matrix, x, frequencies):
    """Return matrix [p, q] times each row frequency's x [q, ...]: [frequencies, p, the rest]."""
    each = tf.reshape(x, [frequencies, matrix.shape[1], -1])
    return tf.matmul(tf.constant(matrix[np.newaxis], x.dtype), each)


def _row_frequencies(rows):
    return 2j * np.pi * (np.arange(rows // 2) + 0.5) / rows


def _column_frequencies(columns):
    return 2j * np.pi * np.arange(columns) / columns


def _parts(matrix):
    """Return real [2k, s] for complex [k, s] applied to real [s]: real part, imaginary part, ..."""
    return np.stack([matrix.real, matrix.imag], axis=1).reshape(-1, matrix.shape[1])


def _complex_parts(matrix):
    """Return (real part, imaginary part) of complex [k, s] applied to (real [s], imaginary [s])."""
    real = np.concatenate([matrix.real, -matrix.imag], axis=1)
    return real, np.concatenate([matrix.imag, matrix.real], axis=1)


def _interleaved(*matrices):
    """Return one matrix [3k, s] of three [k, s], the three rows of a frequency together."""
    return np.stack(matrices, axis=1).reshape(-1, matrices[0].shape[1])


def _forward(g):
    """Return the matrices that transform images: [rows, height], [3 columns, 2 width]."""
    rows, columns = _lengths(g)
    of_rows = _parts(np.exp(-np.outer(_row_frequencies(rows), np.arange(g.height))))
    a, b = _complex_parts(np.exp(-np.outer(_column_frequencies(columns), np.arange(g.width))))
    return _RowsFirst(of_rows, _interleaved(a + b, a, b))


def _forward_kernel(g):
    """Return the matrices that transform kernels: [rows, size], [3 columns, 2 size]."""
    rows, columns = _lengths(g)
    taps = np.arange(g.size)
    of_rows = _parts(np.exp(np.outer(_row_frequencies(rows), taps - g.top)))
    c, d = _complex_parts(np.exp(np.outer(_column_frequencies(columns), taps - g.left)))
    return _RowsFirst(of_rows, _interleaved(c, d - c, c + d))


def _backward(g):
    """Return the matrices back from products: [2 width', 3 columns], [height', rows]."""
    rows, columns = _lengths(g)
    e = np.exp(np.outer(np.arange(g.out_width), _column_frequencies(columns))) / columns
    real = np.stack([e.real - e.imag, -e.imag, -e.real], axis=-1)
    imaginary = np.stack([e.real + e.imag, e.real, -e.imag], axis=-1)
    of_columns = np.concatenate([real, imaginary]).reshape(2 * g.out_width, 3 * columns)
    e = np.exp(np.outer(np.arange(g.out_height), _row_frequencies(rows))) * 2 / rows
    of_rows = np.stack([e.real, -e.imag], axis=-1).reshape(g.out_height, rows)
    return _ColumnsFirst(of_columns, of_rows)
