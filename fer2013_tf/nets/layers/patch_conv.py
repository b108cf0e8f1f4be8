"""Convolution as one matrix product with the patches of the images.

oneDNN's gradient of a kernel uses one core where planes are small or strides are two, and is ten
times slower than a product. The patches repeat each pixel, so this pays for small planes only.
"""

from fer2013_tf.nets.layers import feature_map
from fer2013_tf.utils.tf1 import tf


def conv(x, kernel, g, layout):
    """Return the convolution of x, in its layout, with a kernel [k, k, c, d], in the same layout.

    g: the `geometry.Geometry`.
    """
    size, _, inputs, outputs = kernel.shape.as_list()
    stacked = patches(x, g, layout)
    flat = tf.reshape(stacked, [-1, size * size * inputs])
    product = tf.matmul(flat, tf.reshape(kernel, [size * size * inputs, outputs]))
    return tf.reshape(product, [*feature_map.sizes(stacked)[:3], outputs])


def patches(x, g, layout):
    """Return the pixels under each window, channels last: c becomes size * size * c."""
    rows, columns = layout.index("H"), layout.index("W")
    x = _padded(x, g, rows, columns)
    if g.stride > 1:
        x = _blocks(x, g.stride, rows)
    taps = [(i, j) for i in range(g.size) for j in range(g.size)]
    found = [_tap(x, i, j, g, rows, columns) for i, j in taps]
    return found[0] if len(found) == 1 else tf.concat(found, axis=-1)


def _padded(x, g, rows, columns):
    """Return x with the margins, a whole number of strides high and wide."""
    kept, margins = [-1] * 4, [[0, 0] for _ in range(4)]
    for axis, length, before, after in (
        (rows, g.height, g.top, g.bottom),
        (columns, g.width, g.left, g.right),
    ):
        # What no window reaches is cut off.
        kept[axis], after = length + min(after, 0), max(after, 0)
        margins[axis] = [before, after + -(before + kept[axis] + after) % g.stride]
    if (kept[rows], kept[columns]) != (g.height, g.width):
        x = tf.slice(x, [0] * 4, kept)
    return tf.pad(x, margins) if any(map(any, margins)) else x


def _blocks(x, stride, rows):
    """Return x with rows and columns, two neighboring axes, cut into blocks: one axis more each.

    TensorFlow's slices with a stride copy one number at a time, those of whole blocks do not.
    """
    sizes = feature_map.sizes(x)
    height, width = sizes[rows] // stride, sizes[rows + 1] // stride
    return tf.reshape(x, [*sizes[:rows], height, stride, width, stride, *sizes[rows + 2 :]])


def _tap(x, i, j, g, rows, columns):
    """Return the pixels that tap (i, j) of the kernel meets.

    By `tf.slice`, because the gradient of Python's slices is ten times as slow.
    """
    sizes, s = feature_map.sizes(x), g.stride
    begin, size = [0] * len(sizes), list(sizes)
    if s == 1:
        begin[rows], begin[columns] = i, j
        size[rows], size[columns] = g.out_height, g.out_width
        return tf.slice(x, begin, size)
    begin[rows : rows + 4] = i // s, i % s, j // s, j % s
    size[rows : rows + 4] = g.out_height, 1, g.out_width, 1
    n, channels = size[0 if rows else 4], size[-1]
    flat = (n, g.out_height, g.out_width) if rows else (g.out_height, g.out_width, n)
    return tf.reshape(tf.slice(x, begin, size), [*flat, channels])
