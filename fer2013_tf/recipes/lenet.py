"""python -m fer2013_tf.train --recipe lenet

PrivateTest 69.55 % (best on PublicTest), 70.19 % (last 5 checkpoints, flip); 45 minutes on 2
cores of an AMD EPYC (bfloat16). The net of Hu 2019 with our best settings, which were fixed before
this run.
"""

from fer2013_tf.recipes import Recipe

RECIPE = Recipe(
    name="lenet",
    net="lenet(dropout_rates=(0.4, 0.4, 0.4))",
    loss="softmax(label_smoothing=0.1)",
    optimizer="momentum(momentum=0.9, nesterov=True)",
    learning_rate=0.08,
    schedule="cosine(warmup_epochs=2.0)",
    epochs=110,
    batch_size=256,
    augment="flip(0.5) | rotate(0.26) | zoom(0.15) | translate(0.1)",
    scaling="per_image",
    weight_decay=5e-4,
    bn_momentum=0.9,
    ema_decay=0.999,
)
