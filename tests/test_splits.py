"""Other ways to part a set: shares of every class, no picture lost or doubled, names of scores."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf import emotions, make_records, records, splits
from fer2013_tf.errors import UserError
from fer2013_tf.sources import BadFace, Face, Source
from tests import csv_files

PICTURE = np.zeros((2, 2), np.uint8)
OFFICIAL = [(emotions.SPLITS[0], 80), (emotions.SPLITS[1], 20), (emotions.SPLITS[2], 20)]


def parted(text, labels=None, seed=0):
    """[(row, label, split)] after `text`; by default 120 faces of two classes, in three splits."""
    of_splits = [split for split, count in OFFICIAL for _ in range(count)]
    labels = [row % 2 for row in range(120)] if labels is None else labels
    faces = [
        Face(PICTURE, label, of_splits[row % 120], row, "test") for row, label in enumerate(labels)
    ]
    source = Source(("a", "b"), {"format": "test"}, "sha", lambda: iter(faces))
    made = splits.apply(source, text, seed)
    return [(face.row, face.label, face.split) for face in made.faces()], made


def counts(found):
    return Counter(split for *_, split in found)


@csv_files.FEW
@given(st.lists(st.integers(0, 2), min_size=60, max_size=400), st.integers(0, 9))
def test_ratios_hold_in_every_class(labels, seed):
    found, made = parted("ratios(0.7, 0.15)", labels, seed)
    assert [row for row, *_ in found] == list(range(len(labels)))
    for label in set(labels):
        of_class = [split for _, own, split in found if own == label]
        share = Counter(of_class)["Training"] / len(of_class)
        # Exact in every twenty of a class; what is left over may fall anywhere.
        assert abs(share - 0.7) <= 20 * 0.3 / len(of_class) + 1e-9
    assert made.description["private"] == "held-out"


def test_the_seed_decides():
    first, again, other = (parted("ratios(0.8, 0.1)", seed=s)[0] for s in (1, 1, 2))
    assert first == again != other
    assert counts(first) == {"Training": 96, "PublicTest": 12, "PrivateTest": 12}


def test_folds_hold_each_picture_once_and_leave_private_alone():
    held = []
    for number in range(1, 6):
        found, made = parted(f"fold({number}, folds=5)")
        # Ten pictures of each class are left over from whole twenties, and may fall anywhere.
        assert 16 <= counts(found)["PublicTest"] <= 24
        assert [s for *_, s in found[100:]] == ["PrivateTest"] * 20
        held += [row for row, _, split in found if split == "PublicTest"]
        assert "private" not in made.description
    assert sorted(held) == list(range(100))


def test_first_rows():
    found, _ = parted("first(60)")
    assert counts(found) == {"Training": 60, "PublicTest": 20, "PrivateTest": 20}
    assert all((split == "PublicTest") == (60 <= row < 80) for row, _, split in found)


def test_merged():
    assert counts(parted("merged")[0]) == {"Training": 100, "PrivateTest": 20}


def test_official_changes_nothing():
    found, made = parted("official")
    assert counts(found) == dict(OFFICIAL) and "splits" not in made.description


def test_bad_faces_pass():
    bad = BadFace(1, "x", "why")
    source = Source(("a",), {}, "sha", lambda: iter([bad]))
    for text in ("ratios(0.5, 0.3)", "first(1)", "merged", "fold(1, folds=2)"):
        assert list(splits.apply(source, text, 0).faces()) == [bad]


@pytest.mark.parametrize(
    "text, said",
    [
        ("half", "unknown split 'half'; known: first, fold, merged, ratios"),
        ("ratios(0.9, 0.2)", "sum to 1 at most"),
        ("ratios(0.0, 0.2)", "shares over 0"),
        ("fold(6, folds=5)", "one of them"),
        ("fold(1, folds=1)", "2 to 20 folds"),
        ("first(0)", "over 0"),
    ],
)
def test_refusals(text, said):
    with pytest.raises(UserError) as caught:
        parted(text)
    assert said in str(caught.value)


def test_a_drawn_third_part_is_not_called_private_test(tmp_path, capsys):
    data = csv_files.written(tmp_path, "fer2013.csv", csv_files.csv_of(60))
    out = str(tmp_path / "out")
    words = [str(data), "--out", out, "--split", "ratios(0.5, 0.25)", "--seed", "3"]
    assert make_records.main(words) == 0
    manifest = records.load(out)
    assert records.split_names(manifest)["PrivateTest"] == "held-out"
    assert records.split_size(manifest, "PrivateTest") > 5
    assert make_records.main(words) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert make_records.main([*words[:-1], "4"]) == 0
    assert "nothing to do" not in capsys.readouterr().out
