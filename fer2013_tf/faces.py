"""From a picture file to what a net is fed: the same path for photographs, video and the demo."""

import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer2013_tf.errors import UserError

# Modes of more than 8 bits a channel: Pillow would clip, not scale them.
DEEP_MODES = ("F", "I", "I;16", "I;16B", "I;16L", "I;16N")


def open_picture(path):
    """The picture at `path`, upright (EXIF), in its own mode. Raises UserError naming the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = ImageOps.exif_transpose(Image.open(path))
            picture.load()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UserError(f"{path}: too many pixels; make it smaller") from None
    except UnidentifiedImageError:
        raise UserError(
            f"{path}: not a picture Pillow can read; convert it to PNG or JPEG"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: damaged picture ({error})") from None
    if picture.mode in DEEP_MODES:
        raise UserError(f"{path}: more than 8 bits a pixel (mode {picture.mode}); convert it to 8")
    return picture


def centre_crop(picture, size):
    """The square in the middle of a PIL picture, grey: uint8 (height, width).

    The long side is cut at both ends, as the first article does it; then resized, then grey.
    """
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    square = picture.crop((left, top, left + side, top + side))
    if square.mode not in ("L", "RGB"):
        square = square.convert("RGB")
    height, width = size
    return np.asarray(square.resize((width, height), Image.Resampling.LANCZOS).convert("L"))
