"""Layers that nets are built from, on `tf.get_variable` and `tf.nn`.

The caller opens a variable scope around each layer, so that variable names - the checkpoint's
format - never depend on the order of calls. What a layer makes besides its output, such as updates
of statistics, goes into the `BuildContext` of the build, never into a global collection.
"""

from fer2013_tf.nets.layers.activations import leaky_relu, randomized_leaky_relu, relu
from fer2013_tf.nets.layers.build_context import BuildContext, Weight
from fer2013_tf.nets.layers.convolution import conv, conv_as_torch, convolve
from fer2013_tf.nets.layers.dropout_layer import dropout
from fer2013_tf.nets.layers.feature_map import HWNC, NHWC, FeatureMap, nhwc, transpose_layout
from fer2013_tf.nets.layers.fully_connected import dense, dense_as_torch
from fer2013_tf.nets.layers.fused_stem import from_images
from fer2013_tf.nets.layers.initializers import (
    bias,
    fan_in_bounds,
    fan_in_uniform,
    glorot_uniform,
    he_normal,
    kernel_of,
    normal,
    truncated_normal,
)
from fer2013_tf.nets.layers.normalization import EPSILON, Norm, batch_norm, local_response
from fer2013_tf.nets.layers.pooling import (
    add,
    average_pool,
    concat,
    flatten,
    global_average,
    max_pool,
    scale_channels,
)
from fer2013_tf.utils.constants import CONV, DENSE, OUTPUT

__all__ = [
    "CONV",
    "DENSE",
    "EPSILON",
    "HWNC",
    "NHWC",
    "OUTPUT",
    "BuildContext",
    "FeatureMap",
    "Norm",
    "Weight",
    "add",
    "average_pool",
    "batch_norm",
    "bias",
    "concat",
    "conv",
    "conv_as_torch",
    "convolve",
    "dense",
    "dense_as_torch",
    "dropout",
    "fan_in_bounds",
    "fan_in_uniform",
    "flatten",
    "from_images",
    "glorot_uniform",
    "global_average",
    "he_normal",
    "kernel_of",
    "leaky_relu",
    "local_response",
    "max_pool",
    "nhwc",
    "normal",
    "randomized_leaky_relu",
    "relu",
    "scale_channels",
    "transpose_layout",
    "truncated_normal",
]
