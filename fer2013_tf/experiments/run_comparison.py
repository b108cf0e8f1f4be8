"""Compare runs on the same images: what each costs, how accurate it is, McNemar's test of pairs.

compared = [run_comparison.measure(name, record_set, "PublicTest", ckpt="ckpt") for name in ...]
pairs = run_comparison.mcnemar_pairs(compared)
"""

import itertools

from fer2013_tf.checkpoints import run_folder
from fer2013_tf.evaluation import ensembles, metrics
from fer2013_tf.utils import constants


def runs_with_checkpoints(ckpt):
    """Return the names of the runs under `ckpt` that have a best checkpoint, oldest first."""
    return [run.name for run in reversed(ensembles.runs_with_checkpoints(ckpt))]


def measure(wanted, record_set, split, *, ckpt, tta="none"):
    """Return a dict of one run's figures on a split.

    wanted: RUN or RUN:WHICH; WHICH as in eval, best if it is not given. The dict's keys are "name",
    "net", "classes" of the records, "classes_left_out" of the net, "parameters", "operations" per
    image, "epochs", "epoch_seconds" (None without a history), "accuracy", "ci95", "accuracy_dedup",
    "macro_f1", "confusion" [k, k], "history", and "correct", bool [n] in the order of the split.

    Raises UserError for an unknown run or checkpoint, and as `ensembles.for_records`.
    """
    members = ensembles.for_records(ensembles.resolve_ensemble(ckpt, wanted), record_set)
    # TensorFlow, which takes seconds, only when it is known that the run is there.
    from fer2013_tf.evaluation import costs

    evaluated = ensembles.evaluate_split(members, record_set, split, combine="mean", tta=tta)
    result, labeled, predicted, _ = evaluated
    first = members[0]
    cost = costs.of_net(first.recipe, first.data)
    name = wanted.partition(":")[0]
    history = [] if name == constants.SHIPPED_NAME else run_folder.Run(ckpt, name).history()
    seconds = [entry["seconds"] for entry in history]
    return {
        "name": wanted,
        "net": first.recipe.net,
        "classes": record_set.manifest["classes"],
        "classes_left_out": list(first.kept.left_out) if first.kept else [],
        "parameters": cost.parameters,
        "operations": cost.operations,
        "epochs": len(history),
        "epoch_seconds": sum(seconds) / len(seconds) if seconds else None,
        "accuracy": result["accuracy"],
        "ci95": result["ci95"],
        "accuracy_dedup": result["accuracy_dedup"],
        "macro_f1": result["averages"]["macro"]["f1"],
        "confusion": result["confusion"],
        "history": history,
        "correct": predicted == labeled.labels,
    }


def mcnemar_pairs(compared):
    """Return McNemar's test of every two: [{"names", "right_alone": images, "p": 0..1}]."""
    pairs = []
    for first, second in itertools.combinations(compared, 2):
        one, other = first["correct"], second["correct"]
        alone = [int((one & ~other).sum()), int((other & ~one).sum())]
        names = (first["name"], second["name"])
        pairs.append({"names": names, "right_alone": alone, "p": metrics.mcnemar(one, other)})
    return pairs


def plot(compared, folder, title):
    """Write accuracy.png, curves.png and confusion.png; title: of the split."""
    from fer2013_tf.visualization import comparison

    accuracies = {one["name"]: (one["accuracy"], one["ci95"]) for one in compared}
    comparison.bars(accuracies, folder / "accuracy.png", f"accuracy on {title}")
    histories = {one["name"]: one["history"] for one in compared if one["history"]}
    if histories:
        comparison.curves(histories, folder / "curves.png", "training")
    matrices = {one["name"]: one["confusion"] for one in compared}
    heading = f"{title}: percent of the true class (rows) predicted as (columns)"
    comparison.confusions(matrices, compared[0]["classes"], folder / "confusion.png", heading)
