"""The train graph of fer2013_tf, on one synthetic batch, or on records with all augmentations.

--net trains any net, with the options of its recipe; see `common`.
"""

import types

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks.baselines import common
from fer2013_tf import recipes
from fer2013_tf.data import records
from fer2013_tf.preprocessing import input_pipeline
from fer2013_tf.training import train_graph
from fer2013_tf.utils import constants, devices

SETTINGS = (
    "optimizer=adam",
    "schedule=constant",
    "weight_decay=0",
    f"net.dropout_rates={(common.DROPOUT,) * 3}",
)


def synthetic(_, recipe, *, seed, step):
    """Return an input pipeline without input: the same batch in every step."""
    images, labels = common.synthetic(recipe.batch_size)
    targets = np.eye(common.CLASSES, dtype=np.float32)[labels]
    # Variables, as TensorFlow would compute what depends on constants once, before the first step.
    stored = [tf.Variable(x, trainable=False, use_resource=True) for x in (images, targets)]
    fed = [x.read_value() for x in stored]
    return input_pipeline.Pipeline(*fed, start=lambda session: None, stop=lambda: None)


def recipe_of(net, batch):
    """Return what is trained: recipe `lenet` with Adam, or a net with momentum."""
    if not net:
        settings = [*SETTINGS, f"batch_size={batch}", f"learning_rate={common.RATE}"]
        return recipes.with_settings(recipes.load("lenet"), settings)
    return recipes.Recipe(
        name=net,
        net=recipes.load(net).net if net in recipes.names() else net,
        optimizer=f"momentum(momentum={common.MOMENTUM}, nesterov=True)",
        learning_rate=common.NET_RATE,
        batch_size=batch,
        ema_decay=common.EMA,
    )


def main():
    args = common.arguments(("bfloat16", "float32"), nets=True)
    train_graph.INPUTS["synthetic"] = synthetic
    recipe = recipe_of(args.net, args.batch)
    data = {"classes": list(constants.FER2013), "counts": {"Training": {"all": 28709}}}
    # Without records only the manifest is read.
    synthetic_set = types.SimpleNamespace(manifest=data)
    net = train_graph.build_train(
        records.RecordSet(args.images) if args.images else synthetic_set,
        recipe,
        seed=0,
        input_kind="tfdata" if args.images else "synthetic",
        precision=args.precision,
        use_fft_conv=devices.fft_conv_pays(args.precision),
    )
    with net.graph.as_default():
        parameters = int(sum(np.prod(v.shape.as_list()) for v in tf.trainable_variables()))
    with tf.Session(graph=net.graph, config=devices.session_config()) as session:
        session.run(net.init)
        net.pipeline.start(session)
        rate = common.measure(
            lambda: session.run([net.train_op, net.loss]), args.batch, args.seconds
        )
        loss = float(session.run(net.loss))
    common.report(rate=rate, parameters=parameters, net=args.net, loss=loss)


if __name__ == "__main__":
    main()
