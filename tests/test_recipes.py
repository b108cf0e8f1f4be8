"""Recipes and their settings."""

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from fer2013_tf import objective, recipes, specs
from fer2013_tf.errors import UserError
from fer2013_tf.nets import layers

EXPERIMENTS = Path(__file__).parent.parent / "docs" / "experiments.md"


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_valid_and_says_how_to_run_it(name):
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipes.with_settings(recipe, []) == recipe
    document = importlib.import_module(f"fer2013_tf.recipes.{name}").__doc__
    assert document.startswith(f"python -m fer2013_tf.train --recipe {name}")
    if "Figures: docs/experiments.md" in document:
        assert f"`{name}`" in EXPERIMENTS.read_text(encoding="utf-8")
    else:
        assert re.search(r"PrivateTest .* %.*\bminutes?\b", document, re.DOTALL)


def test_the_kinds_of_weights_are_those_of_the_layers():
    assert recipes.WEIGHT_KINDS == layers.WEIGHT_KINDS


def test_the_three_recipes_are_there():
    assert {"lenet", "article", "tiny"} <= set(recipes.names())


def test_article_is_as_the_article_says():
    article = recipes.load("article")
    assert (article.learning_rate, article.batch_size, article.optimizer) == (0.0005, 256, "adam")
    assert article.l2 == 0.04 / 256 and article.l2_on == ("dense",)
    assert "10.0" in article.loss and article.epochs >= 100
    assert article.augment == "flip(0.5) | rotate(0.5)"


@pytest.mark.parametrize("name", recipes.names())
def test_recipes_survive_json(name):
    recipe = recipes.load(name)
    values = {k: list(v) if isinstance(v, tuple) else v for k, v in recipe.__dict__.items()}
    assert recipes.from_dict(values, "here") == recipe


@pytest.mark.parametrize(
    "loss, smoothing",
    [
        ("softmax", 0.0),
        ("softmax(label_smoothing=0.1)", 0.1),
        ("softmax(0.2)", 0.2),
        ("softmax(weights='balanced')", 0.0),
        ("clipped_weighted((1.0, 2.0))", 0.0),
    ],
)
def test_label_smoothing_is_that_of_the_loss(loss, smoothing):
    recipe = recipes.Recipe(name="r", net="lenet", loss=loss)
    assert recipe.label_smoothing == smoothing
    _, options = objective.LOSSES.resolve(specs.parse(loss))
    assert options.get("label_smoothing", 0.0) == smoothing


def test_settings_are_typed():
    recipe = recipes.load("tiny")
    changed = recipes.with_settings(
        recipe,
        [
            "epochs=3",
            "learning_rate=1",
            "equalise=False",
            "augment=flip(0.5) | zoom(0.1)",
            "l2_on=conv, dense",
            "net.dropout_rates=(0.1, 0.1, 0.1)",
            "net.norm=lrn",
            "loss.label_smoothing=0.0",
        ],
    )
    assert changed.epochs == 3 and changed.learning_rate == 1.0
    assert isinstance(changed.learning_rate, float)
    assert changed.equalise is False
    assert changed.augment == "flip(0.5) | zoom(0.1)" and changed.l2_on == ("conv", "dense")
    assert "norm='lrn'" in changed.net and "dropout_rates=(0.1, 0.1, 0.1)" in changed.net
    assert changed.loss == "softmax(label_smoothing=0.0)"
    assert recipe == recipes.load("tiny")


@pytest.mark.parametrize(
    "setting, word",
    [
        ("bogus=1", "known: net, loss"),
        ("epochs", "write it as key=value"),
        ("epochs=ten", "expected int"),
        ("epochs=1.5", "expected int"),
        ("epochs=0", "at least 1"),
        ("batch_size=-3", "at least 1"),
        ("equalise=1", "expected bool"),
        ("learning_rate=-1", "not negative"),
        ("learning_rate=fast", "expected float"),
        ("ema_decay=1.0", "[0, 1)"),
        ("loss=a b", "not of the form"),
        ("name=other", "unknown key"),
        ("augment.flip=1", "unknown key"),
        ("epochs.x=1", "unknown key"),
        ("l2_on=3", "expected tuple"),
        ("l2_on=conv,fc", "unknown 'fc'; known: conv, dense, output"),
    ],
)
def test_settings_refused(setting, word):
    with pytest.raises(UserError) as caught:
        recipes.with_settings(recipes.load("tiny"), [setting])
    assert word in str(caught.value)


def test_unknown_recipe_lists_the_known():
    with pytest.raises(UserError, match="unknown recipe 'x'; known: article, blocks, cliquenet"):
        recipes.load("x")


def test_a_recipe_of_another_version_is_refused():
    values = dict(recipes.load("tiny").__dict__)
    with pytest.raises(UserError, match="recipe.json.*speed"):
        recipes.from_dict({**values, "speed": 1}, "recipe.json")
    del values["net"]
    with pytest.raises(UserError, match="net"):
        recipes.from_dict(values, "recipe.json")


def test_recipes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipes.load("tiny").epochs = 3
