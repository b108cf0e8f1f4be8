"""Compute the first block of a net on gray images: convolution, batch norm, ReLU, max-pool, fused.

The output before the pool is the largest array of a net; reading and writing it takes most of the
time. So it is written once and read as seldom as possible:

- Mean and variance are computed from the images' patches (patch_moments.py), so that nothing is
  read for statistics. The normalization's scale is multiplied into the kernel.
- Offset and ReLU are applied while the convolution writes (TensorFlow fuses the three).
- Backward, the gradients of offset and ReLU are computed on the pool's output, a quarter of the
  elements: a maximum commutes with adding a constant to all elements and with a ReLU.
"""

from fer2013_tf.nets.layers import initializers, normalization, patch_moments
from fer2013_tf.utils import constants
from fer2013_tf.utils.tf1 import tf


def conv_norm_relu_pool(images, filters, size, *, pool, stride, pool_scope, training, context):
    """Return (output before the pool [n, h, w, filters], pooled) of images float32 [n, h, w, 1].

    Both are of context.dtype. The variables are those of `layers.conv` and `layers.batch_norm` in
    one variable scope. pool_scope: full name of the pool's name scope.
    """
    kernel = initializers.kernel_of([size, size, 1, filters], constants.CONV, context)
    norm = normalization.Norm(filters, context)
    if training:
        mean, variance, count = patch_moments.of_gray_conv(images, kernel)
        context.updates += norm.update_ops(mean, variance * (count / (count - 1)))
    else:
        mean, variance = norm.mean, norm.variance
    scale = norm.gamma * tf.math.rsqrt(variance + normalization.EPSILON)
    folded, offset = map(context.cached, (kernel * scale, norm.beta - mean * scale))
    padding = "SAME"
    if context.dtype != tf.float32:
        images, offset = _centered(images, folded, offset)
        padding = "VALID"
    parts = [tf.cast(part, context.dtype) for part in (images, folded, offset)]
    window = {"ksize": [1, pool, pool, 1], "strides": [1, stride, stride, 1], "padding": "SAME"}
    scope = tf.get_default_graph().get_name_scope()
    # So TensorBoard shows the function's output in the pool's box.
    with tf.name_scope(f"{pool_scope}/"):
        pooled = _conv_relu_pool(*parts, padding, window, scope)
    return _conv_relu(*parts, padding), pooled


def _centered(images, kernel, offset):
    """Return (images of mean zero, padded for VALID; offset), which give the same output.

    bfloat16 rounds the kernel's taps by up to 0.4 %. On images of mean 0.5 that would shift the
    output of each filter, differently in each step, and the statistics would not include the shift:
    a tenth of the output's standard deviation and more for filters that compute differences.
    """
    size = kernel.shape[0]
    around = [(size - 1) // 2, size // 2]
    center = tf.reduce_mean(images)
    # The zeros around an image are pixels too, and are shifted with the others.
    padded = tf.pad(images, [[0, 0], around, around, [0, 0]]) - center
    return padded, offset + center * tf.reduce_sum(kernel, axis=[0, 1, 2])


def _conv_relu(images, kernel, offset, padding):
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, padding), offset))


def _conv_relu_pool(images, kernel, offset, padding, window, conv_scope):
    @tf.custom_gradient
    def forward(kernel, offset):
        with tf.name_scope(f"{conv_scope}/"):
            before_pool = _conv_relu(images, kernel, offset, padding)
        pooled = tf.nn.max_pool(before_pool, **window)

        def backward(upstream):
            inner = tf.raw_ops.ReluGrad(gradients=upstream, features=pooled)
            of_conv = tf.raw_ops.MaxPoolGrad(
                orig_input=before_pool, orig_output=pooled, grad=inner, **window
            )
            of_kernel = tf.nn.conv2d_backprop_filter(
                images, kernel.shape, of_conv, strides=[1, 1, 1, 1], padding=padding
            )
            return of_kernel, tf.raw_ops.BiasAddGrad(out_backprop=inner)

        return pooled, backward

    return forward(kernel, offset)
