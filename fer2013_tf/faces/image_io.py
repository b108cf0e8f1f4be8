"""Read image files into upright PIL images of mode L or RGB.

image = image_io.open_image("people.jpg").image
for face in detectors.load("blazeface")(image):
    pixels = alignment.crop_face(image, alignment.aligned(face), (48, 48))
"""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer2013_tf.utils.errors import UserError

# Faces of fewer pixels than this per side cannot be told apart.
MIN_SIDE = 10
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")


class OpenedImage(NamedTuple):
    """An image that was read."""

    image: Any  # PIL image, upright (EXIF), mode L or RGB; transparent pixels are white
    note: str | None  # which frames of the file were not read


def open_image(path):
    """Return the `OpenedImage` at `path`, 16 bits scaled to 8. Raises UserError naming the file."""
    if Path(path).exists() and not Path(path).is_file():
        raise UserError(f"{path}: not a file; name the images in it")
    try:
        return _decoded(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UserError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UserError(f"{path}: too many pixels; make it smaller") from None
    except UnidentifiedImageError:
        raise UserError(
            f"{path}: not an image Pillow can read; convert it to PNG or JPEG"
        ) from None
    # Pillow's decoders raise many kinds of errors for damaged files.
    except Exception as error:
        raise UserError(f"{path}: damaged image ({error or type(error).__name__})") from None


def _decoded(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as opened:
            frames = getattr(opened, "n_frames", 1)
            image = upright(opened, path)
    note = f"{path}: only the first of its {frames} frames is read" if frames > 1 else None
    return OpenedImage(image, note)


def upright(opened, name):
    """Return a PIL image, just opened, decoded and upright (EXIF), as mode L or RGB.

    Raises UserError that begins with `name` for an image that is too small or has 32 bits per
    pixel, and whatever Pillow raises for a damaged one.
    """
    image = ImageOps.exif_transpose(opened)
    image.load()
    width, height = image.size
    if min(image.size) < MIN_SIDE:
        raise UserError(f"{name}: {width}x{height} pixels; a face needs {MIN_SIDE} at least")
    return to_gray_or_rgb(image, name)


def to_gray_or_rgb(image, name):
    """Return a PIL image of any mode as L or RGB: 16 bits scaled to 8, transparent pixels white.

    Raises UserError that begins with `name` for 32 bits per pixel.
    """
    if image.mode in _SIXTEEN_BITS:
        return Image.fromarray((np.asarray(image, np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UserError(f"{name}: 32 bits per pixel (mode {image.mode}); convert it to 8")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode in ("L", "RGB") else image.convert("RGB")
