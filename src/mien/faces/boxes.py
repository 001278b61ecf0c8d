"""Geometry that detectors share: fitting a picture into a network's input, and merging boxes.

Boxes are (n, 4) float64 xyxy arrays; a detection is a row of box and landmarks together.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.faces.detector import UInt8Array

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A picture scaled into a network's input, and the way back.

    Attributes:
        pixels: HW3 uint8, the input's size, black where the picture does not reach.
        scale_x: Input pixels for one picture pixel, across.
        scale_y: The same, down. It differs from `scale_x` by rounding only.
        left: Input pixels before the picture starts, across.
        top: The same, down.
    """

    pixels: UInt8Array
    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_picture(self, points: Float64Array) -> Float64Array:
        """Map (n, 2k) rows of x, y, x, y, ... from input pixels to picture pixels."""
        mapped = points.copy()
        mapped[:, 0::2] = (points[:, 0::2] - self.left) / self.scale_x
        mapped[:, 1::2] = (points[:, 1::2] - self.top) / self.scale_y
        return mapped


def fit_picture(
    image_bgr: UInt8Array, *, inner: tuple[int, int], outer: tuple[int, int], centred: bool
) -> Fitted:
    """Scale a picture to `inner` and lay it on a black `outer`, each (width, height).

    Args:
        image_bgr: HW3 uint8.
        inner: The size to scale to; at most `outer`.
        outer: The network's input.
        centred: In the middle (MediaPipe) or at the top left (YuNet).
    """
    height, width = image_bgr.shape[:2]
    image_bgr = _halved(image_bgr, at_least=(2 * inner[0], 2 * inner[1]))
    how = cv2.INTER_AREA if inner[0] < width or inner[1] < height else cv2.INTER_LINEAR
    scaled = (
        image_bgr if inner == (width, height) else cv2.resize(image_bgr, inner, None, 0, 0, how)
    )
    left = (outer[0] - inner[0]) // 2 if centred else 0
    top = (outer[1] - inner[1]) // 2 if centred else 0
    pixels = np.zeros((outer[1], outer[0], 3), np.uint8)
    pixels[top : top + inner[1], left : left + inner[0]] = scaled
    return Fitted(pixels, inner[0] / width, inner[1] / height, left, top)


def _halved(image: UInt8Array, *, at_least: tuple[int, int]) -> UInt8Array:
    """Average 2 x 2 pixels into one as often as the picture stays as large as (width, height).

    OpenCV averages over whole pixels some ten times as fast as over parts of them, and averages of
    averages are the same but for rounding.
    """
    while True:
        height, width = image.shape[:2]
        half = (width // 2, height // 2)
        if width % 2 or height % 2 or half[0] < at_least[0] or half[1] < at_least[1]:
            return image
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)


def size_within(width: int, height: int, longest: int, *, enlarge: bool) -> tuple[int, int]:
    """Return (width, height) scaled so that the longer side is `longest`, at least 1 each."""
    scale = longest / max(width, height)
    if not enlarge:
        scale = min(scale, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def overlaps(box: Float64Array, boxes: Float64Array) -> Float64Array:
    """Return the intersection over union of one (4,) box with each of (n, 4); 0 where empty."""
    x1, y1 = np.maximum(box[0], boxes[:, 0]), np.maximum(box[1], boxes[:, 1])
    x2, y2 = np.minimum(box[2], boxes[:, 2]), np.minimum(box[3], boxes[:, 3])
    shared = np.clip(x2 - x1, 0, None) * np.clip(y2 - y1, 0, None)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    union = area + areas - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def merge_detections(
    rows: Float64Array,
    scores: Float64Array,
    *,
    overlap: float,
    weighted: bool,
    sure: float = 0.0,
) -> tuple[Float64Array, Float64Array]:
    """Reduce many detections of the same faces to one each.

    Greedy non-maximum suppression: the best detection wins and takes along all that overlap
    it. With `weighted`, the winner's box and landmarks become the mean of the group, weighted
    by score (the tie resolution of BlazeFace, arXiv:1907.05047), which jitters less.

    Args:
        rows: (n, 4 + 2k), a box and k landmarks each.
        scores: (n,).
        overlap: Intersection over union above which two boxes are one face.
        weighted: Whether to average.
        sure: Detections below it have no say in the average of a group whose best is not, so that
            it is the same as without them.

    Returns:
        Rows and scores of the faces, best first; a group has its best score.
    """
    order = np.argsort(-scores, kind="stable")
    rows, scores = rows[order], scores[order]
    open_rows = np.arange(len(rows))
    kept_rows, kept_scores = [], []
    while len(open_rows):
        best = open_rows[0]
        same = overlaps(rows[best, :4], rows[open_rows, :4]) > overlap
        same[0] = True  # even a box without area belongs to its own group
        group = open_rows[same]
        heard = group[scores[group] >= sure] if scores[best] >= sure else group
        merged = np.average(rows[heard], axis=0, weights=scores[heard]) if weighted else rows[best]
        kept_rows.append(merged)
        kept_scores.append(scores[best])
        open_rows = open_rows[~same]
    if not kept_rows:
        return rows[:0], scores[:0]
    return np.stack(kept_rows), np.array(kept_scores)
