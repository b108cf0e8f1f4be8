"""python -m fer2013_tf.train --recipe deepnn

The net of deepNN 2018, with two convolutions and local response normalization, as it was trained
there: Adam at 1e-4, batches of 100, no augmentation. The article reports about 70 % on FER2013,
without split or method. Chosen here: images divided by 255.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="deepnn",
    net="deepnn",
    optimizer="adam",
    learning_rate=1e-4,
    epochs=30,
    batch_size=100,
    scaling="unit",
    ema_decay=0.99,
)
