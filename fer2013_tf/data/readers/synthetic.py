"""Synthetic faces, rendered by the program, so that everything runs without a download.

Expressions differ in the shapes that people recognize them by (brows, lids, mouth, wrinkles).
Position, tilt, size, head shape, tones, hair, glasses, light and noise are sampled independently of
them. So a linear model on the pixels does poorly, a small convolutional net well.

Lengths are in half head heights, x to the right and y downwards from the middle of the head; tones
are pixel values 0..255.
"""

import json
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from fer2013_tf.data.readers import LabeledImage, Source, sha256_of
from fer2013_tf.utils import constants
from fer2013_tf.utils.errors import UserError

VERSION = 1  # raise with every change of the pixels: it is part of the source's digest
COUNTS = {constants.TRAINING: 2100, constants.PUBLIC_TEST: 350, constants.PRIVATE_TEST: 350}
# The format's name in the digest, from when it was called so: manifests and runs hold the digest.
_NAME_IN_DIGEST = "drawn"

_OVERSAMPLING = 4
_CANVAS = constants.IMAGE_SIZE * _OVERSAMPLING
_ALONG = np.linspace(-1.0, 1.0, 13)  # where curves are sampled, from their one end to the other
_ANGLES = np.linspace(0.0, 2 * np.pi, 32, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


class Expression(NamedTuple):
    """The shapes of an expression; one without arguments is a face at rest."""

    brow_inner: float = 0.0  # lift of the brow's inner end, its middle and its outer end
    brow_middle: float = 0.05
    brow_outer: float = 0.0
    brow_gap: float = 0.17  # from the middle of the face to the brow's inner end
    eye_open: float = 0.10  # half height of the opening
    eye_slant: float = 0.0  # how far the inner corner of the upper lid comes down
    eye_arch: float = 0.0  # how far cheeks push the eye into an arch
    mouth_width: float = 0.30  # half width
    mouth_corners: float = 0.0  # lift of the corners
    mouth_upper: float = 0.0  # lift of the upper lip, drop of the lower lip
    mouth_lower: float = 0.0
    mouth_square: float = 2.0  # 2: the opening is a lens; more: a box
    mouth_sneer: float = 0.0  # lift of the upper lip and the corner on one side only
    teeth: float = 0.0  # how much of the opening the upper teeth fill
    nose_wrinkles: int = 0
    frown_lines: bool = False
    cheek_folds: bool = False


_ANGRY = Expression(-0.17, 0.02, 0.15, 0.09, 0.085, 0.09, frown_lines=True)
_DISGUST = Expression(-0.12, -0.04, -0.04, 0.14, 0.05, 0.02, nose_wrinkles=3, cheek_folds=True)
_FEAR = Expression(0.22, 0.14, 0.02, 0.08, 0.165, -0.03)
_HAPPY = Expression(0.03, 0.09, 0.02, eye_open=0.06, eye_arch=0.09, cheek_folds=True)
_SAD = Expression(0.17, 0.03, -0.12, 0.12, 0.065, -0.08)
_SURPRISE = Expression(0.14, 0.27, 0.15, 0.19, 0.18)

EXPRESSIONS = {
    "angry": (
        _ANGRY._replace(mouth_width=0.26, mouth_corners=-0.05),
        _ANGRY._replace(
            mouth_width=0.30, mouth_upper=0.10, mouth_lower=0.12, mouth_square=8.0, teeth=1.0
        ),
    ),
    "disgust": (
        _DISGUST._replace(mouth_corners=-0.10, mouth_upper=0.13, mouth_sneer=0.10, teeth=0.5),
        _DISGUST._replace(mouth_width=0.26, mouth_corners=-0.14, mouth_upper=0.10),
    ),
    "fear": (
        _FEAR._replace(mouth_width=0.38, mouth_corners=-0.08, mouth_upper=0.02, mouth_lower=0.12),
        _FEAR._replace(
            mouth_width=0.36, mouth_corners=-0.05, mouth_upper=0.06, mouth_lower=0.10, teeth=0.5
        ),
    ),
    "happy": (
        _HAPPY._replace(mouth_width=0.40, mouth_corners=0.17),
        _HAPPY._replace(mouth_width=0.42, mouth_corners=0.16, mouth_lower=0.17, teeth=0.55),
    ),
    "sad": (
        _SAD._replace(mouth_width=0.27, mouth_corners=-0.15),
        _SAD._replace(mouth_width=0.24, mouth_corners=-0.12, mouth_lower=0.03),
    ),
    "surprise": (
        _SURPRISE._replace(mouth_width=0.16, mouth_upper=0.17, mouth_lower=0.22),
        _SURPRISE._replace(mouth_width=0.21, mouth_upper=0.14, mouth_lower=0.19),
    ),
    "neutral": (Expression(), Expression(mouth_lower=0.03)),
}


class _Pen:
    """Draw on an oversampled canvas in head units, at the head's position and tilt."""

    def __init__(self, background, *, center, scale, tilt, narrow):
        self.image = Image.new("L", (_CANVAS, _CANVAS), int(background))
        self._draw = ImageDraw.Draw(self.image)
        cos, sin = scale * np.cos(tilt), scale * np.sin(tilt)
        self._turn = np.array([[narrow * cos, narrow * sin], [-sin, cos]])
        self._center, self._scale = center, scale

    def _place(self, points):
        return (np.asarray(points) @ self._turn + self._center).ravel().tolist()

    def fill(self, points, tone):
        self._draw.polygon(self._place(points), fill=int(tone))

    def stroke(self, points, tone, width):
        pixels = max(2, round(width * self._scale))
        self._draw.line(self._place(points), fill=int(tone), width=pixels, joint="curve")

    def ellipse(self, center, radii, tone):
        self.fill(_CIRCLE * radii + center, tone)


class _Tones(NamedTuple):
    skin: float
    shade: float
    ink: float
    hair: float
    white: float


def _tones(rng):
    skin = rng.uniform(105, 225)
    return _Tones(
        skin=skin,
        shade=skin * rng.uniform(0.62, 0.75),
        ink=skin * rng.uniform(0.10, 0.25),
        hair=rng.choice([skin * rng.uniform(0.15, 0.5), rng.uniform(20, 230)]),
        white=min(255.0, skin * 0.35 + 165),
    )


def _pen(rng):
    middle = _CANVAS / 2
    return _Pen(
        rng.uniform(10, 245),
        center=middle + _OVERSAMPLING * rng.uniform(-4.0, 4.0, 2),
        scale=_CANVAS * rng.uniform(0.37, 0.50),
        tilt=rng.uniform(-0.35, 0.35),
        narrow=rng.uniform(0.88, 1.08),
    )


def _exaggerate(expression, rng):
    """Return the expression weaker or stronger as a whole, and each measure a little more."""
    rest = Expression()
    strength = rng.uniform(0.8, 1.15)

    def vary(value, at_rest):
        if not isinstance(at_rest, float):
            return value
        return at_rest + (value - at_rest) * strength * rng.uniform(0.9, 1.1)

    return Expression(*map(vary, expression, rest))


def _draw_head(pen, tones, rng):
    jaw, ears = rng.uniform(0.60, 0.85), rng.uniform(0.06, 0.16)
    style = rng.choice(["bald", "short", "long"], p=[0.2, 0.45, 0.35])
    if style == "long":
        pen.ellipse((0, -0.05), (0.98, 1.08), tones.hair)
        pen.fill([(-0.97, 0), (0.97, 0), (0.9, 1.1), (-0.9, 1.1)], tones.hair)
    pen.fill([(-0.3, 0.7), (0.3, 0.7), (0.36, 1.8), (-0.36, 1.8)], tones.shade)
    if style != "long":
        for side in (-1, 1):
            pen.ellipse((side * 0.8, 0.02), (ears, 0.17), tones.shade)
    outline = _CIRCLE * (0.8, 1.0)
    below = np.clip(outline[:, 1], 0, 1)
    outline[:, 0] *= 1 - (1 - jaw) * below**2
    pen.fill(outline, tones.skin)
    if style != "bald":
        _draw_fringe(pen, tones, rng)


def _draw_fringe(pen, tones, rng):
    hairline, parting = rng.uniform(-0.85, -0.68), rng.uniform(-0.12, 0.12)
    top = _CIRCLE[16:] * (0.84, 1.06)
    edge = np.stack(
        [0.8 * -_ALONG, hairline + parting * -_ALONG + 0.3 * np.abs(_ALONG) ** 3], axis=1
    )
    pen.fill(np.concatenate([top, edge]), tones.hair)


def _draw_brows(pen, tones, face, rng):
    thickness, height = rng.uniform(0.075, 0.12), rng.uniform(-0.42, -0.37)
    along = (_ALONG + 1) / 2
    lift = (
        face.brow_inner * (1 - along)
        + face.brow_outer * along
        + (face.brow_middle - (face.brow_inner + face.brow_outer) / 2) * 4 * along * (1 - along)
    )
    x = face.brow_gap + (0.62 - face.brow_gap) * along
    for side in (-1, 1):
        pen.stroke(np.stack([side * x, height - lift], axis=1), tones.ink, thickness)


def _draw_eyes(pen, tones, face, rng):
    iris, gaze = rng.uniform(0.075, 0.10), rng.uniform(-0.05, 0.05)
    opening = face.eye_open * (1 - _ALONG**2)
    arch = -face.eye_arch * (1 - _ALONG**2)
    for side in (-1, 1):
        x = side * (0.37 + 0.17 * _ALONG)
        upper = -0.12 + arch - opening + face.eye_slant * (0.4 - 0.9 * _ALONG)
        lower = -0.12 + arch * 0.8 + opening * 0.8
        lid = np.stack([x, upper], axis=1)
        pen.fill(np.concatenate([lid, np.stack([x, lower], axis=1)[::-1]]), tones.white)
        middle = (upper[6] + lower[6]) / 2
        height = min(iris, (lower[6] - upper[6]) / 2)
        pen.ellipse((side * 0.37 + gaze, middle), (iris, height), tones.ink)
        pen.stroke(lid, tones.ink, 0.05)
        pen.stroke(np.stack([x, lower], axis=1), tones.shade, 0.03)


def _draw_nose(pen, tones, face, rng):
    tip, wide = rng.uniform(0.18, 0.26), rng.uniform(0.10, 0.15)
    side = rng.choice([-1, 1])
    pen.stroke([(side * 0.05, -0.1), (side * wide, tip), (-side * wide, tip)], tones.shade, 0.05)
    for crease in range(face.nose_wrinkles):
        y = -0.14 + 0.09 * crease
        pen.stroke([(-0.13, y + 0.05), (0, y - 0.02), (0.13, y + 0.05)], tones.ink, 0.035)
    if face.frown_lines:
        for x in (-0.05, 0.05):
            pen.stroke([(x, -0.44), (x * 0.8, -0.27)], tones.ink, 0.035)
    if face.cheek_folds:
        for x in (-1, 1):
            pen.stroke([(x * 0.19, 0.17), (x * 0.35, 0.22), (x * 0.49, 0.34)], tones.shade, 0.04)


def _draw_mouth(pen, tones, face, rng):
    height, side = rng.uniform(0.50, 0.58), rng.choice([-1, 1])
    opening = 1 - np.abs(_ALONG) ** face.mouth_square
    sneer = face.mouth_sneer * np.clip(side * _ALONG + 0.3, 0, 1)
    middle = height + face.mouth_corners * (0.5 - _ALONG**2) - sneer
    upper = middle - face.mouth_upper * opening
    lower = middle + face.mouth_lower * opening
    x = face.mouth_width * _ALONG
    lips = np.stack([np.append(x, x[::-1]), np.append(upper, lower[::-1])], axis=1)
    pen.fill(lips, tones.ink)
    if face.teeth:
        teeth = upper + (lower - upper) * min(face.teeth, 1.0)
        edge = np.append(upper, teeth[::-1])
        pen.fill(np.stack([np.append(x, x[::-1]), edge], axis=1), tones.white)
    pen.stroke(np.concatenate([lips, lips[:1]]), tones.ink, 0.06)


def _draw_glasses(pen, tones, rng):
    radii = rng.uniform(0.22, 0.27), rng.uniform(0.19, 0.25)
    for side in (-1, 1):
        rim = _CIRCLE * radii + (side * 0.37, -0.1)
        pen.stroke(np.concatenate([rim, rim[:2]]), tones.ink, 0.03)
    pen.stroke([(-0.14, -0.12), (0.14, -0.12)], tones.ink, 0.03)


def _light(pixels, rng):
    """Apply light that falls off across the image, contrast, and the camera's noise."""
    towards = rng.uniform(-0.35, 0.35, 2)
    axis = np.linspace(-1, 1, constants.IMAGE_SIZE)
    light = rng.uniform(0.75, 1.1) * (1 + towards[0] * axis[:, None] + towards[1] * axis)
    noise = rng.normal(0, rng.uniform(2, 9), pixels.shape)
    return np.clip(pixels * light + noise, 0, 255).astype(np.uint8)


def draw(label, rng):
    """Render one face of the class `label` of `constants.FER2013`: uint8 [48, 48]."""
    variants = EXPRESSIONS[constants.FER2013[label]]
    face = _exaggerate(variants[rng.integers(len(variants))], rng)
    tones, pen = _tones(rng), _pen(rng)
    _draw_head(pen, tones, rng)
    _draw_nose(pen, tones, face, rng)
    _draw_eyes(pen, tones, face, rng)
    _draw_brows(pen, tones, face, rng)
    _draw_mouth(pen, tones, face, rng)
    if rng.random() < 0.2:
        _draw_glasses(pen, tones, rng)
    return _light(np.asarray(pen.image.reduce(_OVERSAMPLING), np.float64), rng)


def sniff(path):
    """Return True where no source is named: the sample is read then."""
    return path is None


def open(path=None, *, counts=COUNTS, seed=2013):
    """Open the sample; `counts` maps splits to numbers of images, the classes in turn.

    Image n of a seed is always the same, whatever the counts. Raises UserError for a path, as the
    sample is not read from a file.
    """
    if path is not None:
        raise UserError(f"{path}: the synthetic sample reads no file; leave the source out")
    splits = [split for split in constants.SPLITS for _ in range(counts.get(split, 0))]

    def examples():
        for row, split in enumerate(splits, start=1):
            label = (row - 1) % len(constants.FER2013)
            pixels = draw(label, np.random.default_rng([seed, row]))
            yield LabeledImage(pixels, label, split, row, "synthetic")

    sizes = {split: splits.count(split) for split in constants.SPLITS}
    description = {"format": "synthetic", "version": VERSION, "seed": seed, "counts": sizes}
    identity = json.dumps({**description, "format": _NAME_IN_DIGEST}, sort_keys=True)
    return Source(
        constants.FER2013, description, sha256_of([identity.encode()]), examples, len(splits)
    )
