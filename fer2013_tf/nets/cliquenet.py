"""CliqueNet of CliqueNet-FER+ 2018: all layers of a block feed each other, in both directions.

    layer         what                                              output (48x48 images)
    stem          conv 3x3/2, BN, ReLU                              24, 24, 64
    pool          3x3/2                                             12, 12, 64
    clique1       5 layers of 36 filters, 3x3                       12, 12, 180
    transition1   conv 1x1, BN, ReLU, dropout, attention, pool 2x2  6, 6, 180
    clique2                                                         6, 6, 180
    transition2                                                     3, 3, 180
    clique3                                                         3, 3, 180
    features      means of each block's input and layers            244 + 360 + 360 = 964
    logits                                                          7

In a block's stage 1 each layer sees the input and all earlier layers; in stage 2 each is computed
again from the other four, with the same kernels between any two layers. A layer is conv, BN, ReLU,
dropout. The features are the means over the image of each block's input and of its layers after
stage 2; the next block gets those layers. Attention multiplies each channel by a weight: the mean
of each channel, a dense layer of half as many units, ReLU, one of as many units, sigmoid. The paper
is Yang et al. 2018, "Convolutional Neural Networks with Alternately Updated Clique".

Deviation: from its second layer on, stage 2 of CliqueNet-FER+ 2018 leaves out the layer computed
last instead of the one computed next, so that kernels meet the wrong layers; here they meet their
own, as in the paper. Padding is SAME; convolutions have no bias.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

BLOCKS = 3
STEM_FILTERS = 64
CONV_STDDEV, DENSE_STDDEV = 0.1, 0.01


def build(images, *, training, num_classes, context, depth=5, filters=36, dropout_rate=0.05):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, c].

    depth: layers per block. filters: of each layer. dropout_rate: after every layer and transition.
    """
    layer = _Layer(dropout_rate, training, context)
    end_points, features = {}, []
    x = layers.from_images(images, context)
    with tf.variable_scope("stem"):
        x = layers.conv(x, STEM_FILTERS, 3, stride=2, initializer=_normal(), context=context)
        x = layers.relu(layers.batch_norm(x, training=training, context=context))
        end_points["stem"] = x
    x = end_points["pool"] = layers.max_pool(x, 3, 2)
    for block in range(1, BLOCKS + 1):
        with tf.variable_scope(f"clique{block}"):
            made = _clique(x, depth, filters, layer, context)
        features.append(layers.global_average(layers.concat([x, made])))
        x = end_points[f"clique{block}"] = made
        if block < BLOCKS:
            with tf.variable_scope(f"transition{block}"):
                x = end_points[f"transition{block}"] = _transition(x, layer, context)
    x = end_points["features"] = tf.concat(features, axis=1)
    with tf.variable_scope("logits"):
        x = layers.dense(x, num_classes, context=context, kind=layers.OUTPUT, initializer=_dense())
        end_points["logits"] = layers.bias(tf.cast(x, tf.float32))
    return end_points["logits"], end_points


def _normal():
    return layers.truncated_normal(CONV_STDDEV)


def _dense():
    return layers.truncated_normal(DENSE_STDDEV)


class _Layer:
    """BN, ReLU and dropout after a convolution, in a variable scope of a given name."""

    def __init__(self, rate, training, context):
        self._rate, self._mode = rate, {"training": training, "context": context}

    def __call__(self, x, scope):
        with tf.variable_scope(scope):
            x = layers.relu(layers.batch_norm(x, **self._mode))
        return layers.dropout(x, self._rate, **self._mode)


def _clique(x, depth, filters, layer, context):
    """Return a block's layers after stage 2, depth * filters channels, of a FeatureMap x."""

    def kernel(name, channels):
        with tf.variable_scope(name):
            shape = [3, 3, channels, filters]
            return layers.kernel_of(shape, layers.CONV, context, _normal())

    def convolve(y, kernels):
        return layers.convolve(y, tf.concat(kernels, axis=2), context=context)

    from_input = [kernel(f"input_{i}", x.channels) for i in range(1, depth + 1)]
    between = {
        (i, j): kernel(f"from_{i}_to_{j}", filters)
        for i in range(1, depth + 1)
        for j in range(1, depth + 1)
        if i != j
    }
    made = []
    for j in range(1, depth + 1):
        kernels = [from_input[j - 1], *(between[i, j] for i in range(1, j))]
        y = convolve(layers.concat([x, *made]), kernels)
        made.append(layer(y, f"stage1_{j}"))
    for j in range(1, depth + 1):
        others = [i for i in range(1, depth + 1) if i != j]
        seen = layers.concat([made[i - 1] for i in others])
        y = convolve(seen, [between[i, j] for i in others])
        made[j - 1] = layer(y, f"stage2_{j}")
    return layers.concat(made)


def _transition(x, layer, context):
    """Return x after a 1x1 convolution, attention over the channels and an average pool of 2x2."""
    channels = x.channels
    x = layers.conv(x, channels, 1, initializer=_normal(), context=context)
    x = layer(x, "norm")
    weights = layers.global_average(x)
    with tf.variable_scope("attention1"):
        weights = layers.dense(weights, channels // 2, context=context, initializer=_dense())
        weights = layers.relu(layers.bias(weights))
    with tf.variable_scope("attention2"):
        weights = layers.dense(weights, channels, context=context, initializer=_dense())
        weights = tf.sigmoid(layers.bias(weights))
    return layers.average_pool(layers.scale_channels(x, weights), 2, 2)
