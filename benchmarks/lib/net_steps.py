"""Compare the training steps of nets: ours and PyTorch, turn by turn, with their peak memory.

A result is {net: {"parameters", "batches": {batch: {"figures", "ratios"}}}}: figures per candidate
as `runner.summary` gives them, with "peak_mb"; ratios, ours over PyTorch, per number format.
"""

import statistics
import sys

from benchmarks.lib import runner

FORMATS = ("bfloat16", "float32")
FRAMEWORKS = {"ours": "ours", "PyTorch": "torch_step"}


def candidates(net, batch, seconds):
    """Return both frameworks with both number formats, for one net and batch size."""
    return [
        runner.Candidate(
            f"{name} {precision}",
            module,
            ("--net", net, "--batch", batch, "--precision", precision, "--seconds", seconds),
            python=str(runner.PEERS) if name == "PyTorch" else sys.executable,
        )
        for name, module in FRAMEWORKS.items()
        for precision in FORMATS
    ]


def measure(net, batches, seconds, rounds):
    """Return the result of one net. Raises SystemExit where the numbers of parameters differ."""
    result = {"parameters": None, "batches": {}}
    for batch in batches:
        runs = runner.rounds(candidates(net, batch, seconds), rounds)
        result["parameters"] = common_parameters(net, runs)
        figures = runner.summary(runs, "images_per_second")
        for name, peak in runner.summary(runs, "peak_mb").items():
            figures[name]["peak_mb"] = peak["median"]
        result["batches"][batch] = {"figures": figures, "ratios": ratios(figures)}
    return result


def common_parameters(net, runs):
    """Return the number of trainable parameters. Raises SystemExit where runs differ in it."""
    counts = {name: {run["parameters"] for run in each} for name, each in runs.items()}
    found = set().union(*counts.values())
    if len(found) != 1:
        listed = ", ".join(f"{name} {sorted(each)}" for name, each in counts.items())
        raise SystemExit(f"{net}: the numbers of trainable parameters differ: {listed}")
    return found.pop()


def ratios(figures):
    """Return how many times as fast as PyTorch ours is, per number format."""
    medians = {name: figure["median"] for name, figure in figures.items()}
    return {p: medians[f"ours {p}"] / medians[f"PyTorch {p}"] for p in FORMATS}


def overall(result):
    """Return {batch: {number format: {"median", "lowest", "net"}}} of the ratios over all nets.

    net: the one with the lowest ratio.
    """
    return {
        batch: {precision: _overall(result, batch, precision) for precision in FORMATS}
        for batch in next(iter(result.values()))["batches"]
    }


def _overall(result, batch, precision):
    of = {net: each["batches"][batch]["ratios"][precision] for net, each in result.items()}
    lowest = min(of, key=of.get)
    return {"median": statistics.median(of.values()), "lowest": of[lowest], "net": lowest}


def table(result, batch):
    """Return a line per net and number format at one batch size; the ratios over several nets."""
    lines = [
        f"batch {batch}: images per second, median (lowest to highest), and peak memory",
        f"  {'net':<12}{'parameters':>11}  {'format':<10}{'ours':<24}{'PyTorch':<24}"
        f"{'times':>5}{'ours, MB':>10}{'PyTorch, MB':>13}",
    ]
    for net, each in result.items():
        figures, ratio = (each["batches"][batch][key] for key in ("figures", "ratios"))
        for precision in FORMATS:
            ours, theirs = (figures[f"{name} {precision}"] for name in FRAMEWORKS)
            lines.append(
                f"  {net:<12}{each['parameters']:>11,}  {precision:<10}"
                f"{_spread(ours):<24}{_spread(theirs):<24}{ratio[precision]:>5.2f}"
                f"{ours['peak_mb']:>10.0f}{theirs['peak_mb']:>13.0f}"
            )
    for precision, of in overall(result)[batch].items() if len(result) > 1 else ():
        lines.append(
            f"  {precision}: {of['median']:.2f} times PyTorch on the median of {len(result)} nets, "
            f"at least {of['lowest']:.2f} ({of['net']})"
        )
    return "\n".join(lines)


def _spread(figure):
    low, middle, high = (f"{figure[key]:.4g}" for key in ("low", "median", "high"))
    return f"{middle} ({low} to {high})"


def panels(result):
    """Return what `chart.times` plots: {number format: {net: {batch: (ratio, both rates)}}}."""
    return {
        precision: {
            net: {f"batch {batch}": _bar(of, precision) for batch, of in each["batches"].items()}
            for net, each in result.items()
        }
        for precision in FORMATS
    }


def _bar(of, precision):
    rates = (of["figures"][f"{name} {precision}"]["median"] for name in FRAMEWORKS)
    return of["ratios"][precision], " and ".join(f"{rate:.0f}" for rate in rates)
