"""Outputs that would destroy inputs, each other or a user's files; names that lead out of folders.

A command that would do so is refused and leaves every byte as it was. Others end with one file per
image, inside their folder, and with the same rows in JSON and CSV.
"""

import csv
import hashlib
import json
import os
import shutil

import numpy as np
from PIL import Image

from tests import toy
from tests.faults import harness
from tests.faults.harness import Case

PREDICT = ["fer2013_tf.predict", "--run", "shipped", "--faces", "none"]
# Command, what its error names. See `_made_up` for what is there.
REFUSED = {
    "predict d --annotate d": "would replace d/x",
    "predict d/z.jpg d/y.jpg d/x.png --annotate d": "d/x.png, which is read",
    "predict d/x-1.png d/x.png --explain d --overwrite": "which is read",
    "predict d --csv d/x.png": "which is read",
    "predict d --overview ./d/../d/x.png --overwrite": "which is read",
    "predict d/x.png --csv hard.csv --overwrite": "which is read",
    "predict d --csv soft.csv --overwrite": "which is read",
    "predict way --annotate d --overwrite": "which is read",
    "predict e --annotate ./e": "is what is read",
    "predict d --csv names.txt": "not known as made by this program",
    "predict - --csv names.txt --overwrite < names.txt": "standard input, which is read",
    "predict d --annotate user": "user/x.png: exists",
    "predict d --csv a.csv --overview a.csv": "the same file",
    "predict d --csv a.csv --overview A.CSV": "the same file",
    "predict d --json new.json --csv d/../new.json": "the same file",
    "predict d --annotate e --csv e/x.png": "that --csv e/x.png writes",
    "predict --video film.mp4 --csv film.mp4": "which is read",
    "predict --video film.mp4 --timeline way/../film.mp4 --overwrite": "which is read",
    "predict --video film.mp4 --annotate other.mp4": "not known as made by this program",
    "make_records list.csv --out user": "user/manifest.json: exists",
    "make_records list.csv --out new --images user": "user/labels.csv: exists",
    "make_records d --out new --images d/new": "in the folder that is read",
    "contact_sheet --out d/x.png --records records": "not known as made by this program",
    "ship --run r --out user --ckpt ckpt": "user/weights.npz: exists",
    "train --run ../r --records records": "plain folder name",
    "train --run nul --records records": "plain folder name",
    "train --run " + "x" * 256 + " --records records": "plain folder name",
}
LABELS = ("../../../escaped", "..", "a/b", "a_b", "A_b", "情" * 100, "/tmp/escaped", "happy")


def cases(scratch, share=1.0):
    """Yield a `Case` per command."""
    _made_up(scratch)
    lines = list(REFUSED)
    for at in harness.spread(max(1, round(share * len(lines))), len(lines)):
        line = lines[at - 1]
        yield Case(line[:80], _refusal(line, scratch, REFUSED[line]))
    yield from _own_files(scratch)
    yield from _own_drawings(scratch)
    yield from _standard_input(scratch)
    yield Case("labels as folders", _labels(scratch))


def _image(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _made_up(scratch):
    for number, name in enumerate(("x.png", "x-1.png", "y.jpg", "z.jpg")):
        _image(scratch / "d" / name, number)
    _image(scratch / "e" / "z.jpg")
    _image(scratch / "user" / "x.png")
    for name in ("manifest.json", "labels.csv", "weights.npz"):
        (scratch / "user" / name).write_text("mine, 1\n")
    os.link(scratch / "d" / "x.png", scratch / "hard.csv")
    (scratch / "soft.csv").symlink_to(scratch / "d" / "x.png")
    (scratch / "way").symlink_to("d")
    (scratch / "names.txt").write_text("d/x.png\n")
    for name in ("film.mp4", "other.mp4"):
        (scratch / name).write_bytes(b"\0\0\0\x18ftypmp42" + bytes(1000))
    (scratch / "list.csv").write_text("path,label\nd/x.png,happy\nd/y.jpg,sad\n")
    toy.write_records(scratch / "records")
    (scratch / "ckpt" / "r").mkdir(parents=True)


def _run(line, scratch):
    """Run one of the program's commands, written as in a shell, in the scratch folder."""
    words, _, source = line.partition(" < ")
    command, *words = words.split()
    start = PREDICT if command == "predict" else [f"fer2013_tf.{command}"]
    with open(scratch / source if source else os.devnull, "rb") as given:
        return harness.run([*start, *words], cwd=scratch, stdin=given)


def _bytes(scratch):
    return {
        path: hashlib.sha256(path.read_bytes()).digest()
        for path in scratch.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def _refusal(line, scratch, said):
    before = _bytes(scratch)
    ended = _run(line, scratch)
    if _bytes(scratch) != before:
        return "changed a file"
    verdict = harness.judged(ended, said)
    return "not refused" if verdict == "went on" else verdict


def _own_files(scratch):
    """Yield cases of one file per image, of rows, and of outputs that are replaced."""
    names = (
        "a/x.jpg",
        "b/X.jpg",
        "c/x-2.jpg",
        f"c/{'情' * 80}.png",
        f"c/{'q' * 250}.png",
        "c/o.png",
    )
    for name in names:
        _image(scratch / name)
    (scratch / "c" / "text.png").write_text("no image")
    (scratch / "drawn" / "o.png").mkdir(parents=True)
    line = " ".join([*names, "c/text.png", "--annotate drawn --csv f.csv --json f.jsonl"])
    ended = _run(f"predict {line} --overwrite", scratch)
    named = all(text in ended.err for text in ("1 of 7 images not read, 1 drawing not", "o.png: "))
    yield Case("predict: what is not written is listed", "named" if named else ended.err[-300:])
    with (scratch / "f.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    objects = [json.loads(text) for text in (scratch / "f.jsonl").read_text().splitlines()]
    told = [row["annotated"] for row in table]
    own = (
        len({name.lower() for name in told if name})
        == 5
        == sum((scratch / name).is_file() for name in told if name)
    )
    yield Case("predict: one drawing per image", "went on" if own else f"drawn: {told}")
    keys = ("image", "reason", "annotated")
    same = [[row[key] for key in keys] for row in table] == [
        [row.get(key) or "" for key in keys] for row in objects
    ]
    yield Case("predict: the same rows in CSV and JSON", "went on" if same else "other rows")
    shutil.rmtree(scratch / "drawn")
    words = "predict d/x.png --csv f.csv --json f.jsonl --annotate drawn --overview all.png"
    ended = [_run(words, scratch) for _ in range(2)]
    yield Case("predict: its own files are replaced", harness.judged(ended[1]))
    one = "1 face " if "1 faces" in ended[1].err else "went on"
    yield Case("predict: one face is no faces", one)


def _own_drawings(scratch):
    """Yield cases of drawings in the folder that is read."""
    shutil.copytree(scratch / "d", scratch / "p")
    for line in ("p --annotate p/o --explain p/e", "p/**/*.png --annotate p/o"):
        ended = [_run(f"predict {line} --json -", scratch) for _ in range(2)]
        images = [[json.loads(text)["image"] for text in one.out.splitlines()] for one in ended]
        passed = images[0] == images[1] and "of this program" in ended[1].err
        yield Case(f"predict {line}, twice", "went on" if passed else f"read: {images[1]}")
    tree = scratch / "tree"
    shutil.copytree(scratch / "d", tree / "happy")
    shutil.copytree(scratch / "p" / "o", tree / "happy" / "o")
    shutil.copytree(scratch / "e", tree / "sad")
    ended = _run("make_records tree --out made", scratch)
    read = "went on" if "5 distinct images among 5" in ended.out else ended.err + ended.out
    yield Case("make_records of a tree with drawings", read)


def _standard_input(scratch):
    """Yield cases of lists of names: marks, encodings, bytes that are no text."""
    odd = os.fsdecode(b"p\xe9\xff.png")
    shutil.copy(scratch / "d" / "x.png", scratch / odd)
    lists = {
        "byte-order mark": (b"\xef\xbb\xbfd/x.png\r\n", "d/x.png"),
        "UTF-16": ("d/x.png\r\n".encode("utf-16"), "d/x.png"),
        "not text": (os.fsencode(odd) + b"\n", odd),
        "zero bytes": (b"d/x.png\0d/x.png\0", "d/x.png"),
    }
    for name, (data, image) in lists.items():
        (scratch / "list.txt").write_bytes(data)
        ended = _run("predict - --json - < list.txt", scratch)
        found = {json.loads(text)["image"] for text in ended.out.splitlines()}
        right = found == {image} and ended.status == 0
        yield Case(f"standard input: {name}", "went on" if right else ended.err[-300:])


def _labels(scratch):
    """Make records of labels that lead out of a folder. Return the verdict."""
    lines = ["path,label,split"]
    for number, label in enumerate(2 * LABELS):
        _image(scratch / "l" / f"{number}.png", number)
        lines.append(f"{number}.png,{label},{'train' if number < len(LABELS) else 'test'}")
    (scratch / "l" / "list.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = _bytes(scratch)
    ended = _run("make_records l/list.csv --out l-made --images deep/images", scratch)
    if ended.status:
        return ended.err[-300:]
    folder = scratch / "deep" / "images"
    made = {path for path in _bytes(scratch) if path not in before}
    inside = [path for path in made if path.is_relative_to(folder) and path.suffix == ".png"]
    outside = made - set(inside) - set((scratch / "l-made").iterdir()) - {folder / "labels.csv"}
    classes = {path.parent.name for path in inside}
    # Labels that differ in case alone are one class.
    right = len(inside) == len(lines) - 1 and not outside and len(classes) >= len(LABELS) - 1
    return "went on" if right else f"made {len(inside)} images in {classes}, {outside}"
