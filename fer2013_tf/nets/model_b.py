"""Model B of Yunwei 2025: three batch-normalized convolutions and four dense layers.

    layer    kernel  stride  filters   output (48x48 images)
    conv1    3x3     1       64        48, 48, 64
    pool1    2x2     2                 24, 24, 64
    conv2    3x3     1       128       24, 24, 128
    pool2    2x2     2                 12, 12, 128
    conv3    3x3     1       256       12, 12, 256
    pool3    2x2     2                 6, 6, 256 (9216)
    fc1                      4096      4096
    fc2                      1024      1024
    fc3                      256       256
    logits                   classes   7

Convolutions have a bias, batch normalization and a randomized leaky ReLU, as the dense layers have;
dropout 0.2 before fc1, 0.5 before fc2. Kernels of convolutions start from N(0, 0.04), the rest as
PyTorch does it. After "Facial Expression Recognition using CNN" (Correa et al.), which the article
names as its source. The biases before BN are kept, though BN subtracts them again.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

FILTERS = (64, 128, 256)
UNITS = (4096, 1024, 256)
STDDEV = 0.04


def build(
    images, *, training, num_classes, context, units=UNITS, dropout_rates=(0.2, 0.5, 0.0, 0.0)
):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    units: widths of fc1 to fc3. dropout_rates: before fc1, fc2, fc3 and logits.
    """
    mode = {"training": training, "context": context}
    end_points = {}
    x = layers.from_images(images, context)
    for number, filters in enumerate(FILTERS, start=1):
        bounds = layers.fan_in_bounds(9 * x.channels)
        with tf.variable_scope(f"conv{number}"):
            x = layers.conv(x, filters, 3, context=context, initializer=layers.normal(STDDEV))
            x = layers.batch_norm(layers.bias(x, bounds), **mode)
            x = end_points[f"conv{number}"] = layers.randomized_leaky_relu(x, **mode)
        x = end_points[f"pool{number}"] = layers.max_pool(x, 2, 2)
    x = layers.flatten(x)
    for number, (width, rate) in enumerate(zip(units, dropout_rates), start=1):
        with tf.variable_scope(f"fc{number}"):
            x = layers.dense_as_torch(layers.dropout(x, rate, **mode), width, context=context)
            x = end_points[f"fc{number}"] = layers.randomized_leaky_relu(x, **mode)
    with tf.variable_scope("logits"):
        x = layers.dropout(x, dropout_rates[-1], **mode)
        end_points["logits"] = layers.dense_as_torch(
            x, num_classes, context=context, kind=layers.OUTPUT
        )
    return end_points["logits"], end_points
