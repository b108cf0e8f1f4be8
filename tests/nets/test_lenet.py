"""The net lenet: names, shapes, sizes, options; BN statistics; training against evaluation."""

import numpy as np
import pytest

from fer2013_tf import nets
from fer2013_tf.nets import layers
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf


def build(net="lenet", *, training=False, batch=4, size=48, classes=7):
    """(graph, images, logits, end_points, context) of one build."""
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        images = tf.placeholder(tf.float32, [batch, size, size, 1])
        seed = tf.constant([1, 2], tf.int64)
        context = layers.BuildContext(dropout_seed=seed)
        logits, end_points = nets.build(
            net, images, training=training, num_classes=classes, context=context
        )
        return graph, images, logits, end_points, context


def parameters(graph):
    return sum(
        v.shape.num_elements() for v in graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    )


def test_build_has_the_end_points_of_the_articles_table():
    _, _, logits, end_points, _ = build()
    shapes = {name: tuple(p.shape.as_list()[1:]) for name, p in end_points.items()}
    assert shapes == {
        "conv1": (48, 48, 64),
        "pool1": (24, 24, 64),
        "conv2": (24, 24, 64),
        "pool2": (12, 12, 64),
        "conv3": (12, 12, 128),
        "pool3": (6, 6, 128),
        "fc1": (512,),
        "fc2": (512,),
        "logits": (7,),
    }
    assert logits.dtype == tf.float32


def test_build_has_the_parameters_of_each_norm():
    kernels = 25 * 64 + 25 * 64 * 64 + 25 * 64 * 128 + 4608 * 512 + 512 * 512 + 512 * 7
    widths = 64 + 64 + 128 + 512 + 512
    assert parameters(build("lenet")[0]) == kernels + 7 + 2 * widths
    assert parameters(build("lenet(bias_with_bn=True)")[0]) == kernels + 7 + 3 * widths
    assert parameters(build("lenet(dense_bn=False)")[0]) == kernels + 7 + 2 * 256 + 2 * 512
    for norm in ("none", "lrn"):
        assert parameters(build(f"lenet(norm={norm!r})")[0]) == kernels + 7 + widths


def test_build_takes_other_sizes_and_class_counts():
    _, _, logits, end_points, _ = build(size=128, classes=10)
    assert end_points["pool3"].shape.as_list()[1:] == [16, 16, 128]
    assert logits.shape.as_list() == [4, 10]


def run_once(net, training, images):
    graph, placeholder, logits, end_points, context = build(
        net, training=training, batch=len(images)
    )
    with tf.Session(graph=graph) as session:
        with graph.as_default():
            session.run(tf.global_variables_initializer())
        first = session.run([logits, *end_points.values()], {placeholder: images})
        moved = session.run(context.statistics)
        session.run(context.updates, {placeholder: images})
        return first, moved, session.run(context.statistics)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(4, 48, 48, 1)).astype(np.float32)


def gradients(images, **how):
    """{variable: gradient} of a fixed function of the logits, and the end points, in training."""
    with tf.Graph().as_default() as graph:
        context = layers.BuildContext(dropout_seed=tf.constant([1, 2], tf.int64), **how)
        logits, end_points = nets.build(
            "lenet", tf.constant(images), training=True, num_classes=7, context=context
        )
        assert logits.dtype == tf.float32
        weights = tf.trainable_variables()
        loss = tf.reduce_sum(logits * np.arange(28, dtype=np.float32).reshape(4, 7) / 28)
        found = tf.gradients(loss, weights)
        end_points = {name: tf.cast(point, tf.float32) for name, point in end_points.items()}
        draw = np.random.default_rng(5)
        values = [
            draw.normal(size=v.shape.as_list()) * 0.05 + (v.shape.ndims == 1) for v in weights
        ]
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            for variable, value in zip(weights, values):
                variable.load(value, session)
            return session.run([{v.op.name: g for v, g in zip(weights, found)}, end_points])


def apart(found, expected):
    return np.sqrt(np.mean((found - expected) ** 2) / np.mean(np.square(expected)))


def all_apart(found, expected):
    """Relative differences of the gradients and of the end points, by name."""
    return {
        name: apart(values[name], others[name])
        for values, others in zip(found, expected)
        for name in others
    }


def test_build_with_fft_conv_differs_by_rounding_only(images):
    expected = gradients(images)
    exact = all_apart(gradients(images, use_fft_conv=True), expected)
    assert max(exact.values()) < 2e-3, exact
    # Where rounding turns the choice of a ReLU or a pool, gradients of few images differ much.
    direct = all_apart(gradients(images, dtype=tf.bfloat16), expected)
    by_fft = all_apart(gradients(images, dtype=tf.bfloat16, use_fft_conv=True), expected)
    for name in direct:
        assert by_fft[name] < 1.5 * direct[name] + 0.1, name


def test_updates_move_statistics_in_training_only(images):
    _, before, after = run_once("lenet", True, images)
    assert len(before) == 10
    assert all(not np.array_equal(a, b) for a, b in zip(before, after))
    *_, context = build(training=False)
    assert context.updates == []


def test_batch_norm_moves_statistics_by_the_momentum(images):
    with tf.Graph().as_default():
        context = layers.BuildContext(bn_momentum=0.75)
        with tf.variable_scope("bn"):
            layers.batch_norm(tf.constant(images[:, 0, :, 0]), training=True, context=context)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(context.updates)
            mean, variance = session.run(context.statistics)
    rows = images[:, 0, :, 0]
    np.testing.assert_allclose(mean, 0.25 * rows.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(variance, 0.75 + 0.25 * rows.var(axis=0, ddof=1), rtol=1e-4)


def test_build_in_evaluation_is_the_same_for_any_batch(images):
    together, _, _ = run_once("lenet", False, images)
    alone, _, _ = run_once("lenet", False, images[:1])
    np.testing.assert_allclose(together[0][:1], alone[0], rtol=1e-4, atol=1e-5)


def test_dropout_is_random_in_training_only(images):
    dropped, _, _ = run_once("lenet(dropout_rates=(0.5, 0.5, 0.5), norm='none')", True, images)
    whole, _, _ = run_once("lenet(dropout_rates=(0.0, 0.0, 0.0), norm='none')", True, images)
    evaluated, _, _ = run_once("lenet(norm='none')", False, images)
    assert not np.allclose(dropped[0], whole[0])
    np.testing.assert_allclose(whole[0], evaluated[0], rtol=1e-5, atol=1e-5)


def test_dropout_sets_the_rate_to_zero():
    with tf.Graph().as_default(), tf.Session() as session:
        context = layers.BuildContext(dropout_seed=tf.constant([3, 4]))
        ones = tf.ones([100, 1000])
        first, second = (layers.dropout(ones, 0.3, training=True, context=context) for _ in "ab")
        first, second, again = (*session.run([first, second]), session.run(first))
    assert abs((first == 0).mean() - 0.3) < 0.01
    np.testing.assert_allclose(first[first > 0], 1 / 0.7, rtol=1e-6)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_build_pools_before_activation_as_if_after(images):
    for activation in ("relu", "leaky_relu"):
        graph, placeholder, _, end_points, _ = build(f"lenet(activation={activation!r})")
        with graph.as_default(), tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            pooled = tf.nn.max_pool2d(end_points["conv1"], 3, 2, "SAME")
            as_article, ours = session.run([pooled, end_points["pool1"]], {placeholder: images})
        np.testing.assert_allclose(as_article, ours, rtol=1e-6)


def test_build_opens_a_scope_per_layer_once():
    graph, *_ = build(training=True)
    boxes = {op.name.split("/")[0] for op in graph.get_operations()}
    assert {"conv1", "pool1", "conv2", "conv3", "fc1", "fc2", "logits"} <= boxes
    assert not [box for box in boxes if box.endswith("_1") and box[:-2] in boxes]


@pytest.mark.parametrize(
    "net, word",
    [
        ("bogus", "unknown net 'bogus'; known: blocks, cliquenet"),
        ("layers", "unknown net"),
        ("lenet(norm='group')", "known: bn, lrn, none"),
        ("lenet(activation='tanh')", "known: relu, leaky_relu"),
        ("lenet(dropout_rates=(0.5, 0.5))", "three rates"),
        ("lenet(dropout_rates=(0.5, 0.5, 1.0))", "three rates"),
        ("lenet(width=3)", "no option 'width'"),
    ],
)
def test_build_refuses_unknown_options(net, word):
    with pytest.raises(UserError) as caught:
        build(net)
    assert word in str(caught.value)
