"""Describe a net layer by layer, as the articles' tables do, from the graph that it builds.

table = layer_table.of_net("lenet", size=(48, 48), classes=7)    # [Layer], then `text(table)`

A layer is an operation with a window or a matrix: convolution, pool, dense layer, mean over the
image. Parameters of what follows it - bias, batch normalization - count as its own. Nothing here
knows any net, so it holds for new ones too.
"""

from typing import NamedTuple

import numpy as np

from fer2013_tf import nets
from fer2013_tf.evaluation import costs
from fer2013_tf.evaluation.text_tables import aligned
from fer2013_tf.nets import layers
from fer2013_tf.utils.tf1 import tf

KINDS = {"Conv2D": "conv", "MatMul": "dense", "MaxPool": "max pool", "AvgPool": "mean pool"}
WHOLE = "all"


class Layer(NamedTuple):
    """One row of the table."""

    name: str  # its variable scope
    kind: str
    window: str  # kernel and stride, such as 5x5/1; "" where there is none
    output: tuple  # height, width, channels, or units
    parameters: int
    multiply_adds: int  # per image
    receptive_field: str  # pixels of the image that one output depends on, such as 43x43, or all


class _Seen(NamedTuple):
    """What is known of a tensor that depends on the images."""

    field: tuple  # height and width of the receptive field; None: the whole image
    step: tuple  # pixels of the image between two neighbors, down and across
    row: int | None  # of the last layer before it
    weighted: int | None  # of the last layer with parameters before it


def of_net(spec, *, size=(48, 48), classes=7):
    """Return the layers [Layer] of a net in the order in which it builds them.

    spec: such as "lenet(norm='lrn')". size: height and width of gray images. Raises UserError for
    an unknown net or option.
    """
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, [1, *size, 1], "images")
        context = layers.BuildContext()
        logits, _ = nets.build(spec, images, training=False, num_classes=classes, context=context)
        walk = _Walk(images, tf.trainable_variables(), costs.ancestors(logits.op))
        for op in graph.get_operations():
            walk.visit(op)
    return walk.finished()


class _Walk:
    """Follow the images through the operations, and the variables to where they are used first."""

    def __init__(self, images, variables, used):
        self.seen = {images.ref(): _Seen((1, 1), (1, 1), None, None)}
        self.used, self.rows = used, []
        self.unclaimed = {variable.handle.op: variable for variable in variables}
        self.scopes = {scope for v in variables for scope in _scopes(v.op.name)}
        self.behind = {}  # tensor -> the variables that it depends on

    def visit(self, op):
        """Take the next operation, in the order in which they were made."""
        if op not in self.used:
            return
        held = {op} & self.unclaimed.keys()
        held |= {v for tensor in op.inputs for v in self.behind.get(tensor.ref(), ())}
        before = [self.seen[t.ref()] for t in op.inputs if t.ref() in self.seen]
        if not before:
            self.behind |= {tensor.ref(): held for tensor in op.outputs}
            return
        after = self._after(op, _joined(before))
        self.seen |= {tensor.ref(): after for tensor in op.outputs}
        for variable in held & self.unclaimed.keys():
            count = int(np.prod(self.unclaimed.pop(variable).shape.as_list()))
            row = self.rows[after.weighted]
            self.rows[after.weighted] = row._replace(parameters=row.parameters + count)

    def _after(self, op, seen):
        """Return what is known of an operation's outputs; enter a row where it is a layer."""
        if op.type in ("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"):
            return self._windowed(op, seen)
        if op.type == "MatMul":
            return self._add(op, "dense", "", seen._replace(field=None), _products(op))
        if op.type == "Mean" and op.inputs[0].shape.rank == 4:
            return self._add(op, "mean", "", seen._replace(field=None), 0)
        if op.type == "Reshape" and op.outputs[0].shape.rank == 2:
            return seen._replace(field=None)
        return seen

    def _windowed(self, op, seen):
        strides = op.get_attr("strides")[1:3]
        pool = "ksize" in op.node_def.attr
        window = op.get_attr("ksize")[1:3] if pool else op.inputs[1].shape.as_list()[:2]
        text = f"{window[0]}x{window[1]}/{strides[0]}"
        grown = seen.field and tuple(
            field + (length - 1) * step
            for field, length, step in zip(seen.field, window, seen.step)
        )
        steps = tuple(step * stride for step, stride in zip(seen.step, strides))
        seen = seen._replace(field=grown, step=steps)
        return self._add(op, KINDS.get(op.type, "conv"), text, seen, 0 if pool else _products(op))

    def _add(self, op, kind, window, seen, products):
        field = WHOLE if seen.field is None else "{}x{}".format(*seen.field)
        output = tuple(op.outputs[0].shape.as_list()[1:])
        # Within the scope of a layer's variables names are those of operations.
        scope = op.name.rpartition("/")[0]
        name = next((s for s in (scope, *_scopes(scope)) if s in self.scopes), scope or kind)
        self.rows.append(Layer(name, kind, window, output, 0, products, field))
        row = len(self.rows) - 1
        has_kernel = kind in ("conv", "dense")
        return seen._replace(row=row, weighted=row if has_kernel else seen.weighted)

    def finished(self):
        """Return the rows."""
        if self.unclaimed:
            names = sorted(op.name for op in self.unclaimed)
            raise AssertionError(f"variables of no layer: {names}")
        return self.rows


def _scopes(name):
    """Return the scopes that a name is in, the innermost first: "a/b/c" is in "a/b" and "a"."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _joined(seen):
    """Return what is known where several tensors meet: the largest receptive field counts."""
    fields = [each.field for each in seen]
    rows, weighted = (
        max((getattr(each, name) for each in seen if getattr(each, name) is not None), default=None)
        for name in ("row", "weighted")
    )
    field = None if None in fields else tuple(map(max, zip(*fields)))
    return _Seen(field, tuple(map(max, zip(*(each.step for each in seen)))), rows, weighted)


def _products(op):
    """Return the multiplications, each with an addition, per image."""
    places = op.outputs[0].shape.as_list()[1:3] if op.type != "MatMul" else ()
    return int(np.prod(op.inputs[1].shape.as_list()) * np.prod(places, dtype=int))


def text(rows):
    """Return the table of `of_net` as text, with totals."""
    header = ("layer", "kind", "window", "output", "parameters", "multiply-adds", "sees")
    lines = [
        (
            *(row.name, row.kind, row.window, ", ".join(map(str, row.output))),
            *(f"{row.parameters:,}" if row.parameters else "", _count(row), row.receptive_field),
        )
        for row in rows
    ]
    parameters = sum(row.parameters for row in rows)
    products = sum(row.multiply_adds for row in rows)
    total = ("total", "", "", "", f"{parameters:,}", f"{products:,}", "")
    return aligned(header, [*lines, total], numbers=(4, 5, 6), rules=(len(lines),))


def _count(row):
    return f"{row.multiply_adds:,}" if row.multiply_adds else ""
