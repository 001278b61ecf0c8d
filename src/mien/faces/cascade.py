"""Viola and Jones' cascades, as the tutorials of this field use them.

Slow, blind to tilted faces and easily fooled, but everywhere: `haar` is OpenCV's frontal
face, `cascade:FILE` takes any Haar or LBP cascade.

Source: Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features"
(2001); OpenCV's `CascadeClassifier`.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path

import cv2
import numpy as np

from mien.core.errors import DetectorError
from mien.core.imaging import to_gray
from mien.core.types import Box
from mien.faces.boxes import size_within
from mien.faces.detector import (
    DetectedFace,
    UInt8Array,
    check_picture,
    check_threshold,
    keep_faces,
    sha256_of,
)

HAAR_FILE = "haarcascade_frontalface_default.xml"
SCALE_STEP = 1.1
# A cascade fires many times about a face. The score n / (n + 5) of n firings makes the
# usual demand of more than five the threshold 0.5, and never reaches 1.
HALF_SURE = 5
DEFAULT_THRESHOLD = 0.5
DEFAULT_SIDE_PX = 1280


class Cascade:
    """A boosted cascade run over all places and sizes of a gray picture; no landmarks."""

    frame_key = "haar"

    def __init__(
        self,
        file: Path | None = None,
        *,
        min_face_px: float,
        threshold: float = DEFAULT_THRESHOLD,
        side: int = DEFAULT_SIDE_PX,
    ) -> None:
        """Load a cascade.

        Args:
            file: A Haar or LBP cascade as XML; None for OpenCV's frontal face.
            min_face_px: Smallest mean side of a box to return, in picture pixels.
            threshold: Lowest score to return, 0..1; 0.5 asks for more than five firings.
            side: Longer side that a picture is scaled down to first, in pixels.

        Raises:
            DetectorError: If the file is missing or no cascade, or this OpenCV has none.
        """
        if side < 32:
            raise DetectorError(f"a cascade's side is at least 32 pixels, got {side}")
        path = file or _bundled_cascade()
        self.name = "haar" if file is None else f"cascade:{path.name}"
        self.threshold = check_threshold(threshold)
        self._min_face_px = min_face_px
        self._side = side
        try:
            self.weights_sha256: str | None = sha256_of(path.read_bytes())
        except OSError as error:
            raise DetectorError(f"cannot read the cascade {path}: {error.strerror}") from error
        self._classifier = _load(path)
        self._lock = threading.Lock()  # a classifier keeps the picture's sums in itself

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        """Return the faces of an HW3 uint8 BGR picture, largest first.

        Raises:
            ShapeError: If the picture is not HW3 uint8.
        """
        gray = to_gray(check_picture(image_bgr))
        height, width = gray.shape
        inner = size_within(width, height, self._side, enlarge=False)
        if inner != (width, height):
            gray = np.asarray(cv2.resize(gray, inner, interpolation=cv2.INTER_AREA), np.uint8)
        scale_x, scale_y = inner[0] / width, inner[1] / height
        smallest = max(1, round(self._min_face_px * min(scale_x, scale_y)))
        neighbours = math.floor(HALF_SURE * self.threshold / (1.0 - self.threshold))
        with self._lock:
            boxes, firings = self._classifier.detectMultiScale2(
                gray, SCALE_STEP, max(1, neighbours), minSize=(smallest, smallest)
            )
        faces = [
            DetectedFace(
                Box(x / scale_x, y / scale_y, (x + w) / scale_x, (y + h) / scale_y),
                n / (n + HALF_SURE),
            )
            for (x, y, w, h), n in zip(
                np.asarray(boxes).reshape(-1, 4).tolist(),
                np.asarray(firings).ravel().tolist(),
                strict=True,
            )
        ]
        return keep_faces(faces, min_face_px=self._min_face_px)


def _bundled_cascade() -> Path:
    if not hasattr(cv2, "CascadeClassifier") or not hasattr(cv2, "data"):
        raise DetectorError(
            f"OpenCV {cv2.__version__} has no cascades (version 5 dropped them); install "
            "`opencv-python-headless>=4.10,<5`, or use another detector: blazeface or yunet"
        )
    # OpenCV's type stubs leave out its data module.
    return Path(cv2.data.haarcascades) / HAAR_FILE  # type: ignore[attr-defined]


def _load(path: Path) -> cv2.CascadeClassifier:
    try:
        classifier = cv2.CascadeClassifier(str(path))
    except (cv2.error, SystemError) as error:
        raise DetectorError(f"{path} is no cascade that OpenCV can read: {error}") from error
    if classifier.empty():
        raise DetectorError(f"{path} is no cascade that OpenCV can read; expected Haar or LBP XML")
    return classifier
