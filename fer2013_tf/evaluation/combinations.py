"""Calibrations of ensembles and flipping, fitted on PublicTest by `eval`, kept beside the run.

used = combinations.find(members, "flip")             # calibration.Combination
probabilities = used.probabilities(logits)            # of Classifier.tta_logits, per member

ckpt/RUN/calibration.json holds an entry per set of checkpoints and --tta. The checkpoints are known
by their content, so the entry of a run that was trained again is never used for another one.
"""

import hashlib
import sys
from pathlib import Path

from fer2013_tf.checkpoints import run_folder, weights
from fer2013_tf.evaluation import calibration
from fer2013_tf.utils import cli, constants, files
from fer2013_tf.utils.errors import UserError

VERSION = 1
# Entries kept; the oldest go first. Those of checkpoints that were rotated away are of no use.
MOST = 50
REMEDY = "remove it; eval on PublicTest fits its calibrations again"


def find(members, tta):
    """Return the `calibration.Combination` of members [ensembles.Member] and --tta.

    Raises UserError naming a calibration.json that is damaged or not of this version.
    """
    own = tuple(member.calibration for member in members)
    return calibration.Combination(own, _fitted(members, tta), _places(members))


def _fitted(members, tta):
    """Return the `calibration.Calibration` of the mean; None where none was fitted."""
    alone = members[0] if len(members) == 1 else None
    if alone and tta == "none" and alone.calibration != calibration.Calibration():
        return alone.calibration
    if alone and tta in alone.tta_calibrations:
        return alone.tta_calibrations[tta]
    key = _key(members, tta)
    for folder in _run_folders(members):
        for entry in _read(folder):
            if {name: entry.get(name) for name in key} == key:
                return _calibration_of(entry, folder, members)
    return None


def _places(members):
    """Return per member the places of the classes that are kept; () where all keep all."""
    places = tuple(member.places for member in members)
    return () if places == (None,) * len(members) else places


def uncalibrated(members):
    """Return the `calibration.Combination` that averages the members' probabilities as they are."""
    return calibration.Combination(
        (calibration.Calibration(),) * len(members), None, _places(members)
    )


def fit(members, tta, logits, labels):
    """Fit a combination on PublicTest and keep it beside the first member's run.

    logits: float32 [members, views, n, k]. labels: integers [n]. Returns what `find` then returns;
    where it cannot be kept, a note on standard error says why, and it is not used.
    """
    smoothings = [member.recipe.label_smoothing for member in members]
    fitted = calibration.fit_mean(logits, labels, smoothings)
    folders = _run_folders(members)
    if not folders:
        return find(members, tta)
    path = folders[0] / run_folder.CALIBRATIONS
    key = _key(members, tta)
    others = [e for e in _read(folders[0]) if {name: e.get(name) for name in key} != key]
    entry = {
        **key,
        "members": [member.name for member in members],
        "split": constants.PUBLIC_TEST,
        "images": len(labels),
        "temperatures": fitted.temperatures,
        "smoothing": fitted.smoothing,
    }
    content = {"version": VERSION, "fitted": [*others, entry][-MOST:]}
    try:
        files.write_json(path, content)
    except OSError as error:
        print(f"note: {cli.with_remedy(error)}; this calibration is not kept", file=sys.stderr)
    return find(members, tta)


def trained_on(members, record_set):
    """Return whether all members were trained on these records (`records.RecordSet`)."""
    there = record_set.manifest
    keys = ("classes", "size", "mean", "std", "counts")
    source = there.get("source", {}).get("sha256")
    return all(
        member.data.get("source_sha256") == source
        and all(member.data.get(key) == there[key] for key in keys)
        for member in members
    )


def unfitted_note(members, tta, *, ckpt, run, ensemble=None):
    """Return a line that says that a combination is not calibrated, and how to change that.

    ckpt, run, ensemble: what chose the members.
    """
    who = members[0].name if len(members) == 1 else f"these {len(members)} checkpoints together"
    what = f"probabilities are not calibrated for {who}{' with flip' if tta == 'flip' else ''}"
    if len({tuple(member.data["classes"]) for member in members}) > 1:
        return f"{what}: their classes differ, so that each has its own calibration"
    if not all(_public_images(member) for member in members):
        return f"{what}: no image of their training records is {constants.PUBLIC_TEST} to fit it on"
    if not _run_folders(members):
        # Packed before `ship` knew of it, or from a run that had none.
        made = ["NAME", "--tta", tta, "--split", constants.PUBLIC_TEST]
        evaluate = cli.command_line("eval", "--run", *made)
        return f"{what}; to fit it: {evaluate}, then {cli.command_line('ship', '--run', 'NAME')}"
    words = ["--run", run, *(["--ckpt", ckpt] if str(ckpt) != cli.FOLDERS["ckpt"][0] else [])]
    words += ["--ensemble", ensemble] if ensemble else []
    words += ["--tta", tta] if tta != "none" else []
    evaluate = cli.command_line("eval", *words, "--split", constants.PUBLIC_TEST)
    where = ", on the records of its training" if any(member.kept for member in members) else ""
    return f"{what}; to fit it: {evaluate}{where}"


def _public_images(member):
    return sum(member.data.get("counts", {}).get(constants.PUBLIC_TEST, {}).values())


def _key(members, tta):
    return {"checkpoints": sorted(_fingerprint(member.path) for member in members), "tta": tta}


def _fingerprint(path):
    """Return what tells a set of weights from others.

    The index of a checkpoint holds a checksum of every array; it is read in no time.
    """
    path = str(path)
    if path.endswith(".npz"):
        return files.file_sha256(path)
    return hashlib.sha256(Path(f"{path}.index").read_bytes()).hexdigest()


def _run_folders(members):
    """Return the folders of the runs that the members are of; packed weights are of none."""
    parents = [Path(m.path).parent for m in members if Path(m.path).name != weights.WEIGHTS]
    folders = [p.parent if p.name == run_folder.BEST else p for p in parents]
    return list(dict.fromkeys(folders))


def _read(folder):
    path = folder / run_folder.CALIBRATIONS
    if not path.exists():
        return []
    content = files.read_json(path, REMEDY)
    if content.get("version") != VERSION:
        raise UserError(f"{path}: version {content.get('version')}, expected {VERSION}; {REMEDY}")
    return content["fitted"]


def _calibration_of(entry, folder, members):
    temperatures, classes = entry["temperatures"], len(members[0].data["classes"])
    if len(temperatures) != classes:
        path = folder / run_folder.CALIBRATIONS
        raise UserError(f"{path}: {len(temperatures)} temperatures for {classes} classes; {REMEDY}")
    return calibration.Calibration(tuple(temperatures), entry["smoothing"])
