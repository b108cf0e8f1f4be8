"""Show the results of an evaluation as text, for a terminal of 80 columns."""

from fer2013_tf.evaluation import metrics
from fer2013_tf.utils import cli

WIDTH = 80
LONGEST_NAME = 40
FIGURES = ("precision", "recall", "f1")


def table(result, classes, title):
    """Return accuracies, figures per class and confusion matrix of a `metrics.evaluate` dict."""
    parts = (
        _headline(result, title),
        _per_class(result["per_class"], classes),
        _confusion(result["confusion"], classes),
    )
    return "\n\n".join(parts) + "\n"


def calibration_line(figures):
    """Return a line with calibration error and loss, before and after calibration.

    figures: "calibration" of `ensembles.evaluate_split`.
    """
    temperatures = sorted(t for of_member in figures["temperatures"] for t in of_member)
    smoothings = set(figures["smoothings"]) - {0.0}
    by = f"temperatures of {temperatures[0]:.2f} to {temperatures[-1]:.2f}"
    if smoothings:
        by += f", label smoothing of {', '.join(f'{s:g}' for s in sorted(smoothings))} undone"
    how = "scaled by" if figures["fitted"] else "each checkpoint scaled by"
    before, after = (
        f"{100 * figures[when]['error']:.2f} % (cross-entropy {figures[when]['loss']:.4f})"
        for when in ("before", "after")
    )
    return f"calibration error {before}; {how} {by}: {after}"


def members_table(members, ensemble_accuracy):
    """Return a line per member: accuracy and its difference from the ensemble's, which is last.

    Args:
        members: [{"name": str, "accuracy": 0..1}, ...], one or more, in the order to print.
        ensemble_accuracy: 0..1.
    """
    rows = [(_tail(member["name"], LONGEST_NAME), member["accuracy"]) for member in members]
    mean = sum(accuracy for _, accuracy in rows) / len(rows)
    summary = [("mean of the members", mean), (f"ensemble of {len(rows)}", ensemble_accuracy)]
    width = max(len(name) for name, _ in rows + summary)
    header = f"{'member':<{width}}  accuracy  minus the ensemble's"

    def line(name, accuracy):
        points = 100 * (accuracy - ensemble_accuracy)
        return f"{name:<{width}} {_percent(accuracy):>9}  {points:>+12.2f} points"

    rule = "-" * len(header)
    last = f"{summary[1][0]:<{width}} {_percent(ensemble_accuracy):>9}"
    body = [line(*row) for row in rows]
    return "\n".join([header, rule, *body, rule, line(*summary[0]), last]) + "\n"


def _headline(result, title):
    rows = [("all images", result["accuracy"], result["n"], result["ci95"])]
    if result["accuracy_dedup"] is not None:
        accuracy, n = result["accuracy_dedup"], result["n_dedup"]
        interval = metrics.accuracy_interval(round(accuracy * n), n)
        rows.append(("without those also in Training", accuracy, n, interval))
    lines = [title, "=" * min(len(title), WIDTH)]
    lines.append(f"{'':<30}  {'accuracy':>9}  {'95 % interval':^16}  {'images':>8}")
    for name, accuracy, n, (lo, hi) in rows:
        interval = f"{100 * lo:.2f} to {100 * hi:.2f}"
        lines.append(f"{name:<30}  {_percent(accuracy):>9}  {interval:^16}  {n:>8}")
    return "\n".join([*lines, f"{'cross-entropy':<30}  {result['loss']:>9.4f}"])


def _per_class(figures, classes):
    names = [_head(name, LONGEST_NAME) for name in classes]
    width = max(len(name) for name in (*names, "weighted average"))
    lines = [f"{'class':<{width}}  {'precision':>9}  {'recall':>9}  {'F1':>9}  {'support':>8}"]
    lines.append("-" * len(lines[0]))
    for name, key in zip(names, classes, strict=True):
        cells = "  ".join(f"{_percent(figures[key][figure]):>9}" for figure in FIGURES)
        lines.append(f"{name:<{width}}  {cells}  {figures[key]['support']:>8}")
    total = sum(figures[name]["support"] for name in classes)
    for name, means in metrics.averages(figures).items():
        cells = "  ".join(f"{_percent(means[figure]):>9}" for figure in FIGURES)
        lines.append(f"{f'{name} average':<{width}}  {cells}  {total:>8}")
    return "\n".join(lines)


def _confusion(confusion, classes):
    """Return the matrix; class names are cut to fit 80 columns, but not below a count's width."""
    classes = [cli.printable(name) for name in classes]
    digits = max(len(str(count)) for row in confusion for count in row)
    longest = max(digits, *(len(name) for name in classes))
    for cut in range(longest, digits - 1, -1):
        widths = [max(len(_head(name, cut)), digits) + 2 for name in classes]
        room = WIDTH - sum(widths)
        if room >= min(longest, 14):
            break
    sides = [_head(name, max(room, digits)) for name in classes]
    side = max(len(name) for name in sides)
    heads = zip(classes, widths, strict=True)
    lines = ["confusion matrix: rows are the true class, columns the predicted one"]
    lines.append(" " * side + "".join(f"{_head(name, cut):>{width}}" for name, width in heads))
    for name, row in zip(sides, confusion, strict=True):
        cells = "".join(f"{count:>{width}}" for count, width in zip(row, widths, strict=True))
        lines.append(f"{name:<{side}}{cells}")
    return "\n".join(lines)


def _head(name, longest):
    name = cli.printable(name)
    return name if len(name) <= longest else name[: longest - 1] + "~"


def _tail(name, longest):
    """Return the end of a long name: of two checkpoints' paths, the part that differs."""
    name = cli.printable(name)
    return name if len(name) <= longest else "~" + name[len(name) - longest + 1 :]


def _percent(fraction):
    return f"{100 * fraction:.2f} %"


def runs_table(compared, split):
    """Return a line per run: parameters, operations, time per epoch, accuracy with interval, F1.

    compared: dicts with name, parameters, operations, epochs, epoch_seconds (or None), accuracy,
    ci95, macro_f1; the last three 0..1.
    """
    names = [_tail(one["name"], 16) for one in compared]
    width = max(len(name) for name in [*names, "run"])
    header = (
        f"{'run':<{width}}{'parameters':>12}{'MFLOP':>7}{'s/epoch':>9}{'accuracy':>10}"
        f"{'95 % interval':>17}{'F1':>9}"
    )
    lines = [f"{split}", header, "-" * len(header)]
    for name, one in zip(names, compared):
        low, high = (100 * end for end in one["ci95"])
        seconds = "-" if one["epoch_seconds"] is None else f"{one['epoch_seconds']:.1f}"
        lines.append(
            f"{name:<{width}}{one['parameters']:>12,}{one['operations'] / 1e6:>7.0f}{seconds:>9}"
            f"{_percent(one['accuracy']):>10}{f'{low:.2f} to {high:.2f}':>17}"
            f"{_percent(one['macro_f1']):>9}"
        )
    return "\n".join(lines) + "\n"


def verdict(certain):
    """Return what a difference is called that is, or is not, more than chance."""
    return "more than chance" if certain else "within noise"


def pairs_table(pairs):
    """Return a line per pair of runs: images correct in only one, McNemar's p, verdict."""
    lines = ["McNemar's test: images that only one of two predicts correctly"]
    for pair in pairs:
        first, second = (_tail(name, LONGEST_NAME // 2) for name in pair["names"])
        said = verdict(pair["p"] < metrics.SIGNIFICANT)
        counts = "{} : {}".format(*pair["right_alone"])
        lines.append(f"{first} - {second}: {counts}, p = {pair['p']:.2g}, {said}")
    return "\n".join(lines) + "\n"


def aligned(header, rows, *, numbers=(), rules=()):
    """Return a table in which every column is as wide as its widest cell.

    header, rows: cells, str. numbers: places of the columns that are aligned to the right. rules:
    places of the rows that have a line above them, beside the first.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows)]

    def line(cells):
        padded = [
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths))
        ]
        return "  ".join(padded).rstrip()

    rule = "-" * len(line(header).ljust(sum(widths) + 2 * (len(widths) - 1)))
    lines = [line(header)]
    for place, row in enumerate(rows):
        lines += [rule, line(row)] if place == 0 or place in rules else [line(row)]
    return "\n".join(lines)
