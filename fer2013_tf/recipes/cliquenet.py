"""python -m fer2013_tf.train --recipe cliquenet

CliqueNet of article a4, 65.3 % there on eight classes by its text, seven by its code. The article
says Adam, augmentation and keep probability 0.95, no more; chosen here: its rate, batches of 128,
flips, small rotations and shifts.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="cliquenet",
    net="cliquenet(dropout_rate=0.05)",
    optimizer="adam",
    learning_rate=0.001,
    epochs=60,
    batch_size=128,
    augment="flip(0.5) | rotate(0.2) | shift(0.1)",
    scaling="picture",
    bn_momentum=0.9,
    ema_decay=0.99,
)
