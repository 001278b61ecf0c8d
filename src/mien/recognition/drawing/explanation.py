"""Drawing an explanation: the face, and beside it the face with what spoke for and against.

The scale is in absolute units and the same for every picture, so a face whose answer depends
on no part of it shows no colour. Orange and blue are told apart by every kind of colour vision;
where a part changes the odds by a factor of two or more there is a line around it as well.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mien.core.imaging import to_gray
from mien.recognition.drawing.still import BRIGHT, GROUND, MUTED, load_font
from mien.recognition.explanation import WEAK_FACTOR, Explanation, times

UInt8Array = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Factors of the odds: where colour is fullest, where a part is outlined, and evenly spaced ticks.
FULL_FACTOR = 8.0
LINE_FACTOR = 2.0
_TICKS = ("1/8", "1/4", "1/2", "1", "2", "4", "8")

# RGB. No label has these colours.
FOR_RGB, AGAINST_RGB = (255, 150, 40), (70, 165, 255)
_FULL_ALPHA = 0.85
# Colours lie on a face whose own contrast is lowered, so that they are what one sees first.
_FACE_GAIN, _FACE_LIFT = 0.72, 24
_UNSEEN_GAIN = 0.4

_MARGIN, _GAP = 24, 16
_TITLE_PX, _TEXT_PX, _SMALL_PX = 28, 17, 15
_HEAD, _FOOT, _BAR = 88, 96, 16
_SHIFT = 4


def draw_explanation(explanation: Explanation) -> Image.Image:
    """Draw the face as it is, the face with the map, the label, and a legend.

    Returns:
        An RGB picture of one size for any face.
    """
    side = len(explanation.view_bgr)
    photo = np.ascontiguousarray(explanation.view_bgr[:, :, ::-1])
    overlay = _overlay(to_gray(explanation.view_bgr), explanation.on_view())
    for picture in (photo, overlay):
        _outline(picture, explanation)
    width = 2 * _MARGIN + 2 * side + _GAP
    sheet = Image.new("RGB", (width, _HEAD + side + _FOOT), GROUND)
    right = _MARGIN + side + _GAP
    sheet.paste(Image.fromarray(photo), (_MARGIN, _HEAD))
    sheet.paste(Image.fromarray(overlay), (right, _HEAD))
    pen = ImageDraw.Draw(sheet)
    _head(pen, explanation)
    top = _HEAD + side + _GAP
    _parts(pen, explanation, (_MARGIN, top), side)
    _legend(sheet, (right, top), side)
    return sheet


def colour_over(gray: NDArray[np.generic], values: FloatArray) -> UInt8Array:
    """Return a gray picture (h, w) 0..255 tinted by drops of log-odds (h, w), (h, w, 3) RGB."""
    face = np.asarray(gray, np.float32)[..., None] * _FACE_GAIN + _FACE_LIFT
    strength = np.clip(np.abs(values) / math.log(FULL_FACTOR), 0, 1)[..., None]
    tint = np.where((values > 0)[..., None], np.asarray(FOR_RGB), np.asarray(AGAINST_RGB))
    return np.asarray(face + _FULL_ALPHA * strength * (tint - face) + 0.5, np.uint8)


def _overlay(gray: UInt8Array, values: FloatArray) -> UInt8Array:
    seen = ~np.isnan(values)
    known = np.where(seen, values, np.float32(0))
    picture = colour_over(np.where(seen, gray, gray * _UNSEEN_GAIN), known)
    for sign, rgb in ((1, FOR_RGB), (-1, AGAINST_RGB)):
        inside = (sign * known >= math.log(LINE_FACTOR)).astype(np.uint8)
        lines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, lines, -1, rgb, 2, cv2.LINE_AA)
    return picture


def _outline(picture: UInt8Array, explanation: Explanation) -> None:
    """Draw the edge of what the model saw."""
    to_view = np.linalg.inv(explanation.view_square.to_picture(len(picture)))
    corners = np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]])
    places = (to_view @ explanation.square.to_picture(1) @ corners)[:2].T
    # In parts of a pixel, so that the line of a rolled square has no steps.
    points = np.rint((places - 0.5) * 2**_SHIFT).astype(np.int32)
    for rgb, thickness in (((16, 18, 22), 4), ((243, 244, 246), 2)):
        cv2.polylines(picture, [points], True, rgb, thickness, cv2.LINE_AA, _SHIFT)


def _head(pen: ImageDraw.ImageDraw, explanation: Explanation) -> None:
    title = f"{explanation.label} {explanation.probability:.1%}"
    pen.text((_MARGIN, 30), title, font=load_font(_TITLE_PX), fill=BRIGHT, anchor="lm")
    told = (
        f"The odds of {explanation.label} with each part in sight, as a multiple of those "
        "with it hidden"
    )
    pen.text((_MARGIN, 62), told, font=load_font(_TEXT_PX), fill=MUTED, anchor="lm")


def _parts(
    pen: ImageDraw.ImageDraw, explanation: Explanation, corner: tuple[int, int], width: int
) -> None:
    x, y = corner
    font = load_font(_TEXT_PX)
    if explanation.is_weak:
        lines = [
            "No part of the face matters much here:",
            f"hiding any one changes the odds by less than a factor of {WEAK_FACTOR:g}.",
        ]
        for row, line in enumerate(lines):
            pen.text((x, y + 26 * row), line, font=font, fill=BRIGHT, anchor="lt")
        return
    # A detector without landmarks leaves the parts unknown; the strongest still has a value.
    parts = explanation.parts or {"the strongest part": explanation.strongest}
    ranked = sorted(parts.items(), key=lambda part: -abs(part[1]))
    for place, (name, value) in enumerate(ranked):
        row, column = divmod(place, 2)
        left, middle = x + column * width // 2, y + 9 + 28 * row
        pen.text((left, middle), times(value), font=font, fill=BRIGHT, anchor="lm")
        pen.text((left + 60, middle), name, font=font, fill=MUTED, anchor="lm")


def _legend(sheet: Image.Image, corner: tuple[int, int], width: int) -> None:
    x, y = corner
    full = math.log(FULL_FACTOR)
    scale = np.tile(np.linspace(-full, full, width, dtype=np.float32), (_BAR, 1))
    sheet.paste(Image.fromarray(colour_over(np.full(scale.shape, 110), scale)), (x, y))
    pen, font = ImageDraw.Draw(sheet), load_font(_SMALL_PX)
    for number, factor in enumerate(_TICKS):
        place = x + (width - 1) * number / (len(_TICKS) - 1)
        pen.line((place, y + _BAR, place, y + _BAR + 4), fill=MUTED)
        anchor = {0: "lt", len(_TICKS) - 1: "rt"}.get(number, "mt")
        pen.text((place, y + _BAR + 8), f"x{factor}", font=font, fill=MUTED, anchor=anchor)
    low = y + _BAR + 34
    pen.text((x, low), "spoke against", font=font, fill=AGAINST_RGB, anchor="lt")
    pen.text((x + width, low), "spoke for", font=font, fill=FOR_RGB, anchor="rt")
