"""python -m fer2013_tf.train --recipe deepnn

The two-convolution net with local response normalization of article a0 as it was trained there:
Adam at 1e-4, batches of 100, no augmentation. The article says about 70 % of the net on FER2013,
without split or method. Pictures divided by 255 is not said there.

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
