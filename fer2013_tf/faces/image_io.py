"""Read images of every kind into upright PIL images of mode L or RGB: the one way in.

image = image_io.open_image("people.jpg").image
for face in detectors.load("blazeface")(image):
    pixels = alignment.crop_face(image, alignment.aligned(face), (48, 48))

A file's name, its bytes, an open file, a PIL image and an array give the same pixels.
"""

import collections.abc
import contextlib
import io
import os
import warnings
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer2013_tf.utils.errors import UserError

# Faces of fewer pixels than this per side cannot be told apart.
MIN_SIDE = 10
# Channels of arrays: gray; gray and opacity; RGB; RGB and opacity.
CHANNELS = (1, 2, 3, 4)
# Pillow cannot convert modes whose colors are multiplied with their opacity in one step.
_PLAIN = {"La": "LA", "RGBa": "RGBA"}
_BYTES = (bytes, bytearray, memoryview)


class OpenedImage(NamedTuple):
    """An image that was read."""

    image: Any  # PIL image, upright (EXIF), mode L or RGB; transparent pixels are white
    note: str | None  # which frames of the file were not read


def open_image(source, name="the image"):
    """Return the `OpenedImage` of an image of any kind. Raises UserError that names it.

    source: a file's name or Path; the bytes of a file (bytes, bytearray, memoryview); a binary file
    object, which is read from its beginning; a PIL image; an array, see `from_array`.
    name: begins the message of errors where the source is no file name.
    """
    if isinstance(source, (str, os.PathLike)):
        if os.path.exists(source) and not os.path.isfile(source):
            raise UserError(f"{source}: not a file; name the images in it")
        return _decoded(source, source)
    if isinstance(source, Image.Image):
        with _naming(name):
            return OpenedImage(upright(source, name), None)
    if hasattr(source, "read"):
        source = _content(source, name)
    if isinstance(source, _BYTES):
        return _decoded(io.BytesIO(source), name)
    return OpenedImage(from_array(source, name), None)


def is_list(images):
    """Return whether `images` are several images, not one.

    Several are an array of one or four dimensions, a pandas Series, and everything else that can be
    iterated over and is no image: a list, a tuple, a generator.
    """
    one = (str, os.PathLike, *_BYTES, Image.Image, collections.abc.Mapping)
    if isinstance(images, one) or hasattr(images, "read"):
        return False
    if hasattr(images, "shape"):
        return len(images.shape) in (1, 4)
    return isinstance(images, collections.abc.Iterable)


def from_array(array, name):
    """Return an array as a PIL image of mode L or RGB; transparent pixels are white.

    array: [h, w], or [h, w, c] with c of `CHANNELS`; values as for `to_bytes`. Raises UserError
    that begins with `name`.
    """
    try:
        array = np.asarray(array)
    except Exception as error:
        raise UserError(f"{name}: {type(array).__name__} cannot be an array ({error})") from None
    if array.ndim == 0:
        raise UserError(
            f"{name}: {type(array.item()).__name__} is no image; pass a file's name, its bytes, "
            "an open file, a PIL image or an array"
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in CHANNELS):
        raise UserError(
            f"{name}: an array of shape {list(array.shape)}; expected [h, w], or [h, w, c] with "
            "c = 1 gray, 2 gray and opacity, 3 RGB, 4 RGB and opacity; of several make a list"
        )
    _check_size(array.shape[1::-1], name)
    array = array[..., 0] if array.shape[2:] == (1,) else array
    return to_gray_or_rgb(Image.fromarray(to_bytes(array, name)), name)


def to_bytes(values, name):
    """Return an array of pixel values as uint8, by its type alone where that is possible.

    bool: black and white. uint8: unchanged. uint16: 65535 is white. Other whole numbers: 0 to 255.
    Floats: 0 to 1 if none is larger than 1, else 0 to 255. Raises UserError that begins with
    `name` for values outside of these ranges, NaN, and other types.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype(np.uint8) * 255
    if kind == "u" and size <= 2:
        return (values >> 8 * (size - 1)).astype(np.uint8)
    if kind not in "iuf":
        raise UserError(f"{name}: values of type {values.dtype}; expected numbers, 0 to 255")
    low, high = values.min(), values.max()
    # Comparisons with NaN are false.
    if not (low >= 0 and high <= 255):
        raise UserError(
            f"{name}: {values.dtype} values from {low:g} to {high:g}; expected 0 to 255, floats "
            "also 0 to 1, uint16 0 to 65535"
        )
    scale = 255 if kind == "f" and high <= 1 else 1
    return np.rint(values.astype(np.float32) * scale).astype(np.uint8)


def upright(opened, name):
    """Return a PIL image, decoded and upright (EXIF), as mode L or RGB.

    Raises UserError that begins with `name` for an image that is too small or too large or whose
    values have no known range, and whatever Pillow raises for a damaged one.
    """
    _check_size(opened.size, name)
    image = ImageOps.exif_transpose(opened)
    image.load()
    return to_gray_or_rgb(image, name)


def to_gray_or_rgb(image, name):
    """Return a PIL image of any mode as L or RGB: transparent pixels white, values see `to_bytes`.

    Raises UserError that begins with `name`.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        gray = to_bytes(values, name)
        # A PNG names the one gray value that is transparent.
        gray[values == image.info.get("transparency", -1)] = 255
        return Image.fromarray(gray)
    if image.mode in _PLAIN:
        image = image.convert(_PLAIN[image.mode])
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _decoded(file, name):
    """Return the `OpenedImage` of a file's name or a binary file."""
    with _naming(name), warnings.catch_warnings():
        # `_check_size` has the limit.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(file) as opened:
            frames = getattr(opened, "n_frames", 1)
            image = upright(opened, name)
    note = f"{name}: only the first of its {frames} frames is read" if frames > 1 else None
    return OpenedImage(image, note)


def _check_size(size, name):
    """Raise UserError for an image of too few or too many pixels (Pillow's limit for files)."""
    width, height = size
    if min(size) < MIN_SIDE:
        raise UserError(f"{name}: {width}x{height} pixels; a face needs {MIN_SIDE} at least")
    if Image.MAX_IMAGE_PIXELS and width * height > 2 * Image.MAX_IMAGE_PIXELS:
        raise UserError(_too_many(name))


def _too_many(name):
    return f"{name}: too many pixels; make it smaller"


@contextlib.contextmanager
def _naming(name):
    """Turn what Pillow raises into UserErrors that begin with `name`."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{name}: no such file") from None
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise UserError(_too_many(name)) from None
    except UnidentifiedImageError:
        raise UserError(
            f"{name}: not an image Pillow can read; convert it to PNG or JPEG"
        ) from None
    # Pillow's decoders raise many kinds of errors for damaged files.
    except Exception as error:
        raise UserError(f"{name}: damaged image ({error or type(error).__name__})") from None


def _content(file, name):
    """Return the bytes of a file object, from its beginning where it can be rewound."""
    try:
        if hasattr(file, "seekable") and file.seekable():
            file.seek(0)
        data = file.read()
    except (OSError, ValueError) as error:
        raise UserError(f"{name}: cannot be read ({error})") from None
    if not isinstance(data, _BYTES):
        raise UserError(f'{name}: a file opened as text; open it with mode "rb"')
    return data
