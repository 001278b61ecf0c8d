"""The parts of an overlay on video frames: boxes, name plates and bars, in sizes of the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from mien.core.labels import COLOURS
from mien.core.types import Expression
from mien.recognition.drawing.layout import Option, Rect
from mien.recognition.drawing.sprites import (
    LABEL_RGB,
    Sprite,
    digits_width,
    lay_digits,
    make_sprite,
    rgb,
    rounded,
)
from mien.recognition.drawing.still import BRIGHT, DARK, MUTED, ink_on, load_font, shown_name

UInt8Array = NDArray[np.uint8]

# Height of text as a part of the geometric mean of the frame's sides: 18 px at 720p.
_TEXT_PART = 0.0188
_MIN_TEXT_PX, _MIN_SMALL_PX = 12, 10
# Dark ground under bars and strip: bright text stands out on it over any picture.
PANEL_RGB, PANEL_ALPHA = rgb("#0c0e12"), 0.76

# Measures of a plate in heights of its text, of bars in heights of theirs.
_PLATE_HEIGHT, _PLATE_PAD, _PLATE_GAP = 1.5, 0.45, 0.33
_PAD, _ROW, _NAME, _BAR, _ACCENT = 0.75, 1.4, 5.5, 5.5, 0.28
_SMALL_ROW, _SMALL_BAR, _SMALL_PAD = 0.62, 4.0, 0.42
# Behind a share, which seldom is as wide as it may become.
_PLATE_END = 0.12
# The widest that the share on a plate becomes.
_WIDEST_SHARE = "100%"


@dataclass(frozen=True)
class Sizes:
    """Measures for a frame, in pixels, so that all looks alike on a frame of any size.

    Attributes:
        text: Height of text on plates.
        small: Height of other text.
        line: Width of a box's line.
        edge: Width of the dark edge that parts it from the picture.
        gap: Between things.
    """

    text: int
    small: int
    line: int
    edge: int
    gap: int

    @classmethod
    def of(cls, width: int, height: int) -> Sizes:
        """Return those for a frame of so many pixels."""
        text = max(_MIN_TEXT_PX, round(_TEXT_PART * math.sqrt(width * height)))
        return cls(
            text=text,
            small=max(_MIN_SMALL_PX, round(0.72 * text)),
            line=max(2, round(text / 7)),
            edge=max(1, round(text / 20)),
            gap=max(2, round(0.4 * text)),
        )


def draw_box(image_rgb: UInt8Array, box: Rect, colour: str, sizes: Sizes) -> None:
    """Draw a box with its lines inside of it, cut at the frame so that each of them is seen."""
    height, width = image_rgb.shape[:2]
    left, top = max(box.left, 0), max(box.top, 0)
    right, bottom = min(box.right, width), min(box.bottom, height)
    if left >= right or top >= bottom:
        return
    _frame(image_rgb, Rect(left, top, right, bottom), sizes.edge, rgb(DARK))
    inner = Rect(left + sizes.edge, top + sizes.edge, right - sizes.edge, bottom - sizes.edge)
    inside = sizes.line + sizes.edge
    dark = Rect(left + inside, top + inside, right - inside, bottom - inside)
    _frame(image_rgb, dark, sizes.edge, rgb(DARK))
    _frame(image_rgb, inner, sizes.line, rgb(colour))


def _frame(image_rgb: UInt8Array, box: Rect, thick: int, colour: tuple[int, int, int]) -> None:
    """Fill a band along the inside of a rectangle's edges."""
    left, top, right, bottom = box
    if left >= right or top >= bottom:
        return
    image_rgb[top : min(top + thick, bottom), left:right] = colour
    image_rgb[max(bottom - thick, top) : bottom, left:right] = colour
    image_rgb[top:bottom, left : min(left + thick, right)] = colour
    image_rgb[top:bottom, max(right - thick, left) : right] = colour


def plate_options(number: int | None, expression: Expression, sizes: Sizes) -> list[Option]:
    """Return the plates that would do for a face, with their sizes, best first.

    A plate is as wide whatever the share on it, so that it stays as it is from frame to frame.
    """
    name, text = shown_name(expression), sizes.text
    height = round(_PLATE_HEIGHT * text)
    named = _plate_ground(number, name, sizes, 0).width
    room = round(_PLATE_END * text) + digits_width(_WIDEST_SHARE, text)
    options = [("share", (named + room, height)), ("name", (named, height))]
    if number is not None:
        options.append(("number", (_plate_ground(number, None, sizes, 0).width, height)))
    return options


def lay_plate(
    image_rgb: UInt8Array,
    number: int | None,
    expression: Expression,
    place: tuple[str, Rect],
    sizes: Sizes,
) -> None:
    """Lay a plate of one of the kinds of `plate_options` on a frame."""
    kind, rect = place
    name, text = shown_name(expression), sizes.text
    if kind == "number":
        _plate_ground(number, None, sizes, 0).lay_on(image_rgb, rect.left, rect.top)
        return
    named = _plate_ground(number, name, sizes, 0).width
    more = rect.right - rect.left - named
    _plate_ground(number, name, sizes, more).lay_on(image_rgb, rect.left, rect.top)
    if kind == "share":
        left = rect.left + named - round((_PLATE_PAD - _PLATE_GAP) * text)
        share, ink = f"{expression.confidence:.0%}", ink_on(COLOURS[expression.dominant])
        lay_digits(image_rgb, share, text, ink, (left, rect.top + _text_top(rect, text)))


@lru_cache(maxsize=128)
def _plate_ground(number: int | None, name: str | None, sizes: Sizes, more_px: int) -> Sprite:
    """Return a plate with a person's number on dark and a name on its colour, or one of them."""
    text = sizes.text
    font, height, pad = load_font(text), round(_PLATE_HEIGHT * text), round(_PLATE_PAD * text)
    chip = 0 if number is None else round(font.getlength(f"{number}")) + 2 * pad
    words = 0 if name is None else round(font.getlength(name)) + 2 * pad
    label = (name or "").removesuffix("?")
    colour = COLOURS.get(label, BRIGHT)
    ground = (*rgb(colour), 255)

    def dark_chip(pen: ImageDraw.ImageDraw, finer: int) -> None:
        if number is not None:
            pen.rectangle((0, 0, chip * finer - 1, height * finer), fill=DARK)

    width = chip + words + more_px
    plate = rounded((max(width, 1), height), 0.22 * text, ground, more=dark_chip)
    pen = ImageDraw.Draw(plate)
    baseline = _text_top(Rect(0, 0, width, height), text) + text
    if number is not None:
        pen.text((pad, baseline), f"{number}", font=font, fill=BRIGHT, anchor="ls")
    if name is not None:
        pen.text((chip + pad, baseline), name, font=font, fill=ink_on(colour), anchor="ls")
    return make_sprite(plate)


def _text_top(rect: Rect, text_px: int) -> int:
    # Letters without those below the baseline stand in the middle: they are 0.72 high.
    return round((rect.bottom - rect.top - 0.72 * text_px) / 2 - 0.28 * text_px)


def bar_options(labels: tuple[str, ...], sizes: Sizes) -> list[Option]:
    """Return the kinds of bars for a label set, with their sizes, best first."""
    return [(kind, _bars_size(kind, len(labels), sizes)) for kind in ("named", "plain")]


def lay_bars(
    image_rgb: UInt8Array, expression: Expression, place: tuple[str, Rect], sizes: Sizes
) -> None:
    """Lay a card with a bar for each expression, in label order, on a frame."""
    kind, rect = place
    labels, small = tuple(expression), sizes.small
    ground = _bars_ground(kind, labels, expression.dominant, sizes)
    ground.lay_on(image_rgb, rect.left, rect.top)
    for row, label in enumerate(labels):
        track = _track(kind, row, small)
        length = round((track.right - track.left) * expression[label])
        if length:
            left, top = rect.left + track.left, rect.top + track.top
            bottom = rect.top + track.bottom
            image_rgb[top:bottom, left : left + length] = LABEL_RGB[label]


def _bars_size(kind: str, rows: int, sizes: Sizes) -> tuple[int, int]:
    last = _track(kind, rows - 1, sizes.small)
    first = _track(kind, 0, sizes.small)
    pad = round((_PAD if kind == "named" else _SMALL_PAD) * sizes.small)
    return last.right + pad, last.bottom + first.top


def _track(kind: str, row: int, small: int) -> Rect:
    """Return where the bar of a row may lie, from the card's upper left corner."""
    if kind == "plain":
        pitch, thick, pad = max(3, round(_SMALL_ROW * small)), 0.72, _SMALL_PAD
        left, length = round((_ACCENT + pad) * small), round(_SMALL_BAR * small)
    else:
        pitch, thick, pad = round(_ROW * small), 0.5, _PAD - 0.2
        left, length = round((_ACCENT + _PAD + _NAME) * small), round(_BAR * small)
    high = max(2, round(thick * pitch))
    top = round(pad * small) + row * pitch + (pitch - high) // 2
    return Rect(left, top, left + length, top + high)


@lru_cache(maxsize=24)
def _bars_ground(kind: str, labels: tuple[str, ...], dominant: str, sizes: Sizes) -> Sprite:
    small, size = sizes.small, _bars_size(kind, len(labels), sizes)

    def accent_and_tracks(pen: ImageDraw.ImageDraw, finer: int) -> None:
        accent = round(_ACCENT * small)
        pen.rectangle((0, 0, accent * finer - 1, size[1] * finer), fill=COLOURS[dominant])

    ground = (*PANEL_RGB, round(255 * PANEL_ALPHA))
    card = rounded(size, 0.25 * small, ground, more=accent_and_tracks)
    pen = ImageDraw.Draw(card)
    for row, label in enumerate(labels):
        track = _track(kind, row, small)
        pen.rectangle(
            (track.left, track.top, track.right - 1, track.bottom - 1), fill=(58, 62, 70, 220)
        )
        if kind == "named":
            ink = BRIGHT if label == dominant else MUTED
            middle = (track.top + track.bottom) / 2 + 0.36 * small
            left = round((_ACCENT + _PAD) * small)
            pen.text((left, middle), label, font=load_font(small), fill=ink, anchor="ls")
    return make_sprite(card)
