"""BlazeFace, MediaPipe's full-range face detector, run by LiteRT.

The weights are `face_detection_full_range.tflite` (Apache-2.0) out of the npm package
`@mediapipe/face_detection`, which the page depends on; building mien puts them into the
package, so this detector works offline from the first minute.

Sources: Bazarevsky et al., "BlazeFace" (arXiv:1907.05047); anchors, scales, threshold and
overlap as in MediaPipe's `face_detection_full_range` graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DetectorError
from mien.core.imaging import swap_red_and_blue
from mien.core.types import Box
from mien.faces.boxes import Float64Array, fit_picture, merge_detections, size_within
from mien.faces.detector import (
    DetectedFace,
    UInt8Array,
    check_picture,
    check_threshold,
    keep_faces,
    sha256_of,
)

INPUT_PX = 192
CELL_PX = 4  # one anchor in the middle of each 4 x 4 cell, all of the same size
OVERLAP = 0.3
DEFAULT_THRESHOLD = 0.6
# A logit of 100 is a probability of 1 long before; the limit only keeps exp() finite.
LOGIT_LIMIT = 100.0
WEIGHTS_FILE = "face_detection_full_range.tflite"
WEIGHTS_SHA256 = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
WEIGHTS_PATH = Path(__file__).parent / "weights" / WEIGHTS_FILE


class BlazeFace:
    """MediaPipe's full-range model: 192 px input, box and six keypoints.

    It sees a whole picture at 192 px, so faces much smaller than its longer side are missed.
    """

    name = "blazeface"
    frame_key = "blazeface"

    def __init__(
        self,
        *,
        min_face_px: float,
        threshold: float = DEFAULT_THRESHOLD,
        sure_from: float = 0.0,
        threads: int = 1,
    ) -> None:
        """Load the weights that were built into the package.

        Args:
            min_face_px: Smallest mean side of a box to return, in picture pixels.
            threshold: Lowest probability to return, 0..1.
            sure_from: Faces from this probability on are as they were with it as the threshold.
            threads: CPU threads for one picture.

        Raises:
            DetectorError: If the weights are missing or are not those expected.
        """
        self.threshold = check_threshold(threshold)
        self.weights_sha256: str | None = WEIGHTS_SHA256
        self._sure_from = sure_from
        self._min_face_px = min_face_px
        self._weights, self._threads = _read_weights(WEIGHTS_PATH), threads
        interpreter = _open_interpreter(self._weights, threads)
        self._input = interpreter.get_input_details()[0]["index"]
        outputs = {d["shape"][-1]: d["index"] for d in interpreter.get_output_details()}
        self._regressors, self._classifiers = outputs[16], outputs[1]
        self._anchors = anchor_centres()
        # An interpreter keeps its tensors in place, so two calls at once need two of them.
        self._idle = [interpreter]

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        """Return the faces of an HW3 uint8 BGR picture, largest first.

        Raises:
            ShapeError: If the picture is not HW3 uint8.
        """
        height, width = check_picture(image_bgr).shape[:2]
        fitted = fit_picture(
            image_bgr,
            inner=size_within(width, height, INPUT_PX, enlarge=True),
            outer=(INPUT_PX, INPUT_PX),
            centred=True,
        )
        # OpenCV swaps channels, and NumPy reckons in place, some four times as fast as without.
        images_rgb = swap_red_and_blue(fitted.pixels).astype(np.float32)[None]
        images_rgb /= np.float32(127.5)
        images_rgb -= np.float32(1.0)
        regressors, logits = self._run(images_rgb)
        rows, scores = decode(regressors, logits, self._anchors, threshold=self.threshold)
        rows, scores = merge_detections(
            rows, scores, overlap=OVERLAP, weighted=True, sure=self._sure_from
        )
        rows = fitted.to_picture(rows)
        faces = [_face(row, float(score)) for row, score in zip(rows, scores, strict=True)]
        return keep_faces(faces, min_face_px=self._min_face_px)

    def _run(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        try:
            interpreter = self._idle.pop()
        except IndexError:
            interpreter = _open_interpreter(self._weights, self._threads)
        interpreter.set_tensor(self._input, images)
        interpreter.invoke()
        regressors = interpreter.get_tensor(self._regressors)[0]
        logits = interpreter.get_tensor(self._classifiers)[0, :, 0]
        self._idle.append(interpreter)
        return regressors, logits


def anchor_centres() -> Float64Array:
    """Return the anchors' centres in input pixels, (2304, 2) x, y, row by row."""
    line = (np.arange(INPUT_PX // CELL_PX) + 0.5) * CELL_PX
    ys, xs = np.meshgrid(line, line, indexing="ij")
    return np.stack([xs.ravel(), ys.ravel()], axis=1)


def decode(
    regressors: NDArray[np.float32],
    logits: NDArray[np.float32],
    anchors: Float64Array,
    *,
    threshold: float,
) -> tuple[Float64Array, Float64Array]:
    """Turn the network's output into boxes and keypoints in input pixels.

    Args:
        regressors: (n, 16): the box's centre x, y relative to its anchor, width, height, then
            six keypoints x, y relative to the anchor, all in input pixels.
        logits: (n,).
        anchors: (n, 2) centres.
        threshold: Lowest probability to keep.

    Returns:
        (m, 16) rows of x1, y1, x2, y2 and six keypoints, and (m,) probabilities.
    """
    limited = np.clip(logits.astype(np.float64), -LOGIT_LIMIT, LOGIT_LIMIT)
    probabilities = 1.0 / (1.0 + np.exp(-limited))
    keep = probabilities >= threshold
    raw, centres = regressors[keep].astype(np.float64), anchors[keep]
    middle, half = raw[:, 0:2] + centres, raw[:, 2:4] / 2
    keypoints = raw[:, 4:16] + np.tile(centres, 6)
    return np.hstack([middle - half, middle + half, keypoints]), probabilities[keep]


def _face(row: Float64Array, score: float) -> DetectedFace:
    x1, y1, x2, y2, *points = (float(value) for value in row)
    # Six keypoints: right eye, left eye, nose tip, mouth centre, right ear, left ear.
    right_eye, left_eye, nose, mouth = zip(points[0:8:2], points[1:8:2], strict=True)
    return DetectedFace(Box(x1, y1, x2, y2), score, (right_eye, left_eye, nose, mouth, mouth))


def _read_weights(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DetectorError(
            f"blazeface's weights are not in this installation ({path}): they are put there when "
            "mien is built; install it again (`make run` in a clone), or use another detector: "
            "yunet (`mien models fetch yunet`) or haar"
        ) from error
    if sha256_of(data) != WEIGHTS_SHA256:
        raise DetectorError(
            f"{path} is not the expected file: sha256 should be {WEIGHTS_SHA256}, is "
            f"{sha256_of(data)}; delete it and install mien again"
        )
    return data


def _open_interpreter(weights: bytes, threads: int) -> Any:
    try:
        # Not on top: the runtime takes its time to load, and only this detector needs it.
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise DetectorError(
            f"blazeface needs LiteRT, which cannot be loaded here ({error}); install it with "
            "`pip install ai-edge-litert`, or use another detector: yunet or haar"
        ) from error
    interpreter = Interpreter(model_content=weights, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter
