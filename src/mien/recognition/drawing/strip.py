"""The strip at the foot of a video frame: the time, and how everyone looked in the last seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.labels import COLOURS
from mien.core.types import Face, FrameResult
from mien.recognition.drawing.parts import PANEL_ALPHA, PANEL_RGB, Sizes
from mien.recognition.drawing.sprites import LABEL_RGB, lay_digits, word_sprite
from mien.recognition.drawing.still import BRIGHT, MUTED

UInt8Array = NDArray[np.uint8]

MAX_LANES = 6
# The strip takes no more of a frame's height than this; if not one lane fits there is none.
_MOST_HEIGHT = 0.22
_HEAD, _FOOT, _LANE = 1.75, 0.5, 1.15
# Nobody there.
_EMPTY = -1
_LABELS = tuple(COLOURS)
_LANE_GROUND = (44, 48, 56)
# A colour for each label, and at the end, where -1 points to, for nobody.
_PALETTE = np.array([*(LABEL_RGB[label] for label in _LABELS), _LANE_GROUND], np.uint8)
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_TICKS = 6
_TICK_LIGHT = 0.62


class Strip:
    """One lane a person, coloured by their smoothed expression, running to the left.

    What is kept is as large as what is shown: a label for each pixel of each lane. Lanes are
    there for the first `MAX_LANES` people of those in the last seconds, in order of their numbers,
    and for people with a number only. The strip grows with the lanes and never gets lower again.
    """

    def __init__(self, window_s: float, size: tuple[int, int], sizes: Sizes) -> None:
        """Make an empty strip.

        Args:
            window_s: How many seconds it shows.
            size: (width, height) of the frame in pixels.
            sizes: Measures for that frame.
        """
        self._window_s = window_s
        self._frame_width, self._sizes = size[0], sizes
        self._left = round(2.4 * sizes.small)
        self._columns = max(size[0] - self._left - self._pad, 0)
        self._pitch = round(_LANE * sizes.small)
        fixed = self._head + round(_FOOT * sizes.small)
        fits = int((_MOST_HEIGHT * size[1] - fixed) // self._pitch)
        self._most_lanes = min(fits, MAX_LANES) if self._columns >= 8 * sizes.text else 0
        self._fixed_height = fixed
        self._ids = np.full((MAX_LANES, max(self._columns, 1)), _EMPTY, np.int8)
        self._owners: list[int] = []
        self._lanes_shown = 1
        self._last_column: int | None = None
        self._before: frozenset[int] = frozenset()
        self._labels: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """In pixels; 0 where the frame is too small for a strip."""
        if self._most_lanes < 1:
            return 0
        return self._fixed_height + min(self._lanes_shown, self._most_lanes) * self._pitch

    def update(self, result: FrameResult) -> None:
        """Take in a frame; one that is older than the one before empties the strip."""
        if not self._columns:
            return
        column = math.floor(result.timestamp_s * self._columns / self._window_s)
        moved = self._scroll_to(column)
        faces = {face.track_id: face for face in result if face.track_id is not None}
        for track_id in sorted(faces):
            lane = self._lane_of(track_id)
            if lane is not None:
                # Whoever was there in the frame before was there in between.
                width = max(moved, 1) if track_id in self._before else 1
                self._ids[lane, -min(width, self._columns) :] = _label_id(faces[track_id])
        self._before = frozenset(faces)
        self._lanes_shown = max(self._lanes_shown, len(self._owners))
        if result.faces:
            self._labels = tuple(result.faces[0].expression)

    def lay_on(self, image_rgb: UInt8Array, timestamp_s: float) -> None:
        """Draw the strip at the foot of a frame of the size that it was made for, in place."""
        if not self.height:
            return
        top = image_rgb.shape[0] - self.height
        foot = image_rgb[top:]
        # All channels of the ground are darkened alike: dark enough for its blue not to matter.
        lift = PANEL_ALPHA * sum(PANEL_RGB) / 3
        foot[:] = cv2.convertScaleAbs(foot, alpha=1 - PANEL_ALPHA, beta=lift)
        self._lay_head(foot, timestamp_s)
        self._lay_lanes(foot)

    @property
    def _pad(self) -> int:
        return round(0.6 * self._sizes.text)

    @property
    def _head(self) -> int:
        return round(_HEAD * self._sizes.text)

    def _scroll_to(self, column: int) -> int:
        """Make room for what is new; return by how many columns all has moved."""
        moved = 0 if self._last_column is None else column - self._last_column
        self._last_column = column
        if moved < 0:
            self._ids[:] = _EMPTY
            self._owners, self._before = [], frozenset()
            return 0
        if moved:
            kept = max(self._columns - moved, 0)
            self._ids[:, :kept] = self._ids[:, self._columns - kept :].copy()
            self._ids[:, kept:] = _EMPTY
            self._leave_out_empty()
        return moved

    def _leave_out_empty(self) -> None:
        here = [lane for lane in range(len(self._owners)) if (self._ids[lane] != _EMPTY).any()]
        if len(here) < len(self._owners):
            self._ids[: len(here)] = self._ids[here]
            self._ids[len(here) :] = _EMPTY
            self._owners = [self._owners[lane] for lane in here]

    def _lane_of(self, track_id: int) -> int | None:
        if track_id not in self._owners:
            if len(self._owners) >= self._most_lanes:
                return None
            self._owners.append(track_id)
        return self._owners.index(track_id)

    def _lay_head(self, foot: UInt8Array, timestamp_s: float) -> None:
        text, small = self._sizes.text, self._sizes.small
        top = round((self._head - text) / 2)
        right = lay_digits(foot, time_code(timestamp_s), text, BRIGHT, (self._pad, top))
        # All lines of text stand on one baseline.
        small_top = top + text - small
        span = f"last {_seconds(self._window_s)}"
        right = lay_digits(foot, span, small, MUTED, (right + text, small_top))
        left = self._frame_width - self._pad
        free = left - (right + text)
        if legend_width(self._labels, small) <= free:
            lay_legend(foot, self._labels, small, (left, small_top))

    def _lay_lanes(self, foot: UInt8Array) -> None:
        small, high = self._sizes.small, max(2, round(0.76 * self._pitch))
        colours_rgb = _PALETTE[self._ids]
        ticks = self._tick_columns()
        colours_rgb[:, ticks] = np.rint(_TICK_LIGHT * colours_rgb[:, ticks]).astype(np.uint8)
        for lane in range(min(self._lanes_shown, self._most_lanes)):
            top = self._head + lane * self._pitch
            foot[top : top + high, self._left : self._left + self._columns] = colours_rgb[lane]
            if lane < len(self._owners):
                number = word_sprite(f"{self._owners[lane]}", small, BRIGHT)
                left = self._left - round(0.45 * small) - number.width
                number.lay_on(foot, left, round(top + high / 2 - 0.64 * small))

    def _tick_columns(self) -> list[int]:
        """Return where whole steps of time are, counted from the left."""
        step_s = next((s for s in _TICKS_S if s * _TICKS >= self._window_s), _TICKS_S[-1])
        per_step = step_s * self._columns / self._window_s
        last = self._last_column or 0
        first = math.ceil(max(last - self._columns + 1, 1) / per_step)
        columns = (math.floor(number * per_step) for number in range(first, first + 4 * _TICKS))
        return [self._columns - 1 - (last - column) for column in columns if column <= last]


def time_code(timestamp_s: float) -> str:
    """Return a time as `m:ss.t`, or `h:mm:ss.t` from an hour on; tenths are cut, not rounded."""
    tenths = math.floor(max(timestamp_s, 0.0) * 10 + 1e-6)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def legend_width(labels: Sequence[str], small_px: int) -> int:
    """Return how many pixels `lay_legend` takes."""
    return sum(_entry_width(label, small_px) for label in labels)


def lay_legend(
    image_rgb: UInt8Array, labels: Sequence[str], small_px: int, at: tuple[int, int]
) -> None:
    """Write which colour is which expression, in place.

    Args:
        image_rgb: (h, w, 3) uint8.
        labels: In this order, from left to right.
        small_px: Height of the text.
        at: The right and upper edge of the line.
    """
    right, top = at
    side = round(0.72 * small_px)
    left = right - legend_width(labels, small_px) + round(1.1 * small_px)
    for label in labels:
        base = top + small_px
        image_rgb[base - side : base, left : left + side] = LABEL_RGB[label]
        word_sprite(label, small_px, MUTED).lay_on(
            image_rgb, left + side + round(0.4 * small_px), top
        )
        left += _entry_width(label, small_px)


@lru_cache(maxsize=64)
def _entry_width(label: str, small_px: int) -> int:
    return word_sprite(label, small_px, MUTED).width + round(2.22 * small_px)


def _seconds(value_s: float) -> str:
    minutes = value_s / 60
    return f"{minutes:g} min" if value_s >= 120 else f"{value_s:g} s"


def _label_id(face: Face) -> int:
    return _LABELS.index((face.smoothed or face.expression).dominant)
