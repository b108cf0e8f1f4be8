"""A VGG-like net with batch normalization and global pooling, wide where planes are small.

    layer      kernel  stride  filters   output (48x48 images)
    stem       3x3     1       64        48, 48, 64
    pool       2x2     2                 24, 24, 64
    stage1_1,2 3x3     1       128       24, 24, 128
    pool1      2x2     2                 12, 12, 128
    stage2_1,2 3x3     1       256       12, 12, 256
    pool2      2x2     2                 6, 6, 256
    stage3_1,2 3x3     1       512       6, 6, 512
    mean over the image                  512
    logits                     classes   7

Each convolution is SAME, without bias, with BN and ReLU. With a depth of three or more, a skip
leads from a stage's first layer to its last: its output is added before the last ReLU. Most of the
arithmetic is on planes of 12 and 6 pixels per side, where convolutions are fastest on a CPU. After
Simonyan & Zisserman 2015; Pramerdorfer & Kampel 2016 show that such nets do best on FER2013.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf


def build(
    images,
    *,
    training,
    num_classes,
    context,
    stem=64,
    filters=(128, 256, 512),
    depth=2,
    dropout_rate=0.2,
):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    stem: filters of the first layer. filters: of each stage. depth: convolutions per stage.
    dropout_rate: before the output.
    """
    mode = {"training": training, "context": context}
    end_points = {}
    x = layers.from_images(images, context)
    with tf.variable_scope("stem"):
        x = end_points["stem"] = layers.relu(_conv_bn(x, stem, mode))
    x = end_points["pool"] = layers.max_pool(x, 2, 2)
    for stage, count in enumerate(filters, start=1):
        x = _stage(x, f"stage{stage}", count, depth, mode, end_points)
        if stage < len(filters):
            x = end_points[f"pool{stage}"] = layers.max_pool(x, 2, 2)
    x = end_points["mean"] = layers.global_average(x)
    with tf.variable_scope("logits"):
        x = layers.dropout(x, dropout_rate, **mode)
        x = layers.dense(x, num_classes, context=context, kind=layers.OUTPUT)
        end_points["logits"] = layers.bias(tf.cast(x, tf.float32))
    return end_points["logits"], end_points


def _stage(x, name, filters, depth, mode, end_points):
    """Return the output of a stage; enter each of its layers into the end points."""
    first = None
    for number in range(1, depth + 1):
        with tf.variable_scope(f"{name}_{number}"):
            x = _conv_bn(x, filters, mode)
            if number == depth > 2:
                x = layers.add(x, first)
            x = end_points[f"{name}_{number}"] = layers.relu(x)
        first = first or x
    return x


def _conv_bn(x, filters, mode):
    # He et al. 2015: keeps the spread of values from layer to layer.
    x = layers.conv(x, filters, 3, context=mode["context"], initializer=layers.he_normal())
    return layers.batch_norm(x, **mode)
