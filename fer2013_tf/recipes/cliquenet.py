"""python -m fer2013_tf.train --recipe cliquenet

CliqueNet of CliqueNet-FER+ 2018, which reports 65.3 %, on eight classes by its text and seven by
its code. The article names Adam, augmentation and keep probability 0.95. Chosen here: learning
rate, batches of 128, flips, small rotations and translations.

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
    augment="flip(0.5) | rotate(0.2) | translate(0.1)",
    scaling="per_image",
    bn_momentum=0.9,
    ema_decay=0.99,
)
