"""The two graphs: one for training, one for evaluation. Both are finalized when they are returned.

graph = graphs.build_train(folder, recipe, data, seed=0)
with tf.Session(graph=graph.graph) as session:
    session.run(graph.init)
    graph.pipeline.start(session)
    session.run(graph.train_op)
"""

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from fer2013_tf import inputs, nets, objective, optimise, queue_inputs, specs, summaries
from fer2013_tf.errors import UserError
from fer2013_tf.nets import layers
from fer2013_tf.tensorflow1 import tf

INPUTS = {"tfdata": inputs.build, "queue": queue_inputs.build}


class TrainGraph(NamedTuple):
    """What a training loop needs."""

    graph: tf.Graph
    pipeline: inputs.Pipeline
    step: tf.Variable  # int64, steps done
    train_op: tf.Operation
    loss: tf.Tensor  # float32 scalar, weight decay included
    rate: tf.Tensor  # float32 scalar, the learning rate of the coming step
    init: tf.Operation
    variables: list  # everything a checkpoint holds
    saver: Any  # of those
    scalars: tf.Tensor  # summary of loss and rate
    details: tf.Tensor  # summary of histograms and pictures
    learning: list  # the variables that the optimizer changes
    scale: tf.Variable | None  # float32 scalar that the schedule plateau multiplies the rate by


class EvalGraph(NamedTuple):
    """What evaluation and prediction need."""

    graph: tf.Graph
    images: tf.Tensor  # placeholder uint8 [n, height, width]
    logits: tf.Tensor  # float32 [n, classes]
    probabilities: tf.Tensor  # float32 [n, classes]
    end_points: dict
    heat: tf.Tensor | None  # Grad-CAM of the likeliest class, where it was asked for, see `_heat`
    assign: dict  # variable name -> (placeholder, assign op)
    prepare: tf.Operation  # to be run after the variables were assigned


def build_train(
    folder, recipe, data, *, seed, input_kind="tfdata", precision="float32", spectral=False
):
    """The training graph on the records in `folder`. data: their manifest; see steps_per_epoch.

    precision: float32 or bfloat16, for what is not a variable, an update or the loss. spectral:
    whether convolutions go by their transform where that saves.
    """
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(seed)
        step = tf.train.create_global_step()
        with tf.name_scope("draws"):
            draws = tf.stack([tf.constant(seed, tf.int64), step.read_value()])
        ledger = layers.Ledger(
            bn_momentum=recipe.bn_momentum,
            dropout_seed=draws,
            dtype=tf.as_dtype(precision),
            spectral=spectral,
            frozen=recipe.freeze,
        )
        pipeline = INPUTS[input_kind](folder, recipe, seed=seed, step=step)
        logits, end_points = nets.build(
            recipe.net,
            pipeline.images,
            training=True,
            num_classes=len(data["classes"]),
            ledger=ledger,
        )
        with tf.name_scope("objective"):
            counts = list(data["counts"]["Training"].values())
            data_loss = objective.loss(recipe.loss, logits, pipeline.targets, counts=counts)
            decay = objective.weight_decay(ledger.weights, recipe.l2_on, recipe.l2)
            total = data_loss + decay
        with tf.name_scope("train"):
            scale = _scale() if specs.parse(recipe.schedule).name == "plateau" else None
            epoch_steps = steps_per_epoch(recipe, data)
            rate = optimise.learning_rate(step, recipe, epoch_steps, scale)
            learning = _learning(tf.trainable_variables(), recipe.freeze, ledger)
            train_op, gradients = optimise.train_op(
                total,
                variables=learning,
                optimizer=optimise.optimizer(recipe.optimizer, rate),
                step=step,
                updates=ledger.updates,
                ema=optimise.average(recipe.ema_decay, step),
                averaged=tf.trainable_variables() + ledger.statistics,
            )
        scalars = summaries.scalars(
            {"loss/total": total, "loss/data": data_loss, "loss/l2": decay, "learning_rate": rate}
        )
        details = summaries.details(pipeline.images, end_points, gradients, ledger.statistics)
        variables = tf.global_variables()
        with tf.name_scope("save"):
            saver = tf.train.Saver(variables)
        init = tf.global_variables_initializer()
        graph.finalize()
    return TrainGraph(
        graph,
        pipeline,
        step,
        train_op,
        total,
        rate,
        init,
        variables,
        saver,
        scalars,
        details,
        learning,
        scale,
    )


def _learning(variables, patterns, ledger):
    """The variables that no pattern freezes. Raises UserError for a pattern that fits none."""
    names = [variable.op.name for variable in variables]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(f"freeze={pattern}: no such variable; there are {', '.join(names)}")
    learning = [variable for variable in variables if not ledger.is_frozen(variable)]
    if not learning:
        raise UserError(f"freeze={','.join(patterns)}: leaves nothing to train")
    return learning


def _scale():
    one = tf.ones_initializer()
    return tf.get_variable("learning_rate_scale", [], tf.float32, one, trainable=False)


def build_eval(recipe, data, *, precision="float32", spectral=False, heat=False):
    """The evaluation graph: no dropout, no augmentation, moving statistics, nothing that updates.

    data: classes, size, mean and deviation, as in the manifest or recipe.json. precision, spectral:
    as in `build_train`; both pay for batches. heat: whether to build Grad-CAM too.
    """
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.uint8, [None, *data["size"]], "images")
        ledger = layers.Ledger(dtype=tf.as_dtype(precision), spectral=spectral, fixed=True)
        logits, end_points = nets.build(
            recipe.net,
            inputs.prepare(images, recipe, data),
            training=False,
            num_classes=len(data["classes"]),
            ledger=ledger,
        )
        probabilities = tf.nn.softmax(logits, name="probabilities")
        if ledger.updates:
            raise AssertionError(f"{recipe.net} updates variables in evaluation")
        warmth = _heat(logits, end_points) if heat else None
        assign = {}
        with tf.name_scope("restore"):
            for variable in tf.global_variables():
                value = tf.placeholder(tf.float32, variable.shape)
                assign[variable.op.name] = value, variable.assign(value).op
            prepare = tf.group(*ledger.prepare)
        graph.finalize()
    return EvalGraph(graph, images, logits, probabilities, end_points, warmth, assign, prepare)


def _heat(logits, end_points):
    """Grad-CAM (Selvaraju et al. 2017): float32 [n, h, w], 0 and above, of the likeliest class.

    Over the deepest maps that the logits hang on: each channel by the mean of its gradient, summed;
    what speaks against the class is left out.
    """
    with tf.name_scope("heat"):
        likeliest = tf.reduce_sum(tf.reduce_max(logits, axis=1))
        for maps in reversed(list(end_points.values())):
            if maps.shape.rank == 4 and min(maps.shape.as_list()[1:3]) > 1:
                (gradient,) = tf.gradients(likeliest, [maps])
                if gradient is not None:
                    break
        else:
            raise UserError("this net has no maps to show: its end points are single numbers")
        weights = tf.reduce_mean(gradient, axis=[1, 2], keepdims=True)
        return tf.cast(tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)), tf.float32)


def steps_per_epoch(recipe, data):
    """Steps in which as many pictures are seen as Training holds, to the nearest step."""
    return max(1, round(sum(data["counts"]["Training"].values()) / recipe.batch_size))
