"""Ensembles of checkpoints, evaluated exactly: who the members are and what they answer.

members = evaluation.find_members("ckpt", "lenet", "last5")
logits = evaluation.answers(members, faces.images, tta="flip")   # [members, views, n, classes]
"""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from fer2013_tf import calibration, checkpoints, emotions, metrics, records
from fer2013_tf.errors import UserError
from fer2013_tf.recipes import Recipe

TTAS = ("none", "flip")
COMBINES = ("mean", "vote")
# Up to so many pictures a call are few, see `inference.Classifier`.
FEW = 4


class Member(NamedTuple):
    """One set of weights and the net it belongs to."""

    name: str  # run:step
    path: str  # checkpoint prefix or .npz
    recipe: Recipe
    data: dict
    calibration: calibration.Calibration  # fitted on PublicTest; none where it was not


def choose_run(root, name):
    """The run's name and why: the one named, else the newest, else the shipped weights."""
    if name:
        return name, "as asked"
    newest = checkpoints.runs(root)
    if newest:
        return newest[0].name, f"the newest run under {root}"
    return checkpoints.SHIPPED_NAME, f"no run under {root}: the default weights"


def find_members(root, name, ensemble):
    """The members that `ensemble` names: `last5`, `best`, `100,200`, or `runA:last5,runB:best`.

    Raises UserError where a run or a checkpoint is not there, or classes or sizes differ.
    """
    members = []
    for run, wanted in _groups(ensemble, name):
        members += _of_run(root, run, wanted)
    first = members[0]
    for member in members[1:]:
        for key in ("classes", "size"):
            if member.data[key] != first.data[key]:
                raise UserError(
                    f"{member.name} and {first.name} cannot be combined: they differ in {key} "
                    f"({member.data[key]} and {first.data[key]})"
                )
    return members


def _groups(ensemble, default):
    """`a:last5,b:100,200` -> [("a", "last5"), ("b", "100,200")]; words without a run go on."""
    groups = []
    for word in ensemble.split(","):
        run, colon, wanted = word.strip().rpartition(":")
        if colon or not groups:
            groups.append((run or default, [wanted]))
        else:
            groups[-1][1].append(wanted)
    return [(run, ",".join(words)) for run, words in groups]


def _of_run(root, name, wanted):
    if name == checkpoints.SHIPPED_NAME:
        if wanted not in ("best", "latest"):
            raise UserError(
                f"--ensemble {wanted}: the shipped weights are one checkpoint; use best"
            )
        return [shipped()]
    run = checkpoints.Run(root, name)
    if not run.exists():
        known = ", ".join(r.name for r in checkpoints.runs(root)) or "none"
        raise UserError(f"{run.folder}: no such run; there are: {known}")
    recipe, settings = run.read()
    fitted = run.temperatures()
    return [
        _member(f"{name}:{c.step}", c.prefix, recipe, settings, fitted.get(c.step))
        for c in checkpoints.select(run, wanted)
    ]


def _member(name, path, recipe, settings, temperatures):
    """temperatures: None where none were fitted."""
    fitted = calibration.Calibration()
    if temperatures:
        fitted = calibration.Calibration(tuple(temperatures), recipe.label_smoothing)
    return Member(name, str(path), recipe, settings["data"], fitted)


def shipped():
    """The default weights, which `ship` packs."""
    path = checkpoints.SHIPPED / checkpoints.WEIGHTS
    if not path.exists():
        raise UserError(
            f"{path}: this copy has no shipped weights; train a run and name it with --run, "
            "or pack it with: python -m fer2013_tf.ship --run NAME"
        )
    recipe, settings = checkpoints.read_recipe(checkpoints.SHIPPED / "recipe.json")
    return _member(checkpoints.SHIPPED_NAME, path, recipe, settings, settings.get("temperatures"))


def classifiers(members, *, precision="float32", single=False):
    """A classifier a member, its weights loaded, each to be closed; see `inference.Classifier`."""
    # TensorFlow, which takes seconds, only when it is known who is to answer.
    from fer2013_tf import inference

    made = []
    for member in members:
        made.append(
            inference.Classifier(member.recipe, member.data, precision=precision, single=single)
        )
        made[-1].load(checkpoints.read_shadows(member.path), where=member.path)
    return made


def answers(members, images, *, tta="none", precision="float32"):
    """Each member's logits for every picture's views: float32 [members, views, n, classes].

    images: uint8 [n, h, w] of the members' picture size. precision: see `inference.Classifier`. One
    graph serves all members of one net.
    """
    # TensorFlow, which takes seconds, only when it is known who is to answer.
    from fer2013_tf import inference

    bar = tqdm(total=len(members), desc="members", unit=" member", leave=False, delay=2)
    results, classifier, built = [], None, None
    try:
        for member in members:
            if built != (member.recipe, member.data):
                if classifier:
                    classifier.close()
                few = len(images) <= FEW
                classifier = inference.Classifier(
                    member.recipe, member.data, precision=precision, single=few
                )
                built = member.recipe, member.data
            classifier.load(checkpoints.read_shadows(member.path), where=member.path)
            results.append(classifier.views(images, tta))
            bar.update()
    finally:
        bar.close()
        if classifier:
            classifier.close()
    return np.stack(results)


def evaluate_split(members, folder, split, *, combine, tta):
    """One split: (metrics.evaluate's result with more, faces, predicted, probabilities).

    More are "members" and "calibration" (see `_calibration`). predicted: int64 [n], the ensemble's
    answers. probabilities: float64 [n, classes], the members' mean as they come, not calibrated,
    also where `combine` is "vote".
    """
    manifest = records.load(folder)
    check_data(members[0], manifest, folder)
    faces = records.read(folder, split)
    logits = answers(members, faces.images, tta=tta)
    each = calibration.probabilities(logits).mean(axis=1)
    predicted, probabilities = metrics.combine(each, combine), each.mean(axis=0)
    duplicated = None
    if split != emotions.TRAINING and "report" in manifest:
        duplicated = np.isin(faces.rows, manifest["report"]["rows_also_in_training"][split])
    result = metrics.evaluate(
        probabilities,
        faces.labels,
        manifest["classes"],
        predicted=predicted,
        duplicated=duplicated,
    )
    result["members"] = [
        {"name": m.name, "accuracy": float((p.argmax(axis=1) == faces.labels).mean())}
        for m, p in zip(members, each)
    ]
    result["calibration"] = _calibration(members, logits, faces.labels)
    return result, faces, predicted, probabilities


def _calibration(members, logits, labels):
    """How far confidence and accuracy are apart, before calibration and after it.

    {"temperatures", "smoothings": one a member, "before", "after": {"error": expected calibration
    error, 0..1, "loss": cross-entropy in nats, "bins": `calibration.reliability`}}
    """
    own = [member.calibration for member in members]
    result = {
        "temperatures": [list(each.temperatures) for each in own],
        "smoothings": [each.smoothing for each in own],
    }
    for name, used in (("before", [calibration.Calibration()] * len(own)), ("after", own)):
        chances = calibration.combined(logits, used)
        bins = calibration.reliability(chances, labels)
        loss = metrics.cross_entropy(chances, labels)
        result[name] = {"error": calibration.expected_error(bins), "loss": loss, "bins": bins}
    return result


def check_data(member, manifest, folder):
    """Raises UserError where the classes or the size of records are not the weights'."""
    for key in ("classes", "size"):
        if member.data[key] != manifest[key]:
            raise UserError(
                f"{folder}: {key} {manifest[key]}, but {member.name} was trained with "
                f"{member.data[key]}; name its records with --records"
            )
