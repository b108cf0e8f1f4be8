"""The two-convolution net with local response normalization of article a0 ("deepNN").

    layer    kernel  stride  filters   output (48x48 pictures)
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
10 classes too. Deviation that changes no value: pool1 comes before the ReLU.
"""

from fer2013_tf.nets import layers
from fer2013_tf.tensorflow1 import tf

STDDEV = 0.1


def build(images, *, training, num_classes, ledger):
    """images: float32 [n, h, w, c] -> (logits float32 [n, num_classes], end_points)."""
    del training  # the same in both
    weights = {"ledger": ledger, "initializer": layers.truncated_normal(STDDEV)}
    points = {}
    x = tf.cast(images, ledger.dtype)
    with tf.variable_scope("conv1"):
        x = layers.bias(layers.conv(x, 64, 5, **weights))
        points["conv1"] = tf.nn.relu(x)
    x = points["pool1"] = tf.nn.relu(layers.max_pool(x, 3, 2))
    x = points["norm1"] = layers.local_response(x)
    with tf.variable_scope("conv2"):
        x = points["conv2"] = tf.nn.relu(layers.bias(layers.conv(x, 64, 3, **weights)))
    x = points["norm2"] = layers.local_response(x)
    x = points["pool2"] = layers.max_pool(x, 3, 2)
    x = layers.flatten(x)
    with tf.variable_scope("fc1"):
        x = points["fc1"] = tf.nn.relu(layers.bias(layers.dense(x, 384, **weights)))
    with tf.variable_scope("fc2"):
        x = points["fc2"] = layers.bias(layers.dense(x, 192, **weights))
    with tf.variable_scope("logits"):
        x = layers.dense(x, num_classes, kind=layers.OUTPUT, **weights)
        points["logits"] = layers.bias(tf.cast(x, tf.float32))
    return points["logits"], points
