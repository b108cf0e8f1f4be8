"""The net of deepNN 2018: two convolutions with local response normalization.

    layer    kernel  stride  filters   output (48x48 images)
    conv1    5x5     1       64        48, 48, 64
    pool1    3x3     2                 24, 24, 64
    norm1                              24, 24, 64
    conv2    3x3     1       64        24, 24, 64
    norm2                              24, 24, 64
    pool2    3x3     2                 12, 12, 64 (9216)
    fc1                      384       384
    fc2      linear          192       192
    logits                   classes   7

All padding is SAME; weights start from a truncated normal of 0.1, biases at 0.1. The net is that of
TensorFlow's CIFAR-10 tutorial, with its second dense layer left linear. It was used at 128x128 with
10 classes too.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

STDDEV = 0.1


def build(images, *, training, num_classes, context):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c]."""
    del training  # the net is the same in evaluation
    weights = {"context": context, "initializer": layers.truncated_normal(STDDEV)}
    end_points = {}
    x = layers.from_images(images, context)
    with tf.variable_scope("conv1"):
        x = end_points["conv1"] = layers.relu(layers.bias(layers.conv(x, 64, 5, **weights)))
    x = end_points["pool1"] = layers.max_pool(x, 3, 2)
    x = end_points["norm1"] = layers.local_response(x)
    with tf.variable_scope("conv2"):
        x = end_points["conv2"] = layers.relu(layers.bias(layers.conv(x, 64, 3, **weights)))
    x = end_points["norm2"] = layers.local_response(x)
    x = end_points["pool2"] = layers.max_pool(x, 3, 2)
    x = layers.flatten(x)
    with tf.variable_scope("fc1"):
        x = end_points["fc1"] = layers.relu(layers.bias(layers.dense(x, 384, **weights)))
    with tf.variable_scope("fc2"):
        x = end_points["fc2"] = layers.bias(layers.dense(x, 192, **weights))
    with tf.variable_scope("logits"):
        x = layers.dense(x, num_classes, kind=layers.OUTPUT, **weights)
        end_points["logits"] = layers.bias(tf.cast(x, tf.float32))
    return end_points["logits"], end_points
