"""Small pictures with transparency, made once by Pillow and laid on video frames many times.

Text and round corners take Pillow a hundred times as long as laying them on a frame, and a video
shows the same few words again and again. All that is kept is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mien.core.labels import COLOURS
from mien.recognition.drawing.still import load_font

UInt8Array = NDArray[np.uint8]
RGB = tuple[int, int, int]

# Round corners are drawn so much larger, and then made smaller.
_FINER = 4
_BLANK = 0.26


@dataclass(frozen=True, eq=False)
class Sprite:
    """A picture that is laid on others.

    Attributes:
        premultiplied_rgb: (h, w, 3) uint8: colour times opacity.
        see_through: (h, w, 3) uint8: 255 where what lies below is seen, 0 where it is hidden.
    """

    premultiplied_rgb: UInt8Array
    see_through: UInt8Array

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.see_through.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.see_through.shape[0])

    def lay_on(self, image_rgb: UInt8Array, left: int, top: int) -> None:
        """Lay it on a picture, in place; what reaches over its edges is left out.

        Args:
            image_rgb: (h, w, 3) uint8.
            left: Pixels from the picture's left edge; may be negative.
            top: Pixels from its upper edge; may be negative.
        """
        x1, y1 = max(left, 0), max(top, 0)
        x2 = min(left + self.width, image_rgb.shape[1])
        y2 = min(top + self.height, image_rgb.shape[0])
        if x1 >= x2 or y1 >= y2:
            return
        below = image_rgb[y1:y2, x1:x2]
        own = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
        dimmed = cv2.multiply(below, self.see_through[own], scale=1 / 255)
        below[:] = cv2.add(dimmed, self.premultiplied_rgb[own])


def make_sprite(rgba: Image.Image) -> Sprite:
    """Make a sprite of a Pillow picture in mode RGBA."""
    values = np.asarray(rgba, np.float32)
    alpha = values[:, :, 3:]
    return Sprite(
        np.rint(values[:, :, :3] * alpha / 255).astype(np.uint8),
        np.ascontiguousarray(np.broadcast_to(255 - alpha, (*alpha.shape[:2], 3)), np.uint8),
    )


@lru_cache(maxsize=512)
def word_sprite(text: str, text_px: int, ink: str, opacity: float = 1.0) -> Sprite:
    """Return a line of text without ground, as high as any line of this size.

    The baseline is `text_px` below its upper edge.

    Args:
        text: What it says.
        text_px: Height of the text in pixels.
        ink: Its colour, `#rrggbb`.
        opacity: 0..1.
    """
    font = load_font(text_px)
    size = max(1, round(font.getlength(text))), round(1.3 * text_px)
    canvas = Image.new("RGBA", size, (*rgb(ink), 0))
    fill = (*rgb(ink), round(255 * opacity))
    ImageDraw.Draw(canvas).text((0, text_px), text, font=font, fill=fill, anchor="ls")
    return make_sprite(canvas)


def lay_digits(
    image_rgb: UInt8Array, text: str, text_px: int, ink: str, at: tuple[int, int]
) -> int:
    """Write figures that change all the time, glyph by glyph, so that few are kept.

    Digits are all of one width in Pillow's typeface, so those that stay do not move.

    Args:
        image_rgb: (h, w, 3) uint8, changed in place.
        text: Digits and a few signs.
        text_px: Height of the text in pixels.
        ink: Its colour, `#rrggbb`.
        at: Left and upper edge of the line, as of `word_sprite`.

    Returns:
        Where the next sign would begin, in pixels from the left.
    """
    left, top = at
    for sign in text:
        if sign != " ":
            word_sprite(sign, text_px, ink).lay_on(image_rgb, left, top)
        left += _advance(sign, text_px)
    return left


def digits_width(text: str, text_px: int) -> int:
    """Return how many pixels `lay_digits` takes."""
    return sum(_advance(sign, text_px) for sign in text)


def _advance(sign: str, text_px: int) -> int:
    # Rounded down, a small blank hardly parts two words.
    if sign == " ":
        return math.ceil(_BLANK * text_px)
    return word_sprite(sign, text_px, "#ffffff").width


def rounded(
    size: tuple[int, int],
    radius: float,
    fill: tuple[int, int, int, int],
    *,
    more: Callable[[ImageDraw.ImageDraw, int], None] | None = None,
) -> Image.Image:
    """Return a rectangle with smooth round corners on nothing, in mode RGBA.

    Args:
        size: (width, height) in pixels.
        radius: Of the corners, in pixels.
        fill: Its colour and opacity, RGBA.
        more: Draws more into it, on a scale so many times as fine; cut at the corners too.
    """
    finer = (size[0] * _FINER, size[1] * _FINER)
    shape = Image.new("L", finer, 0)
    ImageDraw.Draw(shape).rounded_rectangle(
        (0, 0, finer[0] - 1, finer[1] - 1), radius * _FINER, fill=255
    )
    ground = Image.new("RGBA", finer, fill)
    if more is not None:
        more(ImageDraw.Draw(ground), _FINER)
    # Colour and shape are made smaller apart, so that no dark seam comes in from the outside.
    small = ground.resize(size, Image.Resampling.BOX)
    alpha = np.asarray(shape.resize(size, Image.Resampling.BOX), np.float32) / 255
    values = np.asarray(small).copy()
    values[:, :, 3] = np.rint(values[:, :, 3] * alpha)
    return Image.fromarray(values)


def rgb(colour: str) -> RGB:
    """Return a colour such as `#e69f00` as three values of 0..255."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue


LABEL_RGB: dict[str, RGB] = {label: rgb(colour) for label, colour in COLOURS.items()}
