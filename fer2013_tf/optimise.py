"""Learning-rate schedules, optimizers, moving averages of the weights, and the train op."""

import math

import tensorflow.compat.v1 as tf

from fer2013_tf import specs

SCHEDULES = specs.Registry("schedule")
OPTIMIZERS = specs.Registry("optimizer")


@SCHEDULES.register
def constant(epoch, total_epochs):
    """The base rate throughout."""
    return tf.ones_like(epoch)


@SCHEDULES.register
def exponential(epoch, total_epochs, *, decay=0.99, every_epochs=1.0, staircase=True, floor=0.0):
    """decay^(epoch / every_epochs), in stairs where wanted, never below `floor`."""
    exponent = epoch / every_epochs
    return tf.maximum(decay ** (tf.floor(exponent) if staircase else exponent), floor)


@SCHEDULES.register
def cosine(epoch, total_epochs, *, warmup_epochs=0.0, floor=0.0):
    """Linear warm-up, then half a cosine from 1 down to `floor` (Loshchilov & Hutter 2017)."""
    warm = epoch / max(warmup_epochs, 1e-9)
    falling = max(total_epochs - warmup_epochs, 1e-9)
    progress = tf.clip_by_value((epoch - warmup_epochs) / falling, 0.0, 1.0)
    return tf.where(
        epoch < warmup_epochs, warm, floor + (1 - floor) * 0.5 * (1 + tf.cos(math.pi * progress))
    )


@OPTIMIZERS.register
def adam(rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Kingma & Ba 2015."""
    return tf.train.AdamOptimizer(rate, beta1, beta2, epsilon)


@OPTIMIZERS.register
def momentum(rate, *, momentum=0.9, nesterov=True):
    """Momentum, by default Nesterov's (Sutskever et al. 2013)."""
    return tf.train.MomentumOptimizer(rate, momentum, use_nesterov=nesterov)


@OPTIMIZERS.register
def sgd(rate):
    """Plain gradient descent."""
    return tf.train.GradientDescentOptimizer(rate)


def learning_rate(step, recipe, steps_per_epoch):
    """The rate at `step`, a function of step and recipe alone, so that both may change."""
    function, options = SCHEDULES.resolve(specs.parse(recipe.schedule))
    epoch = tf.cast(step, tf.float32) / steps_per_epoch
    return recipe.learning_rate * function(epoch, float(recipe.epochs), **options)


def average(decay, step):
    """Shadow variables that follow quickly at first: decay min(decay, (1 + step) / (10 + step))."""
    return tf.train.ExponentialMovingAverage(decay, num_updates=step)


def train_op(total_loss, *, optimizer, step, updates, ema, averaged):
    """One step, in this order: BN updates, optimizer, moving averages. Returns (op, gradients).

    `ema.apply` is created inside the dependency on the step: created outside, its reads of the
    weights race with the optimizer's writes.
    """
    gradients = optimizer.compute_gradients(total_loss)
    with tf.control_dependencies(updates):
        stepped = optimizer.apply_gradients(gradients, global_step=step)
    with tf.control_dependencies([stepped]):
        averages = ema.apply(averaged)
    return averages, gradients


def optimizer(text, rate):
    """The optimizer a spec names. Raises UserError for unknown ones and unknown options."""
    function, options = OPTIMIZERS.resolve(specs.parse(text))
    return function(rate, **options)
