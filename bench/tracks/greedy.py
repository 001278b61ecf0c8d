"""The simple tracker to compare with: boxes that overlap are the same face, greedily.

It was mien's own before `mien.recognition.tracking.tracker`, and is what most tutorials do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mien.core.types import Box, FrameResult


@dataclass
class GreedyTracker:
    """Pairs the boxes of two frames, the largest overlap first; no motion, no doubt."""

    min_iou: float = 0.2
    max_gap_s: float = 1.5
    _tracks: dict[int, tuple[Box, float]] = field(default_factory=dict)
    _last_id: int = 0

    def update(self, frame: FrameResult) -> FrameResult:
        """Return the frame with track ids."""
        oldest_s = frame.timestamp_s - self.max_gap_s
        self._tracks = {key: track for key, track in self._tracks.items() if track[1] >= oldest_s}
        pairs = [
            (overlap, number, key)
            for number, face in enumerate(frame.faces)
            for key, (box, _) in self._tracks.items()
            if (overlap := box.iou(face.box)) >= self.min_iou
        ]
        ids: dict[int, int] = {}
        for _, number, key in sorted(pairs, key=lambda pair: -pair[0]):
            if number not in ids and key not in ids.values():
                ids[number] = key
        faces = []
        for number, face in enumerate(frame.faces):
            if number not in ids:
                self._last_id += 1
                ids[number] = self._last_id
            self._tracks[ids[number]] = face.box, frame.timestamp_s
            faces.append(replace(face, track_id=ids[number]))
        return replace(frame, faces=tuple(faces))
