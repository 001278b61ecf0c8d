"""Expressions over time in a fixed number of bins, however long a video is.

Bins begin narrow and become twice as wide whenever there would be too many, so nothing has to be
known of the length and nothing is kept but sums. As in `mien.recognition.summary.summary`, a
frame stands for the time half way to its neighbours, which is shared out among the bins it lies
in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, LabelError
from mien.core.types import Face, FrameResult

Float64Array = NDArray[np.float64]

MOST_BINS = 960
FIRST_WIDTH_S = 0.05
# A sum in a bin: of probability times seconds for each label, then the seconds themselves.
_Sums = dict[int, Float64Array]


@dataclass(frozen=True, eq=False)
class BinnedExpressions:
    """One person, or everybody, over the bins of a clip.

    Attributes:
        seconds: (bins,) float64, how long they were in view in each; of everybody the sum.
        probabilities: (bins, labels) float64, the mean over that time; NaN where it is 0.
    """

    seconds: Float64Array
    probabilities: Float64Array

    @property
    def dominant(self) -> NDArray[np.int64]:
        """The strongest expression of each bin, (bins,) int64; -1 where there is none."""
        strongest = np.nan_to_num(self.probabilities, nan=-1.0).argmax(axis=1)
        return np.where(self.seconds > 0, strongest, -1)


class TimeBins:
    """Takes the frames of one clip and averages them over bins of equal width.

    Attributes:
        labels: The expressions, once a face came by.
        start_s: When the first frame was, and with it the first bin begins.
        width_s: Of each bin, at this length.
    """

    def __init__(
        self,
        *,
        most: int = MOST_BINS,
        first_width_s: float = FIRST_WIDTH_S,
        max_gap_s: float = 2.0,
        smoothed: bool = True,
    ) -> None:
        """Set how finely to keep what.

        Args:
            most: How many bins at most, an even number; a long clip has at least half as many.
            first_width_s: How narrow bins are to begin with, above 0.
            max_gap_s: Time between frames further apart counts for nothing.
            smoothed: Whether to take smoothed expressions, where faces have them.

        Raises:
            ConfigError: If `most` is not even and positive, or a time is out of its range.
        """
        if most < 2 or most % 2 or not first_width_s > 0 or not max_gap_s >= 0:
            raise ConfigError(
                "expected an even number of bins, a width above 0 s and a gap of 0 s or more, got "
                f"{most}, {first_width_s} and {max_gap_s}"
            )
        self.labels: tuple[str, ...] = ()
        self.start_s = 0.0
        self.width_s = first_width_s
        self._most, self._max_gap_s, self._smoothed = most, max_gap_s, smoothed
        self._last_s: float | None = None
        self._seen_last: list[tuple[int | None, Float64Array]] = []
        self._people: dict[int | None, _Sums] = {}

    def add(self, result: FrameResult) -> None:
        """Take the next frame, not older than the one before; one with an `error` is passed over.

        Raises:
            LabelError: If a face was read in another label set than those before it.
        """
        if result.error is not None:
            return
        now_s, last_s = result.timestamp_s, self._last_s
        seen = [self._values(face) for face in result]
        if last_s is None:
            self.start_s = now_s
        elif now_s - last_s <= self._max_gap_s:
            middle_s = (last_s + now_s) / 2
            self._spend(self._seen_last, last_s, middle_s)
            self._spend(seen, middle_s, now_s)
        else:
            self._reach(now_s)
        self._last_s, self._seen_last = now_s, seen

    @property
    def people(self) -> list[int]:
        """The ids of all people, in order."""
        return sorted(who for who in self._people if who is not None)

    @property
    def count(self) -> int:
        """How many bins the clip takes so far, from the first frame to the last."""
        if self._last_s is None:
            return 0
        return min(self._most, max(1, int(np.ceil(self._place(self._last_s) - 1e-9))))

    def person(self, track_id: int) -> BinnedExpressions:
        """Return one person over all bins."""
        return self._filled([self._people.get(track_id, {})])

    def everybody(self) -> BinnedExpressions:
        """Return the mean over all faces, those without an id included."""
        return self._filled(list(self._people.values()))

    def _values(self, face: Face) -> tuple[int | None, Float64Array]:
        """Return who it is, and the probabilities followed by a 1."""
        expression = face.smoothed if self._smoothed and face.smoothed else face.expression
        labels = tuple(expression)
        if labels != self.labels:
            if self.labels:
                raise LabelError(
                    f"expected every face in the labels {', '.join(self.labels)}, got one in "
                    f"{', '.join(labels)}; read the whole clip with one label set"
                )
            self.labels = labels
        return face.track_id, np.array([*expression.probabilities.values(), 1.0])

    def _place(self, timestamp_s: float) -> float:
        """Return a time in bins from the start."""
        return (timestamp_s - self.start_s) / self.width_s

    def _reach(self, timestamp_s: float) -> None:
        """Make bins so wide that a time lies in one of them, or at the end of the last."""
        while self._place(timestamp_s) > self._most:
            self.width_s *= 2
            for who, sums in self._people.items():
                merged: _Sums = {}
                for place, values in sums.items():
                    half = place // 2
                    merged[half] = merged[half] + values if half in merged else values
                self._people[who] = merged

    def _spend(
        self, seen: Sequence[tuple[int | None, Float64Array]], begin_s: float, end_s: float
    ) -> None:
        self._reach(end_s)
        pieces = list(self._pieces(begin_s, end_s))
        for who, values in seen:
            sums = self._people.setdefault(who, {})
            for place, seconds in pieces:
                added = values * seconds
                sums[place] = sums[place] + added if place in sums else added

    def _pieces(self, begin_s: float, end_s: float) -> Iterator[tuple[int, float]]:
        """Return the bins that a stretch of time lies in, and how long in each."""
        begin, end = self._place(begin_s), self._place(end_s)
        place = min(int(begin), self._most - 1)
        while begin < end:
            # What rounding puts beyond the last bin belongs to it.
            edge = end if place == self._most - 1 else min(end, place + 1.0)
            yield place, (edge - begin) * self.width_s
            begin, place = edge, place + 1

    def _filled(self, people: Sequence[_Sums]) -> BinnedExpressions:
        total = np.zeros((self.count, len(self.labels) + 1))
        for sums in people:
            for place, values in sums.items():
                # What rounding puts beyond the last bin belongs to it.
                total[min(place, len(total) - 1)] += values
        seconds = total[:, -1]
        known = seconds > 0
        probabilities = np.full((len(total), len(self.labels)), np.nan)
        probabilities[known] = total[known, :-1] / seconds[known, None]
        return BinnedExpressions(seconds, probabilities)
