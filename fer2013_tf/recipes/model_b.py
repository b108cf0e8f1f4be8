"""python -m fer2013_tf.train --recipe model_b

Model B of article a3: plain gradient descent at 0.1, equalised pictures divided by 255, 100 epochs,
no weight decay. The article's own split: make_records --split "first(24000)". It shuffles nothing;
here every epoch is in an order of its own.

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
    equalise=True,
    bn_momentum=0.9,
    ema_decay=0.99,
)
