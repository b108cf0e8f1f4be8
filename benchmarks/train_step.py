"""Compare the speed of the training step alone: ours, Keras, PyTorch, and the articles' style.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.train_step                 # about half an hour, on an idle machine
python -m benchmarks.train_step --rounds 3 --seconds 5 --batches 128

Each round also measures the floor of direct convolution: the net's convolutions, forward and both
gradients, each timed alone with oneDNN's kernels, and nothing else.
"""

import sys

from benchmarks.lib import runner

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


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    command = runner.parser("train_step", __doc__, rounds=3, seconds=8)
    command.add_argument(
        "--batches", default="128,256", metavar="N,N", help="sizes (default: %(default)s)"
    )
    args = command.parse_args(argv)
    if runner.peers_missing():
        return 2
    result = {"batches": {}, "ratios": {}}
    for batch in map(int, args.batches.split(",")):
        results = runner.rounds(candidates(batch, args.seconds), args.rounds)
        figures = runner.summary(results, "images_per_second")
        result["batches"][batch], result["ratios"][batch] = figures, ratios(figures)
        print(f"batch {batch}")
        print(runner.table(figures, [f"ours {p}" for p in OURS], unit=UNIT))
        print("\n".join(f"  {name}: {r:.2f}" for name, r in ratios(figures).items()), flush=True)
    drawn = {name: f for name, f in figures.items() if not name.startswith("floor")}
    runner.save(args, result, drawn, title=f"Training step, batch {batch}", unit=UNIT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
