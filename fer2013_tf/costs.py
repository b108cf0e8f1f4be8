"""What a net costs: parameters, operations a picture, training steps a second.

cost = costs.of_net(recipe, data)
rate = costs.measured_rate(recipe, folder, data, precision="bfloat16")
"""

import time
from typing import NamedTuple

import numpy as np

from fer2013_tf import devices, graphs
from fer2013_tf.tensorflow1 import tf

# Copies of the parameters in a checkpoint beside themselves and their shadows.
SLOTS = {"adam": 2, "momentum": 1, "sgd": 0}
BYTES = 4
# Steps before the clock starts, and how long it runs at least.
WARM_UP, SECONDS = 3, 3.0


class Cost(NamedTuple):
    """Of one net at one picture size."""

    parameters: int  # trainable ones
    operations: int  # additions and multiplications of products and convolutions, a picture


def of_net(recipe, data):
    """The `Cost` of a recipe's net. data: classes and size, as in the manifest."""
    net = graphs.build_eval(recipe, data)
    return Cost(_parameters(net.graph), _operations(net.graph))


def _parameters(graph):
    collected = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    return sum(int(np.prod(variable.shape.as_list())) for variable in collected)


def _operations(graph):
    """Two (a product and a sum) for each weight and place where it is used."""
    total = 0
    for op in graph.get_operations():
        if op.type == "Conv2D":
            kernel = op.inputs[1].shape.as_list()
            places = op.outputs[0].shape.as_list()[1:3]
            total += 2 * int(np.prod(kernel)) * int(np.prod(places))
        elif op.type == "MatMul":
            total += 2 * int(np.prod(op.inputs[1].shape.as_list()))
    return total


def checkpoint_bytes(recipe, cost):
    """About the size of one checkpoint: parameters, shadows, the optimizer's slots."""
    slots = SLOTS.get(recipe.optimizer.partition("(")[0].strip(), max(SLOTS.values()))
    return cost.parameters * BYTES * (2 + slots)


def measured_rate(recipe, folder, data, *, precision):
    """Pictures a second of real training steps, input included; a few seconds' measurement."""
    net = graphs.build_train(
        folder,
        recipe,
        data,
        seed=0,
        precision=precision,
        spectral=devices.spectral_pays(precision),
    )
    with tf.Session(graph=net.graph, config=devices.session_config()) as session:
        session.run(net.init)
        net.pipeline.start(session)
        try:
            for _ in range(WARM_UP):
                session.run(net.train_op)
            started, steps = time.monotonic(), 0
            while time.monotonic() - started < SECONDS:
                session.run(net.train_op)
                steps += 1
            return steps * recipe.batch_size / (time.monotonic() - started)
        finally:
            net.pipeline.stop()
