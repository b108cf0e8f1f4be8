"""The VGG of Yunwei 2025: three blocks of 3x3 convolutions and two wide dense layers.

    layer        kernel  stride  filters   output (48x48 images)
    block1_1,2   3x3     1       32        48, 48, 32
    pool1        2x2     2                 24, 24, 32
    block2_1-3   3x3     1       64        24, 24, 64
    pool2        2x2     2                 12, 12, 64
    block3_1-3   3x3     1       128       12, 12, 128
    pool3        2x2     2                 6, 6, 128 (4608)
    fc1                          4096      4096
    fc2                          4096      4096
    logits                       classes   7

Every layer has a bias and, but for the output, a ReLU; dropout 0.5 after fc1 and fc2; initial
values are those of PyTorch. After Simonyan & Zisserman 2015.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

BLOCKS = ((2, 32), (3, 64), (3, 128))


def build(images, *, training, num_classes, context, units=4096, dropout_rate=0.5):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    units: width of fc1 and fc2. dropout_rate: before fc2 and logits.
    """
    end_points = {}
    x = layers.from_images(images, context)
    for block, (count, filters) in enumerate(BLOCKS, start=1):
        for layer in range(1, count + 1):
            name = f"block{block}_{layer}"
            with tf.variable_scope(name):
                x = layers.conv_as_torch(x, filters, 3, padding=1, context=context)
            x = end_points[name] = layers.relu(x)
        x = end_points[f"pool{block}"] = layers.max_pool(x, 2, 2, padding="VALID")
    x = layers.flatten(x)
    for name in ("fc1", "fc2"):
        with tf.variable_scope(name):
            x = end_points[name] = layers.relu(layers.dense_as_torch(x, units, context=context))
            x = layers.dropout(x, dropout_rate, training=training, context=context)
    with tf.variable_scope("logits"):
        end_points["logits"] = layers.dense_as_torch(
            x, num_classes, context=context, kind=layers.OUTPUT
        )
    return end_points["logits"], end_points
