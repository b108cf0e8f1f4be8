"""python -m fer2013_tf.train --recipe ferplus --records ferplus

The first article's net on FER+'s labels, learnt as shares of the votes (`--set labels=majority`,
`draw` or `multi` for the paper's other schemes). Records: make_records fer2013.csv --ferplus
fer2013new.csv --out ferplus. Settings are those of recipe lenet but for label smoothing, for 40
epochs.

Figures: docs/experiments.md.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="ferplus",
    net="lenet(dropout_rates=(0.4, 0.4, 0.4))",
    loss="softmax",
    optimizer="momentum(momentum=0.9, nesterov=True)",
    learning_rate=0.08,
    schedule="cosine(warmup_epochs=2.0)",
    epochs=40,
    batch_size=256,
    augment="flip(0.5) | rotate(0.26) | zoom(0.15) | shift(0.1)",
    scaling="picture",
    labels="distribution",
    l2=5e-4,
    bn_momentum=0.9,
    ema_decay=0.999,
)
