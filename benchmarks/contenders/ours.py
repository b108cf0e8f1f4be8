"""fer2013_tf's own train graph, fed one synthetic batch, or records with full augmentation."""

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks import contenders
from fer2013_tf import devices, emotions, graphs, inputs, recipes, records

SETTINGS = (
    "optimizer=adam",
    "schedule=constant",
    "l2=0",
    f"net.dropout_rates={(contenders.DROPOUT,) * 3}",
)


def synthetic(_, recipe, *, seed, step):
    """An input pipeline without input: the same batch at every step."""
    images, labels = contenders.synthetic(recipe.batch_size)
    targets = np.eye(contenders.CLASSES, dtype=np.float32)[labels]
    # Variables: what follows from a constant would be computed once, before the first step.
    held = [tf.Variable(x, trainable=False, use_resource=True) for x in (images, targets)]
    fed = [x.read_value() for x in held]
    return inputs.Pipeline(*fed, start=lambda session: None, stop=lambda: None)


def main():
    args = contenders.arguments(("bfloat16", "float32"))
    graphs.INPUTS["synthetic"] = synthetic
    recipe = recipes.with_settings(
        recipes.load("lenet"),
        [*SETTINGS, f"batch_size={args.batch}", f"learning_rate={contenders.RATE}"],
    )
    data = {"classes": list(emotions.FER2013), "counts": {"Training": {"all": 28709}}}
    net = graphs.build_train(
        args.pictures,
        recipe,
        records.load(args.pictures) if args.pictures else data,
        seed=0,
        input_kind="tfdata" if args.pictures else "synthetic",
        precision=args.precision,
        spectral=devices.spectral_pays(args.precision),
    )
    with net.graph.as_default():
        parameters = int(sum(np.prod(v.shape.as_list()) for v in tf.trainable_variables()))
    with tf.Session(graph=net.graph, config=devices.session_config()) as session:
        session.run(net.init)
        net.pipeline.start(session)
        rate = contenders.measure(
            lambda: session.run([net.train_op, net.loss]), args.batch, args.seconds
        )
    contenders.report(rate=rate, parameters=parameters)


if __name__ == "__main__":
    main()
