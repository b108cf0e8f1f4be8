"""python -m fer2013_tf.train --recipe ferplus --records ferplus

The net of Hu 2019 on FER+'s labels, trained on the fractions of the votes as soft labels (`--set
labels=majority`, `sampled` or `multi` for the paper's other schemes). Records: make_records
fer2013.csv --ferplus fer2013new.csv --out ferplus. The settings are those of recipe lenet without
label smoothing, for 40 epochs.

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
    augment="flip(0.5) | rotate(0.26) | zoom(0.15) | translate(0.1)",
    scaling="per_image",
    labels="distribution",
    weight_decay=5e-4,
    bn_momentum=0.9,
    ema_decay=0.999,
)
