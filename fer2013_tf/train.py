"""Train a recipe on TFRecords: `python -m fer2013_tf.train`."""

import argparse
import shlex
import signal
import sys
import textwrap
from pathlib import Path

from fer2013_tf import nets, recipes
from fer2013_tf.checkpoints import run_folder
from fer2013_tf.data import records
from fer2013_tf.training import resume
from fer2013_tf.utils import cli, devices, files
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.train                              the recipe lenet on tfrecords/
  python -m fer2013_tf.train --run lenet                  go on with it, after Ctrl-C or a crash
  python -m fer2013_tf.train --run lenet --set epochs=150 ask for more epochs
  python -m fer2013_tf.train --recipe article --run hu --set batch_size=128
  python -m fer2013_tf.train --run hour --minutes 60      as many epochs as fit into an hour
  python -m fer2013_tf.train --run mine --records mine --warm-start lenet --freeze "conv*"
  python -m fer2013_tf.train --recipe resnet18 --explain-speed
  python -m fer2013_tf.train --run try --set "net.dropout_rates=(0.3, 0.3, 0.3)" --fresh
  python -m fer2013_tf.train --run hu --eval-every 20 --log-every 20
                                                          watch it batch by batch
  tensorboard --logdir logs                               look at it meanwhile

Starting again with the same --run resumes from the newest checkpoint; --set then changes the
recipe from there on. Ctrl-C saves first.

{recipes}
{nets}
{settings}; their options: docs/settings.md
"""


def _listed(what, names):
    return textwrap.fill(f"{what}: {', '.join(names)}", width=98, subsequent_indent="  ")


def parser():
    """Return the command line's parser."""
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
    add("--recipe", metavar="NAME", help="recipe to start from (default: lenet)")
    add(
        "--run",
        metavar="NAME",
        help="name of the folders under --ckpt and --logs (default: the recipe's)",
    )
    cli.add_settings(result, "such as epochs or net.norm")
    cli.add_folders(
        result,
        "records",
        ckpt="checkpoints go to DIR/RUN",
        logs="TensorBoard events go to DIR/RUN",
    )
    _add_training(result.add_argument_group("how it is trained"))
    _add_watching(result.add_argument_group("what it shows and saves"))
    _add_start(result.add_argument_group("what it starts with"))
    return result


def _add_training(group):
    add = group.add_argument
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
        help="seed of random values: weights, shuffling, augmentation, dropout (default: 0)",
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


def _add_watching(group):
    add = group.add_argument
    add(
        "--eval-every",
        type=int,
        metavar="STEPS",
        help="every so many steps, show in TensorBoard the accuracy on the running batch and on "
        "as many random images of PublicTest, both with EMA weights and without dropout "
        "(default: never)",
    )
    add(
        "--log-every",
        type=int,
        metavar="STEPS",
        help="every so many steps, print a line with time, step, loss, learning rate and the "
        "accuracies of --eval-every (default: never)",
    )
    add(
        "--save-every",
        type=int,
        metavar="STEPS",
        help="write a checkpoint every so many steps too, not only at the end of each epoch; "
        "--keep and last5 count them all (default: never)",
    )
    add(
        "--full-graph",
        action="store_true",
        help="show the whole graph in TensorBoard, with the input's queues and reader, EMA and "
        "optimizer (default: the net, one box per layer)",
    )
    add(
        "--explain-speed",
        action="store_true",
        help="train nothing: print how each convolution of the net is computed, and its share of a "
        "step's time",
    )


def _add_start(group):
    add = group.add_argument
    add(
        "--warm-start",
        metavar="WEIGHTS",
        help="begin with the weights of RUN, RUN:WHICH, a checkpoint, a .npz, or Keras' .h5 of "
        "VGG16; what does not fit, such as the output for another number of classes, gets new "
        "initial values",
    )
    add(
        "--rename",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help="with --warm-start: take the variable, or all in the scope, OLD of the weights for "
        "NEW of this net, as in conv2d=conv1; may be repeated",
    )
    add(
        "--freeze",
        metavar="PATTERN",
        action="append",
        help="leave variables of these names as they are, as in 'conv*'; may be repeated",
    )
    add("--fresh", action="store_true", help="delete the run of that name and start over")


def run(args):
    """Train, or go on training, what `args` (see `parser`) says. Return the exit status."""
    _check_numbers(args)
    this = run_folder.Run(args.ckpt, args.run or args.recipe or resume.DEFAULT_RECIPE)
    record_set = records.RecordSet(args.records)
    if args.explain_speed:
        return _explain_speed(this, record_set, args)
    with this.lock():
        setup = resume.prepare(this, record_set, _request(args), ckpt=args.ckpt, fresh=args.fresh)
        received = _train(this, record_set, setup, args)
    _say_ended(this, received, args)
    return 0 if received is None else 128 + received


def _explain_speed(this, record_set, args):
    """Print how each convolution is computed, and what it costs."""
    setup = resume.prepare(this, record_set, _request(args), ckpt=args.ckpt, fresh=args.fresh)
    # TensorFlow takes seconds to import; by now the options are known to fit.
    from fer2013_tf.training import speed_report

    lines = speed_report.lines(setup.recipe, record_set, precision=setup.settings["precision"])
    for line in lines:
        print(line)


def _request(args):
    """What the options ask for, as a `resume.Request`."""
    given = {key: getattr(args, key) for key in resume.DEFAULTS if getattr(args, key) is not None}
    freeze = [f"freeze={','.join(args.freeze)}"] if args.freeze else []
    return resume.Request(
        recipe=args.recipe,
        changes=(*args.settings, *freeze),
        given=given,
        warm_start=args.warm_start,
        renames=tuple(args.rename),
    )


def _train(this, record_set, setup, args):
    """Train, and draw the curves. Return the signal that ended it early, or None."""
    from fer2013_tf.training.trainer import Trainer, Watching
    from fer2013_tf.visualization import training_curves

    logs = Path(args.logs) / this.name
    limit = {} if args.minutes is None else {"minutes": args.minutes}
    watching = Watching(args.eval_every, args.log_every, args.save_every, args.full_graph)
    trainer = Trainer(
        this, record_set, setup.recipe, setup.settings, logs=logs, watching=watching, **limit
    )
    if not args.fresh:
        trainer.check_fits()
        setup.check_same_predictions(this)
    if args.fresh or not this.checkpoints():
        trainer.read_start()
    # Only now is anything announced, deleted or replaced: what is refused leaves the run as it was.
    _announce(this, setup)
    if args.fresh:
        this.clear(logs)
    logs.mkdir(parents=True, exist_ok=True)
    for folder in (this.folder, this.best_folder, logs):
        files.remove_partials(folder)
    this.write(setup.recipe, setup.settings)
    received = trainer.train()
    if this.history():
        training_curves.training_curves(this.history(), logs / "curves.png")
        print(run_folder.best_line(this.history()))
        print(f"curves: {logs / 'curves.png'}")
    return received


def _announce(this, setup):
    setup.announce()
    print(f"run {this.name}: recipe {setup.recipe.name}, net {setup.recipe.net}")
    print("input {input}, seed {seed}".format(**setup.settings))


def _say_ended(this, received, args):
    if received is None:
        command = ["python", "-m", "fer2013_tf.eval", "--run", this.name, "--ckpt", args.ckpt]
        print(f"done: {this.folder}; next: {shlex.join(map(str, command))}")
    else:
        print(f"{signal.Signals(received).name}: saved; the same command goes on from here")


def _check_numbers(args):
    if args.keep is not None and args.keep < 1:
        raise UserError(f"--keep {args.keep}: keep at least one checkpoint")
    for option in ("eval_every", "log_every", "save_every"):
        steps = getattr(args, option)
        if steps is not None and steps < 1:
            raise UserError(f"--{option.replace('_', '-')} {steps}: give 1 step or more")
    if args.minutes is not None and not args.minutes > 0:
        raise UserError(f"--minutes {args.minutes:g}: give a time over 0")
    if args.seed is not None and not 0 <= args.seed < 2**31:
        raise UserError(f"--seed {args.seed}: must be from 0 to {2**31 - 1}")
    if args.rename and not args.warm_start:
        raise UserError("--rename: of the weights that --warm-start names; give it too")


def main(argv=None):
    """Entry point; returns the exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
