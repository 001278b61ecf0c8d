"""What happens to a face on its way from somebody's camera to a model, one function each.

Every function takes faces (n, h, w) uint8 gray, 0..255, n may be 0, and returns new ones of
the same shape. Nothing here is drawn by chance: the same faces and strength give the same
pixels. At the strength that means "none" (scale 1, 0 degrees, ...) faces come back as they are.

What moves a face (scale, shift, roll) moves the square that the crop is cut from instead, in
fractions of a pixel and with one interpolation, by the very code that cuts crops out of
photos. What lies outside the face's picture repeats its edge, as it does there when a face is
at the border of a photo: unlike a mirrored border it shows no second eye or mouth, and unlike
black it draws no edge that was not there. It adds nothing to what is known of the face, so a
wide crop shows smears where a photo would show hair and ground.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, ShapeError
from mien.core.imaging import CropFrame, crop_face, resize_gray
from mien.core.types import Box

UInt8Array = NDArray[np.uint8]
Perturbation = Callable[[UInt8Array], UInt8Array]

# Neither dark as sunglasses nor light as a mask; in the middle of what a face may have.
BAR_GRAY = 128


@dataclass(frozen=True)
class Rectangle:
    """A part of a face's picture, each edge as a share of its side, 0..1 from the top left."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left <= self.right <= 1 and 0 <= self.top <= self.bottom <= 1):
            raise ConfigError(
                f"expected 0 <= left <= right <= 1 and 0 <= top <= bottom <= 1, got {self}"
            )


# Where FER2013 has them. Of 400 training faces (seed 0, enlarged to 200 px) YuNet finds 387;
# between the 5th and the 95th percentile the eyes' centres lie at 0.23 to 0.48 of the height
# and 0.20 to 0.80 of the width, the corners of the mouth at 0.62 to 0.85 and 0.24 to 0.79.
# The bars cover these and half an eye, or the lower lip of an open mouth, beyond.
EYES = Rectangle(left=0.10, top=0.23, right=0.90, bottom=0.48)
MOUTH = Rectangle(left=0.20, top=0.62, right=0.80, bottom=0.90)


def scale_crop(faces_gray: UInt8Array, scale: float) -> UInt8Array:
    """Cut a crop whose side is `scale` times as long: above 1 the face becomes smaller.

    Raises:
        ConfigError: If the scale is not positive.
        ShapeError: If these are no square faces.
    """
    _expect(scale > 0, f"a crop scale above 0, got {scale}")
    return _cut(faces_gray, CropFrame(scale=scale))


def shift_crop(faces_gray: UInt8Array, *, right: float = 0.0, down: float = 0.0) -> UInt8Array:
    """Cut a crop further right and down, in shares of its side: the face goes left and up.

    Raises:
        ShapeError: If these are no square faces.
    """
    return _cut(faces_gray, CropFrame(shift_x=right, shift_y=down))


def roll_face(faces_gray: UInt8Array, degrees: float) -> UInt8Array:
    """Roll the face about the middle of its picture, clockwise as seen.

    Raises:
        ShapeError: If these are no square faces.
    """
    return _cut(faces_gray, CropFrame(), roll_degrees=degrees)


def blur(faces_gray: UInt8Array, sigma_px: float) -> UInt8Array:
    """Blur with a Gaussian of this standard deviation in pixels.

    Raises:
        ConfigError: If it is negative.
        ShapeError: If these are no faces.
    """
    _expect(sigma_px >= 0, f"a blur of at least 0 px, got {sigma_px}")
    if sigma_px == 0:
        return faces_gray.copy()

    def soften(face: UInt8Array) -> UInt8Array:
        blurred = cv2.GaussianBlur(face, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, np.uint8)

    return _each(faces_gray, soften)


def lose_resolution(faces_gray: UInt8Array, side_px: int) -> UInt8Array:
    """Scale down to `side_px` pixels a side and back, as a face far from the camera is.

    Raises:
        ConfigError: If no pixel would be left.
        ShapeError: If these are no square faces.
    """
    _expect(side_px >= 1, f"a side of at least 1 px, got {side_px}")
    side = _side(faces_gray)
    return _each(faces_gray, lambda face: resize_gray(resize_gray(face, side_px), side))


def compress_jpeg(faces_gray: UInt8Array, quality: int) -> UInt8Array:
    """Write as JPEG of this quality, 1..100, and read again.

    Raises:
        ConfigError: If the quality is outside of that.
        ShapeError: If these are no faces.
    """
    _expect(1 <= quality <= 100, f"a JPEG quality of 1 to 100, got {quality}")

    def compress(face: UInt8Array) -> UInt8Array:
        _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)

    return _each(faces_gray, compress)


def change_contrast(faces_gray: UInt8Array, factor: float) -> UInt8Array:
    """Multiply each pixel's distance from its face's mean gray, which stays as it is.

    Raises:
        ConfigError: If the factor is negative.
        ShapeError: If these are no faces.
    """
    _expect(factor >= 0, f"a contrast of at least 0, got {factor}")
    _check(faces_gray)
    values = faces_gray.astype(np.float32)
    means = values.mean(axis=(1, 2), keepdims=True)
    return _as_pixels(means + np.float32(factor) * (values - means))


def change_gamma(faces_gray: UInt8Array, gamma: float) -> UInt8Array:
    """Raise pixels, as shares of 255, to a power: below 1 brightens, above 1 darkens.

    Raises:
        ConfigError: If gamma is not positive.
        ShapeError: If these are no faces.
    """
    _expect(gamma > 0, f"a gamma above 0, got {gamma}")
    _check(faces_gray)
    curve = _as_pixels(255 * (np.arange(256) / 255) ** gamma)
    return np.asarray(curve[faces_gray], np.uint8)


def light_from_side(faces_gray: UInt8Array, strength: float) -> UInt8Array:
    """Light a face from one side: brightness times a line from one side to the other.

    Args:
        faces_gray: (n, h, w) uint8.
        strength: The last column on the right is `1 + strength` times as bright, the first on
            the left `1 - strength` times; below 0 the light comes from the left. -1..1.

    Raises:
        ConfigError: If the strength is outside of that.
        ShapeError: If these are no faces.
    """
    _expect(-1 <= strength <= 1, f"a side light of -1 to 1, got {strength}")
    _check(faces_gray)
    gain = np.linspace(1 - strength, 1 + strength, faces_gray.shape[2], dtype=np.float32)
    return _as_pixels(faces_gray * gain)


def cover(faces_gray: UInt8Array, part: Rectangle) -> UInt8Array:
    """Lay a gray bar over a part of each face; its edges go to the nearest pixel.

    Raises:
        ShapeError: If these are no faces.
    """
    _check(faces_gray)
    height, width = faces_gray.shape[1:]
    rows = slice(round(part.top * height), round(part.bottom * height))
    columns = slice(round(part.left * width), round(part.right * width))
    covered = faces_gray.copy()
    covered[:, rows, columns] = BAR_GRAY
    return covered


def _cut(faces_gray: UInt8Array, frame: CropFrame, *, roll_degrees: float = 0.0) -> UInt8Array:
    side = _side(faces_gray)
    whole = Box(0.0, 0.0, float(side), float(side))
    # A crop is turned by the eyes to set a face upright, so an upright face is rolled by
    # telling of eyes that are rolled the other way.
    roll = math.radians(-roll_degrees)
    eyes = ((0.0, 0.0), (math.cos(roll), math.sin(roll)))
    return _each(
        faces_gray, lambda face: crop_face(face, whole, size=side, frame=frame, landmarks=eyes)
    )


def _each(faces_gray: UInt8Array, change: Perturbation) -> UInt8Array:
    _check(faces_gray)
    changed = np.empty_like(faces_gray)
    for index, face in enumerate(faces_gray):
        changed[index] = change(face)
    return changed


def _as_pixels(values: NDArray[np.floating]) -> UInt8Array:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _side(faces_gray: UInt8Array) -> int:
    _check(faces_gray)
    height, width = faces_gray.shape[1:]
    if height != width:
        raise ShapeError(f"expected square faces (n, side, side), got shape {faces_gray.shape}")
    return int(height)


def _check(faces_gray: UInt8Array) -> None:
    if faces_gray.ndim != 3 or faces_gray.dtype != np.uint8 or 0 in faces_gray.shape[1:]:
        raise ShapeError(
            f"expected faces (n, h, w) uint8, got {faces_gray.dtype} of shape {faces_gray.shape}"
        )


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ConfigError(f"expected {what}")
