"""Lenet7 of CliqueNet-FER+ 2018: LeNet with another convolution, pool and dense layer.

    layer    kernel  stride  filters   output (48x48 images)
    conv1    5x5     1       32        48, 48, 32
    pool1    2x2     2                 24, 24, 32
    conv2    5x5     1       64        24, 24, 64
    pool2    2x2     2                 12, 12, 64
    conv3    5x5     1       128       12, 12, 128
    pool3    2x2     2                 6, 6, 128 (4608)
    fc1                      512       512
    fc2                      256       256
    fc3                      128       128
    logits                   classes   7

The article gives no table. It says that a third convolution with its pool and one more dense layer
were added. Chosen here: the widths of TensorFlow's LeNet (32, 64, 512), doubled for the third
convolution; three hidden dense layers and the output make seven layers with weights, as in the
name. Padding is SAME, every layer has a bias and, but for the output, a ReLU.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

FILTERS = (32, 64, 128)
STDDEV = 0.1


def build(
    images,
    *,
    training,
    num_classes,
    context,
    units=(512, 256, 128),
    dropout_rate=0.5,
):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    units: widths of fc1 to fc3. dropout_rate: after each of them.
    """
    weights = {"context": context, "initializer": layers.truncated_normal(STDDEV)}
    end_points = {}
    x = layers.from_images(images, context)
    for number, filters in enumerate(FILTERS, start=1):
        with tf.variable_scope(f"conv{number}"):
            x = layers.bias(layers.conv(x, filters, 5, **weights))
        x = end_points[f"conv{number}"] = layers.relu(x)
        x = end_points[f"pool{number}"] = layers.max_pool(x, 2, 2)
    x = layers.flatten(x)
    for number, width in enumerate(units, start=1):
        with tf.variable_scope(f"fc{number}"):
            x = end_points[f"fc{number}"] = layers.relu(
                layers.bias(layers.dense(x, width, **weights))
            )
            x = layers.dropout(x, dropout_rate, training=training, context=context)
    with tf.variable_scope("logits"):
        x = layers.dense(x, num_classes, kind=layers.OUTPUT, **weights)
        end_points["logits"] = layers.bias(tf.cast(x, tf.float32))
    return end_points["logits"], end_points
