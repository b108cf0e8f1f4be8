"""Compare the speed of the training step alone: ours, Keras, PyTorch, and the articles' style.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.train_step                 # about half an hour, on an idle machine
python -m benchmarks.train_step --rounds 3 --seconds 5 --batches 128
python -m benchmarks.train_step --net all       # every net, ours and PyTorch; some two hours
python -m benchmarks.train_step --net vgg,resnet18

Without --net: the net of Hu 2019 (`lenet`) with Adam, in all frameworks and their best settings.
With it: nets with the options of their recipes, Nesterov's momentum and EMA weights beside a
PyTorch module of the same layers (eager, channels last, autocast), with peak memory. It fails where
the two have not the same number of trainable parameters.

Without --net, each round also measures the floor of direct convolution: the net's convolutions,
forward and both gradients, each timed alone with oneDNN's kernels, and nothing else.
"""

import argparse
import sys

from benchmarks.lib import chart, net_steps, runner
from fer2013_tf import nets

OURS = ("bfloat16", "float32")
KERAS = ("float32", "mixed_bfloat16", "jit")
TORCH = ("float32", "bfloat16", "compiled", "compiled_bfloat16")
UNIT = "images per second"


def candidates(batch, seconds):
    """Return every framework with every number format at one batch size."""
    frameworks = [
        ("ours", "ours", OURS),
        ("floor", "convolutions", OURS),
        ("Keras", "keras_fit", KERAS),
        ("PyTorch", "torch_step", TORCH),
        ("feed_dict", "feed_dict", ("float32",)),
    ]
    return [
        runner.Candidate(
            f"{name} {precision}",
            module,
            ("--batch", batch, "--precision", precision, "--seconds", seconds),
            python=str(runner.PEERS) if name == "PyTorch" else sys.executable,
        )
        for name, module, precisions in frameworks
        for precision in precisions
    ]


def best(figures, framework, precisions):
    """Return the highest median of a framework's number formats."""
    return max(figures[f"{framework} {p}"]["median"] for p in precisions)


def ratios(figures):
    """Return how many times faster ours is, from one batch size's figures."""
    ours = {p: figures[f"ours {p}"]["median"] for p in OURS}
    result = {"share of the floor": ours["bfloat16"] / figures["floor bfloat16"]["median"]}
    for framework, formats in (("Keras", KERAS), ("PyTorch", TORCH)):
        single = [p for p in formats if "bfloat16" not in p]
        result[f"bfloat16 over {framework}"] = ours["bfloat16"] / best(figures, framework, formats)
        result[f"float32 over {framework}"] = ours["float32"] / best(figures, framework, single)
    return result


def chosen(text):
    """Return the nets of --net: names, or all. Raises ArgumentTypeError for an unknown one."""
    known = nets.names()
    names = known if text == "all" else list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(
            f"{unknown[0]!r} is no net; known: all, {', '.join(known)}"
        )
    return names


def sizes(text):
    """Return the batch sizes of `--batches N,N`."""
    return [int(number) for number in text.split(",")]


def parser():
    command = runner.parser("train_step", __doc__, rounds=3, seconds=8)
    add = command.add_argument
    add("--batches", type=sizes, default="128,256", metavar="N,N", help="(default: %(default)s)")
    add("--net", type=chosen, metavar="NAME,NAME|all", help="compare these nets with PyTorch's")
    return command


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    args = parser().parse_args(argv)
    if runner.peers_missing():
        return 2
    if args.net:
        compare_nets(args)
    else:
        compare_frameworks(args)
    return 0


def compare_nets(args):
    """Measure the nets of --net beside PyTorch's; print, write and plot the figures."""
    result = {}
    for net in args.net:
        result[net] = net_steps.measure(net, args.batches, args.seconds, args.rounds)
        for batch in args.batches:
            print(net_steps.table({net: result[net]}, batch), flush=True)
    for batch in args.batches if len(result) > 1 else ():
        print(net_steps.table(result, batch))
    saved = {"nets": result, "over all nets": net_steps.overall(result)}
    runner.write_json(args, saved)
    if args.plot:
        title = "Training step: times as fast as PyTorch (images per second, ours and PyTorch)"
        chart.times(net_steps.panels(result), args.plot, title=title, unit="times PyTorch")


def compare_frameworks(args):
    """Measure the net of Hu 2019 in all frameworks; print, write and plot the figures."""
    result = {"batches": {}, "ratios": {}}
    for batch in args.batches:
        results = runner.rounds(candidates(batch, args.seconds), args.rounds)
        figures = runner.summary(results, "images_per_second")
        result["batches"][batch], result["ratios"][batch] = figures, ratios(figures)
        print(f"batch {batch}")
        print(runner.table(figures, [f"ours {p}" for p in OURS], unit=UNIT))
        print("\n".join(f"  {name}: {r:.2f}" for name, r in ratios(figures).items()), flush=True)
    drawn = {name: f for name, f in figures.items() if not name.startswith("floor")}
    runner.save(args, result, drawn, title=f"Training step, batch {batch}", unit=UNIT)


if __name__ == "__main__":
    sys.exit(main())
