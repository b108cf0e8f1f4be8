"""Odd data sets, whose results must still be finite, and learning rates that diverge."""

import json

import numpy as np
import pytest

from fer2013_tf import eval, train
from fer2013_tf.checkpoints import run_folder
from fer2013_tf.data import records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests import toy

ODD = {
    "one class": ([3] * 20, [3] * 4, [3] * 4),
    "a class absent": ([0, 1, 2, 3, 4, 5] * 4, [6, 0, 1], [0, 6]),
    "one image per split": ([0], [1], [2]),
    "smaller than a batch": ([0, 1, 2], [0, 1, 2], [3]),
}


def write(folder, labels):
    rng = np.random.default_rng(0)
    with records.Writer(folder, classes=constants.FER2013) as writer:
        for split, group in zip(constants.SPLITS, labels, strict=True):
            for row, label in enumerate(group, start=1):
                pixels = rng.integers(0, 256, (48, 48), np.uint8)
                writer.add(LabeledImage(pixels, label, split, row, "odd"))
        writer.commit(source={"sha256": "odd"})


def no_number(word):
    raise AssertionError(f"{word} in the result")


@pytest.mark.parametrize("name", ODD)
def test_eval_of_odd_data_has_finite_results(name, tmp_path):
    write(tmp_path / "records", ODD[name])
    words = toy.arguments(tmp_path / "records", tmp_path, settings=("epochs=2",))
    assert train.main(words) == 0
    out = tmp_path / "e.json"
    folders = ["--ckpt", tmp_path / "ckpt", "--logs", tmp_path / "logs", "--json", out]
    words = [
        "--run",
        "r",
        "--records",
        tmp_path / "records",
        *folders,
        "--mistakes",
        tmp_path / "m.png",
    ]
    assert eval.main(list(map(str, words))) == 0
    result = json.loads(out.read_text(), parse_constant=no_number)
    for split, labels in zip(constants.SPLITS[1:], ODD[name][1:]):
        figures = result["splits"][split]
        assert figures["n"] == len(labels) == np.sum(figures["confusion"])
        low, high = figures["ci95"]
        assert 0 <= low <= figures["accuracy"] <= high <= 1


def test_train_with_a_learning_rate_too_high_names_it(records_dir, tmp_path, capsys):
    settings = ("optimizer=sgd", "learning_rate=1e30", "schedule=constant")
    assert train.main(toy.arguments(records_dir, tmp_path, settings=settings)) == 2
    error = capsys.readouterr().err
    assert "became" in error and "--set learning_rate" in error
    assert run_folder.Run(tmp_path / "ckpt", "r").checkpoints() == []


@pytest.mark.parametrize("label", [-1, 7])
def test_add_refuses_a_label_beyond_the_classes(label, tmp_path):
    with pytest.raises(UserError, match=f"odd, row 1: label {label}, expected 0 to 6"):
        write(tmp_path, ([label], [0], [0]))
    assert not list(tmp_path.glob("*.tfrecord"))
