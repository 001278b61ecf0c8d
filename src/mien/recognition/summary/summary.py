"""What a clip comes to: how long who was in view, and how they looked meanwhile.

A frame stands for the time half way to its neighbours (the trapezoidal rule over real timestamps),
so an uneven rate does not favour the moments with more frames. Where neighbours are too far apart
nobody is known to have been in view, and that time counts for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, LabelError, ShapeError
from mien.core.types import Expression, FrameResult
from mien.recognition.summary.moments import Moment, StrongestMoments
from mien.recognition.summary.types import Peak, PersonSummary, Summary

__all__ = ["Peak", "PersonSummary", "RunningSummary", "Summary", "summary"]

Float64Array = NDArray[np.float64]


def summary(
    results: Iterable[FrameResult],
    *,
    max_gap_s: float = 2.0,
    smoothed: bool = True,
    peaks: int = 3,
    peak_distance_s: float = 1.0,
) -> Summary:
    """Sum up the frames of one clip.

    Args:
        results: In order of time; taken one by one, and none of them is kept. Frames with an
            `error` are passed over.
        max_gap_s: Time between frames that are further apart is not counted, nor are changes of
            expression across it. Above the step at which the clip was sampled.
        smoothed: Whether to count by the smoothed expressions, where faces have them.
        peaks: How many moments to name for each expression, at most.
        peak_distance_s: Least time between two such moments of one person.

    Raises:
        ConfigError: If an option is below 0.
        LabelError: If faces were read in different label sets.
        ShapeError: If time goes backwards, as it does from one clip to the next.
    """
    running = RunningSummary(
        max_gap_s=max_gap_s, smoothed=smoothed, peaks=peaks, peak_distance_s=peak_distance_s
    )
    for result in results:
        running.add(result)
    return running.summary()


class RunningSummary:
    """Sums up a clip while it is being read; memory grows with people, not with length."""

    def __init__(
        self,
        *,
        max_gap_s: float = 2.0,
        smoothed: bool = True,
        peaks: int = 3,
        peak_distance_s: float = 1.0,
    ) -> None:
        """Set how to count, as for `summary`.

        Raises:
            ConfigError: If an option is below 0.
        """
        if not min(max_gap_s, peaks, peak_distance_s) >= 0:
            raise ConfigError(
                "max_gap_s, peaks and peak_distance_s must be 0 or more, got "
                f"{max_gap_s}, {peaks} and {peak_distance_s}"
            )
        self._max_gap_s, self._smoothed = max_gap_s, smoothed
        self._peaks, self._distance_s = peaks, peak_distance_s
        self._labels: tuple[str, ...] = ()
        self._source: str | None = None
        self._tallies: dict[int | None, _Tally] = {}
        self._frames = self._faces = 0
        self._first_s = self._last_s = 0.0
        self._watched_s = self._visible_s = 0.0
        self._seen_last: list[_Sighting] = []

    def add(self, result: FrameResult) -> None:
        """Take the next frame.

        Raises:
            LabelError: If a face was read in another label set than those before it.
            ShapeError: If it is older than the frame before it.
        """
        if result.error is not None:
            return
        now_s = result.timestamp_s
        if self._frames and now_s < self._last_s:
            raise ShapeError(
                "expected the frames of one clip in order of time, got one at "
                f"{now_s:g} s after one at {self._last_s:g} s; sum up each clip by itself"
            )
        seen = [_Sighting(*self._see(face, result)) for face in _answers(result, self._smoothed)]
        if self._frames:
            step_s = now_s - self._last_s
            if step_s <= self._max_gap_s:
                self._watched_s += step_s
                self._spend(self._seen_last, step_s / 2)
                self._spend(seen, step_s / 2)
        else:
            self._first_s = now_s
        self._frames, self._last_s, self._seen_last = self._frames + 1, now_s, seen
        self._source = self._source or result.source

    def summary(self) -> Summary:
        """Return the figures so far."""
        people = {who: tally for who, tally in self._tallies.items() if who is not None}
        return Summary(
            source=self._source,
            frames=self._frames,
            duration_s=self._last_s - self._first_s,
            watched_s=self._watched_s,
            overall=self._everybody() if self._tallies else None,
            people=tuple(people[who].summary(who, self._labels) for who in sorted(people)),
        )

    def _see(
        self, answer: tuple[int | None, Expression], result: FrameResult
    ) -> tuple[_Tally, int, Float64Array]:
        track_id, expression = answer
        labels = tuple(expression)
        if labels != self._labels:
            if self._labels:
                raise LabelError(
                    f"expected every face in the labels {', '.join(self._labels)}, got one in "
                    f"{', '.join(labels)}; read the whole clip with one label set"
                )
            self._labels = labels
        tally = self._tallies.get(track_id)
        if tally is None:
            moments = [StrongestMoments(self._peaks, self._distance_s) for _ in labels]
            tally = self._tallies[track_id] = _Tally(moments, result.timestamp_s)
        probabilities = np.array(list(expression.probabilities.values()), np.float64)
        dominant = int(probabilities.argmax())
        moment = Moment(
            float(probabilities[dominant]), result.timestamp_s, result.index, self._faces
        )
        tally.see(moment, dominant, probabilities, self._max_gap_s)
        self._faces += 1
        return tally, dominant, probabilities

    def _spend(self, seen: Sequence[_Sighting], time_s: float) -> None:
        """Count a stretch of time for everybody who was in a frame."""
        for sighting in seen:
            sighting.tally.counts_s[sighting.dominant] += time_s
            sighting.tally.sums_s += time_s * sighting.probabilities
        # One is in view once, even if a frame shows them twice.
        for tally in {id(sighting.tally): sighting.tally for sighting in seen}.values():
            tally.visible_s += time_s
        if seen:
            self._visible_s += time_s

    def _everybody(self) -> PersonSummary:
        tallies = list(self._tallies.values())
        known = [tally for who, tally in self._tallies.items() if who is not None]
        transitions: Counter[tuple[int, int]] = Counter()
        for tally in known:
            transitions.update(tally.transitions)
        timed = sum(float(tally.counts_s.sum()) for tally in tallies) > 0
        counts = np.sum([tally.counts_s if timed else tally.counts for tally in tallies], axis=0)
        sums = np.sum([tally.sums_s if timed else tally.sums for tally in tallies], axis=0)
        return PersonSummary(
            track_id=None,
            observations=self._faces,
            first_s=min(tally.first_s for tally in tallies),
            last_s=max(tally.last_s for tally in tallies),
            visible_s=self._visible_s,
            shares=_named(self._labels, counts / counts.sum()),
            means=_named(self._labels, sums / counts.sum()),
            transitions=_nested(transitions, self._labels),
            # Moments of two people do not rule each other out, so the best of each are enough.
            peaks={
                label: _strongest(
                    [
                        (moment, who)
                        for who, tally in self._tallies.items()
                        for moment in tally.moments[label_id].picks()
                    ],
                    self._peaks,
                )
                for label_id, label in enumerate(self._labels)
            },
        )


class _Tally:
    """One person so far, or all faces without an id.

    Attributes:
        counts_s: (labels,) seconds in which each expression was dominant.
        sums_s: (labels,) sums of probability times seconds.
        counts: (labels,) the same with every face counting 1; for a lone picture, which has no
            duration.
        sums: (labels,) see `counts`.
    """

    def __init__(self, moments: list[StrongestMoments], first_s: float) -> None:
        self.moments = moments
        self.first_s = self.last_s = first_s
        self.observations = 0
        self.visible_s = 0.0
        self.counts_s, self.sums_s = np.zeros(len(moments)), np.zeros(len(moments))
        self.counts, self.sums = np.zeros(len(moments)), np.zeros(len(moments))
        self.transitions: Counter[tuple[int, int]] = Counter()
        self._dominant: int | None = None

    def see(
        self, moment: Moment, dominant: int, probabilities: Float64Array, max_gap_s: float
    ) -> None:
        """Take the next sighting."""
        before, away_s = self._dominant, moment.timestamp_s - self.last_s
        if before is not None and before != dominant and away_s <= max_gap_s:
            self.transitions[before, dominant] += 1
        self._dominant, self.last_s = dominant, moment.timestamp_s
        self.observations += 1
        self.counts[dominant] += 1
        self.sums += probabilities
        self.moments[dominant].add(moment)

    def summary(self, track_id: int, labels: Sequence[str]) -> PersonSummary:
        """Return the figures so far."""
        timed = self.counts_s.sum() > 0
        counts, sums = (self.counts_s, self.sums_s) if timed else (self.counts, self.sums)
        return PersonSummary(
            track_id=track_id,
            observations=self.observations,
            first_s=self.first_s,
            last_s=self.last_s,
            visible_s=self.visible_s,
            shares=_named(labels, counts / counts.sum()),
            means=_named(labels, sums / counts.sum()),
            transitions=_nested(self.transitions, labels),
            peaks={
                label: _strongest([(one, track_id) for one in moments.picks()])
                for label, moments in zip(labels, self.moments, strict=True)
            },
        )


class _Sighting:
    """One face of the last frame, whose time goes on until the next one."""

    __slots__ = ("dominant", "probabilities", "tally")

    def __init__(self, tally: _Tally, dominant: int, probabilities: Float64Array) -> None:
        self.tally, self.dominant, self.probabilities = tally, dominant, probabilities


def _answers(result: FrameResult, smoothed: bool) -> list[tuple[int | None, Expression]]:
    return [
        (face.track_id, face.smoothed if smoothed and face.smoothed else face.expression)
        for face in result.faces
    ]


def _named(labels: Sequence[str], values: Float64Array) -> dict[str, float]:
    return dict(zip(labels, values.tolist(), strict=True))


def _nested(
    transitions: Mapping[tuple[int, int], int], labels: Sequence[str]
) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (before, after), times in transitions.items():
        nested.setdefault(labels[before], {})[labels[after]] = times
    return nested


def _strongest(
    moments: Sequence[tuple[Moment, int | None]], most: int | None = None
) -> tuple[Peak, ...]:
    ranked = sorted(moments, key=lambda entry: (-entry[0].probability, entry[0].order))
    return tuple(
        Peak(moment.timestamp_s, moment.frame_index, track_id, moment.probability)
        for moment, track_id in ranked[:most]
    )
