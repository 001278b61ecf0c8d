"""A note in the corner of a live picture: how reading goes, whether it is recorded, keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.recognition.drawing.parts import PANEL_ALPHA, PANEL_RGB, Sizes
from mien.recognition.drawing.sprites import (
    Sprite,
    digits_width,
    lay_digits,
    make_sprite,
    rounded,
)
from mien.recognition.drawing.still import BRIGHT

UInt8Array = NDArray[np.uint8]

_LINE, _PAD = 1.5, 0.6
# Where what follows a tab begins.
_TAB = 4.2
_RECORDING_RGB = (240, 68, 56)


def lay_note(image_rgb: UInt8Array, lines: Sequence[str], *, is_recording: bool = False) -> None:
    """Write lines into the upper left corner, in place; what has no room is cut.

    Args:
        image_rgb: (h, w, 3) uint8.
        lines: From top to bottom; none draws nothing. What follows a tab stands in a column.
        is_recording: Whether a red dot stands before the first line.
    """
    if not lines:
        return
    sizes = Sizes.of(image_rgb.shape[1], image_rgb.shape[0])
    small, pad = sizes.small, round(_PAD * sizes.small)
    dot = round(1.2 * small) if is_recording else 0
    tab = round(_TAB * small)
    widths = [
        _width(line, small, tab) + (0 if number else dot) for number, line in enumerate(lines)
    ]
    # In steps, so that the panel does not grow and shrink with every figure.
    width = -(-(max(widths) + 2 * pad) // (3 * small)) * 3 * small
    pitch = round(_LINE * small)
    left = top = sizes.gap
    _ground(width, pitch * len(lines) + pad, small).lay_on(image_rgb, left, top)
    for number, line in enumerate(lines):
        y = top + pad // 2 + number * pitch + round((pitch - 1.28 * small) / 2)
        x = left + pad
        if is_recording and number == 0:
            middle = x + round(0.4 * small), y + round(0.66 * small)
            radius = max(2, round(0.36 * small))
            cv2.circle(image_rgb, middle, radius, _RECORDING_RGB, cv2.FILLED, cv2.LINE_AA)
            x += dot
        for column, words in enumerate(line.split("\t")):
            lay_digits(image_rgb, words, small, BRIGHT, (x + column * tab, y))


def _width(line: str, small_px: int, tab_px: int) -> int:
    columns = line.split("\t")
    return (len(columns) - 1) * tab_px + digits_width(columns[-1], small_px)


@lru_cache(maxsize=16)
def _ground(width: int, height: int, small_px: int) -> Sprite:
    fill = (*PANEL_RGB, round(255 * PANEL_ALPHA))
    return make_sprite(rounded((width, height), 0.25 * small_px, fill))
