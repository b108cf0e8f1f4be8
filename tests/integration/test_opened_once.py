"""A command opens the manifest once, and reads each split's index once, however many use them."""

import collections
from pathlib import Path

import pytest

from fer2013_tf import eval, train
from fer2013_tf.data import example, records
from tests import toy


@pytest.fixture
def opened(monkeypatch):
    """How often the manifest was opened, and a split of each name indexed."""
    counts = collections.Counter()
    load_manifest, index = records.load_manifest, example.index

    def counting_load(folder):
        counts["manifest"] += 1
        return load_manifest(folder)

    def counting_index(path):
        counts[Path(path).name.partition("-")[0]] += 1
        return index(path)

    monkeypatch.setattr(records, "load_manifest", counting_load)
    monkeypatch.setattr(example, "index", counting_index)
    return counts


def test_train_opens_the_records_once(records_dir, tmp_path, opened):
    assert train.main(toy.arguments(records_dir, tmp_path, settings=("epochs=1",))) == 0
    assert opened == {"manifest": 1, "Training": 1, "PublicTest": 1}


def test_eval_of_two_splits_opens_the_records_once(records_dir, trained_run, tmp_path, opened):
    words = [
        "--run",
        "r",
        "--ckpt",
        trained_run / "ckpt",
        "--records",
        records_dir,
        "--logs",
        tmp_path,
    ]
    assert eval.main([str(word) for word in words]) == 0
    assert opened == {"manifest": 1, "PublicTest": 1, "PrivateTest": 1}
