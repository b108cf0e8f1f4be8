"""python -m fer2013_tf.train --recipe blocks

The Keras block CNN of Feng 2022 with the settings it arrived at, which gave 63.19 % on PublicTest
there. Pixel values stay 0..255: the article does not scale them, and the loss of its first epoch,
2.02, is above the 1.95 at which a net fed with 0..1 starts. Such a net (`--set scaling=unit`) has
learned nothing after three epochs. Keras zooms height and width by different random factors; here
both have the same.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="blocks",
    net="blocks(dropout_rate=0.2)",
    optimizer="adam",
    learning_rate=0.001,
    epochs=43,
    batch_size=256,
    # 20 degrees; Keras takes its shear, 0.1, in degrees.
    augment="rotate(0.349) | zoom(0.1) | translate(0.1) | shear(0.00175) | flip(0.5)",
    scaling="none",
    ema_decay=0.99,
)
