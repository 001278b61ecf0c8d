"""Making faces unrecognisable in a video that is handed on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.types import Box, FrameResult

UInt8Array = NDArray[np.uint8]

# What is left of a face: this many patches in each direction, of one colour each.
_PATCHES = 4
# Detectors box from brows to chin; hair, ears and chin say who it is as well.
_MARGIN = 0.3
# A face that a detector misses for a moment is still there: where it was seen last it stays
# blurred for so long, in an area that grows by this part of its side a second.
_LINGER_S = 1.0
_GROWTH_PER_S = 0.5
_SAME_FACE_IOU = 0.3


@dataclass(frozen=True)
class _Sighting:
    box: Box
    seen_s: float


class FaceBlur:
    """Blurs faces beyond recovery, and for a moment where they were last.

    Of each there remain 16 means of colour. A face that is never found is not blurred.
    """

    def __init__(self) -> None:
        self._recent: list[_Sighting] = []

    def apply(self, image_rgb: UInt8Array, result: FrameResult) -> None:
        """Blur the faces of a frame in place.

        Args:
            image_rgb: (h, w, 3) uint8.
            result: Its faces; frames come in order of time.
        """
        now_s = result.timestamp_s
        here = [_Sighting(face.box, now_s) for face in result]
        missed = [
            one
            for one in self._recent
            if 0 <= now_s - one.seen_s <= _LINGER_S
            and not any(one.box.iou(face.box) >= _SAME_FACE_IOU for face in here)
        ]
        self._recent = here + missed
        for one in self._recent:
            margin = _MARGIN + _GROWTH_PER_S * (now_s - one.seen_s)
            _blur(image_rgb, one.box, margin * one.box.side)


def _blur(image_rgb: UInt8Array, box: Box, margin_px: float) -> None:
    height, width = image_rgb.shape[:2]
    left, right = (min(max(round(x), 0), width) for x in (box.x1 - margin_px, box.x2 + margin_px))
    top, bottom = (min(max(round(y), 0), height) for y in (box.y1 - margin_px, box.y2 + margin_px))
    if left >= right or top >= bottom:
        return
    face_rgb = image_rgb[top:bottom, left:right]
    few = cv2.resize(face_rgb, (_PATCHES, _PATCHES), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(few, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    # An ellipse that holds the whole box: with a margin of 0.21 sides or more its corners too.
    mask = np.zeros(face_rgb.shape[:2], np.uint8)
    centre = round(box.centre[0]) - left, round(box.centre[1]) - top
    axes = round(box.width / 2 + margin_px), round(box.height / 2 + margin_px)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, cv2.FILLED)
    np.copyto(face_rgb, blurred, where=mask[:, :, None].astype(bool))
