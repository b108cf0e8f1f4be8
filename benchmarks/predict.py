"""Compare the latency of predicting cropped faces: ours and the `fer` package's classifier.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.predict                    # about five minutes, on an idle machine

Single faces and batches of 32. Ours: `Classifier.probabilities` on 48x48 with the net of recipe
`lenet`, batches also in bfloat16 as in `predict --precision bfloat16`. `fer`:
`FER._classify_emotions` on 64x64, its input size, with its default TensorFlow Lite model and with
its Keras model. Our weights and all faces are random; speed does not depend on them.
"""

import sys

from benchmarks.lib import runner

BATCHES = (1, 32)


def candidates(seconds):
    """Return ours in both number formats and both models of `fer`."""
    words = ("--seconds", seconds)
    in_bfloat16 = (*words, "--precision", "bfloat16")
    peer = str(runner.PEERS)
    return [
        runner.Candidate("ours float32", "predict_ours", words),
        runner.Candidate("ours bfloat16", "predict_ours", in_bfloat16),
        runner.Candidate("fer tflite", "predict_fer", (*words, "--model", "tflite"), peer),
        runner.Candidate("fer keras", "predict_fer", (*words, "--model", "keras"), peer),
    ]


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    args = runner.parser("predict", __doc__, rounds=5, seconds=5).parse_args(argv)
    if runner.peers_missing():
        return 2
    results = runner.rounds(candidates(args.seconds), args.rounds)
    result = {}
    for batch in BATCHES:
        for percentile in ("p50", "p99"):
            each = {
                name: [r[str(batch)] for r in runs]
                for name, runs in results.items()
                if str(batch) in runs[0]
            }
            figures = runner.summary(each, percentile)
            result[f"{percentile} of {batch}"] = figures
            ours = [name for name in figures if name.startswith("ours")]
            unit = f"{percentile} of {batch} face{'s' if batch > 1 else ''}, ms"
            print(runner.table(figures, ours, unit=unit, more_is_better=False))
    figures = result[f"p50 of {BATCHES[-1]}"]
    title = f"{BATCHES[-1]} cropped faces"
    runner.save(args, result, figures, title=title, unit="milliseconds, median")
    return 0


if __name__ == "__main__":
    sys.exit(main())
