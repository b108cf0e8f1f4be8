"""Faces in images: boxes, alignment, and the crops that a net gets.

`ALIGNMENTS` map a detected `Face` to the `CropSquare` to be cut out of the image.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError

# Smallest width and height of a box given out, in pixels: rounded either way it is never empty.
MIN_BOX = 2


class Face(NamedTuple):
    """A face in an image; x to the right, y down, in pixels from the upper left corner."""

    box: tuple  # left, top, right, bottom, within the image and at least MIN_BOX wide and high
    score: float | None = None  # the detector's confidence, 0..1
    eyes: tuple | None = None  # ((x, y), (x, y)), the one further left in an upright face first
    # The square that FER2013 would show of it: its side, and how much higher its center is, both
    # in sides of the box. A property of the detector.
    scale: float = 1.0
    rise: float = 0.0
    detected: tuple | None = None  # the box before `clipped`, see `raw_box`

    @property
    def raw_box(self):
        """Return the box as detected: it may reach beyond the image. Crops are placed by it."""
        return self.detected or self.box


class CropSquare(NamedTuple):
    """A square of an image, rotated by `angle` about its center, in pixels."""

    x: float
    y: float
    side: float
    angle: float = 0.0  # degrees; positive where the head leans to its own left, our right


def clipped(face, size):
    """Return a `Face` whose box lies within an image of (width, height); see `Face.raw_box`."""
    ends = (*_within(face.raw_box[::2], size[0]), *_within(face.raw_box[1::2], size[1]))
    box = (ends[0], ends[2], ends[1], ends[3])
    return face._replace(box=box, detected=face.raw_box)


def _within(ends, length):
    """Return (start, end) within 0..length, MIN_BOX apart at least where length allows it."""
    start = min(max(0.0, ends[0]), max(0.0, length - MIN_BOX))
    return start, max(min(ends[1], float(length)), min(start + MIN_BOX, float(length)))


def iou(box, others):
    """Return the intersection over union of a box [4] and others [n, 4]: float [n].

    Boxes are (left, top, right, bottom).
    """
    common, own, theirs = _areas(box, others)
    return common / np.maximum(own + theirs - common, 1e-9)


def shared_area(box, others):
    """Return the intersection over the smaller area of a box [4] and others [n, 4]: float [n]."""
    common, own, theirs = _areas(box, others)
    return common / np.maximum(np.minimum(own, theirs), 1e-9)


def _areas(box, others):
    """Return the areas of the intersections [n], of a box and of others [n]."""
    box, others = np.asarray(box), np.asarray(others).reshape(-1, 4)
    upper, lower = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.clip(lower - upper, 0, None), axis=1)
    return common, *(np.prod(each[..., 2:] - each[..., :2], axis=-1) for each in (box, others))


def center_crop(image, size):
    """Return the center square of an image of mode L or RGB: uint8 of `size`.

    size: (height, width) for gray, (height, width, 3) for color. The long side is cut at both ends,
    then the square is resized, then turned gray, as in Hu 2019.
    """
    square = image.crop(center_face(image).box)
    height, width, *color = size
    resized = square.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.convert("RGB" if color else "L"))


def center_face(image):
    """Return the center square of an image as a `Face`."""
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    return Face((left, top, left + side, top + side))


def resize_whole(image, size):
    """Return the whole image of mode L or RGB, resized to `size` (see `center_crop`)."""
    height, width, *color = size
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.convert("RGB" if color else "L"))


ALIGNMENTS = registry.Registry("alignment")


@ALIGNMENTS.register
def upright(face):
    """Return the square that FER2013 shows of a face, not rotated."""
    return _square(face, 0.0)


@ALIGNMENTS.register
def aligned(face):
    """Return the square of `upright`, rotated until the eyes are level, if they are known."""
    return _square(face, _roll(face.eyes) if face.eyes else 0.0)


@ALIGNMENTS.register
def eyes(face):
    """Return the square of Yunwei 2025: eyes level, placed by the eyes alone.

    With the eyes' distance d it reaches from the point between them d to each side, d / 2 up and
    3 d / 2 down. Raises UserError where the detector gives no eyes.
    """
    if face.eyes is None:
        raise UserError(
            "--alignment eyes: this detector finds no eyes; use --detector blazeface or "
            "--alignment upright"
        )
    (x, y), (right_x, right_y) = face.eyes
    distance, angle = math.hypot(right_x - x, right_y - y), _roll(face.eyes)
    across, up = _up(angle)
    middle_x, middle_y = (x + right_x) / 2, (y + right_y) / 2
    return CropSquare(
        middle_x - across * distance / 2, middle_y - up * distance / 2, 2 * distance, angle
    )


def _square(face, angle):
    left, top, right, bottom = face.raw_box
    side = max(right - left, bottom - top)
    across, up = _up(angle)
    x = (left + right) / 2 + across * face.rise * side
    y = (top + bottom) / 2 + up * face.rise * side
    return CropSquare(x, y, face.scale * side, angle)


def _roll(eyes):
    """Return the angle of the line through the eyes, in degrees."""
    (x, y), (right_x, right_y) = eyes
    return math.degrees(math.atan2(right_y - y, right_x - x))


def _up(angle):
    """Return the unit vector (x, y) to the crown of a head that leans by `angle` degrees."""
    return math.sin(math.radians(angle)), -math.cos(math.radians(angle))


def crop_face(image, square, size):
    """Return a `CropSquare` of an image of mode L or RGB: uint8 of `size` (see `center_crop`).

    Pixels outside the image repeat its edge.
    """
    height, width, *color = size
    # The corners of a rotated square are this much further out.
    half = square.side / 2 * (math.sqrt(2) if square.angle else 1.0)
    left, top = math.floor(square.x - half), math.floor(square.y - half)
    right, bottom = math.ceil(square.x + half) + 1, math.ceil(square.y + half) + 1
    region = _region(image, left, top, right, bottom).convert("RGB" if color else "L")
    # Rotation needs twice the pixels wanted; with more, large faces would take longer.
    factor = max(1, int(square.side // (2 * max(height, width))))
    region = region.reduce(factor) if factor > 1 else region
    x, y, side = (square.x - left) / factor, (square.y - top) / factor, square.side / factor
    if square.angle:
        region, x, y, side = _rotated(region, x, y, side, square.angle)
    box = (max(x - side / 2, 0), max(y - side / 2, 0), x + side / 2, y + side / 2)
    box = (*box[:2], min(box[2], region.width), min(box[3], region.height))
    return np.asarray(region.resize((width, height), Image.Resampling.LANCZOS, box=box))


def _rotated(region, x, y, side, angle):
    """Return the rotated square about (x, y) alone: (image, its center's x, y, its side)."""
    length = max(1, round(side))
    step, radians = side / length, math.radians(angle)
    along, across = step * math.cos(radians), step * math.sin(radians)
    # Pillow wants the map from pixels of the result to pixels of the region.
    start_x = x - (along - across) * length / 2
    start_y = y - (across + along) * length / 2
    matrix = (along, -across, start_x, across, along, start_y)
    rotated = region.transform(
        (length, length), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    return rotated, length / 2, length / 2, length


def _region(image, left, top, right, bottom):
    if left >= 0 and top >= 0 and right <= image.width and bottom <= image.height:
        return image.crop((left, top, right, bottom))
    inside = [
        np.clip(np.arange(*ends), 0, n - 1)
        for ends, n in (((top, bottom), image.height), ((left, right), image.width))
    ]
    # Indexing the image itself keeps memory small where the square is far larger than it.
    return Image.fromarray(np.asarray(image)[np.ix_(*inside)])
