"""From a decoded video frame to the picture that people see: RGB, upright, square pixels.

Every pixel format that FFmpeg knows is converted, those of 10 bits and more to 8. Colours follow
the frame's own matrix and range. A high dynamic range is not mapped to a lower one, fields are not
woven into frames, and transparency is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from mien.media.frames import MAX_FRAME_PIXELS, UInt8Array

_MATRIX = "DISPLAYMATRIX"
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
# Where a file does not say which matrix its colours have, players take BT.709 from here on.
_HIGH_DEFINITION_LINES = 720
# No camera has pixels this far from square; a header that says so is damaged.
_ODDEST_PIXEL = 8


def to_rgb(
    frame: av.VideoFrame, pixel_aspect: Fraction | None, turn: NDArray[np.int8] | None
) -> UInt8Array:
    """Return a frame as (h, w, 3) uint8 RGB, upright, with square pixels.

    Args:
        frame: As it was decoded.
        pixel_aspect: A stored pixel's width over its height; None where the file does not say.
        turn: Its display matrix, as `display_matrix` returns it.

    Raises:
        av.FFmpegError: If FFmpeg cannot convert it.
        ValueError: If its pixel format is one that FFmpeg cannot convert.
    """
    width, height = square_pixel_size(frame.width, frame.height, pixel_aspect)
    is_guessed = frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb
    wide = is_guessed and frame.height >= _HIGH_DEFINITION_LINES
    converted = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=Colorspace.ITU709 if wide else None,
    )
    return turn_upright(np.asarray(converted.to_ndarray(), np.uint8), turn)


def square_pixel_size(width: int, height: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Return (width, height) once pixels are square: the shorter side grows, so nothing is lost."""
    if not pixel_aspect or not (1 / _ODDEST_PIXEL <= pixel_aspect <= _ODDEST_PIXEL):
        return width, height
    if pixel_aspect >= 1:
        shown = (round(width * pixel_aspect), height)
    else:
        shown = (width, round(height / pixel_aspect))
    return shown if shown[0] * shown[1] <= MAX_FRAME_PIXELS else (width, height)


def display_matrix(frame: av.VideoFrame) -> NDArray[np.int8] | None:
    """Return how a frame is to be turned, (2, 2) of -1, 0 and 1, or None if as it is.

    The matrix maps (x right, y down) of the stored picture, as a row from the left, to those of the
    upright one (FFmpeg, libavutil/display.h). Anything but right angles is taken as the nearest.
    """
    # PyAV's stubs call it a dict with one key; it is a mapping of buffers by name.
    side_data = cast(Mapping[str, Buffer], frame.side_data)
    if _MATRIX not in side_data:
        return None
    raw = bytes(side_data[_MATRIX])
    if len(raw) != 36:
        return None
    (a, b, _), (c, d, _) = np.frombuffer(raw, np.int32).reshape(3, 3)[:2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return np.array([[-1 if a < 0 else 1, 0], [0, -1 if d < 0 else 1]], np.int8)
    return np.array([[0, -1 if b < 0 else 1], [-1 if c < 0 else 1, 0]], np.int8)


def rotation_degrees(matrix: NDArray[np.int8] | None) -> int:
    """Return by how much a display matrix turns clockwise: 0, 90, 180 or 270, mirroring aside."""
    if matrix is None:
        return 0
    if matrix[0, 0]:
        return 180 if matrix[0, 0] < 0 and matrix[1, 1] < 0 else 0
    return 90 if matrix[0, 1] > 0 else 270


def turn_upright(image: UInt8Array, matrix: NDArray[np.int8] | None) -> UInt8Array:
    """Return an (h, w, 3) picture turned and mirrored by a display matrix, in memory of its own."""
    if matrix is None:
        return np.array(image, order="C")
    if matrix[0, 0]:
        across, down = matrix[0, 0], matrix[1, 1]
    else:
        image = image.swapaxes(0, 1)
        across, down = matrix[1, 0], matrix[0, 1]
    return np.array(image[::down, ::across], order="C")
