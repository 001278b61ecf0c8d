"""Which box is whose: tracks of boxes over time, before anything is known of expressions.

Boxes are assigned to tracks as ByteTrack does (arXiv:2110.06864): sure detections first, then
doubtful ones, which only continue tracks and begin none. What is new here is that all runs on real
time instead of frames, for cameras and sampled clips have no steady rate, and that distances are
those of the Kalman filter of `mien.recognition.tracking.motion`: at a few frames a second a
moving head's boxes may not overlap at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import lap
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError
from mien.core.types import Box
from mien.recognition.tracking.motion import BoxMotion, measure

# A face is within this squared Mahalanobis distance of where it was expected but for one time
# in a thousand: chi-square of the four coordinates.
GATE = 18.47
# The price of a pair that cannot be; above any that can.
FORBIDDEN = 1e6
# Where a camera or its machine is slow, faces are still looked for from one frame to the next;
# after a longer pause it is anybody's guess who sits there.
LONGEST_STEP_S = 5.0


class Seen(Protocol):
    """A face that a detector found."""

    @property
    def box(self) -> Box:
        """Where it is, xyxy in pixels."""
        ...

    @property
    def confidence(self) -> float:
        """The detector's score, 0..1."""
        ...


@dataclass(frozen=True)
class Person:
    """Whose a box is, as far as it was known in its frame.

    Attributes:
        number: Of the track, from its first box on.
        track_id: What users see; None until the face was seen often enough.
    """

    number: int
    track_id: int | None


class _Track:
    """The boxes of one person so far, in what the filter keeps of them."""

    def __init__(self, number: int, box: Box, timestamp_s: float) -> None:
        self.number = number
        self.track_id: int | None = None
        self.sightings = 1
        self.seen_at_s = timestamp_s
        self.motion = BoxMotion(box, timestamp_s)

    @property
    def person(self) -> Person:
        return Person(self.number, self.track_id)

    def see(self, box: Box, timestamp_s: float) -> None:
        self.motion.see(box, timestamp_s)
        self.seen_at_s = timestamp_s
        self.sightings += 1


class BoxTracker:
    """Tells whose each box of successive frames is. Not thread-safe."""

    def __init__(
        self, *, max_gap_s: float = 1.5, start_confidence: float = 0.0, confirm_after: int = 2
    ) -> None:
        """Set how to track; see `mien.recognition.tracking.tracker.FaceTracker`.

        Raises:
            ConfigError: If a value is out of its range.
        """
        wrong = []
        if not (math.isfinite(max_gap_s) and max_gap_s >= 0):
            wrong.append(f"max_gap_s must be 0 or more seconds, got {max_gap_s}")
        if not 0 <= start_confidence <= 1:
            wrong.append(f"start_confidence must be 0 to 1, got {start_confidence}")
        if confirm_after < 1:
            wrong.append(f"confirm_after must be 1 or more frames, got {confirm_after}")
        if wrong:
            raise ConfigError("; ".join(wrong))
        self._max_gap_s = max_gap_s
        self._start_confidence = start_confidence
        self._confirm_after = confirm_after
        self._tracks: list[_Track] = []
        self._begun = 0
        self._next_id = 1
        self._now_s = -math.inf

    def __len__(self) -> int:
        return len(self._tracks)

    def update(self, faces: Sequence[Seen], timestamp_s: float) -> list[Person | None]:
        """Take the faces of the next frame that was searched.

        Args:
            faces: All that were found.
            timestamp_s: When; a time before the last one makes the tracker forget all tracks.

        Returns:
            Whose each face is; None for one that is too doubtful to begin a track.
        """
        last_s = self._now_s
        is_first = self._go_to(timestamp_s)
        found = self._assign_all(faces, last_s)
        for number, face in enumerate(faces):
            if number not in found and face.confidence >= self._start_confidence:
                found[number] = track = self._begin(face)
                if is_first or self._confirm_after == 1:
                    self._confirm(track)
        self._forget_unseen()
        return [found[n].person if n in found else None for n in range(len(faces))]

    def recall(self, faces: Sequence[tuple[Seen, int | None]], timestamp_s: float) -> list[Person]:
        """Take the faces of a frame and whose they are, as another tracker said.

        Args:
            faces: Each with its `track_id`.
            timestamp_s: When.

        Returns:
            Whose each face is.
        """
        self._go_to(timestamp_s)
        people = []
        for face, track_id in faces:
            same = (track for track in self._tracks if track.track_id == track_id is not None)
            track = next(same, None)
            if track is None:
                track = self._begin(face)
                track.track_id = track_id
                self.reserve(track_id or 0)
            else:
                track.see(face.box, timestamp_s)
            people.append(track.person)
        self._forget_unseen()
        return people

    def reserve(self, last_id: int) -> None:
        """Never give an id up to this one."""
        self._next_id = max(self._next_id, last_id + 1)

    def expected(self, timestamp_s: float) -> dict[int, tuple[Person, Box]]:
        """Return where those who were in the last frame are by now, by the track's number.

        Args:
            timestamp_s: Not before the last frame.
        """
        here = [track for track in self._tracks if track.seen_at_s == self._now_s]
        return {
            track.number: (track.person, track.motion.expect(timestamp_s).box) for track in here
        }

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

    def _assign_all(self, faces: Sequence[Seen], last_s: float) -> dict[int, _Track]:
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
            track.see(faces[number].box, self._now_s)
            if track.track_id is None and track.sightings >= self._confirm_after:
                self._confirm(track)
        return found

    def _assign(
        self, tracks: Sequence[_Track], faces: Sequence[Seen], numbers: Sequence[int]
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

    def _begin(self, face: Seen) -> _Track:
        self._begun += 1
        track = _Track(self._begun, face.box, self._now_s)
        self._tracks.append(track)
        return track

    def _confirm(self, track: _Track) -> None:
        track.track_id = self._next_id
        self._next_id += 1


def assignment_costs(
    motions: Sequence[BoxMotion], faces: Sequence[Seen], timestamp_s: float
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
