"""python -m fer2013_tf.train --recipe lenet7

Lenet7 of CliqueNet-FER+ 2018. The article names Adam, augmentation and keep probability 0.95.
Chosen here: learning rate, batches of 128, flips, small rotations and translations.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="lenet7",
    net="lenet7(dropout_rate=0.05)",
    optimizer="adam",
    learning_rate=0.001,
    epochs=60,
    batch_size=128,
    augment="flip(0.5) | rotate(0.2) | translate(0.1)",
    scaling="per_image",
    ema_decay=0.99,
)
