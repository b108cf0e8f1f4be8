"""The command eval: JSON, files written, errors; watching a run; shipping its weights."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer2013_tf import eval, ship, train
from fer2013_tf.checkpoints import run_folder, weights
from fer2013_tf.data import records
from fer2013_tf.evaluation import calibration, ensembles
from fer2013_tf.training import watch
from fer2013_tf.utils.errors import UserError
from tests import toy


def words(folder, root, *more, run="r"):
    base = ["--records", folder, "--ckpt", root / "ckpt", "--logs", root / "logs"]
    return [str(word) for word in (*base, *(["--run", run] if run else []), *more)]


def evaluated(folder, root, tmp_path, *more, run="r"):
    path = tmp_path / "result.json"
    assert eval.main(words(folder, root, "--json", path, *more, run=run)) == 0
    return json.loads(path.read_text())


def test_eval_json_keys_and_counts(records_dir, trained_run, tmp_path, capsys):
    result = evaluated(records_dir, trained_run, tmp_path, "--ensemble", "last2", "--tta", "flip")
    assert set(result) == {
        *("run", "recipe", "checkpoints", "classes_left_out"),
        *("combine", "tta", "splits"),
    }
    assert result["checkpoints"] == ["r:6", "r:8"] and result["tta"] == "flip"
    assert list(result["splits"]) == ["PublicTest", "PrivateTest"]
    for split in result["splits"].values():
        assert set(split) == {
            *("n", "accuracy", "ci95", "accuracy_dedup", "n_dedup", "loss"),
            *("confusion", "per_class", "averages", "members", "calibration"),
        }
        table = np.array(split["confusion"])
        assert table.sum() == split["n"] == 10
        assert split["accuracy"] == pytest.approx(table.trace() / 10)
        assert [m["name"] for m in split["members"]] == ["r:6", "r:8"]
    said = capsys.readouterr().out
    assert "PrivateTest: ensemble of 2, flip" in said and "ensemble of 2" in said
    for figure in ("confusion-PrivateTest.png", "reliability-PublicTest.png"):
        assert (trained_run / "logs" / "r" / figure).stat().st_size > 5000


def test_eval_run_which_equals_ensemble(records_dir, trained_run, tmp_path):
    by_run = evaluated(records_dir, trained_run, tmp_path, "--run", "r:last2", run=None)
    assert by_run == evaluated(records_dir, trained_run, tmp_path, "--ensemble", "last2")


def test_eval_vote_of_one_member_equals_mean(records_dir, trained_run, tmp_path):
    by_mean = evaluated(records_dir, trained_run, tmp_path)
    by_vote = evaluated(records_dir, trained_run, tmp_path, "--combine", "vote")
    assert by_vote["splits"] == by_mean["splits"]


def test_eval_vote_reports_mean_probabilities(records_dir, trained_run, tmp_path):
    """The votes choose the class; they are no probabilities."""
    more = ("--ensemble", "last4", "--predictions", tmp_path / "p.csv", "--split", "PrivateTest")
    tables, losses = [], []
    for how in ("mean", "vote"):
        result = evaluated(records_dir, trained_run, tmp_path, "--combine", how, *more)
        losses.append(result["splits"]["PrivateTest"]["loss"])
        tables.append(pd.read_csv(tmp_path / "p.csv"))
        accuracy = (tables[-1]["true"] == tables[-1]["predicted"]).mean()
        assert accuracy == result["splits"]["PrivateTest"]["accuracy"]
    assert losses[0] == losses[1]
    assert tables[0].filter(like="p_").equals(tables[1].filter(like="p_"))


def test_eval_members_of_several_runs(records_dir, trained_run, tmp_path):
    # A copy, as other tests expect r to be the newest run.
    shutil.copytree(trained_run / "ckpt", tmp_path / "ckpt")
    assert train.main(toy.arguments(records_dir, tmp_path, settings=("epochs=1",), run="s")) == 0
    more = ("--ensemble", "r:4,8,s:best", "--combine", "vote")
    result = evaluated(records_dir, tmp_path, tmp_path, *more)
    assert result["checkpoints"] == ["r:4", "r:8", "s:2"] and result["run"] == "r+s"
    # The default is the run last written to.
    assert evaluated(records_dir, tmp_path, tmp_path, run=None)["run"] == "s"


def test_eval_predictions_and_mistakes_files(records_dir, trained_run, tmp_path):
    table, image = tmp_path / "p.csv", tmp_path / "m.png"
    more = ("--split", "PrivateTest", "--predictions", table, "--mistakes", image)
    result = evaluated(records_dir, trained_run, tmp_path, *more)
    rows = pd.read_csv(table)
    assert list(rows["row"]) == list(records.RecordSet(records_dir).read("PrivateTest").rows)
    assert (rows["true"] == rows["predicted"]).mean() == result["splits"]["PrivateTest"]["accuracy"]
    probabilities = rows.filter(like="p_").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (rows["predicted"] == rows.filter(like="p_").idxmax(axis=1).str[2:]).all()
    assert Image.open(image).width > 300


def test_eval_records_without_private_test(records_dir, trained_run, tmp_path, capsys):
    """As train.csv of the challenge makes them."""
    toy.write_records(tmp_path, private=False)
    result = evaluated(tmp_path, trained_run, tmp_path)
    assert list(result["splits"]) == ["PublicTest"]
    assert "PrivateTest: left out" in capsys.readouterr().out
    assert eval.main(words(tmp_path, trained_run, "--split", "PrivateTest")) == 2
    assert "holds no PrivateTest image" in capsys.readouterr().err


def test_eval_files_of_two_splits_named_after_them(records_dir, trained_run, tmp_path, capsys):
    evaluated(records_dir, trained_run, tmp_path, "--predictions", tmp_path / "p.csv")
    assert f"predictions: {tmp_path / 'p-PublicTest.csv'}" in capsys.readouterr().out
    assert {p.name for p in tmp_path.glob("p*.csv")} == {"p-PublicTest.csv", "p-PrivateTest.csv"}


def test_eval_json_on_standard_output_alone(records_dir, trained_run, capsys):
    assert eval.main(words(records_dir, trained_run, "--json", "-")) == 0
    assert json.loads(capsys.readouterr().out)["run"] == "r"


def test_eval_images_also_in_training_counted_separately(
    records_dir, trained_run, tmp_path, monkeypatch
):
    copied = json.loads((records_dir / records.MANIFEST).read_text())
    rows = records.RecordSet(records_dir).read("PrivateTest").rows
    listed = {"PublicTest": [], "PrivateTest": [int(rows[0]), int(rows[3])]}
    copied["report"] = {"rows_also_in_training": listed}
    monkeypatch.setattr(records, "load_manifest", lambda _: copied)
    result = evaluated(records_dir, trained_run, tmp_path)["splits"]
    assert result["PrivateTest"]["n_dedup"] == 8 and result["PublicTest"]["n_dedup"] == 10


@pytest.mark.parametrize(
    "more, word",
    [
        (["--ensemble", "last5"], "asks for 5 checkpoints, there are 4"),
        (["--ensemble", "7"], "no checkpoint of step 7; there are: 2, 4, 6, 8"),
        (["--ensemble", "x:best"], "x: no such run; there are:"),
        (["--ensemble", "best:"], "no such run"),
        (["--json", "nowhere/x.json"], "nowhere/x.json: the folder is not there"),
        (["--records", "nowhere"], "nowhere/manifest.json: no records here"),
        (["--ensemble", "shipped:last5"], "last5: the shipped weights are one checkpoint"),
        (["--run", "r:last2", "--ensemble", "last2"], "--run r:last2 --ensemble last2: both"),
        (["--run", "r:7"], "no checkpoint of step 7; there are: 2, 4, 6, 8"),
        (["--run", "shipped", "--watch"], "--watch: no run under"),
        (["--tta", "flip", "--watch"], "on PublicTest; no --tta"),
        (["--split", "Training", "--watch"], "on PublicTest; no --split"),
        (["--run", "r:best", "--watch"], "--run 'r:best': give a plain folder name"),
    ],
)
def test_eval_errors(records_dir, trained_run, capsys, more, word):
    assert eval.main(words(records_dir, trained_run, *more)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and word in error


def test_eval_records_of_other_classes(trained_run, tmp_path, capsys):
    toy.write_records(tmp_path, classes=("yes", "no"))
    assert eval.main(words(tmp_path, trained_run)) == 2
    assert "was trained with" in capsys.readouterr().err


def test_eval_watch_each_checkpoint_and_ends_with_the_run(records_dir, trained_run, capsys):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert eval.main(words(records_dir, trained_run, "--watch")) == 0
    said = capsys.readouterr().out
    assert [f"step {step}:" in said for step in (2, 4, 6, 8)] == [True] * 4
    events = EventAccumulator(str(trained_run / "logs" / "r" / "watch"))
    events.Reload()
    assert [e.step for e in events.Scalars("accuracy/PublicTest")] == [2, 4, 6, 8]
    history = run_folder.Run(trained_run / "ckpt", "r").history()
    for event, entry in zip(events.Scalars("accuracy/PublicTest"), history):
        assert event.value == pytest.approx(entry["public_accuracy"])


def test_watch_waits_for_checkpoints(records_dir, trained_run, monkeypatch):
    run = run_folder.Run(trained_run / "ckpt", "r")
    there = run.checkpoints()
    shown, naps = [there[:2]], []
    monkeypatch.setattr(run, "checkpoints", lambda: shown[-1])

    def sleep(seconds):
        naps.append(seconds)
        # The first was rotated away before it could be read; the rest has appeared.
        shown.append([there[0]._replace(prefix=trained_run / "model.ckpt-99", step=99), *there])

    assert (
        watch.watch(run, records.RecordSet(records_dir), trained_run / "logs" / "w", sleep=sleep)
        == 0
    )
    assert naps == [watch.POLL_SECONDS]


def test_shipped_weights_predict_like_the_checkpoint(
    records_dir, trained_run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    with pytest.raises(UserError, match="weights.npz: missing; .*fer2013_tf.ship"):
        ensembles.shipped_member()
    line = ["--run", "r:latest", "--ckpt", str(trained_run / "ckpt")]
    assert ship.main([*line, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "weights.npz").stat().st_size < 8 * 2**20
    images = records.RecordSet(records_dir).read("PublicTest").images
    (member,) = ensembles.resolve_ensemble(trained_run / "ckpt", "r", "latest")
    shipped = ensembles.shipped_member()
    assert shipped.calibration == member.calibration != calibration.Calibration()
    theirs = ensembles.predict_logits([shipped], images)
    np.testing.assert_allclose(theirs, ensembles.predict_logits([member], images), atol=0.02)
    # Without a run the shipped weights are used, and eval says so.
    empty = words(records_dir, trained_run, "--ckpt", tmp_path / "none", run=None)
    assert eval.main(empty) == 0
    assert "run shipped (the shipped weights; no run under" in capsys.readouterr().out


def test_ship_weights_beyond_float16(trained_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        weights, "read_ema_weights", lambda _: {"conv1/kernel": np.array([1e6], np.float32)}
    )
    line = ["--run", "r", "--ckpt", str(trained_run / "ckpt"), "--out", str(tmp_path)]
    assert ship.main(line) == 2
    assert "conv1/kernel does not fit into float16" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
