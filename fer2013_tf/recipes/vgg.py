"""python -m fer2013_tf.train --recipe vgg

The VGG of Yunwei 2025: gradient descent at 0.01 with momentum 0.9, random flips,
brightness and contrast changed by up to 50 %, images divided by 255, 60 epochs.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="vgg",
    net="vgg",
    optimizer="momentum(momentum=0.9, nesterov=False)",
    learning_rate=0.01,
    epochs=60,
    batch_size=128,
    augment="flip(0.5) | brightness(0.5) | contrast(0.5)",
    scaling="unit",
    bn_momentum=0.9,
    ema_decay=0.99,
)
