"""Sources: one module per format; each yields checked images in a fixed order.

A reader module has

    sniff(path) -> bool          can this module read what is at `path`? (path may be None)
    open(path, **options) -> Source

and is found by its name (`--format fer2013_csv` imports `fer2013_tf.data.readers.fer2013_csv`). The
first line of its docstring says what it reads; error messages quote it. Modules without `sniff` are
what readers share.
"""

import hashlib
import importlib
import inspect
import pkgutil
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer2013_tf.data.readers import finding, packed
from fer2013_tf.faces import alignment, image_io
from fer2013_tf.utils import constants, unpacking
from fer2013_tf.utils.errors import UserError

AUTO = "auto"
TOGETHER = "together"  # in descriptions: how `stratify` parts identical images
SEED = 2013  # of the images that become PublicTest where the source names none
# What make_records calls them, where that differs.
OPTIONS = {"resize": "size"}
_TABLE = "fer2013_csv"  # the format that reads one file of an archive without unpacking it
_HELD_OUT_OF = 10
_BLOCK = 1 << 20


class LabeledImage(NamedTuple):
    """One checked image with its label."""

    pixels: np.ndarray  # uint8 [height, width], or [height, width, 3] in color
    label: int  # index into Source.classes
    split: str  # one of constants.SPLITS
    row: int  # 1-based data row (or image number) in the source, for messages and reports
    where: str  # file (or archive member) the image came from
    votes: np.ndarray | None = None  # uint8 [k], FER+'s votes, the classes' first (see ferplus)


class BadRow(NamedTuple):
    """A row or image file that cannot be used, and why."""

    row: int
    where: str
    reason: str


class Source(NamedTuple):
    """A data set that a reader module has opened."""

    classes: tuple  # class names, in the order of the labels
    description: dict  # goes into the manifest: format, path's base name, how splits were made
    sha256: str  # of the input (a file's bytes; of sorted names and bytes for a folder)
    examples: Callable[[], Iterator[LabeledImage | BadRow]]  # starts a pass over the images
    total: int | None = None  # number of images where it is known beforehand (progress bar)
    # Otherwise, if given: the fraction of the input, 0 to 1, that the newest pass has read so far.
    progress: Callable[[], float] | None = None
    # Lines that say what was decided while it was opened; they come first in make_records' report.
    notes: tuple = ()


def names():
    """Return the names of the formats: the modules in this folder that have a `sniff`."""
    return sorted(_modules())


def _modules():
    """Return {format: its module}, in alphabetical order."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in found}
    return {name: module for name, module in modules.items() if hasattr(module, "sniff")}


def open_source(path, format=AUTO, **options):
    """Open `path` in `format`, or with "auto" in the one format that recognizes it.

    path: None for the synthetic sample; a file, or a folder that holds one data set; or an archive
    of these. Returns a `Source`. Raises UserError for a missing path, for an unknown format,
    listing the known ones, for an option that the format lacks, and for several data sets.
    """
    modules = _modules()
    if format != AUTO and format not in modules:
        raise UserError(f"unknown format {format!r}; known are {', '.join([AUTO, *modules])}")
    if path is None:
        if format != AUTO and not modules[format].sniff(None):
            raise UserError(f"format {format} needs a source: name the file or folder to read")
    elif not Path(path).exists():
        raise UserError(f"{path}: no such file or folder")
    elif _is_packed(path, format, modules):
        limit = {"max_unpacked": options.pop("max_unpacked")} if "max_unpacked" in options else {}
        return packed.open(path, lambda folder: open_source(folder, format, **options), **limit)
    notes = []
    if format == AUTO and path is not None and Path(path).is_dir():
        found, path, notes = finding.find(path, modules)
        if found == AUTO:
            return _with_notes(open_source(path, **options), notes)
        format = found
    format = format if format != AUTO else _sniffed(path, modules)
    return _with_notes(_opened(path, format, modules[format].open, options), notes)


def _is_packed(path, format, modules):
    """Return whether `path` is an archive to be unpacked: no CSV of images is in it."""
    table = modules[_TABLE]
    if format == _TABLE or not unpacking.is_archive(path):
        return False
    return format != AUTO or not table.sniff(path)


def _sniffed(path, modules):
    for name, module in modules.items():
        if module.sniff(path):
            return name
    known = [f"{name}: {module.__doc__.splitlines()[0]}" for name, module in modules.items()]
    raise UserError(f"{path}: in none of the known formats; choose one by --format", known)


def _opened(path, format, opener, options):
    for name in set(options) - set(inspect.signature(opener).parameters):
        option = OPTIONS.get(name, name)
        raise UserError(f"{path}: format {format} has no option --{option.replace('_', '-')}")
    return opener(path, **options)


def _with_notes(source, notes):
    return source._replace(notes=(*source.notes, *notes))


class ImageReader:
    """Read image files as pixels of one size, gray or in color.

    resize: (height, width) that every image is center-cropped and scaled to; without it all must
    have the size `expected`, or where that is None, the size of the first one read.
    """

    def __init__(self, resize=None, expected=None, color=False):
        self._resize, self._expected, self._color = resize, expected, color

    def __call__(self, path):
        """Return uint8 [height, width], or [height, width, 3] in color.

        Raises UserError without the file's name, which the reader module has in its own form.
        """
        try:
            image = image_io.open_image(path).image
        except UserError as error:
            raise UserError(str(error).removeprefix(f"{path}: ")) from None
        if self._resize:
            return alignment.center_crop(image, (*self._resize, 3) if self._color else self._resize)
        width, height = image.size
        self._expected = self._expected or (height, width)
        if (height, width) != self._expected:
            wanted = "{1}x{0}".format(*self._expected)
            raise UserError(f"{width}x{height} pixels, expected {wanted}; --size brings all to one")
        return np.asarray(image.convert("RGB" if self._color else "L"))


def sha256_of(parts):
    """Return the hexadecimal sha256 of parts: bytes as they are, a Path as the file's bytes."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, bytes):
            digest.update(part)
            continue
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def image_sha256(path):
    """Return the sha256 of a Path's bytes as 32 bytes; of a broken link or a pipe, of no bytes."""
    return bytes.fromhex(sha256_of([path] if path.is_file() else []))


def stratify(examples, block_size, splits_of_block, *, moved):
    """Yield examples, the images of the splits `moved` with new splits, class by class.

    The images of a class are taken in blocks of `block_size`, in their order;
    splits_of_block(label, block number) returns the splits of one block's images. So every class
    is divided in the same proportions, and an image's split does not depend on those after it.
    An image that is identical to an earlier one, whatever its label, gets the earlier one's split.
    """
    seen, blocks, splits = Counter(), {}, {}
    for example in examples:
        if isinstance(example, LabeledImage) and example.split in moved:
            digest = hashlib.blake2b(example.pixels.tobytes(), digest_size=16).digest()
            if digest not in splits:
                label = example.label
                block, place = divmod(seen[label], block_size)
                if place == 0:
                    blocks[label] = splits_of_block(label, block)
                seen[label] += 1
                splits[digest] = blocks[label][place]
            example = example._replace(split=splits[digest])
        yield example


def hold_out(examples, seed):
    """Move one Training image in ten of each class to PublicTest; yield the rest unchanged.

    Of every ten images of a class, in their order, one is sampled with `seed`.
    """

    def splits_of_block(label, block):
        rng = random.Random(f"{seed}/{label}/{block}")  # no secret  # nosec B311
        splits = [constants.TRAINING] * _HELD_OUT_OF
        splits[rng.randrange(_HELD_OUT_OF)] = constants.PUBLIC_TEST
        return splits

    return stratify(examples, _HELD_OUT_OF, splits_of_block, moved=(constants.TRAINING,))


def with_public_test(source, seed):
    """Return a source without PublicTest with one made by `hold_out`; its description says so."""
    splits = f"{source.description['splits']}; of Training one in ten of each class, sampled with "
    splits += f"seed {seed}, is PublicTest"
    description = {**source.description, "splits": splits, "identical_images": TOGETHER}
    examples = lambda: hold_out(source.examples(), seed)  # noqa: E731
    return source._replace(description=description, examples=examples)
