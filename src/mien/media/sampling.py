"""Which frames of a source are wanted: every n-th, one every s seconds, within a range of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mien.core.errors import ConfigError

# Two times nearer than this are the same: pts times time base is rounded to a float, and so
# is what a user types.
SAME_TIME_S = 1e-6


@dataclass(frozen=True)
class Sampling:
    """Which frames of a source are wanted; all of them by default.

    Attributes:
        every_n: Every n-th frame of the range, from its first; None for all.
        every_s: One frame in every slot of this many seconds, the first there is. Slots begin
            at `start_s`, or at the first frame; one in which no frame lies gives none.
        start_s: The range's start in the source's own time, inclusive; None for its very start.
        end_s: The range's end, exclusive; None for the source's end.
    """

    every_n: int | None = None
    every_s: float | None = None
    start_s: float | None = None
    end_s: float | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.every_n is not None and self.every_s is not None:
            problems.append("give every_n or every_s, not both")
        if self.every_n is not None and self.every_n < 1:
            problems.append(f"every_n must be 1 or more, got {self.every_n}")
        if self.every_s is not None and not (0 < self.every_s < math.inf):
            problems.append(f"every_s must be more than 0 seconds, got {self.every_s}")
        if self.start_s is not None and not (0 <= self.start_s < math.inf):
            problems.append(f"start_s must be 0 seconds or more, got {self.start_s}")
        if self.end_s is not None and not (self.end_s > (self.start_s or 0.0)):
            problems.append(
                f"end_s must be later than the start, {self.start_s or 0} s, got {self.end_s}"
            )
        if problems:
            raise ConfigError("; ".join(problems))


class FramePicker:
    """Tells of one frame after the other, in order of time, whether it is wanted."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._seen = 0
        self._anchor_s = sampling.start_s
        self._slot = -1

    def is_before_range(self, timestamp_s: float) -> bool:
        """Tell whether the range has yet to begin."""
        start_s = self._sampling.start_s
        return start_s is not None and timestamp_s < start_s - SAME_TIME_S

    def is_past_range(self, timestamp_s: float) -> bool:
        """Tell whether the range is over."""
        end_s = self._sampling.end_s
        return end_s is not None and timestamp_s >= end_s - SAME_TIME_S

    def takes(self, timestamp_s: float) -> bool:
        """Count one frame of the range and tell whether it is wanted."""
        number, self._seen = self._seen, self._seen + 1
        if self._sampling.every_n is not None:
            return number % self._sampling.every_n == 0
        if self._sampling.every_s is None:
            return True
        if self._anchor_s is None:
            self._anchor_s = timestamp_s
        slot = math.floor((timestamp_s - self._anchor_s + SAME_TIME_S) / self._sampling.every_s)
        taken, self._slot = slot > self._slot, max(slot, self._slot)
        return taken
