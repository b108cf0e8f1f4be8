"""What a training shows and saves beyond its epochs: --eval-every, --log-every, --save-every."""

import re
import signal

import numpy as np
import pytest

from fer2013_tf import train
from fer2013_tf.checkpoints import run_folder, weights
from fer2013_tf.data import records
from fer2013_tf.evaluation.classifier import Classifier
from fer2013_tf.training import epoch_evaluator, schedules
from fer2013_tf.utils.tf1 import tf
from tests import toy
from tests.integration.test_interrupted import signalled_at

WATCHED = ("--eval-every", "1", "--log-every", "2", "--save-every", "3")


def points(root):
    """{tag: {step: value}} of all scalars in TensorBoard."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(root / "logs" / "r"), size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()["scalars"]
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in tags}


def history(root):
    """The entries of history.json without what the clock says."""
    entries = run_folder.Run(root / "ckpt", "r").history()
    return [{key: value for key, value in e.items() if key != "seconds"} for e in entries]


@pytest.fixture(scope="module")
def watched_run(records_dir, tmp_path_factory):
    """Root and output of `trained_run` watched, killed within an epoch, and started again."""
    root = tmp_path_factory.mktemp("watched")
    words = toy.arguments(records_dir, root, *WATCHED, settings=toy.EVERYTHING)
    killed = signalled_at(4, signal.SIGKILL, words)
    assert killed.returncode == -signal.SIGKILL
    run = run_folder.Run(root / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2, 3]
    ended = signalled_at(0, signal.SIGTERM, words)
    assert ended.returncode == 0
    return root, killed.stdout, ended.stdout


def test_a_run_killed_within_an_epoch_ends_as_the_one_that_nobody_watched(watched_run, trained_run):
    root, _, ended = watched_run
    assert "going on from step 3 (epoch 1.5 of 4)" in ended
    toy.assert_equal(toy.weights(trained_run), toy.weights(root))
    assert history(root) == history(trained_run)
    run = run_folder.Run(root / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [2, 3, 4, 6, 8]
    assert run.best().step == run_folder.Run(trained_run / "ckpt", "r").best().step
    found, expected = points(root), points(trained_run)
    assert {tag: found[tag] for tag in expected} == expected


def test_parts_of_an_epoch_are_kept_as_long_as_a_checkpoint_within_it(
    watched_run, records_dir, tmp_path
):
    run = run_folder.Run(watched_run[0] / "ckpt", "r")
    assert [(part["step"], len(part["losses"])) for part in run.parts()] == [(3, 1)]
    words = toy.arguments(records_dir, tmp_path, "--save-every", "1", "--keep", "1")
    assert train.main([*words, "--set", "epochs=2"]) == 0
    run = run_folder.Run(tmp_path / "ckpt", "r")
    assert [c.step for c in run.checkpoints()] == [4]
    assert [entry["step"] for entry in run.history()] == [2, 4]
    assert len(run.parts()) <= 1


def test_batches_are_evaluated_with_the_weights_of_their_step(watched_run, records_dir):
    found = points(watched_run[0])
    assert list(found["batch_accuracy/Training"]) == list(range(1, 9))
    run, record_set = run_folder.Run(watched_run[0] / "ckpt", "r"), records.RecordSet(records_dir)
    recipe, settings = run.read()
    public = record_set.read("PublicTest")
    with Classifier(recipe, settings["data"]) as classifier:
        for checkpoint in run.checkpoints():
            classifier.load(weights.read_ema_weights(checkpoint.prefix))
            # 10 images are PublicTest, the batch is of 16.
            right = classifier.logits(public.images).argmax(axis=1) == public.labels
            value = found["batch_accuracy/PublicTest"][checkpoint.step]
            assert value == pytest.approx(right.mean())


def test_the_running_batch_is_evaluated_as_the_net_was_fed(records_dir, trained_run):
    """Without dropout: the same images, through the pipeline and through the evaluation graph."""
    run, record_set = run_folder.Run(trained_run / "ckpt", "r"), records.RecordSet(records_dir)
    recipe, settings = run.read()
    images = record_set.read("PublicTest").images
    with Classifier(recipe, settings["data"]) as classifier:
        classifier.load(weights.read_ema_weights(run.checkpoints()[-1].prefix))
        inputs = classifier.run(classifier.net.inputs, images)
        assert inputs.dtype == np.float32
        np.testing.assert_array_equal(
            classifier.logits_of_inputs(inputs), classifier.logits(images)
        )


class Noting:
    """A classifier that notes which images it is given; of each the first pixel is its number."""

    def __init__(self):
        self.seen = []

    def load(self, values, where):
        pass

    def logits(self, images):
        self.seen.append(images[:, 0, 0].tolist())
        return np.eye(7)[images[:, 0, 0] % 7]

    def logits_of_inputs(self, inputs):
        return np.eye(7)[np.zeros(len(inputs), int)]


def test_the_test_batch_is_a_random_one_of_public_test_by_seed_and_step():
    images = np.tile(np.arange(50, dtype=np.uint8)[:, None, None], (1, 4, 4))
    public = records.LabeledImages(images, np.arange(50) % 7, np.arange(50))
    noting = Noting()
    evaluator = epoch_evaluator.EpochEvaluator(None, None, (None, public), noting, 2)
    batch = np.zeros((20, 4, 4, 1), np.float32), np.eye(7)[np.arange(20) % 2]
    for seed, step in ((0, 1), (0, 2), (1, 1), (0, 1)):
        found = evaluator.batch_accuracies({}, step, batch, seed=seed)
        assert found == {"batch_accuracy/Training": 0.5, "batch_accuracy/PublicTest": 1.0}
    assert all(len(set(seen)) == 20 for seen in noting.seen)
    assert noting.seen[0] == noting.seen[3]
    assert len({tuple(seen) for seen in noting.seen}) == 3


def test_a_log_line_has_time_step_loss_and_the_rate_that_was_used(watched_run, trained_run):
    root, before, after = watched_run
    lines = re.findall(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  step (\d+)  loss (\S+)  rate (\S+)  "
        r"batch of Training [\d.]+ %  batch of PublicTest [\d.]+ %$",
        before + after,
        re.MULTILINE,
    )
    assert [int(step) for step, _, _ in lines] == [2, 4, 6, 8]
    recipe, settings = run_folder.Run(trained_run / "ckpt", "r").read()
    with tf.Graph().as_default(), tf.Session() as session:
        done_before = tf.constant([1, 3, 5, 7])
        used = session.run(schedules.learning_rate(done_before, recipe, 2))
    np.testing.assert_allclose([float(rate) for _, _, rate in lines], used, rtol=1e-5)
    shown = points(root)
    assert list(shown["learning_rate"]) == [2, 4, 6, 8]
    np.testing.assert_allclose(list(shown["learning_rate"].values()), used, rtol=1e-5)
    np.testing.assert_allclose([e["learning_rate"] for e in history(root)], used, rtol=1e-5)
    losses = [float(loss) for _, loss, _ in lines]
    np.testing.assert_allclose(losses, list(shown["loss/total"].values()), rtol=1e-5)


@pytest.mark.parametrize("option", ["--eval-every", "--log-every", "--save-every"])
def test_fewer_than_one_step_is_refused(records_dir, tmp_path, capsys, option):
    assert train.main(toy.arguments(records_dir, tmp_path, option, "0")) == 2
    assert f"error: {option} 0: give 1 step or more" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_training_without_public_test_shows_the_running_batch_alone(tmp_path, capsys):
    toy.write_records(tmp_path / "rec", held_out=0, private=False)
    words = toy.arguments(
        tmp_path / "rec", tmp_path, "--eval-every", "2", "--log-every", "1", "--input", "queue"
    )
    assert train.main([*words, "--set", "epochs=1", "--full-graph"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"step 1  loss \S+  rate \S+$", said, re.MULTILINE)
    assert re.search(r"step 2 .* batch of Training [\d.]+ %$", said, re.MULTILINE)
    found = points(tmp_path)
    assert list(found["batch_accuracy/Training"]) == [2]
    assert "batch_accuracy/PublicTest" not in found
    graph = graph_of(tmp_path / "logs" / "r")
    operations = {node.op for node in graph.node}
    assert {"FIFOQueueV2", "TFRecordReaderV2", "RandomShuffleQueueV2"} <= operations
    assert any("ExponentialMovingAverage" in node.name for node in graph.node)
    assert any("Apply" in node.op for node in graph.node)


def graph_of(folder):
    (path,) = folder.glob("events*")
    for event in tf.train.summary_iterator(str(path)):
        if event.graph_def:
            return tf.GraphDef.FromString(event.graph_def)
    raise AssertionError("no graph")
