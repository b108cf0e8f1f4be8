"""Learning-rate schedules, optimizers, moving averages of the weights, and the train op."""

import math

from fer2013_tf import specs
from fer2013_tf.tensorflow1 import tf

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


@SCHEDULES.register
def step(epoch, total_epochs, *, every_epochs=15.0, factor=0.1, first=0.0):
    """Times `factor` after each `every_epochs`, counted from epoch `first` on."""
    return factor ** tf.floor(tf.maximum(epoch - first, 0.0) / every_epochs)


@SCHEDULES.register
def restarts(epoch, total_epochs, *, first=10.0, growth=2.0, floor=0.0):
    """Half cosines from 1 to `floor`, each begun anew: `first` epochs long, then `growth` times.

    SGDR (Loshchilov & Hutter 2017).
    """
    if growth == 1.0:
        number = tf.floor(epoch / first)
        begun, length = number * first, tf.ones_like(epoch) * first
    else:
        # The k-th begins at first * (growth^k - 1) / (growth - 1).
        number = tf.floor(tf.math.log(1 + epoch / first * (growth - 1)) / math.log(growth) + 1e-6)
        length = first * growth**number
        begun = first * (growth**number - 1) / (growth - 1)
    progress = tf.clip_by_value((epoch - begun) / length, 0.0, 1.0)
    return floor + (1 - floor) * 0.5 * (1 + tf.cos(math.pi * progress))


@SCHEDULES.register
def plateau(epoch, total_epochs, *, scale, factor=0.5, patience=5, floor=0.01):
    """Times `factor`, not below `floor`, when PublicTest has been no better for `patience` epochs.

    The one schedule that is not a function of the step: `scale`, a variable, is set after each
    evaluation by `plateau_scale`, and saved with the checkpoints.
    """
    del total_epochs, factor, patience, floor
    return tf.ones_like(epoch) * scale


def plateau_scale(schedule, accuracies):
    """The factor that `plateau` stands at after epochs with these accuracies, oldest first."""
    _, options = SCHEDULES.resolve(specs.parse(schedule))
    options = {**plateau.__kwdefaults__, **options}
    scale, best, waited = 1.0, -1.0, 0
    for accuracy in accuracies:
        waited = 0 if accuracy > best else waited + 1
        best = max(best, accuracy)
        if waited >= options["patience"]:
            scale, waited = max(scale * options["factor"], options["floor"]), 0
    return scale


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


def learning_rate(step, recipe, steps_per_epoch, scale=None):
    """The rate at `step`, a function of step and recipe alone, so that both may change.

    scale: float32 scalar, for the schedule plateau.
    """
    function, options = SCHEDULES.resolve(specs.parse(recipe.schedule))
    if function is plateau:
        options["scale"] = scale
    epoch = tf.cast(step, tf.float32) / steps_per_epoch
    return recipe.learning_rate * function(epoch, float(recipe.epochs), **options)


def average(decay, step):
    """Shadow variables that follow quickly at first: decay min(decay, (1 + step) / (10 + step))."""
    return tf.train.ExponentialMovingAverage(decay, num_updates=step)


def train_op(total_loss, *, variables, optimizer, step, updates, ema, averaged):
    """One step, in this order: BN updates, optimizer, moving averages. Returns (op, gradients).

    variables: what the optimizer changes. averaged: what has shadow variables.

    `ema.apply` is created inside the dependency on the step: created outside, its reads of the
    weights race with the optimizer's writes.
    """
    gradients = optimizer.compute_gradients(total_loss, variables)
    with tf.control_dependencies(updates):
        stepped = optimizer.apply_gradients(gradients, global_step=step)
    with tf.control_dependencies([stepped]):
        averages = ema.apply(averaged)
    return averages, gradients


def optimizer(text, rate):
    """The optimizer a spec names. Raises UserError for unknown ones and unknown options."""
    function, options = OPTIMIZERS.resolve(specs.parse(text))
    return function(rate, **options)
