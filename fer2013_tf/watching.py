"""`eval --watch`: each new checkpoint of a run that is being trained, evaluated on PublicTest."""

import time

from fer2013_tf import checkpoints, emotions, graphs, metrics, records, summaries
from fer2013_tf.errors import UserError
from fer2013_tf.inference import Classifier
from fer2013_tf.tensorflow1 import tf

POLL_SECONDS = 2.0


def watch(run, folder, logs, *, sleep=time.sleep):
    """Prints and logs (under logs/watch) PublicTest accuracy until the run's last step is seen."""
    recipe, settings = run.read()
    faces = records.read(folder, emotions.PUBLIC_TEST)
    last = recipe.epochs * graphs.steps_per_epoch(recipe, settings["data"])
    done = set()
    print(f"watching {run.folder} up to step {last}; Ctrl-C ends")
    with (
        Classifier(recipe, settings["data"]) as classifier,
        tf.Graph().as_default(),  # without one, TensorFlow takes this for eager execution
        summaries.Log(logs / "watch") as log,
    ):
        while last not in done:
            fresh = [c for c in run.checkpoints() if c.step not in done]
            for checkpoint in fresh:
                done.add(checkpoint.step)
                _evaluate(classifier, checkpoint, faces, log)
            if not fresh:
                sleep(POLL_SECONDS)
    return 0


def _evaluate(classifier, checkpoint, faces, log):
    try:
        classifier.load(checkpoints.read_shadows(checkpoint.prefix), where=checkpoint.prefix)
    except UserError:
        if checkpoint.prefix.with_name(checkpoint.prefix.name + ".index").exists():
            raise
        print(f"step {checkpoint.step}: rotated away before it was read")
        return
    correct = classifier.probabilities(faces.images).argmax(axis=1) == faces.labels
    low, high = metrics.accuracy_interval(int(correct.sum()), len(correct))
    accuracy = float(correct.mean())
    log.add(summaries.scalar_values({"accuracy/PublicTest": accuracy}), checkpoint.step)
    log.flush()
    print(
        f"step {checkpoint.step}: PublicTest {100 * accuracy:.2f} % "
        f"({100 * low:.1f} to {100 * high:.1f})",
        flush=True,
    )
