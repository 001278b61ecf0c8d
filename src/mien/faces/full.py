"""The detector that detects nothing: the picture is a face already, as in a dataset."""

from __future__ import annotations

from mien.core.types import Box
from mien.faces.detector import DetectedFace, UInt8Array, check_picture


class FullPicture:
    """Takes the whole picture as one face, with confidence 1 and no landmarks."""

    name = "full"
    frame_key = "full"
    threshold = 0.0
    weights_sha256: str | None = None

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        """Return one face, the whole HW3 uint8 BGR picture.

        Raises:
            ShapeError: If the picture is not HW3 uint8.
        """
        height, width = check_picture(image_bgr).shape[:2]
        return [DetectedFace(Box(0.0, 0.0, float(width), float(height)), 1.0)]
