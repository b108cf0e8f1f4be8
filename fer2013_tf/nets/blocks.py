"""The Keras block CNN of Feng 2022: blocks of equal convolutions, each closed by a max-pool.

    with the settings that Feng 2022 arrived at (48x48 images):
    layer        kernel  stride  filters   output
    block1_1,2   3x3     1       64        48, 48, 64
    pool1        4x4     2                 23, 23, 64
    block2_1,2   3x3     1       128       23, 23, 128
    pool2        4x4     2                 10, 10, 128
    block3_1,2   3x3     1       256       10, 10, 256
    pool3        4x4     2                 4, 4, 256
    block4_1,2   3x3     1       512       4, 4, 512
    pool4        4x4     2                 1, 1, 512
    logits                       classes   7

Convolutions are SAME with bias and ReLU, pools VALID with stride 2, dropout before the output, as
Keras has them; weights start from Glorot's uniform distribution, biases at 0.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

RANGES = {
    "block_num": (1, 5),
    "layer_num": (1, 5),
    "kernel_size": (2, 5),
    "pool_size": (2, 4),
    "pool_stride": (1, 4),
}


def build(
    images,
    *,
    training,
    num_classes,
    context,
    block_num=4,
    layer_num=2,
    filters=(64, 128, 256, 512),
    kernel_size=3,
    pool_size=4,
    pool_stride=2,
    dropout_rate=0.2,
):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    block_num: 1 to 5 blocks of layer_num, 1 to 5, convolutions of kernel_size, 2 to 5. filters: at
    least one number per block. pool_size: 2 to 4. pool_stride: 1 to 4. dropout_rate: before the
    output.
    """
    given = {"block_num": block_num, "layer_num": layer_num}
    given.update(kernel_size=kernel_size, pool_size=pool_size, pool_stride=pool_stride)
    _check(given, filters, dropout_rate)
    weights = {"context": context, "initializer": layers.glorot_uniform()}
    end_points = {}
    x = layers.from_images(images, context)
    for block in range(1, block_num + 1):
        for layer in range(1, layer_num + 1):
            name = f"block{block}_{layer}"
            with tf.variable_scope(name):
                x = layers.bias(layers.conv(x, filters[block - 1], kernel_size, **weights), 0.0)
            x = end_points[name] = layers.relu(x)
        _check_room(x, block, pool_size)
        x = end_points[f"pool{block}"] = layers.max_pool(x, pool_size, pool_stride, padding="VALID")
    x = layers.flatten(x)
    with tf.variable_scope("logits"):
        x = layers.dropout(x, dropout_rate, training=training, context=context)
        x = layers.dense(x, num_classes, kind=layers.OUTPUT, **weights)
        end_points["logits"] = layers.bias(tf.cast(x, tf.float32), 0.0)
    return end_points["logits"], end_points


def _check(given, filters, dropout_rate):
    for name, value in given.items():
        low, high = RANGES[name]
        if not low <= value <= high:
            raise UserError(f"net blocks: {name}={value}; give {low} to {high}")
    if len(filters) < given["block_num"] or min(filters) < 1:
        raise UserError(f"net blocks: filters={filters!r}; give a number over 0 for each block")
    if not 0 <= dropout_rate < 1:
        raise UserError(f"net blocks: dropout_rate={dropout_rate}; give a rate in [0, 1)")


def _check_room(x, block, pool_size):
    height, width = x.shape[1:3]
    if min(height, width) < pool_size:
        raise UserError(
            f"net blocks: pool{block} takes {pool_size}x{pool_size} pixels, {height}x{width} are "
            "left; choose fewer blocks, a smaller pool or larger images"
        )
