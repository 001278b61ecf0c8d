"""What a clip comes to: how long who was in view, and how they looked meanwhile.

A frame stands for the time half way to its neighbours (the trapezoidal rule over real timestamps),
so an uneven rate does not favour the moments with more frames. Where neighbours are too far apart
nobody is known to have been in view, and that time counts for nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, LabelError, ShapeError
from mien.core.types import Face, FrameResult

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class Peak:
    """A moment in which an expression was dominant and stronger than for a while around."""

    timestamp_s: float
    frame_index: int
    track_id: int | None
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """Return the moment as JSON-ready values."""
        return {
            "timestamp_s": round(self.timestamp_s, 4),
            "frame_index": self.frame_index,
            "track_id": self.track_id,
            "probability": round(self.probability, 4),
        }


@dataclass(frozen=True)
class PersonSummary:
    """One person, or everybody.

    Attributes:
        track_id: The person's number; None for everybody.
        observations: In how many frames the face was read; for everybody, how many faces.
        first_s: When it was first seen.
        last_s: When it was last seen.
        visible_s: How long it was in view; for everybody, how long anybody was.
        shares: Expression to the share of that time in which it was dominant; they sum to 1. For
            everybody each person's time counts.
        means: Expression to mean probability over that time.
        transitions: Dominant expression to the one that came next to how often; both of one person.
        peaks: Expression to its moments, the strongest first; empty where it never was dominant.
    """

    track_id: int | None
    observations: int
    first_s: float
    last_s: float
    visible_s: float
    shares: Mapping[str, float]
    means: Mapping[str, float]
    transitions: Mapping[str, Mapping[str, int]]
    peaks: Mapping[str, Sequence[Peak]]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON-ready values."""
        return {
            "track_id": self.track_id,
            "observations": self.observations,
            "first_s": round(self.first_s, 4),
            "last_s": round(self.last_s, 4),
            "visible_s": round(self.visible_s, 4),
            "shares": {label: round(share, 4) for label, share in self.shares.items()},
            "means": {label: round(mean, 4) for label, mean in self.means.items()},
            "transitions": {label: dict(after) for label, after in self.transitions.items()},
            "peaks": {
                label: [peak.to_dict() for peak in peaks] for label, peaks in self.peaks.items()
            },
        }

    def __str__(self) -> str:
        who = "everybody" if self.track_id is None else f"person {self.track_id}"
        ranked = sorted(self.shares.items(), key=lambda item: -item[1])
        words = ", ".join(f"{label} {share:.0%}" for label, share in ranked if share >= 0.005)
        return f"{who}: in view {self.visible_s:.1f} s; {words}"


@dataclass(frozen=True)
class Summary:
    """A clip in figures.

    Attributes:
        source: Path or name of the clip, or None.
        frames: How many frames were read.
        duration_s: Time from the first frame to the last.
        watched_s: The part of it that frames close enough to each other cover.
        overall: Everybody together, faces without an id included; None where no face was seen.
        people: Those with an id, by id.
    """

    source: str | None
    frames: int
    duration_s: float
    watched_s: float
    overall: PersonSummary | None
    people: Sequence[PersonSummary]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON-ready values."""
        return {
            "source": self.source,
            "frames": self.frames,
            "duration_s": round(self.duration_s, 4),
            "watched_s": round(self.watched_s, 4),
            "overall": self.overall and self.overall.to_dict(),
            "people": [person.to_dict() for person in self.people],
        }

    def __str__(self) -> str:
        head = f"{self.source or 'clip'}: {self.frames} frames over {self.duration_s:.1f} s"
        parts = [self.overall, *self.people] if self.overall else ["no face"]
        return "\n".join([head, *(f"  {part}" for part in parts)])


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
        results: In order of time; taken one by one, of which only the numbers are kept. Frames
            with an `error` are passed over.
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
    if not min(max_gap_s, peaks, peak_distance_s) >= 0:
        raise ConfigError(
            "max_gap_s, peaks and peak_distance_s must be 0 or more, got "
            f"{max_gap_s}, {peaks} and {peak_distance_s}"
        )
    seen = _Seen.gather(results, smoothed)
    steps = np.diff(seen.frame_times)
    steps = np.where(steps <= max_gap_s, steps, 0.0)
    frame_weights = (np.append(0.0, steps) + np.append(steps, 0.0))[: len(seen.frame_times)] / 2
    figures = _Figures(seen, frame_weights, max_gap_s, peaks, peak_distance_s)
    people = [
        figures.of(np.flatnonzero(seen.track_ids == track_id), int(track_id))
        for track_id in np.unique(seen.track_ids)
        if track_id != _NOBODY
    ]
    everybody = np.arange(len(seen.track_ids))
    times = seen.frame_times
    return Summary(
        source=seen.source,
        frames=len(times),
        duration_s=float(times[-1] - times[0]) if len(times) else 0.0,
        watched_s=float(frame_weights.sum()),
        overall=figures.of(everybody, None) if len(everybody) else None,
        people=tuple(people),
    )


# In place of an id, for faces without one.
_NOBODY = -1


@dataclass
class _Seen:
    """All frames and faces as columns; rows are faces."""

    labels: tuple[str, ...] = ()
    source: str | None = None
    _times: array[float] = field(default_factory=lambda: array("d"))
    _indices: array[int] = field(default_factory=lambda: array("q"))
    _frames: array[int] = field(default_factory=lambda: array("q"))
    _tracks: array[int] = field(default_factory=lambda: array("q"))
    _probabilities: array[float] = field(default_factory=lambda: array("d"))

    @classmethod
    def gather(cls, results: Iterable[FrameResult], smoothed: bool) -> _Seen:
        seen = cls()
        for result in results:
            if result.error is None:
                seen._add_frame(result)
                for face in result.faces:
                    seen._add_face(face, smoothed)
        return seen

    def _add_frame(self, result: FrameResult) -> None:
        if self._times and result.timestamp_s < self._times[-1]:
            raise ShapeError(
                "expected the frames of one clip in order of time, got one at "
                f"{result.timestamp_s:g} s after one at {self._times[-1]:g} s; sum up each clip "
                "by itself"
            )
        self._times.append(result.timestamp_s)
        self._indices.append(result.index)
        self.source = self.source or result.source

    def _add_face(self, face: Face, smoothed: bool) -> None:
        expression = face.smoothed if smoothed and face.smoothed else face.expression
        labels = tuple(expression)
        if labels != self.labels:
            if self.labels:
                raise LabelError(
                    f"expected every face in the labels {', '.join(self.labels)}, got one in "
                    f"{', '.join(labels)}; read the whole clip with one label set"
                )
            self.labels = labels
        self._frames.append(len(self._times) - 1)
        self._tracks.append(_NOBODY if face.track_id is None else face.track_id)
        self._probabilities.extend(expression.probabilities.values())

    @property
    def frame_times(self) -> Float64Array:
        return np.array(self._times, np.float64)

    @property
    def frame_indices(self) -> Int64Array:
        return np.array(self._indices, np.int64)

    @property
    def frames(self) -> Int64Array:
        return np.array(self._frames, np.int64)

    @property
    def track_ids(self) -> Int64Array:
        return np.array(self._tracks, np.int64)

    @property
    def probabilities(self) -> Float64Array:
        flat = np.array(self._probabilities, np.float64)
        return flat.reshape(len(self._frames), len(self.labels))


class _Figures:
    """Sums up some of the rows."""

    def __init__(
        self,
        seen: _Seen,
        frame_weights: Float64Array,
        max_gap_s: float,
        peaks: int,
        peak_distance_s: float,
    ) -> None:
        self._labels = seen.labels
        self._frame_weights = frame_weights
        self._max_gap_s, self._peaks, self._distance_s = max_gap_s, peaks, peak_distance_s
        self._frames, self._tracks = seen.frames, seen.track_ids
        self._times = seen.frame_times[self._frames]
        self._indices = seen.frame_indices[self._frames]
        self._probabilities = seen.probabilities
        self._dominant = (
            self._probabilities.argmax(axis=1) if len(self._frames) else np.empty(0, np.int64)
        )

    def of(self, rows: Int64Array, track_id: int | None) -> PersonSummary:
        """Sum up these rows, at least one, in order of time."""
        weights = self._frame_weights[self._frames[rows]]
        # A lone picture has no duration; its faces count alike.
        shares_of = weights if weights.sum() > 0 else np.ones(len(rows))
        probabilities, dominant = self._probabilities[rows], self._dominant[rows]
        counts = np.bincount(dominant, shares_of, len(self._labels)) / shares_of.sum()
        means = shares_of @ probabilities / shares_of.sum()
        return PersonSummary(
            track_id=track_id,
            observations=len(rows),
            first_s=float(self._times[rows[0]]),
            last_s=float(self._times[rows[-1]]),
            visible_s=float(self._frame_weights[np.unique(self._frames[rows])].sum()),
            shares=dict(zip(self._labels, counts.tolist(), strict=True)),
            means=dict(zip(self._labels, means.tolist(), strict=True)),
            transitions=self._transitions(rows),
            peaks={
                label: self._strongest(rows, label_id)
                for label_id, label in enumerate(self._labels)
            },
        )

    def _transitions(self, rows: Int64Array) -> dict[str, dict[str, int]]:
        changes: dict[str, dict[str, int]] = {}
        for before, after in self._changes(rows):
            first, then = self._labels[before], self._labels[after]
            counts = changes.setdefault(first, {})
            counts[then] = counts.get(then, 0) + 1
        return changes

    def _changes(self, rows: Int64Array) -> Iterator[tuple[int, int]]:
        tracked = rows[self._tracks[rows] != _NOBODY]
        # By person, and within each by time, which the rows are in already.
        ordered = tracked[np.argsort(self._tracks[tracked], kind="stable")]
        before, after = ordered[:-1], ordered[1:]
        changed = (
            (self._tracks[before] == self._tracks[after])
            & (self._times[after] - self._times[before] <= self._max_gap_s)
            & (self._dominant[before] != self._dominant[after])
        )
        yield from zip(
            self._dominant[before[changed]].tolist(),
            self._dominant[after[changed]].tolist(),
            strict=True,
        )

    def _strongest(self, rows: Int64Array, label_id: int) -> tuple[Peak, ...]:
        shown = rows[self._dominant[rows] == label_id]
        strengths = self._probabilities[shown, label_id]
        left = shown[np.argsort(-strengths, kind="stable")]
        found: list[Peak] = []
        while len(left) and len(found) < self._peaks:
            best = left[0]
            found.append(self._peak(int(best), label_id))
            near = np.abs(self._times[left] - self._times[best]) < self._distance_s
            near &= self._tracks[left] == self._tracks[best]
            near[0] = True
            left = left[~near]
        return tuple(found)

    def _peak(self, row: int, label_id: int) -> Peak:
        track_id = int(self._tracks[row])
        return Peak(
            timestamp_s=float(self._times[row]),
            frame_index=int(self._indices[row]),
            track_id=None if track_id == _NOBODY else track_id,
            probability=float(self._probabilities[row, label_id]),
        )
