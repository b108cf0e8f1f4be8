"""Damaged, odd and hostile images, given to `predict` and as a folder source.

Each is either read as a person would see it, or refused with one line that names it; good images
beside bad ones are predicted.
"""

import json
import os
import struct
import zlib

import numpy as np
from PIL import Image

from tests import toy
from tests.faults import harness
from tests.faults.harness import Case

REFUSED = {
    "truncated.jpg": "damaged image",
    "zero.png": "not an image Pillow can read",
    "one.png": "1x1 pixels",
    "thin.png": "1x5000 pixels",
    "bomb.png": "too many pixels",
    "float.tif": "float32 values from",
    "phone.heic": "not an image Pillow can read",
    "text.jpg": "not an image Pillow can read",
    "broken-link.png": "no such file",
    "no-such.png": "no such file",
    "pipe.png": "not a file",
}
# Each has to be predicted as plain.png is, which shows the same image.
SAME = (
    *("sixteen.png", "palette.png", "alpha.png", "rotated.png", "moving.gif", "cmyk.tif"),
    *(
        "with space.png",
        "line\nend.png",
        "表情.png",
        "esc\x1b[31m.png",
        os.fsdecode(b"latin-\xe9.png"),
    ),
)
# Largest difference of a probability: palettes and CMYK round.
TOLERANCE = 0.02


def make(folder):
    """Write all images. Return the paths of REFUSED and of SAME."""
    folder.mkdir()
    gray = _face()
    plain = Image.fromarray(gray)
    plain.save(folder / "plain.png")
    for name in SAME[6:]:
        plain.save(folder / name)
    Image.fromarray(gray.astype(np.uint16) * 257).save(folder / "sixteen.png")
    plain.convert("P").save(folder / "palette.png")
    plain.convert("RGB").convert("CMYK").save(folder / "cmyk.tif")
    _with_alpha(gray).save(folder / "alpha.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated by 90 degrees clockwise
    plain.rotate(90, expand=True).save(folder / "rotated.png", exif=exif)
    frames = [plain, Image.fromarray(255 - gray)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])

    Image.fromarray(_face(400)).save(folder / "whole.jpg")
    data = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(data[: len(data) // 3])
    (folder / "zero.png").touch()
    Image.fromarray(gray[:1, :1]).save(folder / "one.png")
    Image.fromarray(np.zeros((5000, 1), np.uint8)).save(folder / "thin.png")
    (folder / "bomb.png").write_bytes(_declaring(30_000))
    Image.fromarray(gray.astype(np.float32) * 3).save(folder / "float.tif")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400))
    (folder / "text.jpg").write_text("not an image")
    (folder / "broken-link.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    return [folder / name for name in REFUSED], [folder / name for name in SAME]


def _face(side=48):
    """Return a bright disk with dark eyes and mouth: enough to tell up from down."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    gray = 60 + 195 * (x**2 + y**2 < 0.8)
    for left, top in ((-0.35, -0.25), (0.35, -0.25)):
        gray[(x - left) ** 2 + (y - top) ** 2 < 0.02] = 20
    gray[(abs(x) < 0.4) & (abs(y - 0.4 - 0.2 * x**2) < 0.06)] = 30
    return gray.astype(np.uint8)


def _with_alpha(gray):
    """Store white pixels as transparent black: transparent ones are shown on white."""
    transparent = gray == 255
    pixels = np.stack(
        [np.where(transparent, 0, gray)] * 3 + [np.where(transparent, 0, 255)], axis=-1
    )
    return Image.fromarray(pixels.astype(np.uint8), "RGBA")


def _declaring(side):
    """Return a PNG whose header declares side x side pixels, with almost no data."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def cases(scratch, share=1.0):
    """Yield a `Case` per image, from one run of predict on all of them."""
    root = scratch / "run"
    toy.write_records(scratch / "records")
    words = harness.train_words(scratch / "records", root, "--set", "epochs=1")
    assert harness.run(words).status == 0
    refused, same = make(scratch / "images")
    plain = scratch / "images" / "plain.png"
    words = ["fer2013_tf.predict", plain, *refused, *same, "--run", "r", "--ckpt", root / "ckpt"]
    words += ["--faces", "center"]
    ended = harness.run([*words, "--json", "-"])
    yield Case("predict: status 2, one error", _status(ended))
    rows = [json.loads(line) for line in ended.out.splitlines()]
    predictions = {row["image"]: row["probabilities"] for row in rows if row["face"]}
    for path in refused:
        yield Case(f"predict: {path.name}", _refusal(path, ended, predictions))
    for path in same:
        name = path.name.encode("unicode_escape").decode()
        yield Case(f"predict: {name}", _sameness(str(path), predictions, predictions[str(plain)]))
    said = "moving.gif: only the first of its 2 frames is read" in ended.err
    yield Case("predict: an animation is said to be one", "went on" if said else "not said")
    text = harness.run(words).out
    lines = [line for line in text.splitlines() if line.startswith(str(scratch))]
    told = len(lines) == 1 + len(same) and "\x1b" not in text
    yield Case("predict: one line per image, escapes shown", "went on" if told else "broken lines")
    (scratch / "empty").mkdir()
    ended = harness.run([*words, scratch / "empty"])
    yield Case("predict: an empty folder stops it", harness.judged(ended, "empty"))
    yield from _as_folder(scratch, refused, same)


def _status(ended):
    if ended.status != 2 or len(ended.errors) != 1 or "Traceback" in ended.err:
        return f"status {ended.status}: {ended.err[-300:]}"
    return "named"


def _refusal(path, ended, predictions):
    if str(path) in predictions:
        return "predicted"
    lines = [line for line in ended.err.splitlines() if f"{path.name}: " in line]
    if not any(REFUSED[path.name] in line for line in lines):
        return f"not refused for {REFUSED[path.name]!r}: {lines}"
    return "named"


def _sameness(name, predictions, plain):
    if name not in predictions:
        return "not predicted"
    worst = max(abs(predictions[name][k] - plain[k]) for k in plain)
    return "went on" if worst <= TOLERANCE else f"differs by {worst}"


def _as_folder(scratch, refused, same):
    """Yield cases of the same files as a tree with one folder per class."""
    tree = scratch / "tree" / "train" / "happy"
    tree.parent.mkdir(parents=True)
    (scratch / "images").rename(tree)
    words = ["fer2013_tf.make_records", scratch / "tree", "--out", scratch / "made"]
    ended = harness.run(words)
    yield Case("folder: bad images stop it", harness.judged(ended, "tree"))
    ended = harness.run([*words, "--skip-bad"])
    bad = [line for line in ended.out.splitlines() if "unusable image" in line]
    verdict = harness.judged(ended)
    # A set has images of 48x48 pixels; those of other sizes are left out.
    left = len(bad) == 10 and "\x1b" not in ended.out
    yield Case("folder: --skip-bad leaves them out", verdict if left else f"listed: {bad}")
