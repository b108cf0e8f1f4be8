"""Losses, each a decorated function, and weight decay.

A loss takes logits float32 [n, k] and targets float32 [n, k] - one-hot or soft labels, each row
sums to one - and returns the mean over the batch, a scalar. Below, z are the logits,
p = softmax(z), t the targets.
"""

from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

LOSSES = registry.Registry("loss")
BALANCED = "balanced"


@LOSSES.register
def softmax(logits, targets, *, counts, label_smoothing=0.0, weights=()):
    """Compute -sum_k w_k q_k log p_k with q = (1 - e) t + e / K.

    Label smoothing e as in Szegedy et al. 2016, section 7. weights: one per class, or "balanced".
    """
    classes = float(logits.shape[-1])
    smoothed = targets * (1 - label_smoothing) + label_smoothing / classes
    weighed = smoothed * class_weights(weights, counts, logits.shape[-1])
    return -tf.reduce_mean(tf.reduce_sum(weighed * tf.nn.log_softmax(logits), axis=1))


@LOSSES.register
def clipped_weighted(
    logits,
    targets,
    *,
    counts,
    weights=(),
    floor=1e-10,
    batch_ceiling=False,
):
    """Compute -sum_k w_k t_k log(max(p_k, floor)), the class-weighted cross-entropy of Hu 2019.

    weights: one per class in the order of the labels (Hu 2019: 10 on disgust), or "balanced". The
    floor keeps log finite; where it bites the gradient is zero, so such an image teaches nothing
    until its probability has risen by itself. batch_ceiling clips from above at the batch's largest
    probability, as the article's code does: nothing is larger than that, so no value and no
    gradient changes. (A ceiling below it would keep the most confident images from being learned.)
    """
    probabilities = tf.nn.softmax(logits)
    ceiling = tf.reduce_max(probabilities) if batch_ceiling else 1.0
    clipped = tf.clip_by_value(probabilities, floor, ceiling)
    weighed = targets * class_weights(weights, counts, logits.shape[-1])
    return -tf.reduce_mean(tf.reduce_sum(weighed * tf.math.log(clipped), axis=1))


@LOSSES.register
def sigmoid(logits, targets, *, counts, weights=()):
    """Compute -sum_k w_k (t_k log s(z_k) + (1 - t_k) log(1 - s(z_k))), s the logistic function.

    Each class against the rest by itself.
    """
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
    return tf.reduce_mean(tf.reduce_sum(each * class_weights(weights, counts, logits.shape[-1]), 1))


@LOSSES.register
def hinge(logits, targets, *, counts, margin=1.0, weights=()):
    """Compute sum_k w_k max(0, margin - y_k z_k) with y = 2 t - 1.

    One-vs-rest hinge, the first of the two that Tang 2013 compares: L1-SVM (equation 3).
    """
    missing = _missing_margin(logits, targets, margin)
    return tf.reduce_mean(
        tf.reduce_sum(missing * class_weights(weights, counts, logits.shape[-1]), 1)
    )


@LOSSES.register
def squared_hinge(logits, targets, *, counts, margin=1.0, weights=()):
    """Compute sum_k w_k max(0, margin - y_k z_k)^2 with y = 2 t - 1.

    One-vs-rest squared hinge (Tang 2013, "Deep Learning using Linear Support Vector Machines",
    which won the FER2013 challenge). A target between 0 and 1 asks for a smaller margin.
    """
    each = tf.square(_missing_margin(logits, targets, margin))
    return tf.reduce_mean(tf.reduce_sum(each * class_weights(weights, counts, logits.shape[-1]), 1))


def _missing_margin(logits, targets, margin):
    """Return how far each logit is from its side of the margin, 0 beyond it: float32 [n, k]."""
    return tf.maximum(margin - (2 * targets - 1) * logits, 0.0)


@LOSSES.register
def max_over_labels(logits, targets, *, counts):
    """Compute -log max_{k: t_k > 0} p_k: any of the labels is a right prediction.

    For FER+ scheme `multi` (Barsoum et al. 2016, 3.3).
    """
    del counts
    allowed = tf.cast(targets > 0, tf.float32)
    own = tf.reduce_max(allowed * tf.nn.softmax(logits), axis=1)
    return -tf.reduce_mean(tf.math.log(tf.maximum(own, 1e-10)))


def class_weights(weights, counts, classes):
    """Return class weights, float32 [k]: as given, ones, or so that all classes weigh the same.

    "balanced": n / (k n_k), Training's images over classes times those of the class (King & Zeng
    2001), 0 for a class without images.
    """
    if weights == BALANCED:
        total = sum(counts)
        return tf.constant([total / (len(counts) * n) if n else 0.0 for n in counts], tf.float32)
    if weights == ():
        return tf.ones([classes])
    if len(weights) != classes or any(isinstance(weight, str) for weight in weights):
        raise UserError(
            f"loss: weights={weights!r} for {classes} classes; give one each, or balanced"
        )
    return tf.constant(weights, tf.float32)


def loss(text, logits, targets, *, counts):
    """Return the loss that a spec names, a scalar. counts: Training's images of each class.

    Raises UserError for unknown losses and options.
    """
    function, options = LOSSES.resolve(registry.parse(text))
    return function(logits, targets, counts=counts, **options)


def weight_decay(weights, kinds, coefficient):
    """Return coefficient * sum |w|^2 / 2 over the kernels of given kinds (conv, dense, output)."""
    chosen = [tf.nn.l2_loss(w.variable) for w in weights if w.kind in kinds]
    return coefficient * tf.add_n(chosen) if chosen and coefficient else tf.constant(0.0)
