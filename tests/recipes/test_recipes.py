"""Recipes and their settings."""

import dataclasses
import importlib
import re

import pytest

from fer2013_tf import recipes
from fer2013_tf.training import losses
from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError
from tests import REPOSITORY

EXPERIMENTS = REPOSITORY / "docs" / "experiments.md"


@pytest.mark.parametrize("name", recipes.names())
def test_load_every_recipe_is_valid_and_says_how_to_run_it(name):
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipes.with_settings(recipe, []) == recipe
    document = importlib.import_module(f"fer2013_tf.recipes.{name}").__doc__
    assert document.startswith(f"python -m fer2013_tf.train --recipe {name}")
    if "Figures: docs/experiments.md" in document:
        assert f"`{name}`" in EXPERIMENTS.read_text(encoding="utf-8")
    else:
        assert re.search(r"PrivateTest .* %.*\bminutes?\b", document, re.DOTALL)


def test_names_hold_the_three_recipes():
    assert {"lenet", "article", "tiny"} <= set(recipes.names())


def test_load_article_is_as_the_article_says():
    article = recipes.load("article")
    assert (article.learning_rate, article.batch_size, article.optimizer) == (0.0005, 256, "adam")
    assert article.weight_decay == 0.04 / 256 and article.weight_decay_on == ("dense",)
    assert "10.0" in article.loss and article.epochs >= 100
    assert article.augment == "flip(0.5) | rotate(0.5)"


@pytest.mark.parametrize("name", recipes.names())
def test_from_dict_reads_every_recipe_back(name):
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
def test_label_smoothing_of_each_loss(loss, smoothing):
    recipe = recipes.Recipe(name="r", net="lenet", loss=loss)
    assert recipe.label_smoothing == smoothing
    _, options = losses.LOSSES.resolve(registry.parse(loss))
    assert options.get("label_smoothing", 0.0) == smoothing


def test_with_settings_converts_types():
    recipe = recipes.load("tiny")
    changed = recipes.with_settings(
        recipe,
        [
            "epochs=3",
            "learning_rate=1",
            "equalize=False",
            "augment=flip(0.5) | zoom(0.1)",
            "weight_decay_on=conv, dense",
            "net.dropout_rates=(0.1, 0.1, 0.1)",
            "net.norm=lrn",
            "loss.label_smoothing=0.0",
        ],
    )
    assert changed.epochs == 3 and changed.learning_rate == 1.0
    assert isinstance(changed.learning_rate, float)
    assert changed.equalize is False
    assert changed.augment == "flip(0.5) | zoom(0.1)" and changed.weight_decay_on == (
        "conv",
        "dense",
    )
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
        ("equalize=1", "expected bool"),
        ("learning_rate=-1", "not negative"),
        ("blur=-0.5", "not negative"),
        ("learning_rate=fast", "expected float"),
        ("ema_decay=1.0", "[0, 1)"),
        ("loss=a b", "not of the form"),
        ("name=other", "unknown key"),
        ("augment.flip=1", "unknown key"),
        ("epochs.x=1", "unknown key"),
        ("weight_decay_on=3", "expected tuple"),
        ("weight_decay_on=conv,fc", "unknown 'fc'; known: conv, dense, output"),
    ],
)
def test_with_settings_refuses_wrong_settings(setting, word):
    with pytest.raises(UserError) as caught:
        recipes.with_settings(recipes.load("tiny"), [setting])
    assert word in str(caught.value)


@pytest.mark.parametrize(
    "setting, today",
    [
        ("l2=0.1", "weight_decay=0.1"),
        ("l2_on=conv", "weight_decay_on=conv"),
        ("equalise=True", "equalize=True"),
        ("fill=reflect", "fill_mode=reflect"),
        ("scaling=picture", "scaling=per_image"),
        ("loss=l2svm(margin=0.5)", "loss=squared_hinge(margin=0.5)"),
        ("loss=any_of", "loss=max_over_labels"),
        ("augment=flip(0.5) | shift(0.1)", "augment=flip(0.5) | translate(0.1)"),
        ("augment=noise(deviation=4.0)", "augment=noise(std=4.0)"),
        ("labels=leading", "labels=plurality"),
        ("labels=draw(most=2, share=0.5)", "labels=sampled(max_classes=2, coverage=0.5)"),
        ("labels=multi(least=0.2)", "labels=multi(min_fraction=0.2)"),
        ("net=lenet(bn_by_hand=True)", "net=lenet(bn_fused=False)"),
        ("net.bn_by_hand=true", "net.bn_fused=False"),
        ("net.bn_by_hand=False", "net.bn_fused=True"),
    ],
)
def test_with_settings_names_todays_words_for_old_ones(setting, today):
    with pytest.raises(UserError) as caught:
        recipes.with_settings(recipes.load("tiny"), [setting])
    assert str(caught.value) == f"--set {setting} is now --set {today}"
    recipes.with_settings(recipes.load("tiny"), [today])


def test_load_unknown_recipe_lists_the_known():
    with pytest.raises(UserError, match="unknown recipe 'x'; known: article, blocks, cliquenet"):
        recipes.load("x")


def test_from_dict_refuses_other_keys():
    values = dict(recipes.load("tiny").__dict__)
    with pytest.raises(UserError, match="recipe.json.*speed"):
        recipes.from_dict({**values, "speed": 1}, "recipe.json")
    del values["net"]
    with pytest.raises(UserError, match="net"):
        recipes.from_dict(values, "recipe.json")


def test_load_returns_a_frozen_recipe():
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipes.load("tiny").epochs = 3
