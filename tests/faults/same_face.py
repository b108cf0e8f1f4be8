"""The same face in every form, at every edge and size, through the library and `predict`.

Each form of an image is predicted as its file is, or refused in one line as its file is; boxes lie
in the image; faces of some 40 pixels and more are found at any size of the image.
"""

import io
import itertools
import json

import numpy as np
import pandas as pd
from PIL import Image

from tests import REPOSITORY, toy
from tests.faults import harness
from tests.faults.harness import Case

SAMPLE = REPOSITORY / "fer2013_tf" / "samples" / "astronaut.jpg"
# The astronaut's head in the sample.
HEAD = (150, 25, 300, 185)
# Images larger than some megapixels take seconds each.
LARGE = [
    # size, side of the heads (the face is about two thirds of it), between the heads
    ((8000, 400), 150, 800),
    ((1080, 9000), 150, 800),
    ((6000, 4000), 80, 850),
    ((3333, 2777), 64, 500),
    ((4000, 4000), 1900, 1960),
    ((400, 6000), 330, 1500),
]


def cases(scratch, share=1.0):
    """Yield the cases of the library and of the command."""
    from fer2013_tf import Recognizer

    toy.write_records(scratch / "records")
    words = harness.train_words(scratch / "records", scratch / "run", "--set", "epochs=1")
    assert harness.run(words).status == 0
    sample = Image.open(SAMPLE).convert("RGB")
    with Recognizer("r", ckpt=scratch / "run" / "ckpt", faces="detect") as recognizer:
        yield from _forms(recognizer, scratch, sample)
        yield from _refused(recognizer, scratch)
        yield from _several(recognizer, sample)
        yield from _edges(recognizer, sample)
        for size, side, step in LARGE[: max(1, round(share * len(LARGE)))]:
            yield _large(recognizer, sample, size, side, step)
    yield from _command(scratch, sample)


def _forms(recognizer, scratch, sample):
    """Yield cases of files beside their bytes, file objects, PIL images and arrays."""
    gray = np.asarray(sample.convert("L"))
    clear = np.dstack([np.asarray(sample), np.full(gray.shape, 255, np.uint8)])
    clear[:, 320:] = (0, 0, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 8  # to be rotated by 90 degrees counterclockwise
    kinds = {
        "color.png": (sample, {}),
        "gray.bmp": (Image.fromarray(gray), {}),
        "transparent.png": (Image.fromarray(clear), {}),
        "palette.gif": (sample.convert("P"), {}),
        "cmyk.jpg": (sample.convert("CMYK"), {}),
        "one-bit.png": (sample.convert("1"), {}),
        "sixteen.png": (Image.fromarray(gray.astype(np.uint16) * 257), {}),
        "integers.tif": (Image.fromarray(gray.astype(np.int32)), {}),
        "floats.tif": (Image.fromarray(gray.astype(np.float32)), {}),
        "turned.jpg": (sample.rotate(-90), {"exif": exif}),
        "lossless.webp": (sample, {"lossless": True}),
    }
    folder = scratch / "forms"
    folder.mkdir()
    for name, (image, options) in kinds.items():
        image.save(folder / name, **options)
        data = (folder / name).read_bytes()
        forms = {
            "bytes": data,
            "memoryview": memoryview(data),
            "file": io.BytesIO(data),
            "PIL": Image.open(folder / name),
        }
        if not any(word in name for word in ("palette", "cmyk", "turned")):
            forms["array"] = np.asarray(Image.open(folder / name))
        if name in ("color.png", "gray.bmp"):
            pixels = np.asarray(image)
            forms |= {"floats to 1": pixels / 255, "floats to 255": pixels.astype(np.float32)}
            forms |= {"int64": pixels.astype(int), "uint16": pixels.astype(np.uint16) << 8}
        expected = recognizer.predict(str(folder / name))
        for form, value in forms.items():
            verdict = _same(recognizer.predict(value), expected)
            yield Case(f"{name} as {form}", verdict)


def _same(found, expected):
    """Return "went on" for the same faces with the same probabilities, of which there are some."""
    boxes = [[each.face.box for each in of_image] for of_image in (found, expected)]
    if boxes[0] != boxes[1] or not expected:
        return f"faces {boxes[0]} instead of {boxes[1]}"
    same = all(np.array_equal(f.probabilities, e.probabilities) for f, e in zip(found, expected))
    return "went on" if same else "other probabilities"


def _refused(recognizer, scratch):
    """Yield cases of what has no known pixels: one UserError that names the image."""
    values = np.full((60, 60), 0.5)
    holes = values.copy()
    holes[5, 5] = np.nan
    small = Image.new("RGB", (200, 9))
    small.save(scratch / "small.png")
    wide = Image.new("F", (60, 60), 1000.0)
    wide.save(scratch / "wide.tif")
    for name, image in {
        "NaN": holes,
        "negative": values - 1,
        "more than 255": values * 600,
        "complex": values * 1j,
        "channels first": np.zeros((3, 60, 60)),
        "five dimensions": np.zeros((1, 1, 60, 60, 3)),
        "nine rows": np.zeros((9, 60), np.uint8),
        "nine rows, PIL": small,
        "nine rows, file": scratch / "small.png",
        "32-bit floats, PIL": wide,
        "32-bit floats, file": scratch / "wide.tif",
        "text file": io.StringIO("x"),
        "no bytes": b"",
        "a dict": {"x.png": 1},
        "None": None,
    }.items():
        yield Case(f"refused: {name}", _refusal(recognizer, image))


def _refusal(recognizer, image):
    from fer2013_tf import UserError

    where = str(image) if hasattr(image, "exists") else "image 0"
    try:
        found = recognizer.predict([image])
    except UserError as error:
        named = str(error).startswith(f"{where}: ") and "\n" not in str(error)
        return "named" if named else f"names no image: {error}"
    return f"predicted: {found}"


def _several(recognizer, sample):
    """Yield cases of what is a list of images."""
    pixels = np.asarray(sample)
    expected = recognizer.predict(pixels)
    for name, images in {
        "array of four dimensions": np.stack([pixels, pixels]),
        "gray [n, h, w, 1]": np.stack([np.asarray(sample.convert("L"))[..., None]] * 2),
        "pandas Series with another index": pd.Series([str(SAMPLE)] * 2, index=[5, 9]),
        "array of names": np.array([str(SAMPLE)] * 2),
        "generator": (each for each in (pixels, sample)),
        "set": {str(SAMPLE), SAMPLE},
    }.items():
        found = recognizer.predict(images)
        good = len(found) == 2 and all(len(faces) == len(expected) for faces in found)
        yield Case(f"several: {name}", "went on" if good else f"{found}")


def _edges(recognizer, sample):
    """Yield cases of a face that the image's edges cut: its box is within, no slice is empty."""
    left, top, right, bottom = recognizer.predict(sample)[0].face.box
    x, y = round((left + right) / 2), round((top + bottom) / 2)
    for name, window in {
        "left": (x - 15, 0, 512, 512),
        "top": (0, y - 10, 512, 512),
        "right": (0, 0, x + 15, 512),
        "bottom": (0, 0, 512, y + 25),
        "left and top": (x - 20, y - 25, 512, 512),
        "face alone": tuple(map(round, (left, top, right, bottom))),
        "less than the face": (x - 35, y - 35, x + 35, y + 35),
    }.items():
        image = sample.crop(window)
        boxes = [each.as_dict()["box"] for each in recognizer.predict(image)]
        bad = [b for b in boxes if not _slice(np.asarray(image), b)]
        yield Case(f"cut at: {name} ({len(boxes)} faces)", f"outside: {bad}" if bad else "went on")


def _slice(pixels, box):
    """Return whether a box of whole numbers lies in an image [h, w, 3] and is not empty."""
    height, width = pixels.shape[:2]
    across = 0 <= box["left"] < box["right"] <= width
    return across and 0 <= box["top"] < box["bottom"] <= height


def _large(recognizer, sample, size, side, step):
    """Return the case of heads of `side` pixels, `step` apart, in a gray image of `size`."""
    head = sample.crop(HEAD).resize((side, round(side * 160 / 150)))
    image = Image.new("RGB", size, "gray")
    corners = itertools.product(*(range(40, n - m + 1, step) for n, m in zip(size, head.size)))
    middles = []
    for left, top in corners:
        image.paste(head, (left, top))
        middles.append((left + side / 2, top + 0.6 * head.height))
    boxes = [face.box for face in recognizer.detect(image)]
    missed = [m for m in middles if sum(_holds(box, m, side) for box in boxes) != 1]
    name = f"{len(middles)} heads of {side} pixels in {size[0]}x{size[1]}"
    if missed or len(boxes) != len(middles):
        return Case(name, f"{len(boxes)} faces, missed {len(missed)}")
    return Case(name, "went on")


def _holds(box, middle, side):
    left, top, right, bottom = box
    sized = 0.4 * side < right - left < side
    return sized and left < middle[0] < right and top < middle[1] < bottom


def _command(scratch, sample):
    """Yield cases of `predict`: JSON and CSV give boxes within the image, and find small faces."""
    left, top, right, bottom = HEAD
    sample.crop((left + 70, top, 512, 512)).save(scratch / "cut.png")
    wide = Image.new("RGB", (4000, 300), "gray")
    for at in (100, 1500, 3800):
        wide.paste(sample.crop(HEAD).resize((90, 96)), (at, 100))
    wide.save(scratch / "wide.png")
    words = ["fer2013_tf.predict", scratch / "cut.png", scratch / "wide.png", "--run", "r"]
    words += ["--ckpt", scratch / "run" / "ckpt", "--json", "-", "--csv", scratch / "faces.csv"]
    ended = harness.run(words)
    faces = [face for face in map(json.loads, ended.out.splitlines()) if face.get("box")]
    for name, size, least in (
        ("cut.png", (512 - left - 70, 512 - top), 0),
        ("wide.png", (4000, 300), 3),
    ):
        boxes = [face["box"] for face in faces if face["image"].endswith(name)]
        inside = all(_slice(np.empty((size[1], size[0])), box) for box in boxes)
        good = ended.status == 0 and inside and len(boxes) >= least
        yield Case(f"predict --json: {name}", "went on" if good else f"{boxes} {ended.err[-200:]}")
    rows = pd.read_csv(scratch / "faces.csv").dropna(subset=["left"])
    good = len(rows) == len(faces) and (rows["left"] >= 0).all()
    yield Case("predict --csv: boxes as in JSON", "went on" if good else f"{rows}")
