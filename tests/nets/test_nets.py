"""Every net: its variables, its parameters, image sizes, and that it learns."""

import numpy as np
import pytest

from fer2013_tf import nets, recipes
from fer2013_tf.data import records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.nets import layers
from fer2013_tf.training import train_graph
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.tf1 import tf
from tools import golden_lists


def convolution(size, inputs, outputs):
    return size * size * inputs * outputs + outputs


def dense(inputs, outputs):
    return inputs * outputs + outputs


def clique(inputs, filters=36, depth=5):
    """Kernels from the input and between any two layers; BN of two stages."""
    kernels = 9 * inputs * filters * depth + 9 * filters * filters * depth * (depth - 1)
    return kernels + 2 * depth * 2 * filters


def transition(channels=180):
    attention = dense(channels, channels // 2) + dense(channels // 2, channels)
    return channels * channels + 2 * channels + attention


# Counted from the articles' layer tables: convolutions and dense layers with biases, BN two numbers
# per channel.
PARAMETERS = {
    "vgg_bn": sum(
        9 * inputs * outputs + 2 * outputs
        for inputs, outputs in (
            *((1, 64), (64, 128), (128, 128), (128, 256), (256, 256)),
            *((256, 512), (512, 512)),
        )
    )
    + dense(512, 7),
    "deepnn": convolution(5, 1, 64)
    + convolution(3, 64, 64)
    + dense(12 * 12 * 64, 384)
    + dense(384, 192)
    + dense(192, 7),
    "blocks": sum(
        convolution(3, inputs, outputs) + convolution(3, outputs, outputs)
        for inputs, outputs in ((1, 64), (64, 128), (128, 256), (256, 512))
    )
    + dense(512, 7),
    "model_b": sum(convolution(3, a, b) + 2 * b for a, b in ((1, 64), (64, 128), (128, 256)))
    + dense(9216, 4096)
    + dense(4096, 1024)
    + dense(1024, 256)
    + dense(256, 7),
    "vgg": convolution(3, 1, 32)
    + convolution(3, 32, 32)
    + convolution(3, 32, 64)
    + 2 * convolution(3, 64, 64)
    + convolution(3, 64, 128)
    + 2 * convolution(3, 128, 128)
    + dense(4608, 4096)
    + dense(4096, 4096)
    + dense(4096, 7),
    "simple_cnn": convolution(3, 1, 64)
    + convolution(3, 64, 256)
    + dense(7 * 7 * 256, 4096)
    + dense(4096, 1024)
    + dense(1024, 7),
    "resnet18": convolution(7, 1, 64)
    + 2 * 64
    + 4 * (convolution(3, 64, 64) + 2 * 64)
    + sum(
        convolution(3, a, b) + 3 * convolution(3, b, b) + 4 * 2 * b + convolution(1, a, b)
        for a, b in ((64, 128), (128, 256), (256, 512))
    )
    + dense(512, 7),
    "lenet7": convolution(5, 1, 32)
    + convolution(5, 32, 64)
    + convolution(5, 64, 128)
    + dense(4608, 512)
    + dense(512, 256)
    + dense(256, 128)
    + dense(128, 7),
    "cliquenet": 9 * 64 + 2 * 64 + clique(64) + 2 * clique(180) + 2 * transition() + dense(964, 7),
    # As keras.applications counts the convolutions.
    "vgg16": 14_714_688 + dense(512, 256) + dense(256, 7),
}
# Narrower where the whole net would take minutes to memorize the images.
SHRUNK = {
    "vgg_bn": "vgg_bn(stem=16, filters=(16, 32), depth=3, dropout_rate=0.0)",
    "lenet": "lenet(dropout_rates=(0.0, 0.0, 0.0))",
    "blocks": "blocks(filters=(16, 16, 32, 32), dropout_rate=0.0)",
    "model_b": "model_b(units=(128, 64, 32), dropout_rates=(0.0, 0.0, 0.0, 0.0))",
    "vgg": "vgg(units=128, dropout_rate=0.0)",
    "simple_cnn": "simple_cnn(units=(128, 64))",
    "resnet18": "resnet18(stages=(16, 16, 32, 32))",
    "lenet7": "lenet7(units=(128, 64, 32), dropout_rate=0.0)",
    "cliquenet": "cliquenet(depth=3, filters=16, dropout_rate=0.0)",
    "vgg16": "vgg16(width=0.125, units=64, dropout_rate=0.0)",
}
RATES = {"lenet7": 0.0005, "vgg16": 0.0005}


def build(net, *, training=False, batch=2, size=(48, 48), classes=7, images=None, dtype=tf.float32):
    """(graph, logits, end points, context)."""
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        if images is None:
            images = np.random.default_rng(0).normal(size=(batch, *size, 1))
        fed = tf.constant(images, tf.float32)
        context = layers.BuildContext(dropout_seed=tf.constant([1, 2], tf.int64), dtype=dtype)
        logits, end_points = nets.build(
            net, fed, training=training, num_classes=classes, context=context
        )
        return graph, logits, end_points, context


def parameters(graph):
    found = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    return sum(variable.shape.num_elements() for variable in found)


@pytest.mark.parametrize("net", golden_lists.NETS)
def test_build_makes_the_variables_of_the_golden_list(net):
    """A changed list makes old checkpoints unreadable; python -m tools.golden_lists rewrites it."""
    assert golden_lists.variables(net) == (golden_lists.FOLDER / f"{net}.txt").read_text().split()


@pytest.mark.parametrize("net", PARAMETERS)
def test_build_has_the_parameters_of_the_articles_table(net):
    assert parameters(build(net)[0]) == PARAMETERS[net]


def test_names_are_those_of_the_tables_here():
    assert sorted([*PARAMETERS, "lenet"]) == golden_lists.NETS == sorted([*SHRUNK, "deepnn"])


@pytest.mark.parametrize("net", golden_lists.NETS)
@pytest.mark.parametrize("size, classes", [((128, 128), 10), ((64, 80), 3)])
def test_build_takes_other_sizes_and_class_counts(net, size, classes):
    net = SHRUNK.get(net, net)
    _, logits, end_points, _ = build(net, size=size, classes=classes)
    assert logits.shape.as_list() == [2, classes] and logits.dtype == tf.float32
    assert all(None not in point.shape[1:].as_list() for point in end_points.values())


@pytest.mark.parametrize("net", golden_lists.NETS)
def test_build_computes_in_the_dtype_of_the_context(net):
    _, logits, end_points, _ = build(SHRUNK.get(net, net), dtype=tf.bfloat16, training=True)
    assert logits.dtype == tf.float32
    kinds = {end_points[name].dtype for name in end_points if name != "logits"}
    assert kinds == {tf.bfloat16}


@pytest.mark.parametrize("net", golden_lists.NETS)
def test_build_updates_statistics_in_training_only(net):
    *_, context = build(SHRUNK.get(net, net))
    assert context.updates == []
    *_, context = build(SHRUNK.get(net, net), training=True)
    assert len(context.updates) == len(context.statistics)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Records of random blots; random pixels average out in a VGG's pools for the first minute."""
    folder = tmp_path_factory.mktemp("blots")
    draw = np.random.default_rng(0)
    with records.Writer(folder, classes=constants.FER2013) as writer:
        for row in range(1, 43):
            pixels = np.kron(draw.integers(0, 256, (6, 6), np.uint8), np.ones((8, 8), np.uint8))
            split = "Training" if row <= 32 else "PublicTest"
            writer.add(LabeledImage(pixels, row % 7, split, row, "blots"))
        writer.commit()
    return folder


# Those that take longest.
HEAVY = {"vgg": pytest.mark.slow, "cliquenet": pytest.mark.slow}


@pytest.mark.parametrize(
    "net", [pytest.param(n, marks=HEAVY[n]) if n in HEAVY else n for n in golden_lists.NETS]
)
def test_build_train_memorizes_32_images(net, images):
    """With the net's own recipe, except its rate and what keeps a net from memorizing."""
    name = {"lenet": "article", "vgg_bn": "article"}.get(net, net)
    recipe = recipes.with_settings(
        recipes.load(name),
        [
            f"net={SHRUNK.get(net, net)}",
            "batch_size=32",
            "augment=none",
            f"scaling={'none' if net == 'vgg16' else 'per_image'}",
            "optimizer=adam",
            "loss=softmax",
            "weight_decay=0.0",
            f"learning_rate={RATES.get(net, 0.002)}",
        ],
    )
    train = train_graph.build_train(records.RecordSet(images), recipe, seed=1)
    with tf.Session(graph=train.graph) as session:
        session.run(train.init)
        train.pipeline.start(session)
        for _ in range(400):
            _, loss = session.run([train.train_op, train.loss])
            if loss < 0.05:
                break
        train.pipeline.stop()
    assert loss < 0.05


def test_randomized_leaky_relu_is_random_in_training_only():
    with tf.Graph().as_default(), tf.Session() as session:
        context = layers.BuildContext(dropout_seed=tf.constant([3, 4], tf.int64))
        x = -tf.ones([50, 400])
        mode = {"context": context}
        drawn = -session.run(layers.randomized_leaky_relu(x, training=True, **mode))
        mean = -session.run(layers.randomized_leaky_relu(x, training=False, **mode))
        positive = session.run(layers.randomized_leaky_relu(-x, training=True, **mode))
    assert drawn.min() >= 1 / 8 and drawn.max() < 1 / 3
    assert abs(drawn.mean() - 11 / 48) < 0.001 and np.ptp(drawn) > 0.2
    np.testing.assert_allclose(mean, 11 / 48, rtol=1e-6)
    np.testing.assert_array_equal(positive, 1)


def test_convolve_pads_both_sides_as_torch_at_stride_2():
    """Ones under a kernel of ones: PyTorch's margin is on both sides, TensorFlow's on one."""
    with tf.Graph().as_default(), tf.Session() as session:
        x, kernel = tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1])
        how = {"stride": 2, "context": layers.BuildContext()}
        x = layers.FeatureMap(x)
        torch = session.run(layers.convolve(x, kernel, padding=1, **how).nhwc)[0, :, :, 0]
        same = session.run(layers.convolve(x, kernel, **how).nhwc)[0, :, :, 0]
    np.testing.assert_array_equal(torch, [[4, 6], [6, 9]])
    np.testing.assert_array_equal(same, [[9, 6], [6, 4]])


def test_clique_computes_stage_2_from_the_other_layers():
    """One block of the net against the paper's equations in numpy."""
    from fer2013_tf.nets import cliquenet

    made = []

    def layer(y, scope):
        made.append(scope)
        return y

    draw = np.random.default_rng(2)
    with tf.Graph().as_default(), tf.Session() as session:
        context = layers.BuildContext()
        x = draw.normal(size=(1, 3, 3, 2)).astype(np.float32)
        with tf.variable_scope("clique"):
            out = cliquenet._clique(layers.FeatureMap(tf.constant(x)), 3, 1, layer, context).nhwc
        session.run(tf.global_variables_initializer())
        kernels = {v.op.name.split("/")[1]: session.run(v) for v in tf.trainable_variables()}
        got = session.run(out)

        def conv(image, name):
            image, kernel = layers.FeatureMap(tf.constant(image)), tf.constant(kernels[name])
            return session.run(layers.convolve(image, kernel, context=context).nhwc)

        first = [conv(x, "input_1")]
        for j in (2, 3):
            own = conv(x, f"input_{j}")
            first.append(own + sum(conv(first[i - 1], f"from_{i}_to_{j}") for i in range(1, j)))
        second = list(first)
        for j in (1, 2, 3):
            others = [i for i in (1, 2, 3) if i != j]
            second[j - 1] = sum(conv(second[i - 1], f"from_{i}_to_{j}") for i in others)
    np.testing.assert_allclose(got, np.concatenate(second, axis=3), rtol=1e-4, atol=1e-5)
    assert made == [f"stage{s}_{j}" for s in (1, 2) for j in (1, 2, 3)]


@pytest.mark.parametrize(
    "net, size, word",
    [
        (
            "blocks(block_num=5, filters=(8, 8, 8, 8, 8))",
            48,
            "pool5 takes 4x4 pixels, 1x1 are left",
        ),
        ("blocks(block_num=6)", 48, "block_num=6; give 1 to 5"),
        ("blocks(kernel_size=6)", 48, "kernel_size=6; give 2 to 5"),
        ("blocks(pool_stride=5)", 48, "pool_stride=5; give 1 to 4"),
        ("blocks(filters=(8, 8))", 48, "give a number over 0 for each block"),
        ("vgg16", 31, "images of 31x31; give 32 or more"),
    ],
)
def test_build_refuses_settings_that_do_not_fit(net, size, word):
    with pytest.raises(UserError) as caught:
        build(net, size=(size, size))
    assert word in str(caught.value)


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_unfused_equals_fused(training):
    draw = np.random.default_rng(7)
    x = draw.normal(3, 2, size=(8, 5, 5, 6)).astype(np.float32)
    results = []
    for fused in (True, False):
        with tf.Graph().as_default(), tf.Session() as session:
            context = layers.BuildContext(bn_momentum=0.7)
            with tf.variable_scope("bn"):
                fed = tf.constant(x)
                maps = layers.FeatureMap(fed)
                y = layers.batch_norm(maps, training=training, context=context, fused=fused).nhwc
            gradient = tf.gradients(tf.reduce_sum(y**3), fed)[0]
            session.run(tf.global_variables_initializer())
            found = session.run([y, gradient])
            session.run(context.updates)
            results.append([*found, *session.run(context.statistics)])
    for fused, unfused in zip(*results):
        np.testing.assert_allclose(unfused, fused, rtol=1e-3, atol=1e-3)


def test_build_lenet_with_options():
    graph, _, end_points, _ = build("lenet(dense_units=256, bn_scale=False)")
    assert end_points["fc1"].shape.as_list() == [2, 256]
    names = [v.op.name for v in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)]
    assert "conv1/beta" in names and not [name for name in names if name.endswith("gamma")]
