"""Results of a sweep's trainings: kept, tabled, drawn, judged.

A result is a dict, one a training, as `result` makes it; it is what result.json holds.
"""

import hashlib
import json

import numpy as np

from fer2013_tf import emotions, files, metrics, report

CURVES, ACCURACY = "curves.png", "accuracy.png"


def fingerprint(recipe, seed, minutes, data):
    """What a result depends on, as a word."""
    source = [data["classes"], data["size"], data.get("source", {}).get("sha256")]
    text = json.dumps([recipe.__dict__, seed, minutes, source], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def result(setting, seed, run, evaluation, history, cost):
    """One training's result. evaluation: what eval writes as JSON. cost: a costs.Cost."""
    accuracies = [entry["public_accuracy"] for entry in history]
    return {
        "run": run,
        "setting": setting.name,
        "choices": setting.choices,
        "seed": seed,
        "recipe": setting.recipe.__dict__,
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


def accuracy(one, split=emotions.PUBLIC_TEST):
    """A result's accuracy on a split, not a number where it was not evaluated there."""
    return one["splits"].get(split, {}).get("accuracy", float("nan"))


def line(one):
    """A result in one line."""
    shown = [
        f"{split} {100 * figures['accuracy']:.2f} % "
        f"({100 * figures['ci95'][0]:.1f} to {100 * figures['ci95'][1]:.1f})"
        for split, figures in one["splits"].items()
    ]
    done = f"best of {one['epochs']} epochs: {one['best_epoch']}, {one['minutes']:.1f} min"
    return f"      {one['run']}: {', '.join(shown)}; {done}"


def mean(results, split=emotions.PUBLIC_TEST):
    """Mean accuracy of a setting's seeds."""
    return float(np.mean([accuracy(one, split) for one in results]))


def deviation(results, split=emotions.PUBLIC_TEST):
    """Deviation of a setting's seeds, not a number of one alone."""
    values = [accuracy(one, split) for one in results]
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def grouped(results):
    """{setting: its results}, in order of appearance."""
    groups = {}
    for one in results:
        groups.setdefault(one["setting"], []).append(one)
    return groups


def write_table(path, results):
    """results.csv: a row a training."""
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
    """Mean and deviation of every setting over its seeds, as text; empty for a single seed."""
    groups = grouped(results)
    if max(map(len, groups.values()), default=0) < 2:
        return ""
    shown, width = list(results[0]["splits"]), max(map(len, groups))
    lines = [f"{'mean and deviation over seeds':<{width}}" + "".join(f"{s:>18}" for s in shown)]
    for name, group in groups.items():
        cells = (f"{100 * mean(group, s):.2f} +- {100 * deviation(group, s):.2f}" for s in shown)
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines)


def draw(folder, results, title):
    """curves.png and accuracy.png: one colour a setting, the first seed's curves."""
    from fer2013_tf import plots_of_runs

    first = {name: group[0] for name, group in grouped(results).items()}
    histories = {name: one["history"] for name, one in first.items()}
    plots_of_runs.curves(histories, folder / CURVES, title)
    means = {
        name: (
            mean(group),
            group[0]["splits"][emotions.PUBLIC_TEST]["ci95"] if len(group) == 1 else _spread(group),
        )
        for name, group in grouped(results).items()
    }
    plots_of_runs.bars(means, folder / ACCURACY, f"{title}: accuracy on {emotions.PUBLIC_TEST}")


def _spread(group):
    """The mean of several seeds, a deviation to both sides."""
    return mean(group) - deviation(group), mean(group) + deviation(group)


def judgement(results, logs):
    """Which setting is best on PublicTest, and whether that is more than chance: a sentence."""
    ranked = sorted(grouped(results).items(), key=lambda item: -mean(item[1]))
    if not ranked:
        return "no results"
    name, best = ranked[0]
    low, high = (100 * end for end in best[0]["splits"][emotions.PUBLIC_TEST]["ci95"])
    spread = f"{low:.2f} to {high:.2f}"
    if len(best) > 1:
        spread = f"deviation {100 * deviation(best):.2f} of seeds"
    said = f"best on PublicTest: {name}, {100 * mean(best):.2f} % ({spread})"
    if len(ranked) == 1:
        return said
    other, second = ranked[1]
    gap = 100 * (mean(best) - mean(second))
    return f"{said}; {gap:.2f} points before {other}: {_verdict(best, second, logs)}"


def _verdict(best, second, logs):
    """By the seeds where both settings have several, else by the first seeds' answers."""
    if len(best) > 1 and len(second) > 1:
        noise = 2 * np.sqrt(sum(deviation(group) ** 2 / len(group) for group in (best, second)))
        certain = mean(best) - mean(second) > noise
        how = f"two standard errors are {100 * noise:.2f}"
    else:
        p = metrics.mcnemar(*(_right(logs, one) for one in (best[0], second[0])))
        certain, how = p < metrics.SIGNIFICANT, f"McNemar's p = {p:.2g}"
    return f"{report.verdict(certain)} ({how})"


def _right(logs, one):
    """bool [n]: which pictures of PublicTest a run has right."""
    import pandas as pd

    name = f"predictions-{emotions.PUBLIC_TEST}.csv"
    table = pd.read_csv(logs / one["run"] / name, usecols=["true", "predicted"])
    return (table["true"] == table["predicted"]).to_numpy()


def write_hparams(folder, one):
    """The setting and its accuracies for TensorBoard's HParams page."""
    from fer2013_tf import summaries

    settings = {**one["choices"], "seed": str(one["seed"])}
    figures = {f"result/{split}": values["accuracy"] for split, values in one["splits"].items()}
    summaries.write_hparams(folder, settings, figures)
