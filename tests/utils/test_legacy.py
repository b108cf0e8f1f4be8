"""Old names of recipes and manifests; whole files of before: tests/integration."""

import pytest

from fer2013_tf import recipes
from fer2013_tf.utils import legacy

OLD = {
    "net": "lenet(bn_by_hand=True)",
    "loss": "l2svm",
    "augment": "flip(0.5) | shift(0.1)",
    "labels": "draw(most=2, share=0.5)",
    "scaling": "picture",
    "fill": "reflect",
    "equalise": True,
    "l2": 0.1,
    "l2_on": ("conv",),
}
TODAY = {
    "net": "lenet(bn_fused=False)",
    "loss": "squared_hinge",
    "augment": "flip(0.5) | translate(0.1)",
    "labels": "sampled(max_classes=2, coverage=0.5)",
    "scaling": "per_image",
    "fill_mode": "reflect",
    "equalize": True,
    "weight_decay": 0.1,
    "weight_decay_on": ("conv",),
}


@pytest.mark.parametrize("values", [OLD, TODAY])
def test_recipe_has_todays_names(values):
    assert legacy.recipe(values) == TODAY
    recipes.from_dict({"name": "r", **legacy.recipe(values)}, "here")


def test_recipe_of_today_stays():
    for name in recipes.names():
        values = recipes.load(name).__dict__
        assert legacy.recipe(values) == values


def test_manifest_has_todays_names():
    old = {
        "deviation": 64.0,
        "made_with": {"colour": False, "split": "merged"},
        "source": {"format": "drawn"},
    }
    today = {
        "std": 64.0,
        "made_with": {"color": False, "resplit": "train_val"},
        "source": {"format": "synthetic"},
    }
    assert legacy.manifest(old) == legacy.manifest(today) == today


def test_settings_have_todays_names():
    assert legacy.settings({"seed": 1, "data": {"deviation": 2.0}}) == {
        "seed": 1,
        "data": {"std": 2.0},
    }
