import numpy as np
import pytest

from fer2013_tf.evaluation import metrics, text_tables
from fer2013_tf.utils import constants


def fake_result(classes, n=400, duplicated=None):
    random = np.random.default_rng(0)
    labels = random.integers(0, len(classes), n)
    weights = random.dirichlet(np.ones(len(classes)), n) + 0.5 * np.eye(len(classes))[labels]
    return metrics.evaluate(weights / 1.5, labels, classes, duplicated=duplicated)


def cells(text, start):
    """Return what follows `start` on the line that begins with it, with single blanks."""
    line = next(line for line in text.splitlines() if line.startswith(start))
    return " ".join(line.removeprefix(start).split())


def test_table_small_split_by_hand():
    probabilities = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]
    result = metrics.evaluate(
        probabilities, [0, 0, 1, 1], ("cat", "dog"), duplicated=[True, False, False, False]
    )
    text = text_tables.table(result, ("cat", "dog"), "PublicTest, step 7")
    assert text.splitlines()[0] == "PublicTest, step 7"
    assert cells(text, "all images") == "75.00 % 30.06 to 95.44 4"
    assert cells(text, "without those also in Training") == "66.67 % 20.77 to 93.85 3"
    assert cells(text, "cat") == "66.67 % 100.00 % 80.00 % 2"
    assert cells(text, "macro average") == "83.33 % 75.00 % 73.33 % 4"
    assert cells(text, "weighted average") == "83.33 % 75.00 % 73.33 % 4"
    assert text.splitlines()[-3:] == ["     cat  dog", "cat    2    0", "dog    1    1"]


def test_table_duplicates_not_known():
    result = fake_result(("a", "b"))
    assert "Training" not in text_tables.table(result, ("a", "b"), "title")


LONG = tuple(f"a_long_name_of_class_{number}" for number in range(12))


@pytest.mark.parametrize("classes", [constants.FER2013, constants.FERPLUS, LONG, ("a", "b")])
def test_table_fits_80_columns_and_aligns(classes):
    duplicated = np.arange(30_000) % 12 == 0
    text = text_tables.table(fake_result(classes, 30_000, duplicated), classes, "PrivateTest")
    assert max(map(len, text.splitlines())) <= 80
    matrix = text.split("predicted one\n")[1].splitlines()
    assert len({len(line) for line in matrix}) == 1
    assert not any(line != line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("classes", [constants.FER2013, constants.FERPLUS])
def test_table_known_class_names_in_full(classes):
    text = text_tables.table(fake_result(classes), classes, "title")
    heads = text.split("predicted one\n")[1].splitlines()[0]
    assert heads.split() == list(classes)


def test_table_matrix_holds_the_counts():
    result = fake_result(constants.FER2013)
    text = text_tables.table(result, constants.FER2013, "title")
    rows = [line.split()[1:] for line in text.splitlines()[-7:]]
    assert [[int(cell) for cell in row] for row in rows] == result["confusion"]


def test_members_table_by_hand():
    members = [{"name": "lenet/10", "accuracy": 0.69}, {"name": "lenet/20", "accuracy": 0.71}]
    text = text_tables.members_table(members, 0.7054)
    assert cells(text, "lenet/10") == "69.00 % -1.54 points"
    assert cells(text, "lenet/20") == "71.00 % +0.46 points"
    assert cells(text, "mean of the members") == "70.00 % -0.54 points"
    assert cells(text, "ensemble of 2") == "70.54 %"


def test_members_table_long_names_keep_their_end():
    text = text_tables.members_table([{"name": "x" * 90 + "/step-12", "accuracy": 1.0}], 0.0)
    assert "/step-12 " in text
    assert max(map(len, text.splitlines())) <= 80
