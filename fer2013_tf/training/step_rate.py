"""Run training steps of a recipe without a run, to measure them."""

import contextlib
import time

from fer2013_tf.training import train_graph
from fer2013_tf.utils import devices
from fer2013_tf.utils.tf1 import tf

# Steps before the clock starts, and how long it runs at least.
WARM_UP, SECONDS = 3, 3.0


@contextlib.contextmanager
def warm_session(recipe, record_set, *, precision):
    """Context of (TrainGraph, session) in which real steps, input included, have run already."""
    net = train_graph.build_train(
        record_set,
        recipe,
        seed=0,
        precision=precision,
        use_fft_conv=devices.fft_conv_pays(precision),
    )
    with tf.Session(graph=net.graph, config=devices.session_config()) as session:
        session.run(net.init)
        net.pipeline.start(session)
        try:
            for _ in range(WARM_UP):
                session.run(net.train_op)
            yield net, session
        finally:
            net.pipeline.stop()


def measured_rate(recipe, record_set, *, precision):
    """Return the images per second of real training steps, input included; takes some seconds."""
    with warm_session(recipe, record_set, precision=precision) as (net, session):
        started, steps = time.monotonic(), 0
        while time.monotonic() - started < SECONDS:
            session.run(net.train_op)
            steps += 1
        return steps * recipe.batch_size / (time.monotonic() - started)
