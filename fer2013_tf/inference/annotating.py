"""Draw predictions onto images: per face a box, a label and bars of the probabilities (Pillow)."""

import functools
import math
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from fer2013_tf.visualization import fonts, style
from fer2013_tf.visualization.style import FAINT, INK, class_colors

# Smaller images are enlarged until their longer side has this many pixels, to keep text readable.
MIN_SIDE = 480
PAPER = "#ffffff"
# Opacity of the panel of bars, of 255.
PANEL_ALPHA = 225


class Sizes(NamedTuple):
    """Sizes of text and lines in pixels."""

    text: int
    line: int

    @classmethod
    def of(cls, size):
        """Return the sizes for an image of (width, height)."""
        side = math.sqrt(size[0] * size[1])
        return cls(text=max(11, min(32, round(side / 40))), line=max(2, round(side / 250)))


@functools.lru_cache(maxsize=64)
def font(size, text=""):
    """Return the font that has the letters of `text`, of `size` pixels: DejaVu Sans if it can."""
    return ImageFont.truetype(str(fonts.file_for(text)), size)


def annotate(image, predictions, *, enlarge=True, numbered=False):
    """Return a copy of a PIL image, mode RGB, with its predictions drawn in.

    enlarge: whether to enlarge small images, to keep text readable. numbered: whether labels begin
    with the number of the face.
    """
    factor = max(1, math.ceil(MIN_SIDE / max(image.size))) if enlarge else 1
    drawn = image.convert("RGB")
    if factor > 1:
        drawn = drawn.resize([length * factor for length in image.size], Image.Resampling.LANCZOS)
    sizes = Sizes.of(drawn.size)
    boxes = [tuple(factor * end for end in prediction.face.box) for prediction in predictions]
    taken = list(boxes)
    for prediction, box in zip(predictions, boxes):
        colors = class_colors(prediction.classes)
        _outline(drawn, box, colors.get(prediction.expression, FAINT), sizes)
    for prediction, box in zip(predictions, boxes):
        number = f"{prediction.number}: " if numbered else ""
        taken.append(_label(drawn, box, prediction, number, sizes))
    for prediction, box in zip(predictions, boxes):
        taken.append(_panel(drawn, box, prediction, sizes, taken))
    return drawn


def _outline(image, box, color, sizes):
    """Draw a line in the class's color between two thin dark ones, visible on any background."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    for grown, width, ink in ((1, sizes.line + 2, INK), (0, sizes.line, color)):
        ends = (left - grown, top - grown, right + grown, bottom + grown)
        draw.rounded_rectangle(ends, radius=3 * sizes.line, outline=ink, width=width)


def _label(image, box, prediction, number, sizes):
    """Draw the label above the face, or inside its box where there is no room. Return its area.

    The edge in the class's color is hollow where the face is tracked from a frame before.
    """
    text = f"{number}{prediction.expression} {100 * prediction.confidence:.0f} %"
    text = fonts.drawable(text)
    letters = font(sizes.text, text)
    width, height = letters.getlength(text) + sizes.text, round(1.5 * sizes.text)
    left = min(max(0, box[0]), image.width - width)
    top = box[1] - height if box[1] >= height else box[1]
    draw = ImageDraw.Draw(image)
    area = (left, top, left + width, top + height)
    draw.rectangle(area, fill=INK)
    edge = (left, top, left + sizes.line * 2, top + height)
    color = class_colors(prediction.classes)[prediction.predicted_class]
    draw.rectangle(edge, fill=INK if prediction.detected is False else color, outline=color)
    middle = (left + width / 2 + sizes.line, top + height / 2)
    draw.text(middle, text, fill=PAPER, font=letters, anchor="mm")
    return area


def _panel(image, box, prediction, sizes, taken):
    """Draw the bars of all classes beside the face. Return their area."""
    shown = style.shown(prediction.classes)
    letters = font(max(10, round(0.8 * sizes.text)), "".join(shown))
    row = round(1.35 * letters.size)
    names = max(letters.getlength(name) for name in shown)
    width, height = round(names + 6.5 * letters.size), row * len(prediction.classes) + row // 2
    area = _place(box, (width, height), image.size, taken)
    ground = Image.new("RGB", (width, height), PAPER)
    image.paste(ground, area[:2], Image.new("L", ground.size, PANEL_ALPHA))
    draw = ImageDraw.Draw(image)
    colors = class_colors(prediction.classes)
    start, longest = area[0] + names + letters.size, width - names - 1.5 * letters.size
    bars = zip(prediction.classes, shown, prediction.probabilities)
    for number, (name, label, probability) in enumerate(bars):
        middle = area[1] + row // 4 + row * (number + 0.5)
        draw.text((start - letters.size / 2, middle), label, fill=INK, font=letters, anchor="rm")
        ends = (
            start,
            middle - row * 0.36,
            start + max(1.0, longest * probability),
            middle + row * 0.36,
        )
        draw.rectangle(ends, fill=colors[name])
    return area


def _place(box, size, whole, taken):
    """Return the place beside `box` where a panel of `size` covers least of the areas `taken`.

    whole: (width, height) of the image, which the panel does not leave.
    """
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
