"""python -m fer2013_tf.train --recipe vgg16 --warm-start vgg16_notop.h5 --freeze "block*"

VGG16's convolutions and a small head, as in the transfer learning of Feng 2022. The file is
vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 of keras.applications; the program does not
download it. Without it, and without --freeze, the whole net is trained from random values.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="vgg16",
    net="vgg16",
    optimizer="adam",
    learning_rate=1e-4,
    epochs=20,
    batch_size=128,
    augment="flip(0.5) | rotate(0.2) | translate(0.1)",
    scaling="none",
    ema_decay=0.99,
)
