"""A detector that is wrong in known ways: it jitters, misses, doubts and sees faces in nothing.

A face turns away now and then, which takes its confidence down for a while, so that misses come in
runs as those of real detectors do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from bench.tracks.truth import HEIGHT, LEAST_VISIBLE, WIDTH, TrueFrame
from mien.core.types import Box, Expression, Face, FrameResult

# What mien's detectors take for a face by default, and what they are asked for where a tracker
# sorts out the doubtful ones.
USUAL_THRESHOLD, LOW_THRESHOLD = 0.6, 0.3
NEUTRAL = Expression({"neutral": 1.0}, "bench")


@dataclass
class _Pose:
    """How far somebody is turned away: a random walk that comes back, in confidence."""

    value: float
    at_s: float


@dataclass
class NoisyDetector:
    """Sees true frames; `rng` decides how."""

    rng: np.random.Generator
    threshold: float = LOW_THRESHOLD
    jitter: float = 0.03
    size_jitter: float = 0.05
    miss: float = 0.03
    ghosts_a_frame: float = 0.03
    turning_s: float = 0.5
    turning: float = 0.13
    _poses: dict[int, _Pose] = field(default_factory=dict)
    _ghosts: list[tuple[Box, float, int]] = field(default_factory=list)

    def see(self, frames: Iterable[TrueFrame]) -> Iterator[FrameResult]:
        """Yield a result for each frame, its faces the largest first."""
        for index, frame in enumerate(frames):
            faces = [*self._real(frame), *self._unreal()]
            kept = [face for face in faces if face.confidence >= self.threshold]
            kept.sort(key=lambda face: -face.box.side)
            yield FrameResult(index, frame.timestamp_s, (WIDTH, HEIGHT), tuple(kept), "noisy", {})

    def _real(self, frame: TrueFrame) -> Iterator[Face]:
        for face in frame.faces:
            confidence = 0.92 - (1 - face.visible) + self._pose(face.visit, frame.timestamp_s)
            confidence += float(self.rng.normal(0, 0.04))
            if self.rng.random() < self.miss or face.visible < LEAST_VISIBLE / 2:
                continue
            # What is partly hidden is placed less well.
            worse = 1 + 2 * (1 - face.visible)
            yield Face(self._jittered(face.box, worse), min(max(confidence, 0.0), 1.0), NEUTRAL)

    def _pose(self, visit: int, now_s: float) -> float:
        pose = self._poses.setdefault(visit, _Pose(0.0, now_s))
        kept = math.exp(-(now_s - pose.at_s) / self.turning_s)
        spread = self.turning * math.sqrt(1 - kept * kept)
        pose.value = kept * pose.value + float(self.rng.normal(0, spread))
        pose.at_s = now_s
        # Only turning away counts; nobody faces the camera more than straight.
        return min(pose.value, 0.0) * 1.5

    def _jittered(self, box: Box, worse: float) -> Box:
        x, y = box.centre
        off_x, off_y = self.rng.normal(0, self.jitter * worse * box.side, 2)
        grow_x, grow_y = np.exp(self.rng.normal(0, self.size_jitter * worse, 2)) / 2
        x, y = x + float(off_x), y + float(off_y)
        half_width, half_height = box.width * float(grow_x), box.height * float(grow_y)
        return Box(x - half_width, y - half_height, x + half_width, y + half_height)

    def _unreal(self) -> Iterator[Face]:
        self._ghosts = [(box, sure, left - 1) for box, sure, left in self._ghosts if left > 1]
        if self.rng.random() < self.ghosts_a_frame:
            x, y = float(self.rng.uniform(0, WIDTH)), float(self.rng.uniform(0, HEIGHT))
            side = float(self.rng.uniform(40, 120))
            box = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
            sure, frames = float(self.rng.uniform(0.3, 0.8)), int(self.rng.integers(1, 4))
            self._ghosts.append((box, sure, frames))
        for box, sure, _ in self._ghosts:
            yield Face(self._jittered(box, 1.0), sure, NEUTRAL)
