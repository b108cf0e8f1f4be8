"""From a picture file to what a net is fed: the same path for photographs, video and the demo."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer2013_tf.errors import UserError

# A face on fewer pixels than this cannot be told from another.
SMALLEST = 10
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")


class Picture(NamedTuple):
    """A picture that was read."""

    image: Any  # PIL image, upright (EXIF), mode L or RGB; what was transparent is white
    note: str | None  # what of the file was not taken


def open_picture(path):
    """The `Picture` at `path`, 16 bits scaled to 8. Raises UserError naming the file."""
    if Path(path).exists() and not Path(path).is_file():
        raise UserError(f"{path}: not a file; name the pictures in it")
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
            f"{path}: not a picture Pillow can read; convert it to PNG or JPEG"
        ) from None
    # Pillow's decoders raise whatever comes for damaged files.
    except Exception as error:
        raise UserError(f"{path}: damaged picture ({error or type(error).__name__})") from None


def _decoded(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as opened:
            frames = getattr(opened, "n_frames", 1)
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    width, height = picture.size
    if min(picture.size) < SMALLEST:
        raise UserError(f"{path}: {width}x{height} pixels; a face takes {SMALLEST} at least")
    note = f"{path}: the first of its {frames} frames is taken" if frames > 1 else None
    return Picture(_grey_or_rgb(picture, path), note)


def _grey_or_rgb(picture, path):
    if picture.mode in _SIXTEEN_BITS:
        return Image.fromarray((np.asarray(picture, np.uint16) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise UserError(f"{path}: 32 bits a pixel (mode {picture.mode}); convert it to 8")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def centre_crop(image, size):
    """The square in the middle of an image of mode L or RGB: uint8 of `size`.

    size: (height, width) for grey, (height, width, 3) for colour.

    The long side is cut at both ends, as the first article does it; then resized, then grey.
    """
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    square = image.crop((left, top, left + side, top + side))
    height, width, *colour = size
    resized = square.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.convert("RGB" if colour else "L"))
