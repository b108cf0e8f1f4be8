"""python -m fer2013_tf.train --recipe blocks

The Keras block CNN of article a2 with the settings it arrived at; 63.19 % there, on PublicTest.
Keras draws the zoom for each side by itself; here both sides are zoomed alike.

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
    augment="rotate(0.349) | zoom(0.1) | shift(0.1) | shear(0.00175) | flip(0.5)",
    scaling="unit",
    ema_decay=0.99,
)
