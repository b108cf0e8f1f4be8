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
        ("plurality", [5, 3, 2, 0, 0, 0, 0, 0, 0, 0], shares(1.0)),
        ("plurality", SPLIT_IN_TWO, None),
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
    # Training keeps the image of which FER2013's label, happy, is one of two equal classes;
    # held-out splits do not.
    assert records.split_size(manifest, "Training") == 2
    assert manifest["counts"]["Training"]["happiness"] == 1
    assert records.split_size(manifest, "PublicTest") == 2
    assert manifest["counts"]["PublicTest"]["contempt"] == 1
    shards = records.RecordSet(tmp_path / "out").split("Training")
    assert shards.votes.tolist() == [AGREED, SPLIT_IN_TWO]
    said = capsys.readouterr().out
    assert "3 images left out" in said
    assert "3 images have equal top votes: " in said and "decides in 1, the other 2" in said
    made(*joined, tmp_path / "out")
    assert "made from this source already" in capsys.readouterr().out


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


def joined_of(tmp_path, rows, classes, *, labels=None, splits=("Training",) * 3, usage=True):
    """The examples of images with these labels, joined with votes: (source, examples)."""
    labels = range(len(rows)) if labels is None else labels
    lines = [csv_files.row_of(n, label % 7, splits[n % 3]) for n, label in enumerate(labels)]
    lines = [csv_files.HEADER, *lines]
    if not usage:
        lines = [line.rpartition(",")[0] for line in lines]
    path = csv_files.written(tmp_path, "train.csv", "\n".join(lines).encode())
    votes = tmp_path / "votes.csv"
    votes.write_text(table(rows, splits))
    source = readers.open_source(path)
    source = ferplus.join(source, ferplus.read(votes), votes, classes=classes)
    return source, list(source.examples())


#                neu hap sur sad ang dis fea con unk NF
TIES = [
    ([4, 4, 2, 0, 0, 0, 0, 0, 0, 0], "happy", "happy"),
    ([4, 4, 2, 0, 0, 0, 0, 0, 0, 0], "neutral", "neutral"),
    # FER2013's label has votes, but not the most.
    ([4, 4, 2, 0, 0, 0, 0, 0, 0, 0], "surprise", None),
    ([0, 0, 0, 3, 3, 0, 3, 0, 0, 0], "fear", "fear"),
    ([0, 0, 0, 0, 5, 0, 0, 5, 0, 0], "angry", "angry"),
    ([0, 0, 0, 0, 5, 0, 0, 5, 0, 0], "sad", None),
    ([0, 5, 0, 0, 0, 0, 0, 0, 5, 0], "happy", "happy"),
    ([0, 5, 0, 0, 0, 0, 0, 0, 0, 5], "fear", None),
    # Single votes are none: nothing is left.
    ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "happy", None),
]


@pytest.mark.parametrize("classes", [7, 8, 10])
def test_join_decides_equal_top_votes_whatever_the_order_of_classes(classes, tmp_path):
    rows, labels, expected = zip(*TIES)
    labels = [constants.FER2013.index(name) for name in labels]
    source, examples = joined_of(tmp_path, rows, classes, labels=labels)
    found = {image.row: source.classes[image.label] for image in examples}
    same = {"anger": "angry", "happiness": "happy", "sadness": "sad"}
    assert [same.get(found.get(row), found.get(row)) for row in range(1, 10)] == list(expected)
    assert source.description["ferplus_report"]["ties"] == {"decided": 5, "left_out": 3}


def agreeing(count, right=1.0):
    """Votes of `count` rows; the label of row n is n % 7, and that share is voted for."""
    columns = [4, 5, 6, 1, 3, 2, 0]
    rows = np.zeros((count, 10), int)
    for n in range(count):
        named = n if n * 37 % 100 < 100 * right else n + 1
        rows[n, columns[named % 7]] = 8
    return rows.tolist()


@pytest.mark.parametrize("count", [3, 13, 40, 90])
def test_join_takes_rows_that_agree_as_the_real_ones_do(count, tmp_path):
    source, examples = joined_of(tmp_path, agreeing(count, 0.66), 8)
    report = source.description["ferplus_report"]
    assert len(examples) == report["judged"] == count
    assert (
        f"the votes' majority in {report['agree'] / count:.1%}"
        in ferplus.summary(source.description)[-1]
    )


def test_join_says_that_few_rows_agree_where_they_are_too_few_to_refuse(tmp_path):
    source, _ = joined_of(tmp_path, agreeing(12)[::-1], 8)
    assert ferplus.summary(source.description)[-1].endswith(ferplus.TOO_FEW)


@pytest.mark.parametrize("count", [40, 90, 230])
@pytest.mark.parametrize("how", ["shuffled", "shifted", "reversed"])
def test_join_refuses_rows_in_another_order(count, how, tmp_path):
    rows = agreeing(count)
    others = {
        "shuffled": np.random.default_rng(4).permutation(rows).tolist(),
        "shifted": rows[1:] + rows[:1],
        "reversed": rows[::-1],
    }
    said = r"votes.csv, rows 1 to \d+: FER2013's labels are the votes' majority in \d+ of \d+ "
    with pytest.raises(UserError, match=said + r"images \(\d+%; 68 % is usual\)"):
        joined_of(tmp_path, others[how], 8)


def test_join_refuses_rows_of_which_one_is_missing_near_the_end(tmp_path):
    rows = agreeing(500)
    with pytest.raises(UserError, match=r"rows 2\d\d to 4\d\d: FER2013's labels"):
        joined_of(tmp_path, rows[:250] + rows[251:] + rows[:1], 8)


def test_join_without_usage_takes_the_splits_of_the_votes(tmp_path):
    source, examples = joined_of(
        tmp_path, agreeing(60), 8, splits=("Training", "Training", "PublicTest"), usage=False
    )
    splits = [image.split for image in examples]
    assert splits == [("Training", "Training", "PublicTest")[n % 3] for n in range(60)]
    assert source.description["splits"] == "no column Usage; FER+'s own"


def test_join_without_usage_holds_out_where_the_votes_have_training_alone(tmp_path):
    source, examples = joined_of(tmp_path, agreeing(140), 8, usage=False)
    held_out = [image for image in examples if image.split == "PublicTest"]
    assert len(examples) == 140 and len(held_out) == 14
    assert "one in ten" in source.description["splits"]
    # One on which too few agree stays out of PublicTest, as of any held-out split.
    rows = agreeing(140)
    held = held_out[0].row
    rows[held - 1] = [4 if votes or n in (1, 2) else 0 for n, votes in enumerate(rows[held - 1])]
    _, fewer = joined_of(tmp_path, rows, 8, usage=False)
    assert held not in [image.row for image in fewer]


def test_join_refuses_a_csv_longer_than_the_votes(tmp_path):
    path = csv_files.written(tmp_path, "a.csv", csv_files.csv_of(5, "emotion,pixels,Usage"))
    source = readers.open_source(path)
    counts = np.array(agreeing(4), np.uint8)
    splits = [constants.SPLITS[n % 3] for n in range(4)]
    with pytest.raises(UserError, match="row 5: no such row"):
        list(ferplus.join(source, (counts, splits), "votes.csv").examples())


def test_join_refuses_classes_of_ones_own(small_csv):
    source = readers.open_source(small_csv, classes=tuple("abcdefg"))
    with pytest.raises(UserError, match="leave out --classes"):
        ferplus.join(source, (np.zeros((9, 10), np.uint8), ["Training"] * 9), "votes.csv")
