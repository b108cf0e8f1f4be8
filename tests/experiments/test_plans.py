"""Plans of experiments: their trials; what is wrong is an error before anything is trained."""

import pytest

from fer2013_tf.experiments import plans
from fer2013_tf.utils.errors import UserError

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


def test_trials_of_a_grid_are_every_combination(tmp_path):
    plan = written(tmp_path, AXES.format(order=""))
    trials = plan.trials(0, {})
    assert plan.stages == 1 and len(trials) == 4 and plan.seeds == (0,)
    last = trials[-1]
    assert last.name == "dropout_rates-0.5-0.5-0.5_rate-high"
    assert last.recipe.learning_rate == 0.01 and last.recipe.schedule == "constant"
    assert last.recipe.epochs == 2 and "(0.5, 0.5, 0.5)" in last.recipe.net


def test_trials_one_at_a_time_leave_the_others_as_in_the_recipe(tmp_path):
    plan = written(tmp_path, AXES.format(order='order = "one"'))
    names = [t.name for stage in range(plan.stages) for t in plan.trials(stage, {})]
    assert names == ["dropout_rates-0.0-0.0-0.0", "dropout_rates-0.5-0.5-0.5", "low", "high"]


def test_trials_of_greedy_have_the_winners_before(tmp_path):
    plan = written(tmp_path, AXES.format(order='order = "greedy"'))
    first, second = plan.axes
    winner = plan.trials(0, {})[1]
    winners = {first.name: plan.value(winner, first)}
    trials = plan.trials(1, winners)
    assert [t.choices["rate"] for t in trials] == ["low", "high"]
    assert all("(0.5, 0.5, 0.5)" in t.recipe.net for t in trials)


@pytest.mark.parametrize("name", plans.names())
def test_load_plans_of_the_package(name):
    plan = plans.load(name)
    assert plan.about
    for stage in range(plan.stages):
        trials = plan.trials(stage, {})
        assert len({t.name for t in trials}) == len(trials) > 1


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
def test_load_refuses(tmp_path, text, said):
    with pytest.raises(UserError) as caught:
        written(tmp_path, text)
    assert said in str(caught.value)


def test_load_lists_the_known_plans():
    with pytest.raises(UserError, match="no such plan; name a TOML file") as caught:
        plans.load("gone")
    assert all(name in str(caught.value) for name in plans.names())
    assert {"feng2022_blocks", "hu2019_ablation"} <= set(plans.names())


def test_dry_run_of_cliquenet_ferplus_on_eight_classes(tmp_path, monkeypatch, capsys):
    from fer2013_tf import sweep
    from fer2013_tf.experiments import estimates
    from fer2013_tf.utils.constants import FERPLUS
    from tests import toy

    seen = []

    def measure(recipe, record_set, *, precision):
        seen.append((recipe, record_set.manifest["classes"]))
        return estimates.Speed(1000, 10**6, 10**6, 100.0)

    monkeypatch.setattr(estimates, "measure", measure)
    toy.write_records(tmp_path / "ferplus", classes=FERPLUS)
    words = ["cliquenet_ferplus", "--dry-run", "--records", "ferplus"]
    monkeypatch.chdir(tmp_path)
    assert sweep.main(words) == 0
    said = capsys.readouterr().out
    for net in ("lenet7", "cliquenet"):
        for optimizer in ("adam", "momentum", "sgd"):
            assert f"net-{net}_optimizer-{optimizer}"[:27] in said
    assert "6 trainings" in said and all(tuple(classes) == FERPLUS for _, classes in seen)
    made = {(r.net.partition("(")[0], r.optimizer.partition("(")[0]) for r, _ in seen}
    assert len(made) == 6 and len({r.epochs for r, _ in seen}) == 1


def test_class_weights_of_full_length_is_recipe_article():
    from fer2013_tf import recipes

    rotation, weighted = plans.load("hu2019_full_length").trials(0, {})
    article = recipes.load("article")
    assert weighted.recipe == recipes.with_settings(article, ["epochs=300"])
    # The step before it is the ablation's, but for its length.
    same = [t for t in plans.load("hu2019_ablation").trials(0, {}) if t.name == "rotation"]
    assert rotation.recipe == recipes.with_settings(same[0].recipe, ["epochs=300"])


def test_preprocessing_differs_in_nothing_else():
    from fer2013_tf import recipes

    plan = plans.load("preprocessing")
    plain, *others = plan.trials(0, {})
    assert plan.seeds == (1, 2, 3) and plain.recipe.blur == 0 and not plain.recipe.equalize
    back = ["blur=0.0", "equalize=false"]
    assert all(recipes.with_settings(t.recipe, back) == plain.recipe for t in others)
