"""The floor of direct convolution: each convolution of a step by itself, with oneDNN's kernels."""

import functools

import tensorflow.compat.v1 as tf

from benchmarks import contenders

# Height and width, inputs, filters.
LAYERS = ((48, 1, 64), (24, 64, 64), (12, 64, 128))
KERNEL = 5


def operations(batch, dtype):
    """Forward, filter gradient and, but for the first layer, input gradient of each layer."""

    def held(*shape):
        value = tf.cast(tf.random.stateless_normal(shape, [0, 1]), dtype)
        return tf.Variable(value, use_resource=True).read_value()

    for size, inputs, filters in LAYERS:
        x, upstream = held(batch, size, size, inputs), held(batch, size, size, filters)
        kernel, options = held(KERNEL, KERNEL, inputs, filters), ([1, 1, 1, 1], "SAME")
        yield tf.nn.conv2d(x, kernel, 1, "SAME").op
        yield tf.nn.conv2d_backprop_filter(x, kernel.shape, upstream, *options).op
        if inputs > 1:
            yield tf.nn.conv2d_backprop_input(x.shape, kernel, upstream, *options).op


def main():
    args = contenders.arguments(("bfloat16", "float32"))
    each = list(operations(args.batch, tf.as_dtype(args.precision)))
    total = 0.0
    with tf.Session(config=tf.ConfigProto(inter_op_parallelism_threads=1)) as session:
        session.run(tf.global_variables_initializer())
        for operation in each:
            run = functools.partial(session.run, operation)
            rate = contenders.measure(run, args.batch, args.seconds / len(each))
            total += args.batch / rate
    contenders.report(rate=args.batch / total, parameters=contenders.PARAMETERS)


if __name__ == "__main__":
    tf.disable_eager_execution()
    main()
