"""Learning-rate schedules: factors on the base rate, as functions of the epoch."""

import math

from fer2013_tf.utils import registry
from fer2013_tf.utils.tf1 import tf


def steps_per_epoch(recipe, data):
    """Return the steps in which as many images are seen as Training holds, to the nearest."""
    return max(1, round(sum(data["counts"]["Training"].values()) / recipe.batch_size))


SCHEDULES = registry.Registry("schedule")


@SCHEDULES.register
def constant(epoch, total_epochs):
    """Keep the base rate."""
    return tf.ones_like(epoch)


@SCHEDULES.register
def exponential(epoch, total_epochs, *, decay=0.99, every_epochs=1.0, staircase=True, floor=0.0):
    """Multiply by decay^(epoch / every_epochs), in steps if asked for, down to `floor`."""
    exponent = epoch / every_epochs
    return tf.maximum(decay ** (tf.floor(exponent) if staircase else exponent), floor)


@SCHEDULES.register
def cosine(epoch, total_epochs, *, warmup_epochs=0.0, floor=0.0):
    """Warm up linearly, then follow half a cosine down to `floor` (Loshchilov & Hutter 2017)."""
    warm = epoch / max(warmup_epochs, 1e-9)
    falling = max(total_epochs - warmup_epochs, 1e-9)
    progress = tf.clip_by_value((epoch - warmup_epochs) / falling, 0.0, 1.0)
    return tf.where(
        epoch < warmup_epochs, warm, floor + (1 - floor) * 0.5 * (1 + tf.cos(math.pi * progress))
    )


@SCHEDULES.register
def step(epoch, total_epochs, *, every_epochs=15.0, factor=0.1, first=0.0):
    """Multiply by `factor` after each `every_epochs`, counted from epoch `first` on."""
    return factor ** tf.floor(tf.maximum(epoch - first, 0.0) / every_epochs)


@SCHEDULES.register
def restarts(epoch, total_epochs, *, first=10.0, growth=2.0, floor=0.0):
    """Follow half cosines, from 1 to `floor` each: `first` epochs long, then `growth` times.

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
    """Multiply by `factor`, down to `floor`, when PublicTest is no better for `patience` epochs.

    The one schedule that is not a function of the step: `scale`, a variable, is set after each
    evaluation by `plateau_scale`, and saved with the checkpoints.
    """
    del total_epochs, factor, patience, floor
    return tf.ones_like(epoch) * scale


def plateau_scale(schedule, accuracies):
    """Return the factor of `plateau` after epochs with these accuracies, oldest first."""
    _, options = SCHEDULES.resolve(registry.parse(schedule))
    options = {**plateau.__kwdefaults__, **options}
    scale, best, waited = 1.0, -1.0, 0
    for accuracy in accuracies:
        waited = 0 if accuracy > best else waited + 1
        best = max(best, accuracy)
        if waited >= options["patience"]:
            scale, waited = max(scale * options["factor"], options["floor"]), 0
    return scale


def learning_rate(step, recipe, steps_per_epoch, scale=None):
    """Return the learning rate at `step`: a function of step and recipe, so that both may change.

    scale: float32 scalar, for the schedule plateau.
    """
    function, options = SCHEDULES.resolve(registry.parse(recipe.schedule))
    if function is plateau:
        options["scale"] = scale
    epoch = tf.cast(step, tf.float32) / steps_per_epoch
    return recipe.learning_rate * function(epoch, float(recipe.epochs), **options)
