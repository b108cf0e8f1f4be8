"""Readings drawn onto pictures: a box, a label and bars of the probabilities a face (Pillow)."""

import functools
import math
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from fer2013_tf import emotions

# Smaller pictures are enlarged until their longer side has this many pixels, for the text's sake.
SMALLEST_SIDE = 480
INK, PAPER, FAINT = "#1f2933", "#ffffff", "#6b7785"
# The panel of bars lets this much of the picture through, of 255.
OPAQUE = 225


class Style(NamedTuple):
    """Sizes in pixels that fit a picture."""

    text: int
    line: int

    @classmethod
    def of(cls, size):
        """For a picture of (width, height)."""
        side = math.sqrt(size[0] * size[1])
        return cls(text=max(11, min(32, round(side / 40))), line=max(2, round(side / 250)))


@functools.lru_cache(maxsize=16)
def font(size):
    """DejaVu Sans, which comes with matplotlib, of `size` pixels."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(file), size)


def annotated(image, readings, *, enlarge=True, numbered=False):
    """A copy of a PIL image, mode RGB, with its readings drawn in.

    enlarge: whether small pictures are, for the text's sake. numbered: whether the labels say which
    face it is, from 1.
    """
    factor = max(1, math.ceil(SMALLEST_SIDE / max(image.size))) if enlarge else 1
    drawn = image.convert("RGB")
    if factor > 1:
        drawn = drawn.resize([length * factor for length in image.size], Image.Resampling.LANCZOS)
    style = Style.of(drawn.size)
    boxes = [tuple(factor * end for end in reading.face.box) for reading in readings]
    taken = list(boxes)
    for reading, box in zip(readings, boxes):
        colours = emotions.colours(reading.classes)
        _outline(drawn, box, colours.get(reading.expression, FAINT), style)
    for reading, box in zip(readings, boxes):
        number = f"{reading.number}: " if numbered else ""
        taken.append(_label(drawn, box, reading, number, style))
    for reading, box in zip(readings, boxes):
        taken.append(_panel(drawn, box, reading, style, taken))
    return drawn


def _outline(image, box, colour, style):
    """A line in the class's colour between two thin dark ones, seen on any background."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    for grown, width, ink in ((1, style.line + 2, INK), (0, style.line, colour)):
        ends = (left - grown, top - grown, right + grown, bottom + grown)
        draw.rounded_rectangle(ends, radius=3 * style.line, outline=ink, width=width)


def _label(image, box, reading, number, style):
    """White on the class's dark shade, above the face or, where there is no room, inside its
    box."""
    text = f"{number}{reading.expression} {100 * reading.confidence:.0f} %"
    letters = font(style.text)
    width, height = letters.getlength(text) + style.text, round(1.5 * style.text)
    left = min(max(0, box[0]), image.width - width)
    top = box[1] - height if box[1] >= height else box[1]
    draw = ImageDraw.Draw(image)
    area = (left, top, left + width, top + height)
    draw.rectangle(area, fill=INK)
    edge = (left, top, left + style.line * 2, top + height)
    draw.rectangle(edge, fill=emotions.colours(reading.classes)[reading.likeliest])
    middle = (left + width / 2 + style.line, top + height / 2)
    draw.text(middle, text, fill=PAPER, font=letters, anchor="mm")
    return area


def _panel(image, box, reading, style, taken):
    """The bars of all classes on light ground, beside the face where it hides least."""
    letters = font(max(10, round(0.8 * style.text)))
    row = round(1.35 * letters.size)
    names = max(letters.getlength(name) for name in reading.classes)
    width, height = round(names + 6.5 * letters.size), row * len(reading.classes) + row // 2
    area = _place(box, (width, height), image.size, taken)
    ground = Image.new("RGB", (width, height), PAPER)
    image.paste(ground, area[:2], Image.new("L", ground.size, OPAQUE))
    draw = ImageDraw.Draw(image)
    colours = emotions.colours(reading.classes)
    start, longest = area[0] + names + letters.size, width - names - 1.5 * letters.size
    for number, (name, chance) in enumerate(zip(reading.classes, reading.probabilities)):
        middle = area[1] + row // 4 + row * (number + 0.5)
        draw.text((start - letters.size / 2, middle), name, fill=INK, font=letters, anchor="rm")
        ends = (start, middle - row * 0.36, start + max(1.0, longest * chance), middle + row * 0.36)
        draw.rectangle(ends, fill=colours[name])
    return area


def _place(box, size, whole, taken):
    """Where a panel of `size` beside `box` covers least of what is taken, inside the picture."""
    width, height = size
    left, top, right, bottom = (round(end) for end in box)
    wanted = [
        (right + 4, top),
        (left - 4 - width, top),
        (left, bottom + 4),
        (right - width, bottom + 4),
        (right + 4, bottom - height),
        (left - 4 - width, bottom - height),
        (left, top - height - 4),
    ]
    inside = [
        (min(max(0, x), max(0, whole[0] - width)), min(max(0, y), max(0, whole[1] - height)))
        for x, y in wanted
    ]
    x, y = min(
        inside,
        key=lambda at: sum(_common((*at, at[0] + width, at[1] + height), other) for other in taken),
    )
    return x, y, x + width, y + height


def _common(one, other):
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, across) * max(0, down)
