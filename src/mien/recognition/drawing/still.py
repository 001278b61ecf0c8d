"""Drawing a result: boxes and labels in the picture, bars of all probabilities beside it.

The bars stand on cards of their own next to the picture, numbered like the faces, so that
they hide nothing and can be read whatever the picture shows; what is drawn into it lies on
opaque plates and lines with a dark edge. Small pictures are enlarged first, as no label can
be read in 100 pixels.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.core.labels import COLOURS
from mien.core.types import Box, Expression, Face, FrameResult

UInt8Array = NDArray[np.uint8]
Rectangle = tuple[float, float, float, float]

MIN_LONG_SIDE_PX = 640
# Text height as a part of the longer side: as large on a screen for any picture.
TEXT_PART = 0.02
MIN_TEXT_PX = 13
# How far a small picture of many faces may be enlarged.
MAX_ENLARGED_PX = 2400

GROUND, TRACK = "#15171c", "#2b2f38"
BRIGHT, MUTED, DARK = "#f3f4f6", "#a3a9b5", "#101216"

# Measures of a card, in text heights.
_CARD_WIDTH, _PAD, _ROW, _HEAD = 17.0, 1.0, 1.5, 2.4
_LABEL_WIDTH, _PERCENT_WIDTH = 6.0, 3.2


def annotate(image_bgr: UInt8Array, result: FrameResult) -> UInt8Array:
    """Draw what was read in a picture.

    Args:
        image_bgr: The picture that `result` is of, HW3 uint8; it is not changed.
        result: Its faces; none gives a plate that says so.

    Returns:
        A new picture, HW3 uint8 BGR: enlarged if its longer side is below 640 px or its
        faces are many, and wider or higher by the cards where there are faces.
    """
    scale, text_px = _measures(image_bgr.shape[1], image_bgr.shape[0], len(result.faces))
    if scale > 1:
        size = max(1, round(image_bgr.shape[1] * scale)), max(1, round(image_bgr.shape[0] * scale))
        image_bgr = np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(image_bgr[:, :, ::-1]))
    _draw_faces(picture, result, scale, text_px)
    cards = [_card(face, number, text_px) for number, face in enumerate(result.faces, start=1)]
    joined = _join(picture, cards) if cards else picture
    return np.ascontiguousarray(np.asarray(joined, np.uint8)[:, :, ::-1])


def _measures(width: int, height: int, faces: int) -> tuple[float, int]:
    """Return how much to enlarge a picture, and the height of text in it in pixels.

    The text of many faces is smaller, so that their cards take no more room than the picture;
    where it would become too small to read, the picture grows instead.
    """
    longest = max(width, height)
    scale = max(1.0, MIN_LONG_SIDE_PX / longest)
    wanted = TEXT_PART * longest
    if faces:
        card_area = _CARD_WIDTH * (2 * _PAD + _HEAD + _ROW * 8)
        wanted = min(wanted, math.sqrt(width * height / (card_area * faces)))
    scale = min(max(scale, MIN_TEXT_PX / wanted), max(scale, MAX_ENLARGED_PX / longest))
    return scale, max(MIN_TEXT_PX, round(wanted * scale))


def _draw_faces(picture: Image.Image, result: FrameResult, scale: float, text_px: int) -> None:
    pen = ImageDraw.Draw(picture)
    if not result.faces:
        words = f"no face found by {result.detector}"
        where = (text_px, picture.height - 2.6 * text_px)
        _plate(pen, _plate_at(where, words, text_px), words, text_px, DARK)
    boxes = [_within(face.box, scale, picture.size) for face in result.faces]
    for box, face in reversed(list(zip(boxes, result.faces, strict=True))):
        _draw_box(pen, box, COLOURS[face.expression.dominant], text_px)
    taken: list[Rectangle] = []
    alone = len(boxes) == 1
    for number, (box, face) in enumerate(zip(boxes, result.faces, strict=True), start=1):
        rectangle, words = _free_plate(box, face, number, text_px, picture.size, taken, alone=alone)
        taken.append(rectangle)
        _plate(pen, rectangle, words, text_px, COLOURS[face.expression.dominant])


def _draw_box(pen: ImageDraw.ImageDraw, box: Rectangle, colour: str, text_px: int) -> None:
    line, edge = max(2, round(text_px / 6)), max(1, round(text_px / 14))
    x1, y1, x2, y2 = box
    outer = (x1 - edge, y1 - edge, x2 + edge, y2 + edge)
    pen.rectangle(outer, outline=DARK, width=line + 2 * edge)
    pen.rectangle(box, outline=colour, width=line)


def _free_plate(
    box: Rectangle,
    face: Face,
    number: int,
    text_px: int,
    size: tuple[int, int],
    taken: list[Rectangle],
    *,
    alone: bool,
) -> tuple[Rectangle, str]:
    """Choose words and place of a face's plate: as much as fits, over no other plate."""
    expression = face.expression
    name = shown_name(expression)
    full = f"{name} {expression.confidence:.0%}"
    choices = [full] if alone else [f"{number}  {full}", f"{number}  {name}", f"{number}"]
    places: list[tuple[Rectangle, str]] = []
    for words in choices:
        x1, y1, x2, y2 = _plate_at((box[0], 0), words, text_px)
        width, height = x2 - x1, y2 - y1
        fits = alone or words == choices[-1] or width <= 1.25 * (box[2] - box[0])
        left = min(max(box[0], 0), max(size[0] - width, 0))
        tops = [box[1] - height, box[3], box[1]]
        places += [
            ((left, top, left + width, top + height), words)
            for top in tops
            if fits and top >= 0 and top + height <= size[1]
        ]
        if fits and not places:
            # No room above or below, as in a strip of a picture: on its top edge.
            places.append(((left, 0, left + width, height), words))
    free = (place for place in places if not any(_meet(place[0], other) for other in taken))
    return next(free, places[-1])


def shown_name(expression: Expression) -> str:
    """Return the dominant expression, with a question mark where it is uncertain."""
    return expression.dominant + ("?" if expression.uncertain else "")


def _plate_at(corner: tuple[float, float], words: str, text_px: int) -> Rectangle:
    x, y = corner
    return x, y, x + load_font(text_px).getlength(words) + 1.1 * text_px, y + 1.6 * text_px


def _plate(
    pen: ImageDraw.ImageDraw, rectangle: Rectangle, words: str, text_px: int, colour: str
) -> None:
    x1, y1, x2, y2 = rectangle
    edge = max(1, round(text_px / 14))
    pen.rectangle((x1 - edge, y1 - edge, x2 + edge, y2 + edge), fill=DARK)
    pen.rectangle(rectangle, fill=colour)
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    pen.text(middle, words, font=load_font(text_px), fill=ink_on(colour), anchor="mm")


def _card(face: Face, number: int, text_px: int) -> Image.Image:
    """Return a card with one bar for each expression, in label order so that cards compare."""
    expression = face.expression
    rows = len(expression.probabilities)
    width = round(_CARD_WIDTH * text_px)
    height = round((2 * _PAD + _HEAD + _ROW * rows) * text_px)
    card = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(card)
    font, pad = load_font(text_px), _PAD * text_px
    colour = COLOURS[expression.dominant]
    chip = (pad, pad, pad + (0.8 + 0.6 * len(str(number))) * text_px, pad + 1.5 * text_px)
    pen.rectangle(chip, fill=colour)
    middle_y = pad + 0.75 * text_px
    pen.text(
        ((chip[0] + chip[2]) / 2, middle_y),
        f"{number}",
        font=font,
        fill=ink_on(colour),
        anchor="mm",
    )
    pen.text(
        (chip[2] + 0.6 * text_px, middle_y),
        shown_name(expression),
        font=font,
        fill=BRIGHT,
        anchor="lm",
    )
    for row, label in enumerate(expression):
        _bar(pen, expression, label, pad + (_HEAD + _ROW * row) * text_px, text_px)
    return card


def _bar(
    pen: ImageDraw.ImageDraw, expression: Expression, label: str, top: float, text_px: int
) -> None:
    font, pad = load_font(text_px), _PAD * text_px
    ink = BRIGHT if label == expression.dominant else MUTED
    middle_y = top + _ROW * text_px / 2
    pen.text((pad, middle_y), label, font=font, fill=ink, anchor="lm")
    right = _CARD_WIDTH * text_px - pad
    pen.text((right, middle_y), f"{expression[label]:.0%}", font=font, fill=ink, anchor="rm")
    x1, x2 = pad + _LABEL_WIDTH * text_px, right - _PERCENT_WIDTH * text_px
    y1, y2 = middle_y - 0.36 * text_px, middle_y + 0.36 * text_px
    pen.rectangle((x1, y1, x2, y2), fill=TRACK)
    length = (x2 - x1) * expression[label]
    if length >= 1:
        pen.rectangle((x1, y1, x1 + length, y2), fill=COLOURS[label])


def _join(picture: Image.Image, cards: list[Image.Image]) -> Image.Image:
    """Set the cards in columns beside the picture, or in rows below where that is smaller."""
    card_width, card_height = cards[0].size
    down = max(1, picture.height // card_height)
    columns = math.ceil(len(cards) / down)
    right = picture.width + columns * card_width, max(picture.height, down * card_height)
    across = max(1, picture.width // card_width)
    rows = math.ceil(len(cards) / across)
    below = max(picture.width, across * card_width), picture.height + rows * card_height
    # Beside is easier to read than below, so it may cost a little more room.
    stands_right = right[0] * right[1] <= 1.25 * below[0] * below[1]
    sheet = Image.new("RGB", right if stands_right else below, GROUND)
    sheet.paste(picture, (0, 0))
    for place, card in enumerate(cards):
        if stands_right:
            column, row = divmod(place, down)
            sheet.paste(card, (picture.width + column * card_width, row * card_height))
        else:
            row, column = divmod(place, across)
            sheet.paste(card, (column * card_width, picture.height + row * card_height))
    return sheet


def _within(box: Box, scale: float, size: tuple[int, int]) -> Rectangle:
    """Return a box scaled and cut at the picture's edges, so that each of its lines is seen."""
    xs = [min(max(x * scale, 0.0), size[0] - 1.0) for x in (box.x1, box.x2)]
    ys = [min(max(y * scale, 0.0), size[1] - 1.0) for y in (box.y1, box.y2)]
    return xs[0], ys[0], xs[1], ys[1]


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def ink_on(colour: str) -> str:
    """Return dark or bright ink, whichever has the higher contrast (WCAG 2 luminance)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Above 0.179 black stands out more than white does.
    return DARK if luminance > 0.179 else BRIGHT


@lru_cache(maxsize=8)
def load_font(text_px: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own typeface, which is there wherever Pillow is."""
    font = ImageFont.load_default(text_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which drawing text needs")
    return font
