"""Names that libraries read as patterns or formulas; classes in another order; the page.

Folders, runs, classes and images with such names go through all commands; a warm start meets the
same classes in another order; the page gets what is no single image. Each is treated as what it is.
"""

import io
import json
import os
import socket
import threading
import urllib.error
import urllib.request

import numpy as np
from PIL import Image

from fer2013_tf.checkpoints import run_folder, weights
from tests import toy
from tests.faults import harness
from tests.faults.harness import Case

LATIN = os.fsdecode(b"latin-\xe9")
# The folder of everything, the run, and the classes.
WORLDS = {
    "brackets and dollars": ("my [x]", "a[1]", ("$x^2", "a_$b$", "_under")),
    "backslash, star and bytes that are no text": ("back\\sl*sh", "q?", (LATIN, "表情", "50 %")),
    "bytes that are no text, in all": (LATIN, LATIN, ("a\nb", r"\frac{1}{", "😀")),
}
OUTPUTS = {"--json": "j.json", "--csv": "c.csv", "--annotate": "an", "--explain": "ex"}


def cases(scratch, share=1.0):
    """Yield a `Case` per command and world, then those of warm starts and of the page."""
    for title, (folder, run, classes) in list(WORLDS.items())[: max(1, round(share * 3))]:
        root = scratch / folder
        _tree(root / "tree", classes)
        for name, words in _commands(root, run, classes).items():
            ended = harness.run(words)
            yield Case(f"{title}: {name}", _whole(ended, classes))
        yield Case(f"{title}: all outputs are there", _outputs(root, run))
    yield from _warm_starts(scratch / "order")
    yield from _page()


def _tree(folder, classes):
    random = np.random.default_rng(0)
    for split, count in (("train", 8), ("validation", 2), ("test", 2)):
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (48, 48), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"$i_[{number}].png")


def _commands(root, run, classes):
    records, ckpt = ["--records", root / "rec[1]"], ["--ckpt", root / "ckpt"]
    logs, chosen = ["--logs", root / "logs"], ["--run", run]
    more = ["--recipe", "tiny", "--set", "epochs=1", "--set", "batch_size=16"]
    more += ["--precision", "float32", "--set", "net.dense_units=16"]
    images = root / "tree" / "test" / classes[0]
    predict = [word for pair in OUTPUTS.items() for word in (pair[0], root / pair[1])]
    figures = ["--mistakes", root / "m$.png", "--predictions", root / "p$.csv"]
    return {
        "make_records": ["fer2013_tf.make_records", root / "tree", "--out", root / "rec[1]"],
        "train": ["fer2013_tf.train", *records, *ckpt, *logs, *chosen, *more],
        "resume": ["fer2013_tf.train", *records, *ckpt, *logs, *chosen, "--set", "epochs=2"],
        "warm start": [
            "fer2013_tf.train", *records, *ckpt, *logs, *more, "--run", "_b$", "--warm-start", run
        ],
        "eval": ["fer2013_tf.eval", *records, *ckpt, *logs, *chosen, *figures],
        "compare": ["fer2013_tf.compare", *records, *ckpt, *logs, run, "_b$"],
        "predict": ["fer2013_tf.predict", images, *ckpt, *chosen, "--faces", "center", *predict],
        "runs": ["fer2013_tf.runs", *ckpt],
    }  # fmt: skip


def _whole(ended, classes):
    """Return the verdict of a command that has to succeed without a stream of warnings."""
    verdict = harness.judged(ended)
    warnings = [line for line in ended.err.splitlines() if "arning" in line or "Glyph" in line]
    notes = ended.err.count("note: no installed font has")
    if warnings or notes > 1:
        return f"{len(warnings)} warnings, {notes} notes: {warnings[:1]}"
    return verdict


def _outputs(root, run):
    wanted = [root / name for name in OUTPUTS.values()]
    wanted += [root / "logs" / run / name for name in ("curves.png", "confusion-PublicTest.png")]
    wanted += [root / f"{name}-PrivateTest.{kind}" for name, kind in (("m$", "png"), ("p$", "csv"))]
    missing = [ascii(str(path)) for path in wanted if not path.exists()]
    return f"missing: {missing}" if missing else "went on"


def _warm_starts(root):
    """Yield a case per relation of the classes to those of the weights, output layer frozen."""
    old = ("angry", "happy", "sad")
    toy.write_records(root / "old", classes=old)
    words = harness.train_words(root / "old", root, "--set", "epochs=1")
    assert harness.run(words).status == 0
    stored = weights.read_ema_weights(run_folder.Run(root / "ckpt", "r").best().prefix)
    for name, classes, order in (
        ("another order", ("sad", "angry", "happy"), [2, 0, 1]),
        ("nouns in another order", ("happiness", "sadness", "anger"), [1, 2, 0]),
        ("fewer", ("sad", "happy"), [2, 1]),
        ("one unknown", ("sad", "fear", "happy"), None),
    ):
        records = root / name
        toy.write_records(records, classes=classes)
        words = toy.arguments(
            records, root, "--warm-start", "r", "--freeze", "logits*", settings=("epochs=1",),
            run=name,
        )  # fmt: skip
        ended = harness.run(["fer2013_tf.train", *words])
        if order is None:
            yield Case(
                f"warm start, frozen: {name}", harness.judged(ended, "random initial values")
            )
            continue
        verdict = harness.judged(ended)
        if verdict == "went on":
            found = weights.read_ema_weights(run_folder.Run(root / "ckpt", name).best().prefix)
            same = np.array_equal(found["logits/kernel"], stored["logits/kernel"][:, order])
            verdict = verdict if same else "classes have the weights of others"
        yield Case(f"warm start, frozen: {name}", verdict)


class _NoFace:
    weights, size, classes, calibrated = "none", (48, 48), ("happy", "own"), True

    def predict(self, image):
        return []


def _page():
    """Yield a case per request that is no single image; "named": a JSON error of one line."""
    from fer2013_tf.webapp import server

    listener, until = socket.create_server(("127.0.0.1", 0)), threading.Event()
    application = server.app(_NoFace(), None, limit_mb=1, per_minute=600)
    thread = threading.Thread(target=server.serve, args=(application, listener, until))
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    file = io.BytesIO()
    Image.new("L", (60, 60)).save(file, "PNG")
    part = b'--x\r\nContent-Disposition: form-data; name="%d"; filename="a"\r\n\r\n%s\r\n'
    form = b"".join(part % (n, file.getvalue()) for n in range(2)) + b"--x--\r\n"
    empty = part % (0, b"") + b"--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        for name, path, body, headers in (
            ("one image", "/api/predict", file.getvalue(), {}),
            ("two files in a form", "/api/predict", form, kind),
            ("an empty field", "/api/predict", empty, kind),
            ("a form without an end", "/api/predict", form[:50], kind),
            ("50 MB", "/api/predict", bytes(50_000_000), {}),
            ("no such path", "/api/nothing", b"x", {}),
            ("wrong method", "/api/predict", None, {}),
        ):
            yield Case(f"page: {name}", _answer(address + path, body, headers))
    finally:
        until.set()
        thread.join()


def _answer(address, body, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as reply:
            return "went on" if json.load(reply)["faces"] == [] else "other answer"
    except urllib.error.HTTPError as error:
        try:
            said = json.load(error)["error"]
        except ValueError:
            return f"{error.code} without JSON"
        return (
            "named" if said and "\n" not in said and error.code < 500 else f"{error.code}: {said}"
        )
