"""Resolve ensembles of checkpoints, and evaluate them on whole splits.

members = ensembles.resolve_ensemble("ckpt", "lenet", "last5")
logits = ensembles.predict_logits(members, images, tta="flip")   # [members, views, n, classes]
"""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from fer2013_tf.checkpoints import run_folder, storage, weights
from fer2013_tf.data.records import LabeledImages
from fer2013_tf.evaluation import calibration, class_names, combinations, metrics
from fer2013_tf.recipes import Recipe
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

DEFAULT_ENSEMBLE = "best"
# Up to this many images per call latency counts, see `classifier.Classifier`.
FEW = 4


class Member(NamedTuple):
    """One set of weights and the net it belongs to."""

    name: str  # run:step
    path: str  # checkpoint prefix or .npz
    recipe: Recipe
    data: dict
    calibration: calibration.Calibration  # fitted on PublicTest, or the default, which does nothing
    tta_calibrations: dict = {}  # {tta: Calibration of its views' mean}, of packed weights
    kept: class_names.Kept | None = None  # the classes that are used; None: all, by their own names

    @property
    def classes(self):
        """The names of the classes that are used, in the order of the probabilities."""
        return self.kept.classes if self.kept else tuple(self.data["classes"])

    @property
    def places(self):
        """The places of these classes among the net's own; None where it uses them as they are."""
        return self.kept.places if self.kept else None


class SplitEvaluation(NamedTuple):
    """What an ensemble predicts for one split, and how good that is."""

    result: dict  # of `metrics.evaluate`, with "members" and "calibration"; ready for JSON
    faces: LabeledImages
    predicted: np.ndarray  # int64 [n], the ensemble's classes
    probabilities: np.ndarray  # float64 [n, classes], mean of the members', not calibrated


class Chosen(NamedTuple):
    """The weights that a command uses."""

    name: str  # of the members' runs, joined by +
    members: list  # [Member]
    text: str  # a line that says which they are, and why


def runs_with_checkpoints(root):
    """Return the runs under `root` that have a best checkpoint, the newest first."""
    return [r for r in run_folder.list_runs(root) if storage.list_checkpoints(r.best_folder)]


def choose_run(root, wanted):
    """Return (run, why): `wanted` where it is given, else the default.

    wanted: RUN or RUN:WHICH, returned as it is; or None. The default is the newest run under `root`
    that has checkpoints, else the shipped weights.
    """
    if wanted:
        return wanted, "as asked"
    found = runs_with_checkpoints(root)
    if found:
        return found[0].name, f"the newest run under {root}"
    return constants.SHIPPED_NAME, f"the shipped weights; no run under {root} has checkpoints"


def resolve_ensemble(root, run, ensemble=None):
    """Return the members [Member] that `run` and `ensemble` name.

    run: RUN, or RUN:WHICH without an ensemble. ensemble: last5, best, latest, 100,200, or
    runA:last5,runB:best; None means WHICH, or best.

    Members may have different classes if one has only classes that all have; these are used then.
    Raises UserError where a run or a checkpoint does not exist, where both name checkpoints, and
    where members differ in image size or cannot agree on classes.
    """
    run, colon, which = run.partition(":")
    if colon and ensemble:
        raise UserError(
            f"--run {run}:{which} --ensemble {ensemble}: both choose checkpoints; give one of them"
        )
    members = []
    for name, wanted in _groups(which if colon else ensemble or DEFAULT_ENSEMBLE, run):
        members += _members_of_run(root, name, wanted)
    first = members[0]
    for member in members[1:]:
        if member.data["size"] != first.data["size"]:
            raise UserError(
                f"{member.name} and {first.name} cannot be combined: they differ in size "
                f"({member.data['size']} and {first.data['size']})"
            )
    classes = class_names.common({member.name: member.data["classes"] for member in members})
    return [_using(member, classes) for member in members]


def _using(member, classes):
    """Return the member with just these classes used."""
    return member._replace(kept=class_names.match(member.data["classes"], classes))


def for_records(members, record_set):
    """Return members that predict the classes of a `records.RecordSet`, in its order.

    Raises UserError where the weights lack one of its classes, or are of another size.
    """
    size, classes = record_set.manifest["size"], record_set.manifest["classes"]
    remedy = "name its records with --records"
    result = []
    for member in members:
        if member.data["size"] != size:
            raise UserError(
                f"{record_set}: size {size}, but {member.name} was trained with "
                f"{member.data['size']}; {remedy}"
            )
        try:
            result.append(_using(member, classes))
        except UserError as error:
            raise UserError(
                f"{record_set}: {member.name} was trained with other classes: {error}; {remedy}"
            ) from None
    return result


def classes_note(members):
    """Return a line that says which of the members' classes are not used; None where none is."""
    return class_names.note({member.name: member.kept for member in members})


def choose_members(root, wanted, ensemble):
    """Return the `Chosen` weights of `choose_run` and `resolve_ensemble`; raises as they do."""
    run, why = choose_run(root, wanted)
    members = resolve_ensemble(root, run, ensemble)
    name = "+".join(dict.fromkeys(member.name.partition(":")[0] for member in members))
    # Otherwise --ensemble names the runs.
    because = f" ({why})" if name == run.partition(":")[0] else ""
    names = ", ".join(member.name for member in members)
    return Chosen(name, members, f"run {name}{because}: {names}")


def _groups(ensemble, default):
    """`a:last5,b:100,200` -> [("a", "last5"), ("b", "100,200")]; steps without a run join the last.

    default: the run of steps that come before the first that is named.
    """
    groups = []
    for word in ensemble.split(","):
        run, colon, wanted = word.strip().rpartition(":")
        if colon or not groups:
            groups.append((run or default, [wanted]))
        else:
            groups[-1][1].append(wanted)
    return [(run, ",".join(words)) for run, words in groups]


def _members_of_run(root, name, wanted):
    if name == constants.SHIPPED_NAME:
        if wanted not in ("best", "latest"):
            raise UserError(f"{name}:{wanted}: the shipped weights are one checkpoint; use best")
        return [shipped_member()]
    run = run_folder.Run(root, name)
    if not run.exists():
        known = ", ".join(r.name for r in run_folder.list_runs(root)) or "none"
        raise UserError(f"{run.folder}: no such run; there are: {known}")
    recipe, settings = run.read()
    fitted = run.temperatures()
    return [
        _member(f"{name}:{c.step}", c.prefix, recipe, settings, fitted.get(c.step))
        for c in run_folder.select_checkpoints(run, wanted)
    ]


def _member(name, path, recipe, settings, temperatures):
    """temperatures: None where none were fitted."""
    fitted = calibration.Calibration()
    if temperatures:
        fitted = calibration.Calibration(tuple(temperatures), recipe.label_smoothing)
    return Member(name, str(path), recipe, settings["data"], fitted)


def shipped_member():
    """Return the shipped weights as a `Member`, see `weights.packed`."""
    path, recipe, settings = weights.packed(weights.SHIPPED)
    alone = settings.get("temperatures")
    member = _member(constants.SHIPPED_NAME, path, recipe, settings, alone)
    by_tta = settings.get(weights.TTA_TEMPERATURES, {})
    return member._replace(
        tta_calibrations={
            tta: calibration.Calibration(tuple(temperatures), recipe.label_smoothing)
            for tta, temperatures in by_tta.items()
        }
    )


def load_classifiers(members, *, precision="float32", latency_mode=False):
    """Return a `classifier.Classifier` per member, its weights loaded; the caller closes them.

    precision, latency_mode: see `classifier.Classifier`.
    """
    # TensorFlow takes seconds to import; by now it is certain that the members exist.
    from fer2013_tf.evaluation.classifier import Classifier

    loaded = []
    for member in members:
        how = {"precision": precision, "latency_mode": latency_mode}
        loaded.append(Classifier(member.recipe, member.data, **how))
        loaded[-1].load(weights.read_ema_weights(member.path), where=member.path)
    return loaded


def predict_logits(members, images, *, tta="none", precision="float32"):
    """Return each member's logits of every image's views: float32 [members, views, n, classes].

    Of members of different classes it is a list, each with its own classes. images: uint8 [n, h, w]
    of the members' image size. tta: see `classifier.Classifier.tta_logits`.
    precision: see `classifier.Classifier`. One graph serves consecutive members of the same net.
    """
    # TensorFlow takes seconds to import; by now it is certain that the members exist.
    from fer2013_tf.evaluation.classifier import Classifier

    bar = tqdm(total=len(members), desc="members", unit=" member", leave=False, delay=2)
    how = {"precision": precision, "latency_mode": len(images) <= FEW}
    results, classifier, built = [], None, None
    try:
        for member in members:
            if built != (member.recipe, member.data):
                if classifier:
                    classifier.close()
                classifier = Classifier(member.recipe, member.data, **how)
                built = member.recipe, member.data
            classifier.load(weights.read_ema_weights(member.path), where=member.path)
            results.append(classifier.tta_logits(images, tta))
            bar.update()
    finally:
        bar.close()
        if classifier:
            classifier.close()
    return np.stack(results) if len({logits.shape for logits in results}) == 1 else results


def evaluate_split(members, record_set, split, *, combine, tta, fit=False):
    """Return the `SplitEvaluation` of an ensemble on one split of a `records.RecordSet`.

    combine: "mean" or "vote", how the class is predicted, see `metrics.combine`; the probabilities
    are the members' mean in both cases. tta: "none" or "flip". fit: whether an ensemble that is not
    calibrated is, where `split` is PublicTest of the records it was trained on; that is kept, see
    `combinations.fit`.

    Raises UserError as `for_records` does, which says what of other classes is used.
    """
    members = for_records(members, record_set)
    faces = record_set.read(split)
    logits = predict_logits(members, faces.images, tta=tta)
    each = np.stack([_kept_probabilities(*pair).mean(axis=0) for pair in zip(members, logits)])
    predicted, probabilities = metrics.combine(each, combine), each.mean(axis=0)
    result = metrics.evaluate(
        probabilities,
        faces.labels,
        record_set.manifest["classes"],
        predicted=predicted,
        duplicated=_duplicated(record_set.manifest, split, faces.rows),
    )
    result["members"] = [
        {"name": m.name, "accuracy": float((p.argmax(axis=1) == faces.labels).mean())}
        for m, p in zip(members, each)
    ]
    used = combinations.find(members, tta)
    public = split == constants.PUBLIC_TEST
    if fit and public and not used.fitted and combinations.trained_on(members, record_set):
        used = combinations.fit(members, tta, logits, faces.labels)
    result["calibration"] = _calibration(used, members, logits, faces.labels)
    return SplitEvaluation(result, faces, predicted, probabilities)


def _duplicated(manifest, split, rows):
    """Return bool [n], True for images that Training has too; None where that is not known."""
    if split == constants.TRAINING or "report" not in manifest:
        return None
    return np.isin(rows, manifest["report"]["rows_also_in_training"][split])


def _kept_probabilities(member, logits):
    return calibration.keep(calibration.probabilities(logits), member.places)


def _calibration(combination, members, logits, labels):
    """Return how far confidence and accuracy are apart, before calibration and after it.

    combination: `calibration.Combination` of the members. Returns {"fitted": whether it was,
    "temperatures", "smoothings": of the combination, in a list, or where it was not fitted one per
    member, "before", "after": {"error": expected calibration error, 0..1, "loss": cross-entropy in
    nats, "bins": `calibration.reliability`}}.
    """
    used = [combination.fitted] if combination.fitted else combination.members
    result = {
        "fitted": combination.fitted is not None,
        "temperatures": [list(each.temperatures) for each in used],
        "smoothings": [each.smoothing for each in used],
    }
    plain = combinations.uncalibrated(members)
    for name, how in (("before", plain), ("after", combination)):
        probabilities = how.probabilities(logits)
        bins = calibration.reliability(probabilities, labels)
        loss = metrics.cross_entropy(probabilities, labels)
        result[name] = {"error": calibration.ece(bins), "loss": loss, "bins": bins}
    return result
