"""The VGG of article a3: three blocks of 3x3 convolutions and two wide dense layers.

    layer        kernel  stride  filters   output (48x48 pictures)
    block1_1,2   3x3     1       32        48, 48, 32
    pool1        2x2     2                 24, 24, 32
    block2_1-3   3x3     1       64        24, 24, 64
    pool2        2x2     2                 12, 12, 64
    block3_1-3   3x3     1       128       12, 12, 128
    pool3        2x2     2                 6, 6, 128 (4608)
    fc1                          4096      4096
    fc2                          4096      4096
    logits                       classes   7

Every layer has a bias and, but for the output, a ReLU; dropout 0.5 after fc1 and fc2; started as
PyTorch does it. After Simonyan & Zisserman 2015. Deviation that changes no value: in each block's
last layer the pool comes before the ReLU.
"""

from fer2013_tf.nets import layers
from fer2013_tf.tensorflow1 import tf

BLOCKS = ((2, 32), (3, 64), (3, 128))


def build(images, *, training, num_classes, ledger, units=4096, dropout_rate=0.5):
    """images: float32 [n, h, w, c] -> (logits float32 [n, num_classes], end_points).

    units: width of fc1 and fc2. dropout_rate: before fc2 and logits.
    """
    points = {}
    x = tf.cast(images, ledger.dtype)
    for block, (count, filters) in enumerate(BLOCKS, start=1):
        for layer in range(1, count + 1):
            name = f"block{block}_{layer}"
            with tf.variable_scope(name):
                x = layers.conv_as_torch(x, filters, 3, padding=1, ledger=ledger)
            points[name] = tf.nn.relu(x)
            if layer < count:
                x = points[name]
        x = points[f"pool{block}"] = tf.nn.relu(layers.max_pool(x, 2, 2, padding="VALID"))
    x = layers.flatten(x)
    for name in ("fc1", "fc2"):
        with tf.variable_scope(name):
            x = points[name] = tf.nn.relu(layers.dense_as_torch(x, units, ledger=ledger))
            x = layers.dropout(x, dropout_rate, training=training, ledger=ledger)
    with tf.variable_scope("logits"):
        points["logits"] = layers.dense_as_torch(x, num_classes, ledger=ledger, kind=layers.OUTPUT)
    return points["logits"], points
