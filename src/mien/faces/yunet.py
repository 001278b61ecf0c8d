"""YuNet, OpenCV Zoo's face detector, run by ONNX Runtime with its own decoding.

`mien models fetch yunet` downloads the weights (MIT, 230 kB); `yunet:FILE` takes any file
with the same twelve outputs.

Sources: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023); the decoding of
OpenCV's `FaceDetectorYN` (modules/objdetect/src/face_detect.cpp), which a test compares.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import BundleError, DetectorError
from mien.core.paths import detectors_folder
from mien.core.session import OnnxSession
from mien.core.types import Box
from mien.core.weights import YUNET
from mien.faces.boxes import Float64Array, fit_picture, merge_detections, size_within
from mien.faces.detector import (
    DetectedFace,
    UInt8Array,
    check_picture,
    check_threshold,
    keep_faces,
    sha256_of,
)

STRIDES = (8, 16, 32)
OUTPUTS = frozenset(f"{part}_{s}" for part in ("cls", "obj", "bbox", "kps") for s in STRIDES)
OVERLAP = 0.3
# OpenCV's default of 0.9 misses a large share of real faces.
DEFAULT_THRESHOLD = 0.7
SIDE_STILL_PX = 640
SIDE_LIVE_PX = 320


def installed_weights() -> Path | None:
    """Return the fetched weights file, or None where it was never fetched."""
    path = detectors_folder() / YUNET.file
    return path if path.is_file() else None


class YuNet:
    """Box and five landmarks at three scales.

    A picture is scaled down so that its longer side is `side`, never up.

    The eyes understate how far a face is rolled (in OpenCV's own decoding as well): for 100
    FER2013 training faces of 200 px rolled by 15 and 30 degrees they say 10 and 21 in the
    median, for faces of 100 px and less hardly anything. Crops are turned by what they say.
    """

    name = "yunet"
    frame_key = "yunet"

    def __init__(
        self,
        weights: Path | None = None,
        *,
        min_face_px: float,
        threshold: float = DEFAULT_THRESHOLD,
        side: int = SIDE_STILL_PX,
        threads: int = 1,
    ) -> None:
        """Load the weights.

        Args:
            weights: Any YuNet file; None for the fetched one, whose checksum is checked.
            min_face_px: Smallest mean side of a box to return, in picture pixels.
            threshold: Lowest score to return, 0..1.
            side: Longest side of a picture as the network sees it, in pixels: 640 for stills,
                320 where speed counts more than small faces.
            threads: CPU threads for one picture.

        Raises:
            DetectorError: If the weights are missing, damaged or no YuNet, or `side` is not
                positive.
        """
        if side < 32:
            raise DetectorError(f"yunet's side is at least 32 pixels, got {side}")
        data = _read_weights(weights)
        self.threshold = check_threshold(threshold)
        self.weights_sha256: str | None = sha256_of(data)
        self._min_face_px = min_face_px
        self._side = side
        try:
            self._session = OnnxSession(data, threads=threads)
        except BundleError as error:
            raise DetectorError(f"{weights or YUNET.file} is no YuNet: {error}") from error
        missing = OUTPUTS.difference(self._session.output_names)
        if missing:
            raise DetectorError(
                f"{weights or YUNET.file} is no YuNet: it lacks the outputs "
                f"{', '.join(sorted(missing))}; `mien models fetch yunet` gets the right file"
            )
        self._fixed_size = _fixed_size(self._session.input_shape)

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        """Return the faces of an HW3 uint8 BGR picture, largest first.

        Raises:
            ShapeError: If the picture is not HW3 uint8.
        """
        height, width = check_picture(image_bgr).shape[:2]
        inner, outer = self._sizes(width, height)
        fitted = fit_picture(image_bgr, inner=inner, outer=outer, centred=False)
        images = np.ascontiguousarray(fitted.pixels.transpose(2, 0, 1)[None], np.float32)
        outputs = self._session.run(images)
        rows, scores = decode(outputs, input_width=outer[0], threshold=self.threshold)
        rows, scores = merge_detections(rows, scores, overlap=OVERLAP, weighted=False)
        rows = fitted.to_picture(rows)
        faces = [_face(row, float(score)) for row, score in zip(rows, scores, strict=True)]
        return keep_faces(faces, min_face_px=self._min_face_px)

    def _sizes(self, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
        if self._fixed_size is not None:
            outer = self._fixed_size
            scale = min(outer[0] / width, outer[1] / height, 1.0)
            return (max(1, round(width * scale)), max(1, round(height * scale))), outer
        inner = size_within(width, height, self._side, enlarge=False)
        coarsest = STRIDES[-1]
        return inner, (-(-inner[0] // coarsest) * coarsest, -(-inner[1] // coarsest) * coarsest)


def decode(
    outputs: dict[str, NDArray[np.float32]], *, input_width: int, threshold: float
) -> tuple[Float64Array, Float64Array]:
    """Turn the network's outputs into boxes and landmarks in input pixels.

    Args:
        outputs: `cls_S`, `obj_S` (1, n, 1) probabilities, `bbox_S` (1, n, 4) and `kps_S`
            (1, n, 10) in units of the stride S, relative to each cell's corner, row by row.
        input_width: Width of the network's input in pixels.
        threshold: Lowest score, sqrt(cls * obj), to keep.

    Returns:
        (m, 14) rows of x1, y1, x2, y2 and five landmarks, and (m,) scores.
    """
    all_rows, all_scores = [], []
    for stride in STRIDES:
        classes = np.clip(outputs[f"cls_{stride}"].reshape(-1).astype(np.float64), 0, 1)
        objects = np.clip(outputs[f"obj_{stride}"].reshape(-1).astype(np.float64), 0, 1)
        scores = np.sqrt(classes * objects)
        cells = np.flatnonzero(scores >= threshold)
        ys, xs = np.divmod(cells, input_width // stride)
        corner = np.stack([xs, ys], axis=1).astype(np.float64)
        boxes = outputs[f"bbox_{stride}"].reshape(-1, 4)[cells].astype(np.float64)
        points = outputs[f"kps_{stride}"].reshape(-1, 10)[cells].astype(np.float64)
        middle = (corner + boxes[:, :2]) * stride
        half = np.exp(boxes[:, 2:]) * stride / 2
        landmarks = (points + np.tile(corner, 5)) * stride
        all_rows.append(np.hstack([middle - half, middle + half, landmarks]))
        all_scores.append(scores[cells])
    return np.concatenate(all_rows), np.concatenate(all_scores)


def _face(row: Float64Array, score: float) -> DetectedFace:
    x1, y1, x2, y2, *points = (float(value) for value in row)
    landmarks = tuple(zip(points[0::2], points[1::2], strict=True))
    return DetectedFace(Box(x1, y1, x2, y2), score, landmarks)


def _fixed_size(shape: tuple[int | str | None, ...]) -> tuple[int, int] | None:
    """Return (width, height) of a graph that takes one size only, as older files do."""
    height, width = shape[2:]
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _read_weights(path: Path | None) -> bytes:
    given = path or installed_weights()
    if given is None:
        raise DetectorError(
            f"yunet's weights are not installed (looked in {detectors_folder()}): get them with "
            "`mien models fetch yunet`, or name a file: yunet:FILE"
        )
    try:
        data = given.read_bytes()
    except OSError as error:
        raise DetectorError(
            f"cannot read yunet's weights {given}: {error.strerror}; "
            "`mien models fetch yunet` downloads them"
        ) from error
    if path is None and sha256_of(data) != YUNET.sha256:
        raise DetectorError(
            f"{given} is damaged: sha256 should be {YUNET.sha256}, is {sha256_of(data)}; "
            "delete it and run `mien models fetch yunet`"
        )
    return data
