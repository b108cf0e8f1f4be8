"""The residual net of Yunwei 2025: ResNet-18 for gray images (He et al. 2015, table 1).

    layer              kernel  stride  filters   output (48x48 images)
    stem               7x7     2       64        24, 24, 64
    pool               3x3     2                 12, 12, 64
    stage1_1, stage1_2 3x3 x2  1       64        12, 12, 64
    stage2_1, stage2_2 3x3 x2  2, 1    128       6, 6, 128
    stage3_1, stage3_2 3x3 x2  2, 1    256       3, 3, 256
    stage4_1, stage4_2 3x3 x2  2, 1    512       2, 2, 512
    mean over the image                        512
    logits                     classes           7

A block is conv, BN, ReLU, conv, BN, plus its input, ReLU. As in the article, and unlike the paper,
convolutions have biases and the 1x1 shortcuts, where the size changes, no BN. Padding is 3, 1, 1
pixels on every side, as PyTorch has it; at stride 2 that is not SAME, which pads one side only.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

STAGES = (64, 128, 256, 512)
BLOCKS = 2


def build(images, *, training, num_classes, context, stages=STAGES):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    stages: filters of each stage; the stem has as many as the first stage.
    """
    mode = {"training": training, "context": context}
    end_points = {}
    x = layers.from_images(images, context)
    with tf.variable_scope("stem"):
        x = layers.conv_as_torch(x, stages[0], 7, stride=2, padding=3, context=context)
        x = end_points["stem"] = layers.relu(layers.batch_norm(x, **mode))
    x = end_points["pool"] = layers.max_pool(x, 3, 2, padding=1)
    for stage, filters in enumerate(stages, start=1):
        for block in range(1, BLOCKS + 1):
            name = f"stage{stage}_{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            with tf.variable_scope(name):
                x = end_points[name] = _residual(x, filters, stride, **mode)
    x = end_points["mean"] = layers.global_average(x)
    with tf.variable_scope("logits"):
        end_points["logits"] = layers.dense_as_torch(
            x, num_classes, context=context, kind=layers.OUTPUT
        )
    return end_points["logits"], end_points


def _residual(x, filters, stride, *, training, context):
    """Return ReLU(x + BN(conv(ReLU(BN(conv(x)))))); a 1x1 convolution fits x where sizes differ."""
    shortcut = x
    with tf.variable_scope("conv1"):
        y = layers.conv_as_torch(x, filters, 3, stride=stride, padding=1, context=context)
        y = layers.relu(layers.batch_norm(y, training=training, context=context))
    with tf.variable_scope("conv2"):
        y = layers.conv_as_torch(y, filters, 3, padding=1, context=context)
        y = layers.batch_norm(y, training=training, context=context)
    if stride > 1 or x.channels != filters:
        with tf.variable_scope("shortcut"):
            shortcut = layers.conv_as_torch(x, filters, 1, stride=stride, context=context)
    return layers.relu(layers.add(y, shortcut))
