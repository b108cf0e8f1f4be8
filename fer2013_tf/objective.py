"""Losses, each a decorated function, and weight decay.

A loss takes logits float32 [n, k] and labels int64 [n] and returns the mean over the batch.
"""

import tensorflow.compat.v1 as tf

from fer2013_tf import specs
from fer2013_tf.errors import UserError

LOSSES = specs.Registry("loss")


@LOSSES.register
def softmax(logits, labels, *, label_smoothing=0.0):
    """-sum_k q_k log p_k with p = softmax(logits), q = (1 - e) onehot(label) + e / K.

    Label smoothing e as in Szegedy et al. 2016, section 7.
    """
    classes = logits.shape[-1]
    targets = tf.one_hot(labels, classes) * (1 - label_smoothing) + label_smoothing / float(classes)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(targets, logits))


@LOSSES.register
def clipped_weighted(
    logits,
    labels,
    *,
    weights=(1.0, 10.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    floor=1e-10,
    batch_ceiling=False,
):
    """-w_y log(max(p_y, floor)), the class-weighted cross-entropy of the first article (a1).

    weights: one a class, in the order of the labels (default: 10 on disgust). The floor keeps log
    finite; where it bites the gradient is zero, so such a picture teaches nothing until its
    probability has risen by itself. batch_ceiling clips from above at the batch's largest
    probability, as the article's code does: nothing is larger than that, so no value and no
    gradient changes. (A ceiling below it would stop the surest pictures from being learnt.)
    """
    if len(weights) != logits.shape[-1]:
        raise UserError(
            f"loss clipped_weighted: {len(weights)} weights for {logits.shape[-1]} classes"
        )
    probabilities = tf.nn.softmax(logits)
    ceiling = tf.reduce_max(probabilities) if batch_ceiling else 1.0
    own = tf.gather(tf.clip_by_value(probabilities, floor, ceiling), labels, batch_dims=1)
    return tf.reduce_mean(tf.gather(tf.constant(weights, tf.float32), labels) * -tf.math.log(own))


def loss(text, logits, labels):
    """The loss a spec names, a scalar. Raises UserError for unknown losses and options."""
    function, options = LOSSES.resolve(specs.parse(text))
    return function(logits, labels, **options)


def weight_decay(weights, kinds, coefficient):
    """coefficient * sum |w|^2 / 2 over the kernels of the given kinds (conv, dense, output)."""
    chosen = [tf.nn.l2_loss(w.variable) for w in weights if w.kind in kinds]
    return coefficient * tf.add_n(chosen) if chosen and coefficient else tf.constant(0.0)
