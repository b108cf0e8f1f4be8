"""Describe the variables of a checkpoint: names, shapes, means and spreads."""

from typing import NamedTuple

import numpy as np

from fer2013_tf.checkpoints import storage


class Described(NamedTuple):
    """One variable."""

    name: str
    shape: tuple
    plain: tuple  # mean and standard deviation
    ema: tuple | None  # those of its EMA weights, where it has any


def described(prefix):
    """Return a `Described` per variable of a checkpoint, by name. Raises UserError naming it."""
    values = storage.read_variables(prefix)
    ema = storage.ema_weights_of(values)
    return [
        Described(name, value.shape, _moments(value), _moments(ema[name]) if name in ema else None)
        for name, value in sorted(values.items())
        if not name.endswith(storage.EMA_SUFFIX)
    ]


def _moments(value):
    value = np.asarray(value, np.float64)
    return float(value.mean()), float(value.std())
