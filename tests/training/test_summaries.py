"""What TensorBoard is given."""

import numpy as np
import pytest

from fer2013_tf.data import records
from fer2013_tf.training import summaries, train_graph
from fer2013_tf.utils.tf1 import tf
from tests import toy


def grid_of(maps):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(summaries.feature_grid(tf.constant(maps, tf.float32)))


def test_each_feature_map_has_its_place_and_its_own_range():
    maps = np.random.default_rng(0).normal(size=(3, 5, 10)) * 10.0 ** np.arange(-5, 5)
    maps[:, :, 4] = 7.0
    grid = grid_of(maps)
    assert grid.shape == (1, 6, 40, 1)
    for channel in range(10):
        row, column = divmod(channel, 8)
        cell = grid[0, row * 3 : row * 3 + 3, column * 5 : column * 5 + 5, 0]
        values = maps[:, :, channel]
        spread = np.ptp(values) or 1.0
        np.testing.assert_allclose(cell, (values - values.min()) / spread, atol=1e-4)
    assert not grid[0, 3:, 10:].any()


def test_a_net_with_few_maps_has_a_image_too():
    assert grid_of(np.ones((4, 4, 3))).shape == (1, 4, 32, 1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_graph_is_drawn_a_box_a_layer_one_after_the_other(records_dir, precision):
    net = train_graph.build_train(
        records.RecordSet(records_dir), toy.recipe(), seed=0, precision=precision, use_fft_conv=True
    )
    drawn = summaries.readable_graph(net.graph, net.loss)
    chain = ["input", "conv1", "pool1", "conv2", "pool2", "conv3", "pool3"]
    chain += ["flatten", "fc1", "fc2", "logits", "objective", "train"]
    boxes = {node.name.partition("/")[0] for node in drawn.node}
    assert boxes == {*chain, "seeds", "global_step"}
    links = {
        (word.lstrip("^").partition("/")[0], node.name.partition("/")[0])
        for node in drawn.node
        for word in node.input
    }
    assert set(zip(chain, chain[1:])) <= links
    skipped = {(a, b) for a, b in links if a != b and b not in ("objective", "train")}
    assert skipped <= {*zip(chain, chain[1:]), ("global_step", "seeds")} | {
        ("seeds", layer) for layer in ("input", "fc1", "fc2", "logits")
    }


@pytest.mark.parametrize("name", ["resnet18(stages=(8, 8))", "cliquenet", "blocks", "vgg16"])
def test_every_layer_with_an_image_of_numbers_shows_it(records_dir, name):
    """Whatever its name: the first layer and the pools too, but no single numbers."""
    net = train_graph.build_train(
        records.RecordSet(records_dir), toy.recipe(f"net={name}", "batch_size=2"), seed=0
    )
    tags = {
        node.attr["value"].tensor.string_val[0].decode().split("/")[1]
        for node in net.graph.as_graph_def().node
        if "feature_maps" in node.name and node.name.endswith("/tag")
    }
    shown = {
        "resnet18(stages=(8, 8))": {"stem", "pool"},
        "cliquenet": {"stem", "pool", "clique1", "transition1"},
        "blocks": {"pool1"},
        "vgg16": {"block1_conv1", "block1_pool", "block4_pool"},
    }
    assert shown[name] <= tags
    assert not tags & {"logits", "mean", "features", "fc1", "block5_pool"}
