"""The floor of direct convolution: each convolution of a step timed alone, oneDNN's kernels."""

import functools

import tensorflow.compat.v1 as tf

from benchmarks.baselines import common

# Height and width, inputs, filters.
LAYERS = ((48, 1, 64), (24, 64, 64), (12, 64, 128))
KERNEL = 5


def operations(batch, dtype):
    """Yield each layer's forward pass, filter gradient and, except in the first, input gradient."""

    def variable(*shape):
        value = tf.cast(tf.random.stateless_normal(shape, [0, 1]), dtype)
        return tf.Variable(value, use_resource=True).read_value()

    for size, inputs, filters in LAYERS:
        x, upstream = variable(batch, size, size, inputs), variable(batch, size, size, filters)
        kernel, options = variable(KERNEL, KERNEL, inputs, filters), ([1, 1, 1, 1], "SAME")
        yield tf.nn.conv2d(x, kernel, 1, "SAME").op
        yield tf.nn.conv2d_backprop_filter(x, kernel.shape, upstream, *options).op
        if inputs > 1:
            yield tf.nn.conv2d_backprop_input(x.shape, kernel, upstream, *options).op


def main():
    args = common.arguments(("bfloat16", "float32"))
    each = list(operations(args.batch, tf.as_dtype(args.precision)))
    total = 0.0
    with tf.Session(config=tf.ConfigProto(inter_op_parallelism_threads=1)) as session:
        session.run(tf.global_variables_initializer())
        for operation in each:
            run = functools.partial(session.run, operation)
            rate = common.measure(run, args.batch, args.seconds / len(each))
            total += args.batch / rate
    common.report(rate=args.batch / total, parameters=common.PARAMETERS)


if __name__ == "__main__":
    tf.disable_eager_execution()
    main()
