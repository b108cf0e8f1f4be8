"""python -m fer2013_tf.train --recipe model_b

Model B of Yunwei 2025: plain gradient descent at 0.1, equalized images divided by 255, 100 epochs,
no weight decay. The article's own split: make_records --resplit "first_rows(24000)". It does not
shuffle; here every epoch is shuffled.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="model_b",
    net="model_b",
    optimizer="sgd",
    learning_rate=0.1,
    epochs=100,
    batch_size=128,
    scaling="unit",
    equalize=True,
    bn_momentum=0.9,
    ema_decay=0.99,
)
