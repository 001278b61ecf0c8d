"""Scenes as pictures: one public-domain face, made into several people, before a background.

Eileen Collins (NASA) is mirrored, lit and tinted differently for everyone, scaled to each place,
and painted the farthest first, so that the nearer head hides the other pixel by pixel.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.tracks.truth import HEIGHT, WIDTH, TrueFace, TrueFrame
from mien.core.types import Box

PORTRAIT = Path(__file__).resolve().parents[2] / "tests" / "assets" / "astronaut.png"
# Of the head with hair, and of the face in it, in pixels of the portrait; xyxy.
HEAD, FACE = Box(140, 12, 312, 236), Box(171, 70, 280, 185)
UInt8Array = NDArray[np.uint8]


class Painter:
    """Draws true frames."""

    def __init__(self, people: int, seed: int) -> None:
        """Make the people and a background of soft blobs."""
        rng = np.random.default_rng(seed)
        portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR)
        head = portrait[int(HEAD.y1) : int(HEAD.y2), int(HEAD.x1) : int(HEAD.x2)].astype(np.float32)
        self._people = [self._person(head, who, rng) for who in range(people)]
        self._mask = self._ellipse(head.shape[0], head.shape[1])
        blobs = rng.uniform(90, 170, (9, 16, 1)) + rng.uniform(-20, 20, (9, 16, 3))
        wide = cv2.resize(blobs.astype(np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        self._background = np.asarray(wide, np.uint8)

    def draw(self, frame: TrueFrame) -> UInt8Array:
        """Return the frame as an HW3 uint8 BGR picture."""
        canvas = self._background.copy()
        for face in frame.faces:
            self._paint(canvas, face)
        return canvas

    def _paint(self, canvas: UInt8Array, face: TrueFace) -> None:
        # The picture of the head goes where its face covers the true box.
        scale_x, scale_y = face.box.width / FACE.width, face.box.height / FACE.height
        before = HEAD.x2 - FACE.x2 if face.person % 2 else FACE.x1 - HEAD.x1
        left, top = face.box.x1 - before * scale_x, face.box.y1 - (FACE.y1 - HEAD.y1) * scale_y
        x1, y1 = max(int(left), 0), max(int(top), 0)
        x2 = min(int(left + HEAD.width * scale_x) + 1, WIDTH)
        y2 = min(int(top + HEAD.height * scale_y) + 1, HEIGHT)
        if x1 >= x2 or y1 >= y2:
            return
        place = np.array([[scale_x, 0, left - x1], [0, scale_y, top - y1]])
        painted = cv2.warpAffine(self._people[face.person], place, (x2 - x1, y2 - y1))
        mask = cv2.warpAffine(self._mask, place, (x2 - x1, y2 - y1))[..., None]
        behind = canvas[y1:y2, x1:x2]
        behind[:] = np.clip(behind + mask * (painted - behind), 0, 255)

    @staticmethod
    def _person(
        head: NDArray[np.float32], who: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        tint = rng.uniform(0.75, 1.15, 3).astype(np.float32)
        contrast, light = rng.uniform(0.75, 1.15), rng.uniform(-20, 20)
        changed = (head - 128) * np.float32(contrast) * tint + 128 + np.float32(light)
        return np.ascontiguousarray(changed[:, ::-1] if who % 2 else changed)

    @staticmethod
    def _ellipse(height: int, width: int) -> NDArray[np.float32]:
        mask = np.zeros((height, width), np.float32)
        centre, axes = (width // 2, height // 2), (width // 2 - 6, height // 2 - 6)
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, thickness=-1)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), 3), np.float32)
