"""Layers that nets are built from, on `tf.get_variable` and `tf.nn`.

The caller opens a variable scope around each layer, so that variable names - the checkpoint's
format - never depend on the order of calls. What a layer makes besides its output, such as updates
of statistics, goes into the `BuildContext` of the build, never into a global collection.
"""

from fer2013_tf.nets.layers.activations import randomized_leaky_relu
from fer2013_tf.nets.layers.build_context import BuildContext, Weight
from fer2013_tf.nets.layers.convolution import conv, conv_as_torch, convolve, pad_zeros
from fer2013_tf.nets.layers.dropout_layer import dropout
from fer2013_tf.nets.layers.fully_connected import dense, dense_as_torch
from fer2013_tf.nets.layers.initializers import (
    bias,
    cast_kernel,
    fan_in_bounds,
    fan_in_uniform,
    glorot_uniform,
    kernel_of,
    normal,
    truncated_normal,
)
from fer2013_tf.nets.layers.layouts import HWNC, NHWC, layout_for, transpose_layout
from fer2013_tf.nets.layers.normalization import EPSILON, Norm, batch_norm, local_response
from fer2013_tf.nets.layers.pooling import flatten, global_average, max_pool
from fer2013_tf.utils.constants import CONV, DENSE, OUTPUT

__all__ = [
    "CONV",
    "DENSE",
    "EPSILON",
    "HWNC",
    "NHWC",
    "OUTPUT",
    "BuildContext",
    "Norm",
    "Weight",
    "batch_norm",
    "bias",
    "cast_kernel",
    "conv",
    "conv_as_torch",
    "convolve",
    "dense",
    "dense_as_torch",
    "dropout",
    "fan_in_bounds",
    "fan_in_uniform",
    "flatten",
    "glorot_uniform",
    "global_average",
    "kernel_of",
    "layout_for",
    "local_response",
    "max_pool",
    "normal",
    "pad_zeros",
    "randomized_leaky_relu",
    "transpose_layout",
    "truncated_normal",
]
