"""Faces followed through the frames of one camera or clip, and their expressions smoothed.

A face keeps its id as long as its box overlaps the one it had in the frame before; ids are
numbers within one session and say nothing of who a person is. Smoothing is a first-order
low-pass over time, not over frames, so it behaves the same at 5 and at 30 frames a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mien.core.errors import ConfigError
from mien.core.types import Box, Expression, Face, FrameResult


@dataclass(frozen=True)
class FollowedFrame:
    """One frame whose faces carry track ids, twice.

    Attributes:
        raw: The frame with its expressions as the model gave them.
        smoothed: The same faces in the same order with their expressions smoothed over time.
    """

    raw: FrameResult
    smoothed: FrameResult


@dataclass
class _Track:
    track_id: int
    box: Box
    expression: Expression
    seen_at_s: float


class FaceFollower:
    """Gives the faces of successive frames stable ids and smoothed expressions.

    Boxes are matched greedily, the largest overlap first. Not thread-safe: one follower
    belongs to one camera or clip.
    """

    def __init__(
        self, *, time_constant_s: float = 0.35, min_iou: float = 0.2, max_gap_s: float = 1.5
    ) -> None:
        """Set how to follow.

        Args:
            time_constant_s: After this time a smoothed probability has covered 63 % (1 - 1/e)
                of the way to a new raw value; 0 leaves the values as they are.
            min_iou: Least intersection over union, above 0 and at most 1, for two boxes to be
                the same face.
            max_gap_s: How long a face may be out of sight and still keep its id.

        Raises:
            ConfigError: If a value is out of its range.
        """
        wrong = []
        if not (math.isfinite(time_constant_s) and time_constant_s >= 0):
            wrong.append(f"time_constant_s must be 0 or more seconds, got {time_constant_s}")
        if not 0 < min_iou <= 1:
            wrong.append(f"min_iou must be above 0 and at most 1, got {min_iou}")
        if not (math.isfinite(max_gap_s) and max_gap_s >= 0):
            wrong.append(f"max_gap_s must be 0 or more seconds, got {max_gap_s}")
        if wrong:
            raise ConfigError("; ".join(wrong))
        self._time_constant_s = time_constant_s
        self._min_iou = min_iou
        self._max_gap_s = max_gap_s
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._now_s = -math.inf

    def update(self, frame: FrameResult) -> FollowedFrame:
        """Take the next frame and return it with track ids and smoothed expressions.

        A frame that is older than the one before (a clip that starts anew) makes the follower
        forget all faces; their ids are not used again.
        """
        if frame.timestamp_s < self._now_s:
            self._tracks.clear()
        self._now_s = frame.timestamp_s
        oldest_s = frame.timestamp_s - self._max_gap_s
        self._tracks = [track for track in self._tracks if track.seen_at_s >= oldest_s]
        matches = match_boxes(
            [track.box for track in self._tracks],
            [face.box for face in frame.faces],
            min_iou=self._min_iou,
        )
        tracks = list(self._tracks)
        raw, smoothed = [], []
        for number, face in enumerate(frame.faces):
            track = self._track_for(face, tracks, matches.get(number), frame.timestamp_s)
            raw.append(replace(face, track_id=track.track_id))
            smoothed.append(replace(raw[-1], expression=track.expression))
        return FollowedFrame(
            raw=replace(frame, faces=tuple(raw)), smoothed=replace(frame, faces=tuple(smoothed))
        )

    def _track_for(
        self, face: Face, tracks: Sequence[_Track], matched: int | None, timestamp_s: float
    ) -> _Track:
        if matched is None:
            track = _Track(self._next_id, face.box, face.expression, timestamp_s)
            self._next_id += 1
            self._tracks.append(track)
            return track
        track = tracks[matched]
        elapsed_s = timestamp_s - track.seen_at_s
        track.expression = smooth(
            track.expression,
            face.expression,
            elapsed_s=elapsed_s,
            time_constant_s=self._time_constant_s,
        )
        track.box, track.seen_at_s = face.box, timestamp_s
        return track


def match_boxes(known: Sequence[Box], seen: Sequence[Box], *, min_iou: float) -> Mapping[int, int]:
    """Pair boxes of two frames, the largest overlap first, each box at most once.

    Args:
        known: Boxes of the frame before.
        seen: Boxes of this frame.
        min_iou: Pairs that overlap less are none.

    Returns:
        Index into `seen` to index into `known`.
    """
    overlaps = [
        (overlap, seen_index, known_index)
        for seen_index, seen_box in enumerate(seen)
        for known_index, known_box in enumerate(known)
        if (overlap := iou(known_box, seen_box)) >= min_iou
    ]
    matches: dict[int, int] = {}
    taken: set[int] = set()
    for _, seen_index, known_index in sorted(overlaps, key=lambda pair: -pair[0]):
        if seen_index not in matches and known_index not in taken:
            matches[seen_index] = known_index
            taken.add(known_index)
    return matches


def iou(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0..1; 0 where they have no area."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (a.width * a.height + b.width * b.height - both)


def smooth(
    before: Expression, now: Expression, *, elapsed_s: float, time_constant_s: float
) -> Expression:
    """Move an expression towards a new one as an exponential low-pass filter does.

    Probabilities stay probabilities: a mix of two sets that each sum to 1.

    Args:
        before: The smoothed expression so far.
        now: The raw expression that was just read.
        elapsed_s: Seconds between the two, 0 or more.
        time_constant_s: As in `FaceFollower`.

    Returns:
        The new smoothed expression; `now` itself where nothing is to be smoothed or the label
        set has changed.
    """
    if time_constant_s == 0 or before.label_set != now.label_set:
        return now
    weight = -math.expm1(-elapsed_s / time_constant_s)
    mixed = {label: before[label] + weight * (now[label] - before[label]) for label in now}
    return Expression(mixed, now.label_set, now.uncertain_below)
