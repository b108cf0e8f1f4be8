"""Packed weights, tied to their recipe.json by a checksum."""

import json

import numpy as np
import pytest

from fer2013_tf import ship
from fer2013_tf.checkpoints import run_folder, weights
from fer2013_tf.utils import files
from fer2013_tf.utils.errors import UserError


@pytest.fixture
def shipped(trained_run, tmp_path):
    """A folder that `ship` wrote."""
    out = tmp_path / "weights"
    assert ship.main(["--run", "r", "--ckpt", str(trained_run / "ckpt"), "--out", str(out)]) == 0
    return out


def test_pack_ties_the_weights_to_their_recipe(shipped, trained_run):
    path, recipe, settings = weights.packed(shipped)
    assert settings["weights_sha256"] == files.file_sha256(path)
    assert recipe == run_folder.Run(trained_run / "ckpt", "r").read()[0]
    best = run_folder.Run(trained_run / "ckpt", "r").best()
    assert settings["from"] == {"run": "r", "step": best.step, "chosen": "best"}
    for name, value in weights.read_ema_weights(best.prefix).items():
        np.testing.assert_array_equal(
            weights.read_ema_weights(path)[name], value.astype(np.float16), err_msg=name
        )


def test_packed_refuses_weights_of_another_training(shipped):
    """With the temperatures of others they would be calibrated wrongly, without a word."""
    path = shipped / "weights.npz"
    with np.load(path) as stored:
        others = {name: stored[name] * np.float16(0.5) for name in stored.files}
    np.savez_compressed(path, **others)
    with pytest.raises(UserError, match="weights.npz: not the weights that recipe.json"):
        weights.packed(shipped)


def test_packed_refuses_the_recipe_of_another_training(shipped):
    content = json.loads((shipped / "recipe.json").read_text())
    del content["checksum"]
    files.write_json(shipped / "recipe.json", {**content, "weights_sha256": "0" * 64})
    with pytest.raises(UserError, match="not the weights that recipe.json"):
        weights.packed(shipped)


def test_packed_without_a_checksum_says_so(shipped, capsys):
    content = json.loads((shipped / "recipe.json").read_text())
    del content["checksum"], content["weights_sha256"]
    files.write_json(shipped / "recipe.json", content)
    weights.packed(shipped)
    assert "whether they belong together is not known" in capsys.readouterr().err


def test_ship_takes_run_and_checkpoint_as_one(trained_run, tmp_path, capsys):
    words = ["--ckpt", str(trained_run / "ckpt"), "--out", str(tmp_path / "w")]
    assert ship.main(["--run", "r:latest", *words]) == 0
    assert weights.packed(tmp_path / "w")[2]["from"]["step"] == 8
    assert ship.main(["--run", "r:5", *words]) == 2
    assert "no checkpoint of step 5" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        ship.main(["--run", "r", "--checkpoint", "latest", *words])
    assert "--checkpoint is now --run RUN:WHICH" in capsys.readouterr().err


def test_the_weights_of_the_package_are_whole_and_evaluated():
    """What a clone predicts with: weights, recipe and evaluation of one training."""
    path, _, settings = weights.packed()
    assert path.stat().st_size < 8 << 20 and "weights_sha256" in settings
    evaluation = json.loads((weights.SHIPPED / "evaluation.json").read_text())
    assert evaluation["run"] == "shipped" and evaluation["splits"]["PrivateTest"]["n"] == 3589
    assert evaluation["splits"]["PublicTest"]["calibration"]["temperatures"] == [
        settings["temperatures"]
    ]
