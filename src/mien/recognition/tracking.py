"""One id a person while they are in view, and their expressions smoothed over time.

Boxes are assigned to tracks as ByteTrack does (arXiv:2110.06864): sure detections first, then
doubtful ones, which only continue tracks and begin none. What is new here is that all runs on real
time instead of frames, for cameras and sampled clips have no steady rate, and that distances are
those of the Kalman filter of `mien.recognition.motion`: at a few frames a second a moving head's
boxes may not overlap at all. Ids are numbers within one session and say nothing of who a person
is; nothing is kept of a face but its box and its expression.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import lap
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError
from mien.core.types import Expression, Face, FrameResult
from mien.recognition.motion import BoxMotion, measure
from mien.recognition.smoothing import smooth

# A face is within this squared Mahalanobis distance of where it was expected but for one time
# in a thousand: chi-square of the four coordinates.
GATE = 18.47
# The price of a pair that cannot be; above any that can.
FORBIDDEN = 1e6


# Where a camera or its machine is slow, faces are still looked for from one frame to the next;
# after a longer pause it is anybody's guess who sits there.
LONGEST_STEP_S = 5.0


class _Track:
    """One person so far; `track_id` is None until they were seen often enough."""

    def __init__(self, face: Face, timestamp_s: float, track_id: int | None) -> None:
        self.track_id = track_id
        self.sightings = 1
        self.seen_at_s = timestamp_s
        self.motion = BoxMotion(face.box, timestamp_s)
        self.expression: Expression = face.expression

    def see(self, face: Face, timestamp_s: float, time_constant_s: float) -> None:
        self.expression = smooth(
            self.expression,
            face.expression,
            elapsed_s=timestamp_s - self.seen_at_s,
            time_constant_s=time_constant_s,
        )
        self.motion.see(face.box, timestamp_s)
        self.seen_at_s = timestamp_s
        self.sightings += 1


class FaceTracker:
    """Gives the faces of successive frames stable ids and smoothed expressions.

    Not thread-safe: one tracker belongs to one camera or clip.
    """

    def __init__(
        self,
        *,
        time_constant_s: float = 0.35,
        max_gap_s: float = 1.5,
        start_confidence: float = 0.0,
        confirm_after: int = 2,
    ) -> None:
        """Set how to track.

        Args:
            time_constant_s: Of the smoothing, as in `mien.recognition.smoothing.smooth`; 0
                leaves the values as they are.
            max_gap_s: How long a face may be out of sight and still keep its id. One that is in
                the very next frame was never out of sight, up to `LONGEST_STEP_S`.
            start_confidence: Least confidence of the detector, 0..1, for a face to begin a
                track; faces below it only continue tracks. Of use where the detector's own
                threshold is lower than usual.
            confirm_after: How many frames in a row a new face must be seen in before it gets an
                id, at least 1. The faces of the very first frame get theirs at once.

        Raises:
            ConfigError: If a value is out of its range.
        """
        wrong = []
        if not (math.isfinite(time_constant_s) and time_constant_s >= 0):
            wrong.append(f"time_constant_s must be 0 or more seconds, got {time_constant_s}")
        if not (math.isfinite(max_gap_s) and max_gap_s >= 0):
            wrong.append(f"max_gap_s must be 0 or more seconds, got {max_gap_s}")
        if not 0 <= start_confidence <= 1:
            wrong.append(f"start_confidence must be 0 to 1, got {start_confidence}")
        if confirm_after < 1:
            wrong.append(f"confirm_after must be 1 or more frames, got {confirm_after}")
        if wrong:
            raise ConfigError("; ".join(wrong))
        self._time_constant_s = time_constant_s
        self._max_gap_s = max_gap_s
        self._start_confidence = start_confidence
        self._confirm_after = confirm_after
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._now_s = -math.inf

    def update(self, frame: FrameResult) -> FrameResult:
        """Take the next frame and return it with track ids and smoothed expressions.

        `expression` of each face stays as it was. A face that was seen too few times has no id
        yet; one that is too doubtful to begin a track has no smoothed expression either. A frame
        that is older than the one before (a clip that starts anew) makes the tracker forget all
        faces; their ids are not used again.
        """
        last_s, now_s = self._now_s, frame.timestamp_s
        is_first = self._go_to(now_s)
        found = self._assign_all(frame.faces, last_s)
        self._begin(frame.faces, found, confirmed=is_first)
        self._forget_unseen()
        faces = tuple(_tracked(face, found.get(n)) for n, face in enumerate(frame.faces))
        return replace(frame, faces=faces)

    def recall(self, frames: Iterable[FrameResult], *, last_id: int = 0) -> None:
        """Go on where another tracker left off, as after a stop: take its frames with their ids.

        A few seconds of them are enough, for what lies further back no longer counts.

        Args:
            frames: As another tracker's `update` returned them, in order of time.
            last_id: The highest id that was ever given, so that none is used again; those in
                `frames` count by themselves.
        """
        self._next_id = max(self._next_id, last_id + 1)
        for frame in frames:
            self._go_to(frame.timestamp_s)
            for face in frame.faces:
                # One that was too doubtful to begin a track was not smoothed either.
                if face.smoothed is not None:
                    self._recall(face, face.smoothed)
            self._forget_unseen()

    def _recall(self, face: Face, smoothed: Expression) -> None:
        same = (track for track in self._tracks if track.track_id == face.track_id is not None)
        track = next(same, None)
        if track is None:
            track = _Track(face, self._now_s, face.track_id)
            self._tracks.append(track)
            self._next_id = max(self._next_id, (face.track_id or 0) + 1)
        else:
            track.see(face, self._now_s, self._time_constant_s)
        track.expression = smoothed

    def _go_to(self, now_s: float) -> bool:
        """Drop who has been away for too long, and say whether nobody can be known there."""
        last_s, self._now_s = self._now_s, now_s
        if now_s < last_s:
            self._tracks = []
        oldest_s = now_s - self._max_gap_s
        if now_s - last_s <= LONGEST_STEP_S:
            oldest_s = min(oldest_s, last_s)
        self._tracks = [track for track in self._tracks if track.seen_at_s >= oldest_s]
        return now_s < last_s or last_s == -math.inf

    def _forget_unseen(self) -> None:
        """Drop a new face that is not there again: it was none."""
        self._tracks = [
            track
            for track in self._tracks
            if track.track_id is not None or track.seen_at_s == self._now_s
        ]

    def _assign_all(self, faces: Sequence[Face], last_s: float) -> dict[int, _Track]:
        """Continue tracks and return those of the faces, by the faces' place in the frame."""
        known = [track for track in self._tracks if track.track_id is not None]
        new = [track for track in self._tracks if track.track_id is None]
        sure = [n for n, face in enumerate(faces) if face.confidence >= self._start_confidence]
        doubtful = [n for n in range(len(faces)) if n not in set(sure)]
        found = self._assign(known, faces, sure)
        # What is hidden for longer would come back as something surer than this.
        missed = [t for t in known if t.seen_at_s == last_s and t not in found.values()]
        found |= self._assign(missed, faces, doubtful)
        found |= self._assign(new, faces, [n for n in sure if n not in found])
        for number, track in found.items():
            track.see(faces[number], self._now_s, self._time_constant_s)
            if track.track_id is None and track.sightings >= self._confirm_after:
                self._confirm(track)
        return found

    def _assign(
        self, tracks: Sequence[_Track], faces: Sequence[Face], numbers: Sequence[int]
    ) -> dict[int, _Track]:
        if not tracks or not numbers:
            return {}
        costs = assignment_costs(
            [track.motion for track in tracks], [faces[n] for n in numbers], self._now_s
        )
        _, columns, _ = lap.lapjv(costs, extend_cost=True, cost_limit=FORBIDDEN / 2)
        return {
            numbers[column]: track
            for track, column in zip(tracks, columns.tolist(), strict=True)
            if column >= 0
        }

    def _begin(self, faces: Sequence[Face], found: dict[int, _Track], *, confirmed: bool) -> None:
        for number, face in enumerate(faces):
            if number in found or face.confidence < self._start_confidence:
                continue
            track = found[number] = _Track(face, self._now_s, None)
            if confirmed or self._confirm_after == 1:
                self._confirm(track)
            self._tracks.append(track)

    def _confirm(self, track: _Track) -> None:
        track.track_id = self._next_id
        self._next_id += 1


def assignment_costs(
    motions: Sequence[BoxMotion], faces: Sequence[Face], timestamp_s: float
) -> NDArray[np.float64]:
    """Return what it costs to take each face for the next sighting of each track.

    Twice the negative logarithm of the likelihood of the face's box under the track's
    prediction, measured from the most likely box of a track that is perfectly known: the squared
    Mahalanobis distance, and a term by which a vague prediction does not win over a sharp one.

    Args:
        motions: Of the tracks, at least one.
        faces: At least one.
        timestamp_s: When the faces were seen.

    Returns:
        (tracks, faces) float64, 0 or more; `FORBIDDEN` outside the gate.
    """
    expected = [motion.expect(timestamp_s) for motion in motions]
    means = np.array([prediction.means for prediction in expected])
    variances = np.array([prediction.variances for prediction in expected])
    jitters = np.array([prediction.jitters for prediction in expected])
    seen = np.array([measure(face.box) for face in faces])
    distances = ((seen - means[:, None]) ** 2 / variances[:, None]).sum(axis=-1)
    vagueness = np.log(variances / jitters).sum(axis=-1)
    return np.where(distances <= GATE, distances + vagueness[:, None], FORBIDDEN)


def _tracked(face: Face, track: _Track | None) -> Face:
    if track is None:
        return face
    return replace(face, track_id=track.track_id, smoothed=track.expression)
