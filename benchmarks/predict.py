"""Latency of reading expressions off cropped faces: ours beside the `fer` package's classifier.

make bench-env                                  # once: the peers, in .venv-bench
python -m benchmarks.predict                    # about five minutes, on an idle machine

Single faces and batches of 32, 48x48, through `Classifier.probabilities` (recipe `lenet`'s net;
batches also as `predict --precision bfloat16` takes them) and through `FER._classify_emotions`
(64x64, as it wants them), with its default TensorFlow Lite model and with its Keras model. Random
weights and faces on our side; speed knows neither.
"""

import sys

from benchmarks import alternate

BATCHES = (1, 32)


def contenders(seconds):
    words = ("--seconds", seconds)
    in_bfloat16 = (*words, "--precision", "bfloat16")
    peer = str(alternate.PEERS)
    return [
        alternate.Contender("ours float32", "predict_ours", words),
        alternate.Contender("ours bfloat16", "predict_ours", in_bfloat16),
        alternate.Contender("fer tflite", "predict_fer", (*words, "--model", "tflite"), peer),
        alternate.Contender("fer keras", "predict_fer", (*words, "--model", "keras"), peer),
    ]


def main(argv=None):
    """Entry point; returns the exit status."""
    args = alternate.parser("predict", __doc__, rounds=5, seconds=5).parse_args(argv)
    if alternate.peers_missing():
        return 2
    results = alternate.rounds(contenders(args.seconds), args.rounds)
    result = {}
    for batch in BATCHES:
        for cut in ("p50", "p99"):
            each = {
                name: [r[str(batch)] for r in runs]
                for name, runs in results.items()
                if str(batch) in runs[0]
            }
            figures = alternate.summary(each, cut)
            result[f"{cut} of {batch}"] = figures
            ours = [name for name in figures if name.startswith("ours")]
            unit = f"{cut} of {batch} face{'s' if batch > 1 else ''}, ms"
            print(alternate.table(figures, ours, unit=unit, more_is_better=False))
    figures = result[f"p50 of {BATCHES[-1]}"]
    title = f"{BATCHES[-1]} cropped faces"
    alternate.keep(args, result, figures, title=title, unit="milliseconds, median")
    return 0


if __name__ == "__main__":
    sys.exit(main())
