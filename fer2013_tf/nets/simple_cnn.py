"""The plain CNN that Yunwei 2025 compares with: two convolutions, three dense layers.

    layer    kernel  stride  filters   output (48x48 images)
    conv1    3x3     1       64        46, 46, 64
    pool1    2x2     2                 23, 23, 64
    conv2    3x3     1       256       21, 21, 256
    pool2    3x3     3                 7, 7, 256 (12544)
    fc1                      4096      4096
    fc2                      1024      1024
    logits                   classes   7

No padding anywhere; every layer has a bias and, but for the output, a ReLU; initial values are
those of PyTorch.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

CONVOLUTIONS = ((64, 2), (256, 3))  # filters, pool and its stride


def build(images, *, training, num_classes, context, units=(4096, 1024)):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    units: widths of fc1 and fc2.
    """
    del training  # the net is the same in evaluation
    end_points = {}
    x = layers.from_images(images, context)
    for number, (filters, pool) in enumerate(CONVOLUTIONS, start=1):
        with tf.variable_scope(f"conv{number}"):
            x = layers.conv_as_torch(x, filters, 3, context=context)
        x = end_points[f"conv{number}"] = layers.relu(x)
        x = end_points[f"pool{number}"] = layers.max_pool(x, pool, pool, padding="VALID")
    x = layers.flatten(x)
    for number, width in enumerate(units, start=1):
        with tf.variable_scope(f"fc{number}"):
            x = end_points[f"fc{number}"] = layers.relu(
                layers.dense_as_torch(x, width, context=context)
            )
    with tf.variable_scope("logits"):
        end_points["logits"] = layers.dense_as_torch(
            x, num_classes, context=context, kind=layers.OUTPUT
        )
    return end_points["logits"], end_points
