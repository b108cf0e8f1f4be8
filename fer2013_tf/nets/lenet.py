"""The LeNet-style net of Hu 2019: three convolutions and two hidden dense layers.

    layer    kernel  stride  filters   output (48x48 images)
    conv1    5x5     1       64        48, 48, 64
    pool1    3x3     2                 24, 24, 64
    conv2    5x5     1       64        24, 24, 64
    pool2    3x3     2                 12, 12, 64
    conv3    5x5     1       128       12, 12, 128
    pool3    3x3     2                 6, 6, 128 (4608)
    fc1                      512       512
    fc2                      512       512
    logits                   classes   7

All padding is SAME. Batch normalization (or a bias) comes before the activation.
"""

from collections.abc import Callable
from typing import NamedTuple

from fer2013_tf.nets import layers
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

CONVOLUTIONS = (("1", 64), ("2", 64), ("3", 128))  # number, filters
DENSE_UNITS = 512
KERNEL, POOL, STRIDE = 5, 3, 2
NORMS = ("bn", "lrn", "none")
ACTIVATIONS = {"relu": layers.relu, "leaky_relu": layers.leaky_relu}


def build(
    images,
    *,
    training,
    num_classes,
    context,
    norm="bn",
    bias_with_bn=False,
    bn_scale=True,
    bn_fused=True,
    dense_bn=True,
    dense_units=DENSE_UNITS,
    activation="relu",
    dropout_rates=(0.5, 0.5, 0.5),
):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    In between, and in the end points, numbers are of context.dtype.

    norm: bn, lrn (after each pool, as AlexNet has it) or none. bias_with_bn: a bias also where
    there is BN. bn_scale: BN's factor per channel. bn_fused: TensorFlow's fused BN; without, single
    operations. dense_bn: BN on fc1 and fc2 (with norm="bn"). dense_units: width of fc1 and fc2;
    Hu 2019 tried 256 too. activation: relu or leaky_relu. dropout_rates: rates (not keep
    probabilities) before fc1, fc2 and logits.
    """
    _check(norm, activation, dropout_rates)
    bn = {"scale": bn_scale, "fused": bn_fused}
    mode = {"training": training, "context": context}
    style = _Style(mode, norm, bn, bias_with_bn, ACTIVATIONS[activation])
    end_points = {}
    x = _convolutions(images, style, end_points)
    for number, rate in zip("12", dropout_rates):
        with tf.variable_scope(f"fc{number}"):
            x = layers.dense(layers.dropout(x, rate, **mode), dense_units, context=context)
            x = style.activate(_normalize(x, style, norm == "bn" and dense_bn))
        end_points[f"fc{number}"] = x
    with tf.variable_scope("logits"):
        x = layers.dropout(x, dropout_rates[2], **mode)
        x = layers.dense(x, num_classes, context=context, kind=layers.OUTPUT)
        end_points["logits"] = layers.bias(tf.cast(x, tf.float32))
    return end_points["logits"], end_points


class _Style(NamedTuple):
    """What all blocks of one net have in common."""

    mode: dict  # training and context, for layers that need both
    norm: str
    bn: dict  # options of batch normalization
    bias_with_bn: bool
    activate: Callable


def _convolutions(images, style, end_points):
    """Return the flattened output [n, units] of the blocks; enter each into the end points."""
    context = style.mode["context"]
    x = layers.from_images(images, context)
    for number, filters in CONVOLUTIONS:
        with tf.variable_scope(f"conv{number}"):
            x = layers.conv(x, filters, KERNEL, context=context)
            x = style.activate(_normalize(x, style, style.norm == "bn"))
        end_points[f"conv{number}"] = x
        with tf.name_scope(f"pool{number}"):
            x = layers.max_pool(x, POOL, STRIDE)
            if style.norm == "lrn":
                x = layers.local_response(x)
        end_points[f"pool{number}"] = x
    with tf.name_scope("flatten"):
        return layers.flatten(x)


def _normalize(x, style, bn):
    """Return x with a bias, with batch normalization where `bn`, or with both."""
    if not bn or style.bias_with_bn:
        x = layers.bias(x)
    return layers.batch_norm(x, **style.mode, **style.bn) if bn else x


def _check(norm, activation, dropout_rates):
    if norm not in NORMS:
        raise UserError(f"net lenet: norm={norm!r}; known: {', '.join(NORMS)}")
    if activation not in ACTIVATIONS:
        raise UserError(f"net lenet: activation={activation!r}; known: {', '.join(ACTIVATIONS)}")
    if len(dropout_rates) != 3 or not all(0 <= rate < 1 for rate in dropout_rates):
        raise UserError(f"net lenet: dropout_rates={dropout_rates!r}; give three rates in [0, 1)")
