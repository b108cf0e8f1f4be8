"""FER+ votes: reading, joining, the paper's schemes and rules for leaving images out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fer2013_tf import make_records
from fer2013_tf.data import ferplus, readers, records
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests import csv_files

HEADER = "Usage,Image name," + ",".join(ferplus.COLUMNS)
#         neu hap sur sad ang dis fea con unk NF
AGREED = [8, 2, 0, 0, 0, 0, 0, 0, 0, 0]
SPLIT_IN_TWO = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]
SLIP = [6, 1, 1, 1, 1, 0, 0, 0, 0, 0]
NO_FACE = [1, 0, 0, 0, 0, 0, 0, 0, 0, 9]
CONTEMPT = [2, 0, 0, 0, 0, 0, 0, 7, 1, 0]
FOUR = [3, 3, 2, 2, 0, 0, 0, 0, 0, 0]


def table(rows, splits=constants.SPLITS):
    lines = [
        f"{splits[n % 3]},fer{n:07d}.png,{','.join(map(str, row))}" for n, row in enumerate(rows)
    ]
    return "\n".join([HEADER, *lines]) + "\n"


def targets(scheme, row, classes=8):
    shares, kept = ferplus.targets(scheme, [row], num_classes=classes)
    return np.round(shares[0].astype(float), 4).tolist() if kept[0] else None


def shares(*values):
    return [*values, *[0.0] * (8 - len(values))]


@pytest.mark.parametrize(
    "scheme, row, expected",
    [
        ("majority", AGREED, shares(1.0)),
        ("majority", SPLIT_IN_TWO, None),
        # Without the single votes all six that are left agree.
        ("majority", SLIP, shares(1.0)),
        ("majority", NO_FACE, None),
        ("majority", CONTEMPT, shares(0, 0, 0, 0, 0, 0, 0, 1.0)),
        ("distribution", AGREED, shares(1.0)),
        ("distribution", SPLIT_IN_TWO, shares(0.5, 0.5)),
        # Two come third and fourth with as many votes: too many classes.
        ("distribution", FOUR, None),
        ("distribution(max_classes=4)", FOUR, shares(0.3, 0.3, 0.2, 0.2)),
        ("distribution", [5, 3, 2, 0, 0, 0, 0, 0, 0, 0], shares(0.625, 0.375)),
        ("sampled", SPLIT_IN_TWO, shares(0.5, 0.5)),
        ("distribution(coverage=1.0)", FOUR, None),
        ("multi", SPLIT_IN_TWO, shares(0.5, 0.5)),
        ("multi", AGREED, shares(1.0)),
        ("multi(min_fraction=0.15)", FOUR, shares(0.25, 0.25, 0.25, 0.25)),
        ("distribution", NO_FACE, None),
    ],
)
def test_targets_of_each_scheme(scheme, row, expected):
    assert targets(scheme, row) == expected


def test_targets_of_ten_classes_keep_no_face():
    assert targets("majority", NO_FACE, classes=10)[9] == 1.0


def test_targets_of_seven_classes_leave_out_contempt():
    votes = ferplus.votes_by_class(np.array([AGREED, CONTEMPT]), 7)
    made, kept = ferplus.targets("majority", votes, num_classes=7)
    assert kept.tolist() == [True, False]
    assert constants.FER2013[made[0].argmax()] == "neutral"


@csv_files.FEW
@given(
    arrays(np.uint8, (20, 10), elements=st.integers(0, 10)),
    st.sampled_from(["majority", "plurality", "distribution", "sampled", "multi"]),
    st.sampled_from([7, 8, 10]),
)
def test_targets_are_probabilities(counts, scheme, classes):
    votes = ferplus.votes_by_class(counts, classes)
    made, kept = ferplus.targets(scheme, votes, num_classes=classes)
    assert made.shape == (20, classes) and made.dtype == np.float32
    assert (made[kept] >= 0).all()
    np.testing.assert_allclose(made[kept].sum(axis=1), 1, atol=1e-5)
    # Never a class that nobody, or one person alone, named.
    assert (ferplus.denoise_votes(votes)[:, :classes][made > 0] > 0).all()


@pytest.fixture
def joined(tmp_path, small_csv):
    """fer2013.csv of nine images with votes: (csv, votes' csv)."""
    rows = [AGREED, AGREED, AGREED, SPLIT_IN_TWO, SPLIT_IN_TWO, SPLIT_IN_TWO]
    rows += [NO_FACE, CONTEMPT, CONTEMPT]
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(table(rows))
    return small_csv, votes


def made(nine, votes, out, *words):
    words = [nine, "--ferplus", votes, "--out", out, *words]
    assert make_records.main([str(word) for word in words]) == 0
    return records.load_manifest(out)


def test_make_records_with_ferplus_keeps_labels_and_votes(joined, tmp_path, capsys):
    manifest = made(*joined, tmp_path / "out")
    assert manifest["classes"] == list(constants.FERPLUS)
    # Training keeps the image on which two classes are equal; held-out splits do not.
    assert records.split_size(manifest, "Training") == 2
    assert records.split_size(manifest, "PublicTest") == 2
    assert manifest["counts"]["PublicTest"]["contempt"] == 1
    shards = records.RecordSet(tmp_path / "out").split("Training")
    assert shards.votes.tolist() == [AGREED, SPLIT_IN_TWO]
    assert "3 images left out" in capsys.readouterr().out


def test_make_records_with_seven_classes_says_that_contempt_is_left_out(joined, tmp_path, capsys):
    manifest = made(*joined, tmp_path / "out", "--ferplus-classes", "7")
    assert manifest["classes"] == list(constants.FER2013)
    assert records.split_size(manifest, "PublicTest") == 1
    assert "images of contempt are among them" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda text: "", "not FER+'s csv"),
        (lambda text: text.replace("Usage", "Use", 1), "not FER+'s csv; expected the columns"),
        (lambda text: text.replace(",8,", ",12,", 1), "row 1: votes 12,2"),
        (lambda text: text.replace(",8,", ",x,", 1), "row 1: votes x,2"),
        (lambda text: text.replace(",8,", ",8,8,", 1), "row 1: 13 fields, expected 12"),
        (lambda text: text.replace("Training", "Train", 1), "row 1: Usage 'Train'"),
        (lambda text: text.replace("PublicTest", "Training", 1), "row 2: Training, but"),
        (lambda text: "\n".join(text.split("\n")[:5]), "row 5: no such row"),
    ],
)
def test_make_records_with_unusable_votes(joined, tmp_path, capsys, change, said):
    nine, votes = joined
    votes.write_text(change(votes.read_text()))
    words = [str(nine), "--ferplus", str(votes), "--out", str(tmp_path / "out")]
    assert make_records.main(words) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("error: ") and error.count("\n") == 1


def test_join_refuses_other_sources(tmp_path):
    synthetic = readers.open_source(None)
    with pytest.raises(UserError, match="give fer2013.csv as source"):
        ferplus.join(synthetic, (np.zeros((1, 10), np.uint8), ["Training"]), "votes.csv")
