"""The train op: batch-norm updates, optimizer step and moving averages, in this order."""

from fer2013_tf.utils.tf1 import tf


def make_ema(decay, step):
    """Return TensorFlow's moving average, which keeps a copy (its "shadow variable") per variable.

    The copies are called EMA weights here. They follow quickly at first: the decay is
    min(decay, (1 + step) / (10 + step)).
    """
    return tf.train.ExponentialMovingAverage(decay, num_updates=step)


def train_op(total_loss, *, variables, optimizer, step, updates, ema, averaged):
    """Return (op, gradients) of one step, in this order: BN updates, optimizer, moving averages.

    variables: what the optimizer changes. averaged: the variables that have EMA weights.

    `ema.apply` is created inside the dependency on the step: created outside, its reads of the
    weights race with the optimizer's writes.
    """
    gradients = optimizer.compute_gradients(total_loss, variables)
    with tf.control_dependencies(updates):
        stepped = optimizer.apply_gradients(gradients, global_step=step)
    with tf.control_dependencies([stepped]):
        averages = ema.apply(averaged)
    return averages, gradients
