"""The command that sets runs side by side: `python -m fer2013_tf.compare`."""

import argparse
import itertools
import json
import sys
from pathlib import Path

from fer2013_tf import checkpoints, command, emotions, files, metrics, records, report
from fer2013_tf.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.compare lenet article              two runs, their best checkpoints
  python -m fer2013_tf.compare lenet lenet:last5 --tta flip
  python -m fer2013_tf.compare --ckpt ckpt/nets           every run of a sweep
  python -m fer2013_tf.compare a b --split PrivateTest --out report

Writes compare.json, accuracy.png, curves.png and confusion.png to --out. McNemar's test says of
any two whether their answers to the same pictures differ by more than chance.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.compare",
        description="Compare runs: size, speed, accuracy, curves, confusion, a paired test.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        "runs",
        nargs="*",
        metavar="RUN[:WHICH]",
        help="runs under --ckpt, with best, last5, a step, ... as in eval (default: every run)",
    )
    add(
        "--split",
        choices=emotions.SPLITS,
        default=emotions.PUBLIC_TEST,
        help="pictures to compare on; choose by PublicTest (default: %(default)s)",
    )
    add("--tta", choices=("none", "flip"), default="none", help="as in eval (default: none)")
    add("--out", metavar="DIR", help="where to write (default: LOGS/compare)")
    command.add_folders(
        result,
        records="where make_records wrote",
        ckpt="where the runs are",
        logs="results go to DIR/compare",
    )
    return result


def run(args):
    """Compares the runs that `args` (see `parser`) names. Returns the exit status."""
    wanted = args.runs or [r.name for r in reversed(checkpoints.runs(args.ckpt))]
    if len(set(wanted)) < 2:
        raise UserError(f"{args.ckpt}: {len(set(wanted))} runs to compare; name two or more")
    compared = [_compared(args, name) for name in dict.fromkeys(wanted)]
    out = Path(args.out or Path(args.logs) / "compare")
    out.mkdir(parents=True, exist_ok=True)
    title = records.split_names(records.load(args.records))[args.split]
    print(report.runs_table(compared, title))
    pairs = _pairs(compared)
    print(report.pairs_table(pairs))
    _draw(compared, out, title)
    kept = [{k: v for k, v in one.items() if k != "right"} for one in compared]
    content = {"split": title, "runs": kept, "pairs": pairs}
    files.write_atomically(out / "compare.json", json.dumps(content, indent=1) + "\n")
    print(f"wrote {out}: compare.json, accuracy.png, curves.png, confusion.png")
    return 0


def _compared(args, wanted):
    """What is shown of a run, as a dict."""
    from fer2013_tf import costs, evaluation

    name, _, which = wanted.partition(":")
    members = evaluation.find_members(args.ckpt, name, which or "best")
    result, faces, predicted, _ = evaluation.evaluate_split(
        members, args.records, args.split, combine="mean", tta=args.tta
    )
    there = name == checkpoints.SHIPPED_NAME
    history = [] if there else checkpoints.Run(args.ckpt, name).history()
    first = members[0]
    cost = costs.of_net(first.recipe, first.data)
    seconds = [entry["seconds"] for entry in history]
    f1 = [figures["f1"] for figures in result["per_class"].values()]
    return {
        "name": wanted,
        "net": first.recipe.net,
        "classes": first.data["classes"],
        "parameters": cost.parameters,
        "operations": cost.operations,
        "epochs": len(history),
        "epoch_seconds": sum(seconds) / len(seconds) if seconds else None,
        "accuracy": result["accuracy"],
        "ci95": result["ci95"],
        "accuracy_dedup": result["accuracy_dedup"],
        "macro_f1": sum(f1) / len(f1),
        "confusion": result["confusion"],
        "history": history,
        "right": predicted == faces.labels,
    }


def _pairs(compared):
    """McNemar's test of any two."""
    pairs = []
    for first, second in itertools.combinations(compared, 2):
        alone = [
            int((a["right"] & ~b["right"]).sum()) for a, b in ((first, second), (second, first))
        ]
        p = metrics.mcnemar(first["right"], second["right"])
        names = (first["name"], second["name"])
        pairs.append({"names": names, "right_alone": alone, "p": p})
    return pairs


def _draw(compared, out, title):
    from fer2013_tf import plots_of_runs

    accuracies = {one["name"]: (one["accuracy"], one["ci95"]) for one in compared}
    plots_of_runs.bars(accuracies, out / "accuracy.png", f"accuracy on {title}")
    histories = {one["name"]: one["history"] for one in compared if one["history"]}
    if histories:
        plots_of_runs.curves(histories, out / "curves.png", "training")
    matrices = {one["name"]: one["confusion"] for one in compared}
    heading = f"{title}: percent of the true class (rows) answered as (columns)"
    plots_of_runs.confusions(matrices, compared[0]["classes"], out / "confusion.png", heading)


def main(argv=None):
    """Entry point; returns the exit status."""
    return command.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
