"""What a training begins with: a new run's recipe and settings, or an old run's with changes.

    setup = resume.prepare(run, record_set, request, ckpt="ckpt", fresh=False)
    ... build the graph, check that it fits the checkpoints ...
    setup.check_same_predictions(run)
    setup.announce()

Everything that refuses a request raises before anything is announced, written or deleted.
"""

import dataclasses
from pathlib import Path

from fer2013_tf import recipes
from fer2013_tf.checkpoints import warm_start
from fer2013_tf.utils import devices, registry
from fer2013_tf.utils.errors import UserError

DEFAULT_RECIPE = "lenet"
DEFAULTS = {"seed": 0, "input": "tfdata", "precision": "auto", "keep": 10}
# What a checkpoint's predictions, or the counting of its epochs, depend on.
FIXED = ("scaling", "blur", "equalize", "batch_size")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for; None and empty: nothing is."""

    recipe: str | None = None  # its name
    changes: tuple = ()  # of `key=value`, for the recipe
    given: dict = dataclasses.field(default_factory=dict)  # of the keys of DEFAULTS
    warm_start: str | None = None  # see warm_start.find
    renames: tuple = ()  # of `old=new`, see warm_start.renamed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setup:
    """What a run is trained with from here on."""

    recipe: recipes.Recipe
    settings: dict  # data, seed, input, precision, keep, changes, and warm_start if there is one
    notes: tuple  # lines that say how it came to that
    before: recipes.Recipe | None = None  # the recipe of the run as it was found

    def announce(self):
        """Print the notes."""
        print(*self.notes, sep="\n")

    def check_same_predictions(self, run):
        """Raise UserError for changes after which the checkpoints there would be of other nets."""
        if self.before is None or not run.checkpoints():
            return
        changed = [key for key in FIXED if getattr(self.before, key) != getattr(self.recipe, key)]
        if _in_evaluation(self.before.net) != _in_evaluation(self.recipe.net):
            changed.append("net")
        if changed:
            raise UserError(
                f"run {run.name}: {changed[0]} cannot change once there are checkpoints; "
                "choose another --run, or start over with --fresh"
            )


def prepare(run, record_set, request, *, ckpt, fresh):
    """Return the `Setup` of a `Run`: as it is there, with changes, or new.

    ckpt: the folder of runs that a warm start is looked for in. Raises UserError for whatever does
    not fit the run, the records or the recipe.
    """
    _check_folder(run, fresh)
    if run.exists() and not fresh:
        return _resumed(run, record_set, request, ckpt)
    return _new(run, record_set, request, ckpt)


def description_of(manifest):
    """Return what a run keeps of the manifest of the records it is trained on."""
    described = {k: manifest[k] for k in ("classes", "size", "mean", "std", "counts")}
    return {**described, "source_sha256": manifest.get("source", {}).get("sha256")}


def _check_folder(run, fresh):
    """Raise UserError for a folder that holds something, but no run."""
    if run.exists() or (fresh and run.checkpoints()) or not run.folder.exists():
        return
    if run.checkpoints():
        raise UserError(
            f"{run.folder}: checkpoints without recipe.json; restore it or start over with --fresh"
        )
    for path in run.folder.iterdir():
        if not path.name.startswith(".") and path != run.best_folder:
            raise UserError(f"{path}: in a folder that is no run; choose another --run or --ckpt")


def _new(run, record_set, request, ckpt):
    recipe = recipes.with_settings(recipes.load(request.recipe or DEFAULT_RECIPE), request.changes)
    settings = {"data": description_of(record_set.manifest), **DEFAULTS, **request.given}
    settings["precision"], why = devices.choose_precision(settings["precision"])
    if request.warm_start:
        settings["warm_start"] = warm_start.find(request.warm_start, ckpt)
        if run.folder.resolve() in Path(settings["warm_start"]).parents:
            raise UserError(
                f"--warm-start {request.warm_start}: --fresh deletes these weights with the run; "
                "choose another --run"
            )
        if request.renames:
            settings["warm_start_renames"] = list(request.renames)
    note = f"precision {settings['precision']}: {why}"
    return Setup(recipe=recipe, settings={**settings, "changes": []}, notes=(note,))


def _resumed(run, record_set, request, ckpt):
    recipe, settings = run.read()
    settings = {**DEFAULTS, **settings}
    _check_request(run, record_set, request, recipe, settings, ckpt)
    changed = recipes.with_settings(recipe, request.changes)
    given = dict(request.given)
    if "precision" in given:
        given["precision"], why = devices.choose_precision(given["precision"])
        note = f"precision {given['precision']}: {why}"
    else:
        note = f"precision {settings['precision']}: as this run began"
    changes = _changes(run, recipe, changed, settings, given)
    notes = ["from step {step} on: {key} = {to!r} (was {from!r})".format(**c) for c in changes]
    settings = {**settings, **given, "changes": settings["changes"] + changes}
    return Setup(recipe=changed, settings=settings, notes=(note, *notes), before=recipe)


def _check_request(run, record_set, request, recipe, settings, ckpt):
    if request.recipe and request.recipe != recipe.name:
        raise UserError(
            f"{run.folder}: holds recipe {recipe.name}, not {request.recipe}; "
            "choose another --run, or start over with --fresh"
        )
    if settings["data"] != description_of(record_set.manifest):
        raise UserError(
            f"{record_set}: not the records that run {run.name} was trained on; "
            "name those with --records, choose another --run, or start over with --fresh"
        )
    if request.warm_start and any(run.checkpoints()):
        known = settings.get("warm_start")
        if warm_start.find(request.warm_start, ckpt) != known:
            raise UserError(
                f"--warm-start {request.warm_start}: run {run.name} began with {known or 'none'}; "
                "choose another --run, or start over with --fresh"
            )


def _in_evaluation(net):
    """A net's spec without the options that matter in training only."""
    spec = registry.parse(net)
    kept = {key: v for key, v in spec.options.items() if not key.startswith("dropout")}
    return spec._replace(options=kept)


def _changes(run, recipe, changed, settings, given):
    step = max((c.step for c in run.checkpoints()), default=0)
    pairs = [(k, v, getattr(changed, k)) for k, v in recipe.__dict__.items()]
    pairs += [(k, settings[k], v) for k, v in given.items()]
    return [
        {"step": step, "key": key, "from": old, "to": new} for key, old, new in pairs if old != new
    ]
