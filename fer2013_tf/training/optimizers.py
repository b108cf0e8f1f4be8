"""Optimizers, each a decorated function."""

from fer2013_tf.utils import registry
from fer2013_tf.utils.tf1 import tf

OPTIMIZERS = registry.Registry("optimizer")


@OPTIMIZERS.register
def adam(rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Adam (Kingma & Ba 2015)."""
    return tf.train.AdamOptimizer(rate, beta1, beta2, epsilon)


@OPTIMIZERS.register
def momentum(rate, *, momentum=0.9, nesterov=True):
    """Momentum, by default Nesterov's (Sutskever et al. 2013)."""
    return tf.train.MomentumOptimizer(rate, momentum, use_nesterov=nesterov)


@OPTIMIZERS.register
def sgd(rate):
    """Plain gradient descent."""
    return tf.train.GradientDescentOptimizer(rate)


def optimizer(text, rate):
    """Return the optimizer that a spec names. Raises UserError for unknown names and options."""
    function, options = OPTIMIZERS.resolve(registry.parse(text))
    return function(rate, **options)
