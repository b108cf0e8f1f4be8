"""Plans of experiments: what they ask for; what is wrong with them is said before any training."""

import pytest

from fer2013_tf import plans
from fer2013_tf.errors import UserError

AXES = """
recipe = "tiny"
set = ["epochs=2"]
{order}
[[axis]]
key = "net.dropout_rates"
values = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]
[[axis]]
name = "rate"
values = [
  {{ label = "low", set = ["learning_rate=0.001"] }},
  {{ label = "high", set = ["learning_rate=0.01", "schedule=constant"] }},
]
"""


def written(folder, text):
    path = folder / "mine.toml"
    path.write_text(text)
    return plans.load(path)


def test_grid_is_every_combination(tmp_path):
    plan = written(tmp_path, AXES.format(order=""))
    settings = plan.settings_of(0, {})
    assert plan.stages == 1 and len(settings) == 4 and plan.seeds == (0,)
    last = settings[-1]
    assert last.name == "dropout_rates-0.5-0.5-0.5_rate-high"
    assert last.recipe.learning_rate == 0.01 and last.recipe.schedule == "constant"
    assert last.recipe.epochs == 2 and "(0.5, 0.5, 0.5)" in last.recipe.net


def test_one_at_a_time_leaves_the_others_as_in_the_recipe(tmp_path):
    plan = written(tmp_path, AXES.format(order='order = "one"'))
    names = [s.name for stage in range(plan.stages) for s in plan.settings_of(stage, {})]
    assert names == ["dropout_rates-0.0-0.0-0.0", "dropout_rates-0.5-0.5-0.5", "low", "high"]


def test_greedy_carries_winners_on(tmp_path):
    plan = written(tmp_path, AXES.format(order='order = "greedy"'))
    first, second = plan.axes
    winner = plan.settings_of(0, {})[1]
    carried = {first.name: plan.value(winner, first)}
    settings = plan.settings_of(1, carried)
    assert [s.choices["rate"] for s in settings] == ["low", "high"]
    assert all("(0.5, 0.5, 0.5)" in s.recipe.net for s in settings)


@pytest.mark.parametrize("name", plans.names())
def test_the_plans_that_come_with_it(name):
    plan = plans.load(name)
    assert plan.about
    for stage in range(plan.stages):
        settings = plan.settings_of(stage, {})
        assert len({s.name for s in settings}) == len(settings) > 1


@pytest.mark.parametrize(
    "text, said",
    [
        ("x", "not TOML"),
        ("recipe = 'tiny'", "no [[axis]]"),
        (
            "epochs = 3\n[[axis]]\nkey = 'epochs'\nvalues = [1]",
            "unknown key 'epochs'; known: about",
        ),
        ("recipe = 3\n[[axis]]\nkey = 'epochs'\nvalues = [1]", "recipe = 3 is not of the type"),
        ("recipe = 'x'\n[[axis]]\nkey = 'epochs'\nvalues = [1]", "unknown recipe 'x'"),
        ("order = 'x'\n[[axis]]\nkey = 'epochs'\nvalues = [1]", "known: grid, one, greedy"),
        ("seeds = [1, 1]\n[[axis]]\nkey = 'epochs'\nvalues = [1]", "give different numbers"),
        ("minutes = 0\n[[axis]]\nkey = 'epochs'\nvalues = [1]", "must be over 0"),
        ("[[axis]]\nkey = 'epoch'\nvalues = [1]", "--set epoch: unknown key"),
        ("[[axis]]\nkey = 'epochs'\nvalues = ['x']", "expected int"),
        ("[[axis]]\nkey = 'epochs'\nvalues = [1, 1]", "label them apart"),
        ("[[axis]]\nvalues = [1]", "give it a key or a name"),
        ("[[axis]]\nname = 'a'\nvalues = [1]", "needs a key"),
        ("[[axis]]\nname = 'a'\nvalues = [{set = []}]", "a value without a label"),
        ("[[axis]]\nname = 'a'\nvalues = [{label = 'x', sets = []}]", "unknown key 'sets'"),
        (
            "[[axis]]\nkey = 'epochs'\nvalues = [1]\n[[axis]]\nkey = 'epochs'\nvalues = [2]",
            "two axes of one name",
        ),
    ],
)
def test_refusals(tmp_path, text, said):
    with pytest.raises(UserError) as caught:
        written(tmp_path, text)
    assert said in str(caught.value)


def test_no_such_plan():
    with pytest.raises(UserError, match="no such plan; name a TOML file, or one of a1_ladder"):
        plans.load("gone")
