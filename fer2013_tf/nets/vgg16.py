"""VGG16's convolutions with a new head, for transfer learning as in Feng 2022.

    layer          kernel  stride  filters   output (48x48 images)
    block1_conv1,2 3x3     1       64        48, 48, 64
    block1_pool    2x2     2                 24, 24, 64
    block2_conv1,2 3x3     1       128       24, 24, 128
    block2_pool    2x2     2                 12, 12, 128
    block3_conv1-3 3x3     1       256       12, 12, 256
    block3_pool    2x2     2                 6, 6, 256
    block4_conv1-3 3x3     1       512       6, 6, 512
    block4_pool    2x2     2                 3, 3, 512
    block5_conv1-3 3x3     1       512       3, 3, 512
    block5_pool    2x2     2                 1, 1, 512
    head_conv      3x3     1       head      1, 1, head  (where head is not 0)
    fc1                            units     units
    logits                         classes   7

The convolutions are those of Simonyan & Zisserman 2015, configuration D: SAME with bias and ReLU.
Pools are VALID; images need at least 32 pixels per side. The weights of keras.applications expect
three channels, blue first, with ImageNet's means subtracted: gray images are repeated to three
channels, and the recipe has scaling "none". Layers have Keras's names, so that
`--warm-start FILE.h5 --freeze "block*"` reads its file and trains the head alone.
"""

from fer2013_tf.nets import layers
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
# Blue, green, red.
IMAGENET_MEANS = (103.939, 116.779, 123.68)
SMALLEST = 32


def build(
    images, *, training, num_classes, context, width=1.0, head=0, units=256, dropout_rate=0.5
):
    """Return (logits float32 [n, num_classes], end_points) of images float32 [n, h, w, 1 or 3].

    images: pixel values 0..255. width: factor for the filters of all blocks (not for Keras's
    weights). head: filters of a convolution between the blocks and fc1; 0: none. units: of fc1.
    dropout_rate: before fc1 and logits. Raises UserError for images under 32 pixels per side.
    """
    if min(images.shape[1:3]) < SMALLEST:
        raise UserError(
            f"net vgg16: images of {images.shape[1]}x{images.shape[2]}; give {SMALLEST} or more"
        )
    weights = {"context": context, "initializer": layers.glorot_uniform()}
    end_points = {}
    blue_first = images[..., ::-1]
    x = layers.from_images(blue_first - tf.constant(IMAGENET_MEANS), context)
    for block, (count, filters) in enumerate(BLOCKS, start=1):
        for layer in range(1, count + 1):
            name = f"block{block}_conv{layer}"
            with tf.variable_scope(name):
                x = layers.conv(x, max(1, round(filters * width)), 3, **weights)
                x = end_points[name] = layers.relu(layers.bias(x, 0.0))
        x = end_points[f"block{block}_pool"] = layers.max_pool(x, 2, 2, padding="VALID")
    if head:
        with tf.variable_scope("head_conv"):
            x = layers.relu(layers.bias(layers.conv(x, head, 3, **weights), 0.0))
            end_points["head_conv"] = x
    x = layers.flatten(x)
    with tf.variable_scope("fc1"):
        x = layers.dropout(x, dropout_rate, training=training, context=context)
        x = end_points["fc1"] = layers.relu(layers.bias(layers.dense(x, units, **weights), 0.0))
    with tf.variable_scope("logits"):
        x = layers.dropout(x, dropout_rate, training=training, context=context)
        x = layers.dense(x, num_classes, kind=layers.OUTPUT, **weights)
        end_points["logits"] = layers.bias(tf.cast(x, tf.float32), 0.0)
    return end_points["logits"], end_points
