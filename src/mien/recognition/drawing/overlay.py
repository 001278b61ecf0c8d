"""Drawing results over the frames of a video: boxes, names, bars, and the last seconds as a strip.

For single pictures, which may grow by cards beside them, there is
`mien.recognition.drawing.still`. A video's frame keeps its size, must be drawn in milliseconds,
and nothing in it may jump.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, ShapeError
from mien.core.labels import COLOURS
from mien.core.types import Box, Expression, Face, FrameResult
from mien.recognition.drawing.blur import FaceBlur
from mien.recognition.drawing.layout import Layout, Placed, Rect, Wanted
from mien.recognition.drawing.parts import (
    Sizes,
    bar_options,
    draw_box,
    lay_bars,
    lay_plate,
    plate_options,
)
from mien.recognition.drawing.strip import Strip

UInt8Array = NDArray[np.uint8]


class VideoOverlay:
    """Draws what was read over the frames of one clip or camera, in order of time.

    Faces have a box in the colour of their expression (the smoothed one, where there is one), a
    plate with their number, their expression and its share, and bars of all expressions; at
    the foot there are the time and a lane for each person. Not thread-safe.
    """

    def __init__(
        self,
        *,
        strip_s: float = 30.0,
        bars: bool = True,
        blur_faces: bool = False,
        mirror: bool = False,
    ) -> None:
        """Set what is drawn.

        Args:
            strip_s: How many seconds the strip shows; 0 for no strip.
            bars: Whether faces have bars of all expressions.
            blur_faces: Make the faces unrecognisable; see `FaceBlur` for what that means.
            mirror: Give the picture as a mirror would, as people know themselves; what is written
                in it stays readable.

        Raises:
            ConfigError: If `strip_s` cannot be.
        """
        if not (math.isfinite(strip_s) and strip_s >= 0):
            raise ConfigError(f"strip_s must be 0 or more seconds, got {strip_s}")
        self._strip_s, self._has_bars, self._is_mirrored = strip_s, bars, mirror
        self._blur = FaceBlur() if blur_faces else None
        self._layout = Layout()
        self._size: tuple[int, int] | None = None
        self._sizes = Sizes.of(1, 1)
        self._strip: Strip | None = None

    def draw(self, image_rgb: UInt8Array, result: FrameResult) -> UInt8Array:
        """Return a frame with what was read in it.

        Args:
            image_rgb: The frame, (h, w, 3) uint8 RGB; it is not changed. A frame of another size
                than the one before begins a new strip.
            result: What was read in it.

        Returns:
            A new array of the same shape.

        Raises:
            ShapeError: If it is no such picture, or not of the size that `result` names.
        """
        self._check(image_rgb, result)
        if self._is_mirrored:
            drawn = np.asarray(cv2.flip(image_rgb, 1), np.uint8)
            result = mirrored(result, image_rgb.shape[1])
        else:
            drawn = image_rgb.copy()
        height, width = drawn.shape[:2]
        self._fit(width, height)
        if self._blur is not None:
            self._blur.apply(drawn, result)
        foot = 0
        if self._strip is not None:
            self._strip.update(result)
            foot = self._strip.height
        placed = self._place(result, Rect(0, 0, width, height - foot))
        self._draw_faces(drawn, result, placed)
        if self._strip is not None:
            self._strip.lay_on(drawn, result.timestamp_s)
        return drawn

    def _check(self, image_rgb: UInt8Array, result: FrameResult) -> None:
        shape = image_rgb.shape
        if len(shape) != 3 or shape[2] != 3 or image_rgb.dtype != np.uint8 or not image_rgb.size:
            raise ShapeError(f"expected (h, w, 3) uint8 RGB, got {image_rgb.dtype} of {shape}")
        if result.faces and result.size != (shape[1], shape[0]):
            raise ShapeError(
                f"expected the frame of {result.size[0]} x {result.size[1]} that the result is "
                f"of, got one of {shape[1]} x {shape[0]}"
            )

    def _fit(self, width: int, height: int) -> None:
        if self._size == (width, height):
            return
        self._size, self._sizes = (width, height), Sizes.of(width, height)
        self._layout = Layout()
        if self._strip_s:
            self._strip = Strip(self._strip_s, (width, height), self._sizes)

    def _place(self, result: FrameResult, area: Rect) -> list[Placed]:
        if not result.faces:
            return []
        wanted = [
            Wanted(
                face.track_id,
                face.box,
                plate_options(face.track_id, _shown(face), self._sizes),
            )
            for face in result
        ]
        labels = tuple(_shown(result.faces[0]))
        bars = bar_options(labels, self._sizes) if self._has_bars else []
        return self._layout.place(wanted, bars, area, self._sizes.gap, result.timestamp_s)

    def _draw_faces(self, drawn: UInt8Array, result: FrameResult, placed: list[Placed]) -> None:
        pairs = list(zip(result, placed, strict=True))
        # The largest face is in front of the others.
        for face, places in reversed(pairs):
            draw_box(drawn, places.box, COLOURS[_shown(face).dominant], self._sizes)
        for face, places in pairs:
            if places.bars is not None:
                lay_bars(drawn, _shown(face), places.bars, self._sizes)
        for face, places in pairs:
            if places.plate is not None:
                lay_plate(drawn, face.track_id, _shown(face), places.plate, self._sizes)


def mirrored(result: FrameResult, width: int) -> FrameResult:
    """Return a result with its boxes as in a mirror; landmarks, which are not drawn, are left out.

    Args:
        result: Of a frame.
        width: The frame's, in pixels.
    """
    faces = tuple(
        replace(
            face,
            box=Box(width - face.box.x2, face.box.y1, width - face.box.x1, face.box.y2),
            landmarks=None,
        )
        for face in result
    )
    return replace(result, faces=faces)


def _shown(face: Face) -> Expression:
    return face.smoothed or face.expression
