"""What every face detector promises, and what it gives.

A detector is opened once and called often, from any thread. It names itself, its threshold
and the checksum of its weights, so that a result can always be traced to what ran.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DetectorError, ShapeError
from mien.core.types import Box

UInt8Array = NDArray[np.uint8]
Landmarks = tuple[tuple[float, float], ...]

# Below this a 48 px model sees mostly interpolation.
DEFAULT_MIN_FACE_PX = 24.0


@dataclass(frozen=True)
class DetectedFace:
    """Where a detector saw a face.

    Attributes:
        box: xyxy in pixels of the picture; it may reach past the edge for a cut-off face.
        confidence: The detector's own score, 0..1.
        landmarks: As in `mien.core.types.Face`: right eye, left eye, nose tip, right and left
            mouth corner, (x, y) in pixels; None where the detector has none.
    """

    box: Box
    confidence: float
    landmarks: Landmarks | None = None

    @property
    def side_px(self) -> float:
        """The box's mean side, sqrt(width * height), in pixels."""
        return float(np.sqrt(max(self.box.width, 0.0) * max(self.box.height, 0.0)))


class Detector(Protocol):
    """Finds faces in one picture at a time; safe to call from several threads."""

    @property
    def name(self) -> str:
        """What really runs, e.g. `yunet`; never `auto`."""
        ...

    @property
    def frame_key(self) -> str:
        """Under which name a bundle keeps the `CropFrame` for this detector's boxes."""
        ...

    @property
    def threshold(self) -> float:
        """Faces with a lower confidence are not returned, 0..1."""
        ...

    @property
    def weights_sha256(self) -> str | None:
        """Checksum of the weights file; None for a detector without one."""
        ...

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        """Return the faces of an HWC uint8 BGR picture, largest first; empty where none."""
        ...


def check_picture(image_bgr: UInt8Array) -> UInt8Array:
    """Return the picture if it is HW3 uint8 with at least one pixel.

    Raises:
        ShapeError: If it is not.
    """
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8:
        raise ShapeError(
            f"expected an HW3 uint8 BGR picture, got {image_bgr.dtype} of shape {image_bgr.shape}; "
            "mien.core.imaging.as_bgr makes one of any picture"
        )
    if image_bgr.size == 0:
        raise ShapeError(f"the picture is empty: shape {image_bgr.shape}")
    return image_bgr


def check_threshold(threshold: float) -> float:
    """Return a threshold if it lies in 0..1, ends excluded.

    Raises:
        DetectorError: If it does not.
    """
    if not 0.0 < threshold < 1.0:
        raise DetectorError(f"a detector's threshold lies between 0 and 1, got {threshold:g}")
    return float(threshold)


def keep_faces(faces: Iterable[DetectedFace], *, min_face_px: float) -> list[DetectedFace]:
    """Drop faces smaller than `min_face_px` (mean side) and sort the rest, largest first."""
    kept = [face for face in faces if face.side_px >= max(min_face_px, 1.0)]
    # Place breaks ties, so that two runs always give the same order.
    return sorted(kept, key=lambda face: (-face.side_px, face.box.x1, face.box.y1))


def sha256_of(data: bytes) -> str:
    """Return the hex SHA-256 of a weights file's bytes."""
    return hashlib.sha256(data).hexdigest()
