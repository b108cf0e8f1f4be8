"""The bare training step, ours beside Keras, PyTorch and the articles' style.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.train_step                 # about half an hour, on an idle machine
python -m benchmarks.train_step --rounds 3 --seconds 5 --batches 128

Also measured in every round: the floor of direct convolution, that is each of the net's
convolutions, forward and both gradients, timed by itself with oneDNN's kernels, and nothing else.
"""

import sys

from benchmarks import alternate

OURS = ("bfloat16", "float32")
KERAS = ("float32", "mixed_bfloat16", "jit")
TORCH = ("float32", "bfloat16", "compiled", "compiled_bfloat16")
UNIT = "pictures a second"


def contenders(batch, seconds):
    """Every setting of every framework at one batch size."""
    settings = [
        ("ours", "ours", OURS),
        ("floor", "convolutions", OURS),
        ("Keras", "keras_fit", KERAS),
        ("PyTorch", "torch_step", TORCH),
        ("feed_dict", "feed_dict", ("float32",)),
    ]
    return [
        alternate.Contender(
            f"{name} {precision}",
            module,
            ("--batch", batch, "--precision", precision, "--seconds", seconds),
            python=str(alternate.PEERS) if name == "PyTorch" else sys.executable,
        )
        for name, module, precisions in settings
        for precision in precisions
    ]


def best(figures, framework, precisions):
    """The highest median of a framework's settings."""
    return max(figures[f"{framework} {p}"]["median"] for p in precisions)


def ratios(figures):
    """What the issue asks of us, from one batch size's figures."""
    ours = {p: figures[f"ours {p}"]["median"] for p in OURS}
    result = {"share of the floor": ours["bfloat16"] / figures["floor bfloat16"]["median"]}
    for framework, settings in (("Keras", KERAS), ("PyTorch", TORCH)):
        single = [p for p in settings if "bfloat16" not in p]
        result[f"bfloat16 over {framework}"] = ours["bfloat16"] / best(figures, framework, settings)
        result[f"float32 over {framework}"] = ours["float32"] / best(figures, framework, single)
    return result


def main(argv=None):
    """Entry point; returns the exit status."""
    command = alternate.parser("train_step", __doc__, rounds=3, seconds=8)
    command.add_argument(
        "--batches", default="128,256", metavar="N,N", help="sizes (default: %(default)s)"
    )
    args = command.parse_args(argv)
    if alternate.peers_missing():
        return 2
    result = {"batches": {}, "ratios": {}}
    for batch in map(int, args.batches.split(",")):
        results = alternate.rounds(contenders(batch, args.seconds), args.rounds)
        figures = alternate.summary(results, "pictures_per_second")
        result["batches"][batch], result["ratios"][batch] = figures, ratios(figures)
        print(f"batch {batch}")
        print(alternate.table(figures, [f"ours {p}" for p in OURS], unit=UNIT))
        print("\n".join(f"  {name}: {r:.2f}" for name, r in ratios(figures).items()), flush=True)
    drawn = {name: f for name, f in figures.items() if not name.startswith("floor")}
    alternate.keep(args, result, drawn, title=f"Training step, batch {batch}", unit=UNIT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
