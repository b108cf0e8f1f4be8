"""The style of the articles: one graph for both modes, feed_dict, float32, ReLU before the pool."""

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks.baselines import common


def variable(name, shape):
    return tf.get_variable(name, shape, initializer=tf.truncated_normal_initializer(stddev=0.05))


def batch_norm(x, training, updates):
    """Normalize by batch statistics in training, else by moving ones, chosen by a fed bool."""
    axes, size = list(range(len(x.shape) - 1)), x.shape[-1]
    gamma = tf.get_variable("gamma", [size], initializer=tf.ones_initializer())
    beta = tf.get_variable("beta", [size], initializer=tf.zeros_initializer())
    mean, variance = tf.nn.moments(x, axes)
    average = tf.train.ExponentialMovingAverage(0.99)
    updates.append(average.apply([mean, variance]))
    used = tf.cond(
        training,
        lambda: (mean, variance),
        lambda: (average.average(mean), average.average(variance)),
    )
    return tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3)


def net(images, keep, training, updates):
    """Return the logits of the net of Hu 2019."""
    x = images
    for number, filters in enumerate((64, 64, 128), start=1):
        with tf.variable_scope(f"conv{number}"):
            x = tf.nn.conv2d(x, variable("w", [5, 5, x.shape[-1], filters]), 1, "SAME")
            x = tf.nn.relu(batch_norm(x, training, updates))
            x = tf.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
    x = tf.reshape(x, [-1, 6 * 6 * 128])
    for number in (1, 2):
        with tf.variable_scope(f"fc{number}"):
            x = tf.matmul(tf.nn.dropout(x, rate=1 - keep), variable("w", [x.shape[-1], 512]))
            x = tf.nn.relu(batch_norm(x, training, updates))
    with tf.variable_scope("out"):
        logits = tf.matmul(tf.nn.dropout(x, rate=1 - keep), variable("w", [512, common.CLASSES]))
        return logits + variable("b", [common.CLASSES])


def main():
    args = common.arguments(("float32",))
    images = tf.placeholder(tf.float32, [None, common.SIZE, common.SIZE, 1])
    labels = tf.placeholder(tf.int64, [None])
    keep, training = tf.placeholder(tf.float32), tf.placeholder(tf.bool)
    updates = []
    logits = net(images, keep, training, updates)
    one_hot = tf.one_hot(labels, common.CLASSES)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(one_hot, logits))
    step = tf.train.create_global_step()
    with tf.control_dependencies(updates):
        train = tf.train.AdamOptimizer(common.RATE).minimize(loss, step)
    with tf.control_dependencies([train]):
        train = tf.train.ExponentialMovingAverage(common.EMA, step).apply(tf.trainable_variables())
    fed = dict(zip((images, labels), common.synthetic(args.batch)))
    fed |= {keep: 1 - common.DROPOUT, training: True}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        rate = common.measure(lambda: session.run([train, loss], fed), args.batch, args.seconds)
    parameters = int(sum(np.prod(v.shape.as_list()) for v in tf.trainable_variables()))
    common.report(rate=rate, parameters=parameters)


if __name__ == "__main__":
    tf.disable_eager_execution()
    main()
