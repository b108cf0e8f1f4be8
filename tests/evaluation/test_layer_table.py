"""Tables of layers: of the articles' net by hand, of every net against other counts of it."""

import pytest

from fer2013_tf import nets, recipes
from fer2013_tf.evaluation import costs, layer_table
from fer2013_tf.nets import __main__ as command


def test_of_net_lenet_as_hu_2019_counts_it():
    rows = {row.name: row for row in layer_table.of_net("lenet")}
    sees = {"conv1": 5, "pool1": 7, "conv2": 15, "pool2": 19, "conv3": 35, "pool3": 43}
    assert {n: rows[n].receptive_field for n in sees} == {n: f"{s}x{s}" for n, s in sees.items()}
    assert rows["pool3"].output == (6, 6, 128) and rows["pool3"].window == "3x3/2"
    assert rows["conv2"].multiply_adds == 24 * 24 * 25 * 64 * 64
    assert rows["conv2"].parameters == 25 * 64 * 64 + 2 * 64  # no bias, two numbers of BN
    assert rows["fc1"].parameters == 6 * 6 * 128 * 512 + 2 * 512
    assert rows["fc1"].receptive_field == "all" and rows["logits"].output == (7,)


# The other nets take longer to build; nothing in the table is of one net.
@pytest.mark.parametrize("net", ["lenet(norm='lrn')", "resnet18", "cliquenet", "model_b"])
def test_of_net_adds_up(net):
    rows = layer_table.of_net(net)
    data = {"classes": list("abcdefg"), "size": [48, 48], "mean": 0.0, "std": 1.0}
    cost = costs.of_net(recipes.Recipe(name="x", net=net), data)
    assert sum(row.parameters for row in rows) == cost.parameters
    assert 2 * sum(row.multiply_adds for row in rows) == cost.operations
    assert all(row.parameters == 0 for row in rows if row.kind not in ("conv", "dense"))
    assert rows[-1].name == "logits" and rows[-1].output == (7,)


def test_main_prints_the_table_and_totals(capsys):
    assert command.main(["deepnn", "--size", "128", "--classes", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        *("layer", "kind", "window", "output", "parameters", "multiply-adds", "sees")
    ]
    assert any("logits" in line and " 10 " in line for line in lines) and "total" in lines[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "unknown net 'nope'; known: blocks"),
        (["lenet(x=1)"], "x"),
        (["lenet", "--size", "2"], "give 8 to 1024"),
    ],
)
def test_main_refuses(words, said, capsys):
    assert command.main(words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_names_are_nets_only():
    assert "__main__" not in nets.names() and "lenet" in nets.names()
