"""Count what a net costs: parameters, operations per image, bytes of a checkpoint.

cost = costs.of_net(recipe, data)      # seconds per training step: training.step_rate
"""

from typing import NamedTuple

import numpy as np

from fer2013_tf.evaluation import eval_graph
from fer2013_tf.utils.tf1 import tf

# Copies of the parameters that an optimizer keeps in a checkpoint.
SLOTS = {"adam": 2, "momentum": 1, "sgd": 0}
BYTES = 4


class Cost(NamedTuple):
    """What one net costs at one image size."""

    parameters: int  # trainable
    operations: int  # multiplications and additions per image, of convolutions and dense layers


def of_net(recipe, data):
    """Return the `Cost` of a recipe's net. data: classes and size, as in the manifest."""
    net = eval_graph.build_eval(recipe, data)
    return Cost(_parameters(net.graph), _operations(net.logits.op))


def _parameters(graph):
    collected = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    return sum(int(np.prod(variable.shape.as_list())) for variable in collected)


def ancestors(op):
    """Return the operations that one depends on, itself included."""
    found, waiting = set(), [op]
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += [tensor.op for tensor in op.inputs]
    return found


def _operations(logits):
    """Count a multiplication and an addition for each weight and each place where it is used.

    logits: the operation; what it does not depend on, such as end points for plots, does not count.
    """
    total = 0
    for op in ancestors(logits):
        if op.type == "Conv2D":
            kernel = op.inputs[1].shape.as_list()
            places = op.outputs[0].shape.as_list()[1:3]
            total += 2 * int(np.prod(kernel)) * int(np.prod(places))
        elif op.type == "MatMul":
            total += 2 * int(np.prod(op.inputs[1].shape.as_list()))
    return total


def checkpoint_bytes(recipe, cost):
    """Estimate the bytes of one checkpoint: parameters, EMA weights, the optimizer's slots."""
    slots = SLOTS.get(recipe.optimizer.partition("(")[0].strip(), max(SLOTS.values()))
    return cost.parameters * BYTES * (2 + slots)
