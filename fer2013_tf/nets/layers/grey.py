"""The first block of a net on grey pictures: convolution, batch normalization, ReLU, max-pool.

Its output before the pool is the largest array of a net, and memory is what it costs. Written once
and read as seldom as can be:

- Mean and variance follow from the pictures' patches (moments.py), so that nothing is read for
  statistics, and the normalization's scale goes into the kernel.
- Offset and ReLU are done while the convolution writes (TensorFlow fuses the three).
- Backward, offset and ReLU are undone on the pool's output, a quarter of the elements: a maximum
  and what adds a constant to all or cuts off below zero may change places.
"""

from fer2013_tf.nets import layers
from fer2013_tf.nets.layers import moments
from fer2013_tf.tensorflow1 import tf


def conv_norm_relu_pool(images, filters, size, *, pool, stride, pool_scope, training, ledger):
    """images: float32 [n, h, w, 1] -> (before the pool [n, h, w, filters], pooled), ledger.dtype.

    Variables are those of `layers.conv` and `layers.batch_norm` in one scope. pool_scope: the name
    scope, from the root, of the pool.
    """
    kernel = layers.kernel_of([size, size, 1, filters], layers.CONV, ledger)
    norm = layers.Norm(filters, ledger)
    if training:
        mean, variance, count = moments.of_grey_conv(images, kernel)
        ledger.updates += norm.moved(mean, variance * (count / (count - 1)))
    else:
        mean, variance = norm.mean, norm.variance
    scale = norm.gamma * tf.math.rsqrt(variance + layers.EPSILON)
    folded, offset = map(ledger.held, (kernel * scale, norm.beta - mean * scale))
    padding = "SAME"
    if ledger.dtype != tf.float32:
        images, offset = _centred(images, folded, offset)
        padding = "VALID"
    parts = [tf.cast(part, ledger.dtype) for part in (images, folded, offset)]
    window = {"ksize": [1, pool, pool, 1], "strides": [1, stride, stride, 1], "padding": "SAME"}
    scope = tf.get_default_graph().get_name_scope()
    # What the function hands on is the pool's, for whoever looks at the graph.
    with tf.name_scope(f"{pool_scope}/"):
        pooled = _conv_relu_pool(*parts, padding, window, scope)
    return _conv_relu(*parts, padding), pooled


def _centred(images, kernel, offset):
    """(images, offset) of mean zero, for padding VALID, with which the output is the same.

    A kernel's taps are rounded, in bfloat16 by up to 0.4 %. On pictures of mean 0.5 the mean would
    make of that an offset of its own for each filter and step, which the statistics know nothing
    of: a tenth of the output's deviation and more for filters that look at differences.
    """
    size = kernel.shape[0]
    around = [(size - 1) // 2, size // 2]
    centre = tf.reduce_mean(images)
    # The zeros around a picture are pixels too, and move with the others.
    padded = tf.pad(images, [[0, 0], around, around, [0, 0]]) - centre
    return padded, offset + centre * tf.reduce_sum(kernel, axis=[0, 1, 2])


def _conv_relu(images, kernel, offset, padding):
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, padding), offset))


def _conv_relu_pool(images, kernel, offset, padding, window, conv_scope):
    @tf.custom_gradient
    def forward(kernel, offset):
        with tf.name_scope(f"{conv_scope}/"):
            whole = _conv_relu(images, kernel, offset, padding)
        pooled = tf.nn.max_pool(whole, **window)

        def backward(upstream):
            inner = tf.raw_ops.ReluGrad(gradients=upstream, features=pooled)
            of_whole = tf.raw_ops.MaxPoolGrad(
                orig_input=whole, orig_output=pooled, grad=inner, **window
            )
            of_kernel = tf.nn.conv2d_backprop_filter(
                images, kernel.shape, of_whole, strides=[1, 1, 1, 1], padding=padding
            )
            return of_kernel, tf.raw_ops.BiasAddGrad(out_backprop=inner)

        return pooled, backward

    return forward(kernel, offset)
