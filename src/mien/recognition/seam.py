"""Where a reading that was stopped goes on, so that nothing tells it from one that was not.

The last frame that is on disk is read once more and not written again. It proves that the video
gives the same frames, its number gives the numbers of all that come, and a sampling that begins
with it takes the frames that it would have taken. The tracker recalls the seconds before it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from mien.core.errors import VideoSourceError
from mien.core.types import FrameResult
from mien.recognition.tracking.following import DetectEvery

# Kalman filters and smoothing forget within a second or so, and ids after a gap; see
# `mien.recognition.tracking.tracker`.
_RECALL_S = 10.0
# Times are on disk to the microsecond.
_SAME_S = 2e-6
# Where frames between two detections may be of any number, one is surely in so many.
_MOST_PREDICTED = 60


class SeamChoices(Protocol):
    """What of the choices of `Recognizer.video` decides where a reading can go on."""

    @property
    def every_s(self) -> float | None:
        """One frame in every slot of so many seconds."""

    @property
    def start_s(self) -> float | None:
        """Where the range begins."""

    @property
    def detect_every(self) -> DetectEvery:
        """Faces are looked for in every n-th frame that is read."""


@dataclass(frozen=True)
class SeamStart:
    """Where to go on.

    Attributes:
        start_s: Where the range to read begins.
        first: The frame that will come first, as it is on disk; the detector ran on it.
        before: Frames before that, to recall.
        last_id: The highest id that was given before it.
    """

    start_s: float
    first: FrameResult
    before: tuple[FrameResult, ...]
    last_id: int

    def index_of(self, result: FrameResult) -> int:
        """Return the number, in the whole video, of a frame that was numbered from here on."""
        return self.first.index + result.index

    def check(self, result: FrameResult) -> None:
        """Refuse to go on with frames that are others than before.

        Args:
            result: The first that came.

        Raises:
            VideoSourceError: If it is not the frame that was expected.
        """
        if abs(result.timestamp_s - self.first.timestamp_s) > _SAME_S:
            raise VideoSourceError(
                f"expected the frame at {self.first.timestamp_s:.6f} s to go on from, got one at "
                f"{result.timestamp_s:.6f} s; read it again from its start (--overwrite)"
            )


class Seam:
    """Takes the frames that are on disk, one by one, and says where to go on.

    Attributes:
        last_index: The number of the last frame; -1 before the first.
        last_id: The highest id that was given.
        frames: How many there are.
    """

    def __init__(self, choices: SeamChoices) -> None:
        """Begin with nothing on disk.

        Args:
            choices: How the video is read.
        """
        self.last_index = -1
        self.last_id = 0
        self.frames = 0
        self._choices = choices
        self._first_s: float | None = None
        # Frames, each with the highest id before it.
        self._tail: deque[tuple[FrameResult, int]] = deque()

    def add(self, result: FrameResult) -> None:
        """Take the next frame."""
        if self._first_s is None:
            self._first_s = result.timestamp_s
        self.frames += 1
        self._tail.append((result, self.last_id))
        self.last_index = result.index
        self.last_id = max([self.last_id, *(face.track_id or 0 for face in result.faces)])
        every = self._choices.detect_every
        least = every if isinstance(every, int) else _MOST_PREDICTED
        oldest_s = result.timestamp_s - _RECALL_S
        while len(self._tail) > least + 1 and self._tail[0][0].timestamp_s < oldest_s:
            self._tail.popleft()

    @property
    def start(self) -> SeamStart | None:
        """Where to go on; None where nothing is on disk."""
        if not self._tail:
            return None
        place = self._last_detection()
        first, last_id = self._tail[place]
        before = tuple(result for result, _ in list(self._tail)[:place])
        return SeamStart(self._range_start(first), first, before, last_id)

    def _last_detection(self) -> int:
        """Return the place in the tail of the last frame on which the detector surely ran."""
        place, every = len(self._tail) - 1, self._choices.detect_every
        if isinstance(every, int):
            place -= (self.frames - 1) % every
        else:
            while place and any(face.predicted for face in self._tail[place][0].faces):
                place -= 1
        # Of frames with the same time a range begins with the first.
        while place and self._time(place - 1) == self._time(place):
            place -= 1
        return max(place, 0)

    def _time(self, place: int) -> float:
        return self._tail[place][0].timestamp_s

    def _range_start(self, first: FrameResult) -> float:
        """Return a start from which sampling goes on as it did."""
        every_s, begin_s = self._choices.every_s, self._choices.start_s
        if every_s is None:
            return first.timestamp_s
        # The first frame of a slot is the one that was taken, so the slot's begin leads to it.
        begin_s = self._first_s if begin_s is None else begin_s
        slots = math.floor((first.timestamp_s - (begin_s or 0.0) + _SAME_S) / every_s)
        return (begin_s or 0.0) + slots * every_s
