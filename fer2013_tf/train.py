"""The command that trains a recipe: `python -m fer2013_tf.train`."""

import argparse
import shutil
import signal
import sys
import textwrap
from pathlib import Path

from fer2013_tf import (
    checkpoints,
    command,
    devices,
    files,
    nets,
    recipes,
    records,
    specs,
    warm_start,
)
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.train                              the recipe lenet on tfrecords/
  python -m fer2013_tf.train --run lenet                  go on with it, after Ctrl-C or a crash
  python -m fer2013_tf.train --run lenet --set epochs=150 ask for more epochs
  python -m fer2013_tf.train --recipe article --run a1 --set batch_size=128
  python -m fer2013_tf.train --run hour --minutes 60      as many epochs as fit into an hour
  python -m fer2013_tf.train --run mine --records mine --warm-start lenet --freeze "conv*"
  python -m fer2013_tf.train --run try --set "net.dropout_rates=(0.3, 0.3, 0.3)" --fresh
  tensorboard --logdir logs                               look at it meanwhile

Starting again with the same --run resumes from the newest checkpoint; --set then changes the
recipe from there on. Ctrl-C saves first.

{recipes}
{nets}
{settings}; their options: docs/settings.md
"""

DEFAULTS = {"seed": 0, "input": "tfdata", "precision": "auto", "keep": 10}
# What a checkpoint's answers, or the counting of its epochs, depend on.
FIXED = ("scaling", "equalise", "batch_size")


def _listed(what, names):
    return textwrap.fill(f"{what}: {', '.join(names)}", width=98, subsequent_indent="  ")


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.train",
        description="Train a recipe on TFRecords, with checkpoints, evaluation and TensorBoard.",
        epilog=EXAMPLES.format(
            recipes=_listed("recipes", recipes.names()),
            nets=_listed("nets", nets.names()),
            settings=_listed("settings", recipes.settable()),
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--recipe", metavar="NAME", help="settings to start from (default: lenet)")
    add(
        "--run",
        metavar="NAME",
        help="name of the folders under --ckpt and --logs (default: the recipe's)",
    )
    command.add_settings(result, "override a setting of the recipe")
    command.add_folders(
        result,
        records="where make_records wrote",
        ckpt="checkpoints go to DIR/RUN",
        logs="TensorBoard events go to DIR/RUN",
    )
    add(
        "--input",
        choices=("tfdata", "queue"),
        help="input pipeline (default: tfdata; only tfdata repeats exactly)",
    )
    add("--precision", choices=devices.PRECISIONS, help="number format (default: auto)")
    add(
        "--seed",
        type=int,
        metavar="N",
        help="seed of weights, shuffling, augmentation, dropout (default: 0)",
    )
    add(
        "--keep",
        type=int,
        metavar="N",
        help="checkpoints kept beside the best (default: 10)",
    )
    add(
        "--minutes",
        type=float,
        metavar="M",
        help="train no epoch that would end after M minutes of training in all, but one at least",
    )
    add(
        "--warm-start",
        metavar="WEIGHTS",
        help="begin with the weights of RUN, RUN:latest, a checkpoint, a .npz, or Keras' .h5 of "
        "VGG16; what does not fit, such as the output of another class count, is initialised anew",
    )
    add(
        "--freeze",
        metavar="PATTERN",
        action="append",
        help="leave variables of these names as they are, as in 'conv*'; may be repeated",
    )
    add("--fresh", action="store_true", help="delete the run of that name and start over")
    return result


def run(args):
    """Trains, or goes on training, what `args` (see `parser`) says. Returns the exit status."""
    _check_numbers(args)
    this = checkpoints.Run(args.ckpt, args.run or args.recipe or "lenet")
    manifest = records.load(args.records)
    with this.lock():
        _check_folder(this, args.fresh)
        resumes = this.exists() and not args.fresh
        recipe, settings = _resumed(this, args, manifest) if resumes else _new(args, manifest)
        print(f"run {this.name}: recipe {recipe.name}, net {recipe.net}")
        print("input {input}, seed {seed}".format(**settings))
        return _train(this, args, recipe, settings)


def _train(this, args, recipe, settings):
    from fer2013_tf import plots
    from fer2013_tf.training import Trainer

    logs = Path(args.logs) / this.name
    limit = {} if args.minutes is None else {"minutes": args.minutes}
    trainer = Trainer(this, args.records, recipe, settings, logs=logs, **limit)
    # Only now is anything deleted or replaced: what is refused leaves the run as it was.
    if args.fresh:
        _clear(this, logs)
    elif this.exists():
        trainer.check_fits()
        _check_same_answers(this, recipe)
    logs.mkdir(parents=True, exist_ok=True)
    for folder in (this.folder, this.best_folder, logs):
        files.sweep(folder)
    this.write(recipe, settings)
    received = trainer.train()
    if this.history():
        plots.training_curves(this.history(), logs / "curves.png")
        print(f"curves: {logs / 'curves.png'}")
    if received is None:
        print(
            f"done: {this.folder}; next: "
            f"python -m fer2013_tf.eval --run {this.name} --ckpt {args.ckpt}"
        )
        return 0
    name = signal.Signals(received).name
    print(f"{name}: saved; the same command goes on from here")
    return 128 + received


def _check_numbers(args):
    if args.keep is not None and args.keep < 1:
        raise UserError(f"--keep {args.keep}: keep at least one checkpoint")
    if args.minutes is not None and not args.minutes > 0:
        raise UserError(f"--minutes {args.minutes:g}: give a time over 0")
    if args.seed is not None and not 0 <= args.seed < 2**31:
        raise UserError(f"--seed {args.seed}: must be from 0 to {2**31 - 1}")


def _check_folder(this, fresh):
    """Refuses a folder that holds something, but no run."""
    if this.exists() or (fresh and this.checkpoints()):
        return
    if this.checkpoints():
        raise UserError(
            f"{this.folder}: checkpoints without recipe.json; restore it or start over with --fresh"
        )
    for path in this.folder.iterdir():
        if not path.name.startswith(".") and path != this.best_folder:
            raise UserError(f"{path}: in a folder that is no run; choose another --run or --ckpt")


def _new(args, manifest):
    recipe = recipes.with_settings(recipes.load(args.recipe or "lenet"), _settings(args))
    given = {**DEFAULTS, **_given(args)}
    given["precision"] = _precision(given["precision"])
    if args.warm_start:
        given["warm_start"] = warm_start.find(args.warm_start, args.ckpt)
    return recipe, {"data": _description(manifest), **given, "changes": []}


def _settings(args):
    return args.settings + ([f"freeze={','.join(args.freeze)}"] if args.freeze else [])


def _given(args):
    """What the command line says of the settings in DEFAULTS."""
    return {key: getattr(args, key) for key in DEFAULTS if getattr(args, key) is not None}


def _precision(wanted):
    precision, why = devices.choose_precision(wanted)
    print(f"precision {precision}: {why}")
    return precision


def _resumed(this, args, manifest):
    """Recipe and settings of a run that is there, with what `args` changes (noted there)."""
    recipe, settings = this.read()
    settings = {**DEFAULTS, **settings}
    if args.recipe and args.recipe != recipe.name:
        raise UserError(
            f"{this.folder}: holds recipe {recipe.name}, not {args.recipe}; "
            "choose another --run, or start over with --fresh"
        )
    if settings["data"] != _description(manifest):
        raise UserError(
            f"{args.records}: not the records that run {this.name} was trained on; "
            "name those with --records, choose another --run, or start over with --fresh"
        )
    if args.warm_start and any(this.checkpoints()):
        known = settings.get("warm_start")
        if warm_start.find(args.warm_start, args.ckpt) != known:
            raise UserError(
                f"--warm-start {args.warm_start}: run {this.name} began with {known or 'none'}; "
                "choose another --run, or start over with --fresh"
            )
    changed = recipes.with_settings(recipe, _settings(args))
    given = _given(args)
    if "precision" in given:
        given["precision"] = _precision(given["precision"])
    else:
        print(f"precision {settings['precision']}: as this run began")
    step = max((c.step for c in this.checkpoints()), default=0)
    changes = [
        {"step": step, "key": key, "from": before, "to": after}
        for key, before, after in [
            *((k, v, getattr(changed, k)) for k, v in recipe.__dict__.items()),
            *((k, settings[k], v) for k, v in given.items()),
        ]
        if before != after
    ]
    for change in changes:
        print("from step {step} on: {key} = {to!r} (was {from!r})".format(**change))
    return changed, {**settings, **given, "changes": settings["changes"] + changes}


def _description(manifest):
    """What a run needs to know of the records it was trained on."""
    described = {k: manifest[k] for k in ("classes", "size", "mean", "deviation", "counts")}
    return {**described, "source_sha256": manifest.get("source", {}).get("sha256")}


def _check_same_answers(this, recipe):
    """Refuses changes after which the checkpoints there would be evaluated as other nets."""
    before, _ = this.read()
    changed = [key for key in FIXED if getattr(before, key) != getattr(recipe, key)]
    if _of_evaluation(before.net) != _of_evaluation(recipe.net):
        changed.append("net")
    if changed and this.checkpoints():
        raise UserError(
            f"run {this.name}: {changed[0]} cannot change once there are checkpoints; "
            "choose another --run, or start over with --fresh"
        )


def _of_evaluation(net):
    """A net's spec without what is there in training only."""
    spec = specs.parse(net)
    kept = {key: v for key, v in spec.options.items() if not key.startswith("dropout")}
    return spec._replace(options=kept)


def _clear(this, logs):
    """Deletes a run: its events, then all but the lock, recipe.json last."""
    for events in logs.rglob("events.out.tfevents.*"):
        events.unlink()
    for path in sorted(this.folder.iterdir(), key=lambda path: path.name == "recipe.json"):
        if path.name != ".lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    this.best_folder.mkdir()


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
