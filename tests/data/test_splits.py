"""Other splits: proportions in every class, no image lost or twice, names of scores."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf import make_records
from fer2013_tf.data import records, splits
from fer2013_tf.data.readers import BadRow, LabeledImage, Source
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests import csv_files

OFFICIAL = [(constants.SPLITS[0], 80), (constants.SPLITS[1], 20), (constants.SPLITS[2], 20)]


def resplit(text, labels=None, seed=0, copies=1):
    """Return [(row, label, split)] after `text`; by default of 120 images of two classes.

    copies: so many in a row are the same image.
    """
    of_splits = [split for split, count in OFFICIAL for _ in range(count)]
    labels = [row % 2 for row in range(120)] if labels is None else labels
    images = [
        LabeledImage(pixels_of(row // copies), label, of_splits[row % 120], row, "test")
        for row, label in enumerate(labels)
    ]
    source = Source(("a", "b"), {"format": "test"}, "sha", lambda: iter(images))
    made = splits.apply(source, text, seed)
    return [(image.row, image.label, image.split) for image in made.examples()], made


def pixels_of(number):
    return np.array(divmod(number, 256), np.uint8)


def counts(found):
    return Counter(split for *_, split in found)


@csv_files.FEW
@given(st.lists(st.integers(0, 2), min_size=60, max_size=400), st.integers(0, 9))
def test_ratios_hold_in_every_class(labels, seed):
    found, made = resplit("ratios(0.7, 0.15)", labels, seed)
    assert [row for row, *_ in found] == list(range(len(labels)))
    for label in set(labels):
        of_class = [split for _, own, split in found if own == label]
        share = Counter(of_class)["Training"] / len(of_class)
        # Exact in every twenty of a class; what is left over may fall anywhere.
        assert abs(share - 0.7) <= 20 * 0.3 / len(of_class) + 1e-9
    assert made.description["private"] == "held-out"


def test_ratios_depend_on_the_seed():
    first, again, other = (resplit("ratios(0.8, 0.1)", seed=s)[0] for s in (1, 1, 2))
    assert first == again != other
    assert counts(first) == {"Training": 96, "PublicTest": 12, "PrivateTest": 12}


@pytest.mark.parametrize("text", ["ratios(0.8, 0.1)", "fold(2, folds=5)"])
def test_sampled_splits_keep_identical_images_together(text):
    # Three copies of each image, of two labels: in one split, whatever the label.
    labels = [0, 1, 0] * 100
    found, made = resplit(text, labels, copies=3)
    in_training_or_public = [split for row, _, split in found if row % 120 < 99 or text[0] == "r"]
    for place in range(0, len(in_training_or_public) - 2, 3):
        assert len(set(in_training_or_public[place : place + 3])) == 1
    assert made.description["identical_images"] == "together"
    share = counts(found)["Training"] / 300
    assert abs(share - (0.8 if text.startswith("r") else 0.8 * 100 / 120)) < 0.1


def test_fold_has_each_image_once_and_keeps_private_test():
    held = []
    for number in range(1, 6):
        found, made = resplit(f"fold({number}, folds=5)")
        # Ten images of each class are left over from whole twenties, and may fall anywhere.
        assert 16 <= counts(found)["PublicTest"] <= 24
        assert [s for *_, s in found[100:]] == ["PrivateTest"] * 20
        held += [row for row, _, split in found if split == "PublicTest"]
        assert "private" not in made.description
    assert sorted(held) == list(range(100))


def test_first_rows_moves_the_other_rows():
    found, _ = resplit("first_rows(60)")
    assert counts(found) == {"Training": 60, "PublicTest": 20, "PrivateTest": 20}
    assert all((split == "PublicTest") == (60 <= row < 80) for row, _, split in found)


def test_train_val_joins_the_splits():
    assert counts(resplit("train_val")[0]) == {"Training": 100, "PrivateTest": 20}


def test_apply_official_changes_nothing():
    found, made = resplit("official")
    assert counts(found) == dict(OFFICIAL) and "splits" not in made.description


def test_apply_passes_bad_rows():
    bad = BadRow(1, "x", "why")
    source = Source(("a",), {}, "sha", lambda: iter([bad]))
    for text in ("ratios(0.5, 0.3)", "first_rows(1)", "train_val", "fold(1, folds=2)"):
        assert list(splits.apply(source, text, 0).examples()) == [bad]


@pytest.mark.parametrize(
    "text, said",
    [
        ("half", "unknown split 'half'; known: first_rows, fold, ratios, train_val"),
        ("ratios(0.9, 0.2)", "sum to 1 at most"),
        ("ratios(0.0, 0.2)", "fractions over 0"),
        ("fold(6, folds=5)", "one of them"),
        ("fold(1, folds=1)", "2 to 20 folds"),
        ("first_rows(0)", "over 0"),
    ],
)
def test_apply_refuses_specs(text, said):
    with pytest.raises(UserError) as caught:
        resplit(text)
    assert said in str(caught.value)


def test_split_titles_of_a_sampled_third_split(tmp_path, capsys):
    data = csv_files.written(tmp_path, "fer2013.csv", csv_files.csv_of(60))
    out = str(tmp_path / "out")
    words = [str(data), "--out", out, "--resplit", "ratios(0.5, 0.25)", "--seed", "3"]
    assert make_records.main(words) == 0
    manifest = records.load_manifest(out)
    assert records.split_titles(manifest)["PrivateTest"] == "held-out"
    assert records.split_size(manifest, "PrivateTest") > 5
    assert make_records.main(words) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert make_records.main([*words[:-1], "4"]) == 0
    assert "nothing to do" not in capsys.readouterr().out
