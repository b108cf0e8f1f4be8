"""From a picture file to what a net is fed: the same path for photographs, video and the demo.

image = faces.open_picture("people.jpg").image
for face in detectors.load("blazeface").find(image):
    pixels = faces.cut(image, faces.level(face), (48, 48))
"""

import math
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer2013_tf import specs
from fer2013_tf.errors import UserError

# A face on fewer pixels than this cannot be told from another.
SMALLEST = 10
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")


class Picture(NamedTuple):
    """A picture that was read."""

    image: Any  # PIL image, upright (EXIF), mode L or RGB; what was transparent is white
    note: str | None  # what of the file was not taken


class Face(NamedTuple):
    """A face in a picture; x to the right, y down, in pixels from the upper left corner."""

    box: tuple  # left, top, right, bottom, as its detector draws it; may reach over the edge
    score: float | None = None  # how sure its detector is, 0..1
    eyes: tuple | None = None  # ((x, y), (x, y)), the one further left in an upright face first
    # What FER2013 would show of it, as its detector's boxes have it: sides of the box, and by how
    # many of them the frame stands higher.
    scale: float = 1.0
    rise: float = 0.0


class Frame(NamedTuple):
    """A square of a picture, to be turned by `angle` about its centre and cut out."""

    x: float
    y: float
    side: float
    angle: float = 0.0  # degrees; over 0 where the face leans to its own left, our right


def overlaps(box, others):
    """Intersection over union of a box [4] and others [n, 4] (left, top, right, bottom): [n]."""
    box, others = np.asarray(box), np.asarray(others).reshape(-1, 4)
    upper, lower = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.clip(lower - upper, 0, None), axis=1)
    own, theirs = (np.prod(each[..., 2:] - each[..., :2], axis=-1) for each in (box, others))
    return common / np.maximum(own + theirs - common, 1e-9)


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
    return Picture(grey_or_rgb(picture, path), note)


def grey_or_rgb(picture, path):
    """A PIL image of any mode as L or RGB: 16 bits scaled to 8, what is transparent white.

    Raises UserError naming `path` for 32 bits a pixel.
    """
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
    square = image.crop(centre_face(image).box)
    height, width, *colour = size
    resized = square.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.convert("RGB" if colour else "L"))


def centre_face(image):
    """The square in the middle of an image, as if it were a face."""
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    return Face((left, top, left + side, top + side))


def whole(image, size):
    """The whole image of mode L or RGB, resized to `size` (see `centre_crop`) whatever its
    shape."""
    height, width, *colour = size
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.convert("RGB" if colour else "L"))


FRAMINGS = specs.Registry("framing")


@FRAMINGS.register
def upright(face):
    """The frame that FER2013's pictures show of a face, not turned."""
    return _frame(face, 0.0)


@FRAMINGS.register
def level(face):
    """The same, turned so that the eyes are level; not turned where they are not known."""
    return _frame(face, _lean(face.eyes) if face.eyes else 0.0)


@FRAMINGS.register
def article(face):
    """The third article's: eyes level; of the eyes' distance d, d to each side of the point between
    them, half of d above and one and a half below it. Raises UserError without eyes."""
    if face.eyes is None:
        raise UserError("framing article: this detector finds no eyes; use blazeface, or upright")
    (x, y), (right_x, right_y) = face.eyes
    distance, angle = math.hypot(right_x - x, right_y - y), _lean(face.eyes)
    across, up = _up(angle)
    middle_x, middle_y = (x + right_x) / 2, (y + right_y) / 2
    return Frame(
        middle_x - across * distance / 2, middle_y - up * distance / 2, 2 * distance, angle
    )


def _frame(face, angle):
    left, top, right, bottom = face.box
    side = max(right - left, bottom - top)
    across, up = _up(angle)
    x = (left + right) / 2 + across * face.rise * side
    y = (top + bottom) / 2 + up * face.rise * side
    return Frame(x, y, face.scale * side, angle)


def _lean(eyes):
    (x, y), (right_x, right_y) = eyes
    return math.degrees(math.atan2(right_y - y, right_x - x))


def _up(angle):
    """Where the crown of a head that leans by `angle` degrees points to."""
    return math.sin(math.radians(angle)), -math.cos(math.radians(angle))


def cut(image, frame, size):
    """The frame's pixels of an image of mode L or RGB: uint8 of `size` (see `centre_crop`).

    What lies outside the image repeats its edge.
    """
    height, width, *colour = size
    # Turned corners stand this much further out.
    half = frame.side / 2 * (math.sqrt(2) if frame.angle else 1.0)
    left, top = math.floor(frame.x - half), math.floor(frame.y - half)
    right, bottom = math.ceil(frame.x + half) + 1, math.ceil(frame.y + half) + 1
    region = _region(image, left, top, right, bottom).convert("RGB" if colour else "L")
    # Twice the pixels wanted is what turning needs; it and resizing then take no longer for large
    # faces.
    factor = max(1, int(frame.side // (2 * max(height, width))))
    region = region.reduce(factor) if factor > 1 else region
    x, y, side = (frame.x - left) / factor, (frame.y - top) / factor, frame.side / factor
    if frame.angle:
        region, x, y, side = _turned(region, x, y, side, frame.angle)
    box = (max(x - side / 2, 0), max(y - side / 2, 0), x + side / 2, y + side / 2)
    box = (*box[:2], min(box[2], region.width), min(box[3], region.height))
    return np.asarray(region.resize((width, height), Image.Resampling.LANCZOS, box=box))


def _turned(region, x, y, side, angle):
    """The square about (x, y), turned, and no more: (image, its centre's x, y, its side)."""
    length = max(1, round(side))
    step, radians = side / length, math.radians(angle)
    along, across = step * math.cos(radians), step * math.sin(radians)
    # Pillow asks where in the region each pixel of the result comes from.
    start_x = x - (along - across) * length / 2
    start_y = y - (across + along) * length / 2
    places = (along, -across, start_x, across, along, start_y)
    turned = region.transform(
        (length, length), Image.Transform.AFFINE, places, Image.Resampling.BICUBIC
    )
    return turned, length / 2, length / 2, length


def _region(image, left, top, right, bottom):
    if left >= 0 and top >= 0 and right <= image.width and bottom <= image.height:
        return image.crop((left, top, right, bottom))
    inside = [
        np.clip(np.arange(*ends), 0, n - 1)
        for ends, n in (((top, bottom), image.height), ((left, right), image.width))
    ]
    # Of a frame far larger than the image only the image itself is turned into an array.
    return Image.fromarray(np.asarray(image)[np.ix_(*inside)])
