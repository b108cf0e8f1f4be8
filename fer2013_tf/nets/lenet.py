"""The LeNet-style net of the first article (a1), three convolutions and two hidden dense layers.

    layer    kernel  stride  filters   output (48x48 pictures)
    conv1    5x5     1       64        48, 48, 64
    pool1    3x3     2                 24, 24, 64
    conv2    5x5     1       64        24, 24, 64
    pool2    3x3     2                 12, 12, 64
    conv3    5x5     1       128       12, 12, 128
    pool3    3x3     2                 6, 6, 128 (4608)
    fc1                      512       512
    fc2                      512       512
    logits                   classes   7

All padding is SAME. Batch normalization (or a bias) comes before the activation. Deviation that
changes no value: the pool is taken before the activation, which then runs on a quarter of the
elements; both are monotonic, so max and activation commute.
"""

from fer2013_tf.errors import UserError
from fer2013_tf.nets import layers
from fer2013_tf.nets.layers import grey
from fer2013_tf.tensorflow1 import tf

CONVOLUTIONS = (("1", 64), ("2", 64), ("3", 128))
DENSE_UNITS = 512
KERNEL, POOL, STRIDE = 5, 3, 2

NORMS = ("bn", "lrn", "none")
ACTIVATIONS = {"relu": tf.nn.relu, "leaky_relu": tf.nn.leaky_relu}


def build(
    images,
    *,
    training,
    num_classes,
    ledger,
    norm="bn",
    bias_with_bn=False,
    bn_scale=True,
    bn_by_hand=False,
    dense_bn=True,
    dense_units=DENSE_UNITS,
    activation="relu",
    dropout_rates=(0.5, 0.5, 0.5),
):
    """images: float32 [n, h, w, c] -> (logits float32 [n, num_classes], end_points).

    In between, and in the end points, numbers are of ledger.dtype.

    norm: bn, lrn (after each pool, as AlexNet has it) or none. bias_with_bn: a bias also where
    there is BN. bn_scale: BN's factor a channel. bn_by_hand: BN in single operations, not the fused
    one. dense_bn: BN on fc1 and fc2 (with norm="bn"). dense_units: width of fc1 and fc2; the
    article tried 256 too. activation: relu or leaky_relu. dropout_rates: rates (not keep
    probabilities) before fc1, fc2 and logits.
    """
    _check(norm, activation, dropout_rates)
    activate = ACTIVATIONS[activation]

    def shift_and_scale(x, bn):
        if not bn or bias_with_bn:
            x = layers.bias(x)
        how = {"training": training, "ledger": ledger, "scale": bn_scale, "by_hand": bn_by_hand}
        return layers.batch_norm(x, **how) if bn else x

    def conv_block(x, layout, number, filters):
        wanted = layers.layout_for(x, filters, KERNEL, layout=layout, ledger=ledger)
        with tf.variable_scope(f"conv{number}"):
            x = layers.rearrange(x, layout, wanted)
            x = layers.conv(x, filters, KERNEL, layout=wanted, ledger=ledger)
            x = shift_and_scale(x, norm == "bn")
            end_points[f"conv{number}"] = layers.rearrange(activate(x), wanted, layers.NHWC)
        with tf.name_scope(f"pool{number}"):
            x = activate(layers.max_pool(x, POOL, STRIDE, layout=wanted))
            if norm == "lrn":
                x = layers.local_response(x)
            end_points[f"pool{number}"] = layers.rearrange(x, wanted, layers.NHWC)
        return x, wanted

    def first_block(x, number, filters):
        with tf.variable_scope(f"conv{number}"):
            whole, x = grey.conv_norm_relu_pool(
                x,
                filters,
                KERNEL,
                pool=POOL,
                stride=STRIDE,
                pool_scope=f"pool{number}",
                training=training,
                ledger=ledger,
            )
        end_points[f"conv{number}"], end_points[f"pool{number}"] = whole, x
        return x

    def dense_block(x, number, rate):
        with tf.variable_scope(f"fc{number}"):
            x = layers.dropout(x, rate, training=training, ledger=ledger)
            x = layers.dense(x, dense_units, ledger=ledger)
            x = activate(shift_and_scale(x, norm == "bn" and dense_bn))
        end_points[f"fc{number}"] = x
        return x

    end_points, blocks, layout = {}, list(CONVOLUTIONS), layers.NHWC
    usual = norm == "bn" and bn_scale and not bn_by_hand and not bias_with_bn
    if images.shape[-1] == 1 and usual and activation == "relu" and not ledger.freezes:
        x = first_block(images, *blocks.pop(0))
    else:
        x = tf.cast(images, ledger.dtype)
    for number, filters in blocks:
        x, layout = conv_block(x, layout, number, filters)
    with tf.name_scope("flatten"):
        x = layers.rearrange(x, layout, layers.NHWC)
        x = layers.flatten(x)
    for number, rate in zip("12", dropout_rates):
        x = dense_block(x, number, rate)
    with tf.variable_scope("logits"):
        x = layers.dropout(x, dropout_rates[2], training=training, ledger=ledger)
        x = layers.dense(x, num_classes, ledger=ledger, kind=layers.OUTPUT)
        logits = layers.bias(tf.cast(x, tf.float32))
    end_points["logits"] = logits
    return logits, end_points


def _check(norm, activation, dropout_rates):
    if norm not in NORMS:
        raise UserError(f"net lenet: norm={norm!r}; known: {', '.join(NORMS)}")
    if activation not in ACTIVATIONS:
        raise UserError(f"net lenet: activation={activation!r}; known: {', '.join(ACTIVATIONS)}")
    if len(dropout_rates) != 3 or not all(0 <= rate < 1 for rate in dropout_rates):
        raise UserError(f"net lenet: dropout_rates={dropout_rates!r}; give three rates in [0, 1)")
