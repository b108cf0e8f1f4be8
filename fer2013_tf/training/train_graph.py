"""Build the training graph; it is finalized when it is returned.

net = train_graph.build_train(record_set, recipe, seed=0)
with tf.Session(graph=net.graph) as session:
    session.run(net.init)
    net.pipeline.start(session)
    session.run(net.train_op)
"""

import dataclasses
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from fer2013_tf import nets
from fer2013_tf.nets import layers
from fer2013_tf.preprocessing import input_pipeline, queue_runners
from fer2013_tf.training import ema, losses, optimizers, schedules, summaries
from fer2013_tf.utils import constants, registry
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf

INPUTS = {"tfdata": input_pipeline.build, "queue": queue_runners.build}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainGraph:
    """What a training loop needs."""

    graph: tf.Graph
    pipeline: input_pipeline.Pipeline
    step: tf.Variable  # int64, steps done
    train_op: tf.Operation
    loss: tf.Tensor  # float32 scalar, weight decay included
    rate: tf.Tensor  # float32 scalar: beside train_op that of this step, alone that of the next
    init: tf.Operation
    variables: list  # everything a checkpoint holds
    saver: Any  # of those
    scalars: tf.Tensor  # summary of loss and rate
    details: tf.Tensor  # summary of histograms and images
    trainable: list  # the variables that the optimizer changes
    scale: tf.Variable | None  # float32 scalar that the schedule plateau multiplies the rate by
    choices: list  # layers.ways.Choice: how each convolution is computed
    output_scopes: frozenset  # variable scopes of the output layers


class _Loss(NamedTuple):
    total: tf.Tensor
    data: tf.Tensor
    decay: tf.Tensor


class _Update(NamedTuple):
    train_op: tf.Operation
    gradients: list
    rate: tf.Tensor
    trainable: list
    scale: tf.Variable | None


def build_train(
    record_set, recipe, *, seed, input_kind="tfdata", precision="float32", use_fft_conv=False
):
    """Return the `TrainGraph` of a recipe on the Training images of a `records.RecordSet`.

    precision: float32 or bfloat16, for what is not a variable, an update or the loss. use_fft_conv:
    whether convolutions may be computed by the Fourier transform. Raises UserError for settings
    that do not fit the net or the records.
    """
    data = record_set.manifest
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(seed)
        step = tf.train.create_global_step()
        context = _context(recipe, seed, step, precision, use_fft_conv)
        pipeline = INPUTS[input_kind](record_set, recipe, seed=seed, step=step)
        logits, end_points = nets.build(
            recipe.net,
            pipeline.images,
            training=True,
            num_classes=len(data["classes"]),
            context=context,
        )
        loss = _loss(recipe, logits, pipeline.targets, data, context)
        update = _update(recipe, loss.total, step, data, context)
        scalars = _scalars(loss, update.rate)
        details = summaries.details(
            pipeline.images, end_points, update.gradients, context.statistics
        )
        variables = tf.global_variables()
        with tf.name_scope("save"):
            saver = tf.train.Saver(variables)
        init = tf.global_variables_initializer()
        graph.finalize()
    return TrainGraph(
        graph=graph,
        pipeline=pipeline,
        step=step,
        train_op=update.train_op,
        loss=loss.total,
        rate=update.rate,
        init=init,
        variables=variables,
        saver=saver,
        scalars=scalars,
        details=details,
        trainable=update.trainable,
        scale=update.scale,
        choices=context.choices,
        output_scopes=frozenset(
            weight.variable.op.name.rpartition("/")[0]
            for weight in context.weights
            if weight.kind == constants.OUTPUT
        ),
    )


def _context(recipe, seed, step, precision, use_fft_conv):
    with tf.name_scope("seeds"):
        dropout_seed = tf.stack([tf.constant(seed, tf.int64), step.read_value()])
    return layers.BuildContext(
        bn_momentum=recipe.bn_momentum,
        dropout_seed=dropout_seed,
        dtype=tf.as_dtype(precision),
        use_fft_conv=use_fft_conv,
        frozen=recipe.freeze,
    )


def _loss(recipe, logits, targets, data, context):
    with tf.name_scope("objective"):
        counts = list(data["counts"][constants.TRAINING].values())
        data_loss = losses.loss(recipe.loss, logits, targets, counts=counts)
        decay = losses.weight_decay(context.weights, recipe.weight_decay_on, recipe.weight_decay)
        return _Loss(data_loss + decay, data_loss, decay)


def _update(recipe, total_loss, step, data, context):
    with tf.name_scope("train"):
        scale = _scale() if registry.parse(recipe.schedule).name == "plateau" else None
        epoch_steps = schedules.steps_per_epoch(recipe, data)
        rate = schedules.learning_rate(step, recipe, epoch_steps, scale)
        trainable = _trainable(tf.trainable_variables(), recipe.freeze, context)
        train_op, gradients = ema.train_op(
            total_loss,
            variables=trainable,
            optimizer=optimizers.optimizer(recipe.optimizer, rate),
            step=step,
            updates=context.updates,
            ema=ema.make_ema(recipe.ema_decay, step),
            averaged=tf.trainable_variables() + context.statistics,
        )
        return _Update(train_op, gradients, rate, trainable, scale)


def _scalars(loss, rate):
    return summaries.scalars(
        {
            "loss/total": loss.total,
            "loss/data": loss.data,
            "loss/l2": loss.decay,
            "learning_rate": rate,
        }
    )


def _trainable(variables, patterns, context):
    """The variables that no pattern freezes. Raises UserError for a pattern that fits none."""
    names = [variable.op.name for variable in variables]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(f"freeze={pattern}: no such variable; there are {', '.join(names)}")
    trainable = [variable for variable in variables if not context.is_frozen(variable)]
    if not trainable:
        raise UserError(f"freeze={','.join(patterns)}: leaves nothing to train")
    return trainable


def _scale():
    one = tf.ones_initializer()
    return tf.get_variable("learning_rate_scale", [], tf.float32, one, trainable=False)
