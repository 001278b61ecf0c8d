"""Where faces are in the frames that a detector is not asked about.

Detecting is what costs most. Between two frames that are searched, each face is taken to be where
the Kalman filter of its track expects it; crops and expressions are of every frame all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mien.core.types import Box
from mien.faces import DetectedFace
from mien.recognition.tracking.association import BoxTracker, Person

DetectEvery = int | Literal["auto"]

# With `auto` a frame is searched at least this often, so nobody comes in unseen for longer.
LONGEST_BLIND_S = 0.1
# With `auto` a face that overlaps less with where it was expected moves too wildly to be followed.
LEAST_AGREEMENT = 0.7
# Two times nearer than this are the same.
_SAME_TIME_S = 1e-6


@dataclass(frozen=True)
class FollowedFace:
    """One face of a frame.

    Attributes:
        face: Where it is, found or predicted.
        person: Whose it is.
        predicted: Whether nobody looked.
    """

    face: DetectedFace
    person: Person
    predicted: bool


class Follower:
    """Says which frames to search, and where faces are in all of them. Not thread-safe.

    Frames come in order. `asks` runs ahead of the other two where `every` is a number, for it needs
    to know nothing then; with `auto` the frames before must have been seen or predicted.
    """

    def __init__(self, tracker: BoxTracker, every: DetectEvery) -> None:
        """Follow the tracks of a tracker.

        Args:
            tracker: What tells who is who.
            every: Search every n-th frame, or `auto`: at least every `LONGEST_BLIND_S`, and the
                very next frame where somebody came, went, or was not where expected.
        """
        self._tracker = tracker
        self._every = every
        self._asked = 0
        self._searched_at_s = 0.0
        self._is_calm = False
        self._last: dict[int, DetectedFace] = {}

    def knows_ahead(self, searches: int) -> int:
        """Return how many frames `asks` may be told of ahead; so many are searched in them."""
        return 0 if self._every == "auto" else searches * self._every

    def asks(self, timestamp_s: float) -> bool:
        """Take the next frame, and tell whether it is to be searched."""
        number, self._asked = self._asked, self._asked + 1
        if self._every != "auto":
            return number % self._every == 0
        since_s = timestamp_s - self._searched_at_s
        return not self._is_calm or not 0 <= since_s < LONGEST_BLIND_S - _SAME_TIME_S

    def see(self, faces: Sequence[DetectedFace], timestamp_s: float) -> list[FollowedFace]:
        """Take what was found in a frame; faces too doubtful to be anybody's are left out."""
        expected = self._tracker.expected(timestamp_s)
        people = self._tracker.update(faces, timestamp_s)
        known = [
            FollowedFace(face, person, predicted=False)
            for face, person in zip(faces, people, strict=True)
            if person is not None
        ]
        self._is_calm = expected.keys() == {one.person.number for one in known} and all(
            expected[one.person.number][1].iou(one.face.box) >= LEAST_AGREEMENT for one in known
        )
        self._last = {one.person.number: one.face for one in known}
        self._searched_at_s = timestamp_s
        return known

    def predict(self, timestamp_s: float, size: tuple[int, int]) -> list[FollowedFace]:
        """Return where the faces of the last frame that was searched are by now.

        Args:
            timestamp_s: Of a frame after it.
            size: (width, height) of the frame; who has left it is left out.
        """
        followed = [
            FollowedFace(moved(self._last[number], box), person, predicted=True)
            for number, (person, box) in self._tracker.expected(timestamp_s).items()
            if _is_in_view(box, size)
        ]
        return sorted(followed, key=lambda one: -one.face.side_px)


def moved(face: DetectedFace, box: Box) -> DetectedFace:
    """Return a face moved and scaled so that it fills another box, its landmarks with it."""
    if face.landmarks is None:
        return DetectedFace(box, face.confidence)
    old = face.box
    scale_x = box.width / old.width if old.width else 1.0
    scale_y = box.height / old.height if old.height else 1.0
    landmarks = tuple(
        (box.x1 + scale_x * (x - old.x1), box.y1 + scale_y * (y - old.y1))
        for x, y in face.landmarks
    )
    return DetectedFace(box, face.confidence, landmarks)


def _is_in_view(box: Box, size: tuple[int, int]) -> bool:
    x, y = box.centre
    return 0 <= x < size[0] and 0 <= y < size[1]
