"""The command robustness: figures under corruptions, agreement with FER+'s votes, errors."""

import json

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import robustness
from fer2013_tf.data import ferplus, records
from fer2013_tf.data.readers import LabeledImage
from fer2013_tf.evaluation import combinations, corruptions, ensembles, metrics, robustness_report
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError
from tests import toy

HEADER = "Usage,Image name," + ",".join(ferplus.COLUMNS)


def words(folder, root, *more):
    base = ["--records", folder, "--ckpt", root / "ckpt", "--run", "r"]
    return [str(word) for word in (*base, *more)]


def measured(folder, root, tmp_path, *more):
    path = tmp_path / "result.json"
    assert robustness.main(words(folder, root, "--json", path, *more)) == 0
    return json.loads(path.read_text())


def expected(root, which, images, tta="none"):
    """Return the probabilities, computed by one graph per call."""
    members = ensembles.resolve_ensemble(root / "ckpt", "r", which)
    logits = ensembles.predict_logits(members, images, tta=tta)
    return combinations.find(members, tta).probabilities(logits)


def test_robustness_figures_of_every_corruption(records_dir, trained_run, tmp_path, capsys):
    plot = tmp_path / "corruptions.png"
    result = measured(records_dir, trained_run, tmp_path, "--ensemble", "last2", "--plot", plot)
    faces = records.RecordSet(records_dir).read("PrivateTest")
    assert result["run"] == "r" and result["checkpoints"] == ["r:6", "r:8"]
    assert result["split"] == "PrivateTest" and result["n"] == 10 and result["ferplus"] is None
    keys = ("corruption", "option", "severity")
    tries = [(s.corruption, s.option, each) for s in corruptions.SERIES for each in s.severities]
    assert [tuple(row[key] for key in keys) for row in result["corruptions"]] == tries
    first = corruptions.SERIES[0]
    worst = corruptions.apply(first.spec(first.severities[-1]), faces.images)
    of_worst = result["corruptions"][len(first.severities) - 1]
    for images, row in ((faces.images, result["plain"]), (worst, of_worst)):
        probabilities = expected(trained_run, "last2", images)
        correct = int((probabilities.argmax(axis=1) == faces.labels).sum())
        assert row["accuracy"] == correct / 10
        assert row["ci95"] == list(metrics.accuracy_interval(correct, 10))
        assert row["confidence"] == pytest.approx(probabilities.max(axis=1).mean(), rel=1e-5)
    said = capsys.readouterr().out
    assert "not corrupted" in said and "occluded half lower" in said
    assert Image.open(plot).width > 1000


@pytest.fixture
def with_votes(records_dir, tmp_path):
    """Return records as of fer2013.csv, and FER+'s file beside them: (records, csv, votes)."""
    random = np.random.default_rng(1)
    votes = []
    with records.Writer(tmp_path / "rec", classes=constants.FER2013) as writer:
        for split in constants.SPLITS:
            for _ in range(6):
                pixels = random.integers(0, 256, (48, 48), np.uint8)
                row = len(votes) + 1
                writer.add(LabeledImage(pixels, row % 7, split, row, "fer2013.csv"))
                votes.append((split, random.multinomial(10, [0.1] * 10)))
        writer.commit(source={"format": "fer2013_csv", "splits": "column Usage"})
    # The second image of PrivateTest has votes only for what both sets do not share.
    votes[13] = constants.PRIVATE_TEST, [0] * 7 + [4, 3, 3]
    path = tmp_path / "votes.csv"
    lines = [f"{split},x.png,{','.join(map(str, counts))}" for split, counts in votes]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return tmp_path / "rec", path, np.array([counts for _, counts in votes[12:]])


def test_robustness_votes_joined_by_row_and_class(with_votes, trained_run, tmp_path, capsys):
    folder, path, votes = with_votes
    agreed = measured(folder, trained_run, tmp_path, "--tta", "flip", "--ferplus", path)["ferplus"]
    faces = records.RecordSet(folder).read("PrivateTest")
    probabilities = expected(trained_run, "best", faces.images, tta="flip")
    # FER+'s columns in FER2013's order: anger, disgust, fear, happiness, sadness, surprise,
    # neutral.
    fractions = votes[[0, 2, 3, 4, 5]][:, [4, 5, 6, 1, 3, 2, 0]].astype(float)
    fractions /= fractions.sum(axis=1, keepdims=True)
    probabilities = probabilities[[0, 2, 3, 4, 5]]
    assert (agreed["n"], agreed["without_votes"]) == (5, 1)
    losses = -(fractions * np.log(probabilities)).sum(axis=1)
    assert agreed["cross_entropy"] == pytest.approx(losses.mean(), rel=1e-5)
    pearson = [np.corrcoef(*pair)[0, 1] for pair in zip(fractions, probabilities)]
    assert agreed["correlation"] == pytest.approx(np.mean(pearson), rel=1e-4)
    assert "5 images (1 without votes left out)" in capsys.readouterr().out


def test_agreement_of_votes_with_themselves():
    votes = np.array([[8, 2, 0, 0, 0, 0, 0], [0, 0, 0, 5, 0, 0, 0]])
    # An eighth class, contempt, which is left out.
    probabilities = np.array([[0.4, 0.1, 0, 0, 0, 0, 0, 0.5], [0, 0, 0, 1.0, 0, 0, 0, 0]])
    figures = robustness_report.agreement(probabilities, votes, np.array([0, 7]))
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2)) / 2
    assert figures["cross_entropy"] == pytest.approx(entropy)
    assert figures["entropy"] == pytest.approx(entropy)
    assert figures["correlation"] == pytest.approx(1)
    assert (figures["n_majority"], figures["top1"], figures["labels"]) == (2, 1.0, 0.5)


def test_agreement_undefined_values():
    even = np.full((1, 7), 1 / 7)
    figures = robustness_report.agreement(even, np.array([[5, 5, 0, 0, 0, 0, 0]]), np.array([0]))
    assert figures["correlation"] == 0 and figures["cross_entropy"] == pytest.approx(np.log(7))
    assert (figures["n_majority"], figures["top1"], figures["labels"]) == (0, None, None)
    with pytest.raises(UserError, match="none of the images has a vote"):
        robustness_report.agreement(even, np.zeros((1, 7), int), np.array([0]))


def refused(capsys, *arguments):
    assert robustness.main(list(map(str, arguments))) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def test_robustness_votes_of_other_records(with_votes, records_dir, trained_run, tmp_path, capsys):
    mine, path, _ = with_votes
    assert "not of fer2013.csv" in refused(
        capsys, *words(records_dir, trained_run, "--ferplus", path)
    )
    lines = path.read_text().splitlines()
    for kept, said in ((lines[:1] + lines[2:], "row 18: no such row"), (lines[:13], "row 13")):
        (tmp_path / "other.csv").write_text("\n".join(kept) + "\n")
        told = refused(capsys, *words(mine, trained_run, "--ferplus", tmp_path / "other.csv"))
        assert said in told and "other.csv" in told


def test_robustness_errors_are_one_line(records_dir, trained_run, tmp_path, capsys):
    toy.write_records(tmp_path / "small", size=(24, 24))
    for more, said in (
        (("--run", "none"), "no such run"),
        (("--run", "r:last2", "--ensemble", "last2"), "both choose checkpoints"),
        (("--records", tmp_path / "small"), "--records"),
        (("--records", tmp_path), "no records here"),
        (("--ferplus", tmp_path / "no.csv"), "no.csv: cannot be read"),
        (("--json", tmp_path / "no" / "r.json"), "r.json: the folder is not there"),
    ):
        assert said in refused(capsys, *words(records_dir, trained_run, *more))


def test_robustness_json_on_standard_output_alone(records_dir, trained_run, capsys):
    assert robustness.main(words(records_dir, trained_run, "--json", "-", "--run", "r:last2")) == 0
    assert json.loads(capsys.readouterr().out)["checkpoints"] == ["r:6", "r:8"]
