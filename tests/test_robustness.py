"""Robustness: figures under harms, agreement with FER+'s votes, refusals."""

import json

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import (
    calibration,
    emotions,
    evaluation,
    ferplus,
    harms,
    metrics,
    records,
    robustness,
)
from fer2013_tf.errors import UserError
from fer2013_tf.sources import Face
from tests import toy

HEADER = "Usage,Image name," + ",".join(ferplus.COLUMNS)


def words(folder, root, *more):
    base = ["--records", folder, "--ckpt", root / "ckpt", "--run", "r"]
    return [str(word) for word in (*base, *more)]


def measured(folder, root, tmp_path, *more):
    path = tmp_path / "result.json"
    assert robustness.main(words(folder, root, "--json", path, *more)) == 0
    return json.loads(path.read_text())


def answered(folder, root, which, images, tta="none"):
    """The right probabilities, the long way."""
    members = evaluation.find_members(root / "ckpt", "r", which)
    logits = evaluation.answers(members, images, tta=tta)
    return calibration.combined(logits, [member.calibration for member in members])


def test_figures_of_every_harm(folder, whole, tmp_path, capsys):
    plot = tmp_path / "harms.png"
    result = measured(folder, whole, tmp_path, "--ensemble", "last2", "--plot", plot)
    faces = records.read(folder, "PrivateTest")
    assert result["run"] == "r" and result["checkpoints"] == ["r:6", "r:8"]
    assert result["split"] == "PrivateTest" and result["n"] == 10 and result["ferplus"] is None
    tries = [(t.harm, t.option, s) for t in harms.TRIED for s in t.strengths]
    assert [(row["harm"], row["option"], row["strength"]) for row in result["harms"]] == tries
    spec = harms.TRIED[0].spec(harms.TRIED[0].strengths[-1])
    for images, row in (
        (faces.images, result["plain"]),
        (harms.apply(spec, faces.images), result["harms"][len(harms.TRIED[0].strengths) - 1]),
    ):
        chances = answered(folder, whole, "last2", images)
        right = int((chances.argmax(axis=1) == faces.labels).sum())
        assert row["accuracy"] == right / 10
        assert row["ci95"] == list(metrics.accuracy_interval(right, 10))
        assert row["confidence"] == pytest.approx(chances.max(axis=1).mean(), rel=1e-5)
    said = capsys.readouterr().out
    assert "as they are" in said and "half covered lower" in said
    assert Image.open(plot).width > 1000


@pytest.fixture
def with_votes(folder, tmp_path):
    """Records as of fer2013.csv, and FER+'s file beside them: (records, csv, votes)."""
    draw = np.random.default_rng(1)
    votes = []
    with records.Writer(tmp_path / "rec", classes=emotions.FER2013) as writer:
        for split in emotions.SPLITS:
            for _ in range(6):
                pixels = draw.integers(0, 256, (48, 48), np.uint8)
                row = len(votes) + 1
                writer.add(Face(pixels, row % 7, split, row, "fer2013.csv"))
                votes.append((split, draw.multinomial(10, [0.1] * 10)))
        writer.commit(source={"format": "fer2013_csv", "splits": "column Usage"})
    # The second picture of PrivateTest has votes only for what both sets do not share.
    votes[13] = emotions.PRIVATE_TEST, [0] * 7 + [4, 3, 3]
    path = tmp_path / "votes.csv"
    lines = [f"{split},x.png,{','.join(map(str, counts))}" for split, counts in votes]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return tmp_path / "rec", path, np.array([counts for _, counts in votes[12:]])


def test_votes_are_joined_by_row_and_class(with_votes, whole, tmp_path, capsys):
    folder, path, votes = with_votes
    agreed = measured(folder, whole, tmp_path, "--tta", "flip", "--ferplus", path)["ferplus"]
    faces = records.read(folder, "PrivateTest")
    chances = answered(folder, whole, "best", faces.images, tta="flip")
    # FER+'s columns in FER2013's order: anger, disgust, fear, happiness, sadness, surprise,
    # neutral.
    shares = votes[[0, 2, 3, 4, 5]][:, [4, 5, 6, 1, 3, 2, 0]].astype(float)
    shares /= shares.sum(axis=1, keepdims=True)
    chances = chances[[0, 2, 3, 4, 5]]
    assert (agreed["n"], agreed["without_votes"]) == (5, 1)
    losses = -(shares * np.log(chances)).sum(axis=1)
    assert agreed["cross_entropy"] == pytest.approx(losses.mean(), rel=1e-5)
    pearson = [np.corrcoef(*pair)[0, 1] for pair in zip(shares, chances)]
    assert agreed["correlation"] == pytest.approx(np.mean(pearson), rel=1e-4)
    assert "5 pictures (1 without one left out)" in capsys.readouterr().out


def test_agreement_of_the_votes_with_themselves():
    voted = np.array([[8, 2, 0, 0, 0, 0, 0], [0, 0, 0, 5, 0, 0, 0]])
    # An eighth class, contempt, which is left out.
    chances = np.array([[0.4, 0.1, 0, 0, 0, 0, 0, 0.5], [0, 0, 0, 1.0, 0, 0, 0, 0]])
    figures = robustness.agreement(chances, voted, np.array([0, 7]))
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2)) / 2
    assert figures["cross_entropy"] == pytest.approx(entropy)
    assert figures["entropy"] == pytest.approx(entropy)
    assert figures["correlation"] == pytest.approx(1)
    assert (figures["n_majority"], figures["top1"], figures["labels"]) == (2, 1.0, 0.5)


def test_agreement_where_nothing_can_be_said():
    even = np.full((1, 7), 1 / 7)
    figures = robustness.agreement(even, np.array([[5, 5, 0, 0, 0, 0, 0]]), np.array([0]))
    assert figures["correlation"] == 0 and figures["cross_entropy"] == pytest.approx(np.log(7))
    assert (figures["n_majority"], figures["top1"], figures["labels"]) == (0, None, None)
    with pytest.raises(UserError, match="none of the pictures has a vote"):
        robustness.agreement(even, np.zeros((1, 7), int), np.array([0]))


def refused(capsys, *arguments):
    assert robustness.main(list(map(str, arguments))) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def test_votes_that_do_not_belong_to_the_records(with_votes, folder, whole, tmp_path, capsys):
    mine, path, _ = with_votes
    assert "not of fer2013.csv" in refused(capsys, *words(folder, whole, "--ferplus", path))
    lines = path.read_text().splitlines()
    for kept, said in ((lines[:1] + lines[2:], "row 18: no such row"), (lines[:13], "row 13")):
        (tmp_path / "other.csv").write_text("\n".join(kept) + "\n")
        told = refused(capsys, *words(mine, whole, "--ferplus", tmp_path / "other.csv"))
        assert said in told and "other.csv" in told


def test_bad_input_is_one_line(folder, whole, tmp_path, capsys):
    toy.write_records(tmp_path / "small", size=(24, 24))
    for more, said in (
        (("--run", "none"), "no such run"),
        (("--records", tmp_path / "small"), "--records"),
        (("--records", tmp_path), "no records here"),
        (("--ferplus", tmp_path / "no.csv"), "no.csv: cannot be read"),
        (("--json", tmp_path / "no" / "r.json"), "r.json: the folder is not there"),
    ):
        assert said in refused(capsys, *words(folder, whole, *more))
