"""Measuring how the faces that a model was trained on lie about the boxes a detector draws.

A model sees well only what is framed like its training faces, and every detector frames in
its own way. So training faces are enlarged, laid on a larger canvas, and given to the
detector; from box to known square follow a scale and a shift, one of each for every face,
and their medians are the detector's `CropFrame`.

The canvas goes on past the face in the face's mean gray: a face that fills the whole picture
is missed by most detectors, and a repeated edge draws chin and hair out into stripes, which
pull the box with them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import BundleError, DetectorError, ShapeError
from mien.core.imaging import CropFrame, eye_roll_degrees
from mien.core.types import Box
from mien.faces.detector import DetectedFace, Detector, UInt8Array

FACE_PX = 200
CANVAS_RATIO = 2.0
# Below this a median says little about the detector.
FEWEST_FOUND = 30
# The median absolute deviation of a normal distribution, in standard deviations.
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class FrameMeasurement:
    """A detector's crop frame, and how well it is known.

    Attributes:
        detector: The detector's `frame_key`.
        weights_sha256: What was measured; None for a detector without weights.
        threshold: The detector's.
        frame: Medians over the faces that were found.
        spread_scale: Robust standard deviation (1.4826 MAD) of the scale over faces.
        spread_x: The same of `shift_x`.
        spread_y: The same of `shift_y`.
        n: How many faces were shown.
        found: How many the detector found, in the right place.
    """

    detector: str
    weights_sha256: str | None
    threshold: float
    frame: CropFrame
    spread_scale: float
    spread_x: float
    spread_y: float
    n: int
    found: int

    @property
    def recall(self) -> float:
        """Share of the faces that were found."""
        return self.found / self.n

    def to_dict(self) -> dict[str, Any]:
        """Return the frame's fields and the measurement beside them, JSON-ready."""
        shape = self.frame
        return {
            "frame": {
                "scale": round(shape.scale, 4),
                "shift_x": round(shape.shift_x, 4),
                "shift_y": round(shape.shift_y, 4),
                "align": shape.align,
            },
            "spread": {
                "scale": round(self.spread_scale, 4),
                "shift_x": round(self.spread_x, 4),
                "shift_y": round(self.spread_y, 4),
            },
            "n": self.n,
            "found": self.found,
            "recall": round(self.recall, 4),
            "threshold": self.threshold,
            "weights_sha256": self.weights_sha256,
        }


def measure_frame(
    detector: Detector,
    faces_gray: UInt8Array,
    *,
    face_px: int = FACE_PX,
    canvas_ratio: float = CANVAS_RATIO,
    on_face: Callable[[], None] | None = None,
) -> FrameMeasurement:
    """Measure the crop frame of one detector.

    Args:
        detector: Open, with a `min_face_px` well below `face_px`.
        faces_gray: (n, h, h) uint8, faces framed as the model is trained on them.
        face_px: Side to which a face is enlarged.
        canvas_ratio: Side of the canvas over that of the face.
        on_face: Called after each face, for progress.

    Raises:
        ShapeError: If the faces are not square uint8 pictures.
        DetectorError: If the detector finds too few of them to say anything.
    """
    if faces_gray.ndim != 3 or faces_gray.dtype != np.uint8 or len(set(faces_gray.shape[1:])) != 1:
        raise ShapeError(
            f"expected square uint8 faces (n, h, h), got {faces_gray.dtype} of "
            f"shape {faces_gray.shape}"
        )
    rows = []
    for face_gray in faces_gray:
        canvas_bgr, square = lay_on_canvas(face_gray, face_px=face_px, canvas_ratio=canvas_ratio)
        found = _face_in(square, detector.detect(canvas_bgr))
        if found is not None:
            rows.append((*_frame_of(found, square), found.landmarks is not None))
        if on_face is not None:
            on_face()
    if len(rows) < FEWEST_FOUND:
        raise DetectorError(
            f"{detector.name} found {len(rows)} of {len(faces_gray)} faces; a crop frame needs at "
            f"least {FEWEST_FOUND}: show it more faces, or lower its threshold"
        )
    values = np.array(rows, np.float64)
    medians = np.median(values[:, :3], axis=0)
    spreads = _MAD_TO_SD * np.median(np.abs(values[:, :3] - medians), axis=0)
    return FrameMeasurement(
        detector=detector.frame_key,
        weights_sha256=detector.weights_sha256,
        threshold=detector.threshold,
        frame=CropFrame(
            scale=float(medians[0]),
            shift_x=float(medians[1]),
            shift_y=float(medians[2]),
            align=bool(values[:, 3].any()),
        ),
        spread_scale=float(spreads[0]),
        spread_x=float(spreads[1]),
        spread_y=float(spreads[2]),
        n=len(faces_gray),
        found=len(rows),
    )


def lay_on_canvas(
    face_gray: UInt8Array, *, face_px: int, canvas_ratio: float
) -> tuple[UInt8Array, Box]:
    """Enlarge a face and lay it in the middle of a canvas of its mean gray.

    Returns:
        The canvas, HW3 uint8 BGR, and the square in which the face lies.
    """
    border = max(0, round(face_px * (canvas_ratio - 1) / 2))
    large = cv2.resize(face_gray, (face_px, face_px), interpolation=cv2.INTER_CUBIC)
    canvas = np.full((face_px + 2 * border,) * 2, round(float(face_gray.mean())), np.uint8)
    canvas[border : border + face_px, border : border + face_px] = large
    square = Box(border, border, border + face_px, border + face_px)
    return np.asarray(cv2.cvtColor(canvas, cv2.COLOR_GRAY2BGR), np.uint8), square


def write_frames(path: Path, measurements: list[FrameMeasurement], *, data: str) -> None:
    """Write measurements as JSON, which `read_frames` reads and export puts into bundles.

    Args:
        path: The file.
        measurements: One for each detector.
        data: Which faces were shown, in words.
    """
    content = {
        "data": data,
        "face_px": FACE_PX,
        "canvas_ratio": CANVAS_RATIO,
        "detectors": {m.detector: m.to_dict() for m in measurements},
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_frames(path: Path) -> dict[str, CropFrame]:
    """Read the crop frames that `write_frames` wrote, by detector.

    Raises:
        BundleError: If the file is missing or not of this form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        frames = content["detectors"]
        return {name: CropFrame(**entry["frame"]) for name, entry in frames.items()}
    except OSError as error:
        raise BundleError(f"cannot read the crop frames {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path} has no crop frames ({error!r}); `mien frames` measures them"
        ) from error


def _face_in(square: Box, faces: list[DetectedFace]) -> DetectedFace | None:
    """Return the surest face whose middle lies in the middle half of the square, or None."""
    middle_x, middle_y = square.centre
    near = square.width / 4
    right = [
        face
        for face in faces
        if abs(face.box.centre[0] - middle_x) < near and abs(face.box.centre[1] - middle_y) < near
    ]
    return max(right, key=lambda face: face.confidence, default=None)


def _frame_of(face: DetectedFace, square: Box) -> tuple[float, float, float]:
    """Return (scale, shift_x, shift_y) that lead from a face's box to the square."""
    box = face.box
    away: NDArray[np.float64] = np.subtract(square.centre, box.centre)
    roll = math.radians(eye_roll_degrees(face.landmarks))
    along = math.cos(roll) * away[0] + math.sin(roll) * away[1]
    down = -math.sin(roll) * away[0] + math.cos(roll) * away[1]
    scale = math.sqrt(square.width * square.height / (box.width * box.height))
    return scale, float(along / box.width), float(down / box.height)
