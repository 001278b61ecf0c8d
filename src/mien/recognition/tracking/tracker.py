"""One id a person while they are in view, and their expressions smoothed over time.

Who is who is told by boxes alone (`mien.recognition.tracking.association`). Ids are numbers within
one session and say nothing of who a person is; nothing is kept of a face but its box and its
expression.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mien.core.errors import ConfigError
from mien.core.types import Expression, Face, FrameResult
from mien.recognition.tracking.association import LONGEST_STEP_S, BoxTracker, Person
from mien.recognition.tracking.smoothing import smooth


class FaceTracker:
    """Gives the faces of successive frames stable ids and smoothed expressions.

    Not thread-safe: one tracker belongs to one camera or clip. Its two halves share nothing, so
    each may have a thread of its own.

    Attributes:
        boxes: Tells who is who.
        smoother: Smooths the expressions of each.
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
            time_constant_s: Of the smoothing, as in `mien.recognition.tracking.smoothing.smooth`; 0
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
        self.smoother = Smoother(time_constant_s=time_constant_s, max_gap_s=max_gap_s)
        self.boxes = BoxTracker(
            max_gap_s=max_gap_s, start_confidence=start_confidence, confirm_after=confirm_after
        )

    def update(self, frame: FrameResult) -> FrameResult:
        """Take the next frame and return it with track ids and smoothed expressions.

        `expression` of each face stays as it was. A face that was seen too few times has no id
        yet; one that is too doubtful to begin a track has no smoothed expression either. A frame
        that is older than the one before (a clip that starts anew) makes the tracker forget all
        faces; their ids are not used again.
        """
        people = self.boxes.update(frame.faces, frame.timestamp_s)
        return self.smoother.update(frame, people)

    def recall(self, frames: Iterable[FrameResult], *, last_id: int = 0) -> None:
        """Go on where another tracker left off, as after a stop: take its frames with their ids.

        A few seconds of them are enough, for what lies further back no longer counts.

        Args:
            frames: As another tracker's `update` returned them, in order of time.
            last_id: The highest id that was ever given, so that none is used again; those in
                `frames` count by themselves.
        """
        self.boxes.reserve(last_id)
        for frame in frames:
            now_s = frame.timestamp_s
            # One that was too doubtful to begin a track was not smoothed either.
            faces = [face for face in frame if face.smoothed is not None]
            if any(face.predicted for face in faces):
                # Their boxes are what the tracker said itself: nothing to be learnt from them.
                here = {
                    person.track_id: person for person, _ in self.boxes.expected(now_s).values()
                }
                faces = [face for face in faces if face.track_id in here]
                people = [here[face.track_id] for face in faces]
            else:
                people = self.boxes.recall([(face, face.track_id) for face in faces], now_s)
            self.smoother.recall(faces, people, now_s)


class Smoother:
    """Smooths the expressions of faces that are known to be the same person's. Not thread-safe."""

    def __init__(self, *, time_constant_s: float, max_gap_s: float) -> None:
        """Set how; see `FaceTracker`.

        Raises:
            ConfigError: If the time constant is out of its range.
        """
        if not (math.isfinite(time_constant_s) and time_constant_s >= 0):
            raise ConfigError(f"time_constant_s must be 0 or more seconds, got {time_constant_s}")
        self._time_constant_s = time_constant_s
        # No track is continued after so long.
        self._longest_s = max(max_gap_s, LONGEST_STEP_S)
        self._known: dict[int, tuple[Expression, float]] = {}

    def update(self, frame: FrameResult, people: Sequence[Person | None]) -> FrameResult:
        """Return a frame with track ids and smoothed expressions.

        Args:
            frame: The next one.
            people: Whose each of its faces is.
        """
        now_s = frame.timestamp_s
        faces = tuple(
            face if person is None else self._tracked(face, person, now_s)
            for face, person in zip(frame.faces, people, strict=True)
        )
        self._forget(now_s)
        return replace(frame, faces=faces)

    def recall(self, faces: Sequence[Face], people: Sequence[Person], timestamp_s: float) -> None:
        """Take faces that were smoothed already, and whose each is."""
        for face, person in zip(faces, people, strict=True):
            self._known[person.number] = face.smoothed or face.expression, timestamp_s
        self._forget(timestamp_s)

    def _forget(self, now_s: float) -> None:
        self._known = {
            number: (expression, at_s)
            for number, (expression, at_s) in self._known.items()
            if 0 <= now_s - at_s <= self._longest_s
        }

    def _tracked(self, face: Face, person: Person, now_s: float) -> Face:
        now = face.expression
        if person.number in self._known:
            before, at_s = self._known[person.number]
            now = smooth(before, now, elapsed_s=now_s - at_s, time_constant_s=self._time_constant_s)
        self._known[person.number] = now, now_s
        return replace(face, track_id=person.track_id, smoothed=now)
