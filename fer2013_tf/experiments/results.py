"""Results of a sweep: dicts for result.json, tables, figures, and which trial is best.

Each training has one result, a dict as `result` returns it.
"""

import hashlib
import json

import numpy as np

from fer2013_tf import recipes
from fer2013_tf.evaluation import metrics, text_tables
from fer2013_tf.utils import constants, files, legacy

CURVES, ACCURACY = "curves.png", "accuracy.png"


def fingerprint(settings, seed, minutes, data):
    """Return a hash of all that a result depends on.

    settings: a recipe's dict. minutes: the plan's limit, or None. data: the records' manifest.
    """
    source = [data["classes"], data["size"], data.get("source", {}).get("sha256")]
    text = json.dumps([settings, seed, minutes, source], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_of(result, recipe, seed, minutes, data, where):
    """Return whether a result is of this recipe, seed, limit and set of records.

    Results of earlier versions hold the recipe, and the fingerprint of it, in their names. Raises
    UserError naming `where` for a recipe with unknown keys.
    """
    stored = result["recipe"]
    same = recipes.from_dict(legacy.recipe(stored), where) == recipe
    return same and result["fingerprint"] == fingerprint(stored, seed, minutes, data)


def result(trial, seed, run, evaluation, history, cost):
    """Return one training's result. evaluation: what eval writes as JSON. cost: a costs.Cost."""
    accuracies = [entry["public_accuracy"] for entry in history]
    return {
        "run": run,
        "trial": trial.name,
        "choices": trial.choices,
        "seed": seed,
        "recipe": trial.recipe.__dict__,
        "parameters": cost.parameters,
        "operations": cost.operations,
        "epochs": len(history),
        "best_epoch": int(np.argmax(accuracies)) + 1,
        "minutes": sum(entry["seconds"] for entry in history) / 60,
        "splits": {
            split: {key: figures[key] for key in ("accuracy", "ci95", "accuracy_dedup", "n")}
            for split, figures in evaluation["splits"].items()
        },
        "history": history,
    }


def accuracy(one, split=constants.PUBLIC_TEST):
    """Return a result's accuracy on a split, NaN where it was not evaluated there."""
    return one["splits"].get(split, {}).get("accuracy", float("nan"))


def line(one):
    """Return a result as one line of text."""
    shown = [
        f"{split} {100 * figures['accuracy']:.2f} % "
        f"({100 * figures['ci95'][0]:.1f} to {100 * figures['ci95'][1]:.1f})"
        for split, figures in one["splits"].items()
    ]
    done = f"best of {one['epochs']} epochs: {one['best_epoch']}, {one['minutes']:.1f} min"
    return f"      {one['run']}: {', '.join(shown)}; {done}"


def mean(results, split=constants.PUBLIC_TEST):
    """Return the mean accuracy of one trial's seeds."""
    return float(np.mean([accuracy(one, split) for one in results]))


def std(results, split=constants.PUBLIC_TEST):
    """Return the standard deviation over one trial's seeds, NaN for a single seed."""
    values = [accuracy(one, split) for one in results]
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def grouped(results):
    """Return {trial: its results}, in order of appearance."""
    groups = {}
    for one in results:
        groups.setdefault(one["trial"], []).append(one)
    return groups


def write_table(path, results):
    """Write results.csv: one row per training."""
    import pandas as pd

    rows = []
    for one in results:
        row = {"run": one["run"], **one["choices"], "seed": one["seed"]}
        for key in ("parameters", "operations", "epochs", "best_epoch", "minutes"):
            row[key] = one[key]
        for split, figures in one["splits"].items():
            row[split] = figures["accuracy"]
            row[f"{split}_low"], row[f"{split}_high"] = figures["ci95"]
            row[f"{split}_dedup"] = figures["accuracy_dedup"]
        rows.append(row)
    files.write_atomically(path, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))


def seeds_table(results):
    """Return mean and std of each trial over its seeds as text; empty for a single seed."""
    groups = grouped(results)
    if max(map(len, groups.values()), default=0) < 2:
        return ""
    shown, width = list(results[0]["splits"]), max(map(len, groups))
    lines = [f"{'mean and std over seeds':<{width}}" + "".join(f"{s:>18}" for s in shown)]
    for name, group in groups.items():
        cells = (f"{100 * mean(group, s):.2f} +- {100 * std(group, s):.2f}" for s in shown)
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines)


def plot(folder, results, title):
    """Write curves.png, of each trial's first seed, and accuracy.png: one color per trial."""
    from fer2013_tf.visualization import comparison

    first = {name: group[0] for name, group in grouped(results).items()}
    histories = {name: one["history"] for name, one in first.items()}
    comparison.curves(histories, folder / CURVES, title)
    bars = {name: (mean(group), _interval(group)) for name, group in grouped(results).items()}
    comparison.bars(bars, folder / ACCURACY, f"{title}: accuracy on {constants.PUBLIC_TEST}")


def _interval(group):
    """Return the 95 % interval of a single seed, or mean minus and plus std of several."""
    if len(group) == 1:
        return group[0]["splits"][constants.PUBLIC_TEST]["ci95"]
    return mean(group) - std(group), mean(group) + std(group)


def conclusion(results, logs):
    """Return a sentence: which trial is best on PublicTest, and whether by more than chance.

    logs: the plan's folder, with each run's predictions.
    """
    ranked = sorted(grouped(results).items(), key=lambda item: -mean(item[1]))
    if not ranked:
        return "no results"
    name, best = ranked[0]
    low, high = (100 * end for end in best[0]["splits"][constants.PUBLIC_TEST]["ci95"])
    spread = f"{low:.2f} to {high:.2f}"
    if len(best) > 1:
        spread = f"std {100 * std(best):.2f} over seeds"
    said = f"best on PublicTest: {name}, {100 * mean(best):.2f} % ({spread})"
    if len(ranked) == 1:
        return said
    other, second = ranked[1]
    gap = 100 * (mean(best) - mean(second))
    return f"{said}; {gap:.2f} points before {other}: {_verdict(best, second, logs)}"


def _verdict(best, second, logs):
    """Compare by seeds where both have several, else by the first seeds' predictions."""
    if len(best) > 1 and len(second) > 1:
        noise = 2 * np.sqrt(sum(std(group) ** 2 / len(group) for group in (best, second)))
        certain = mean(best) - mean(second) > noise
        how = f"two standard errors are {100 * noise:.2f}"
    else:
        p = metrics.mcnemar(*(_correct(logs, one) for one in (best[0], second[0])))
        certain, how = p < metrics.SIGNIFICANT, f"McNemar's p = {p:.2g}"
    return f"{text_tables.verdict(certain)} ({how})"


def _correct(logs, one):
    """Return bool [n]: which images of PublicTest a run predicts correctly."""
    import pandas as pd

    name = f"predictions-{constants.PUBLIC_TEST}.csv"
    table = pd.read_csv(logs / one["run"] / name, usecols=["true", "predicted"])
    return (table["true"] == table["predicted"]).to_numpy()


def write_hparams(folder, one):
    """Write a trial and its accuracies for TensorBoard's HParams page."""
    from fer2013_tf.training import summaries

    settings = {**one["choices"], "seed": str(one["seed"])}
    figures = {f"result/{split}": values["accuracy"] for split, values in one["splits"].items()}
    summaries.write_hparams(folder, settings, figures)
