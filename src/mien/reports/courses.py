"""Results of a clip as columns by person: what plots are drawn from."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import FaceError, LabelError
from mien.core.types import Box, Face
from mien.reports.reading import results_in

if TYPE_CHECKING:
    from mien.reports.reading import ClipData

Float64Array = NDArray[np.float64]

# So long may a face be missed and its curve go on, if frames are not even further apart.
LEAST_GAP_S = 0.5
_FRAMES_IN_A_GAP = 2.5


@dataclass(frozen=True, eq=False)
class Course:
    """One person over time; rows are sightings.

    Attributes:
        track_id: The person.
        times_s: (n,) seconds, growing.
        raw: (n, labels) what each frame alone says, 0..1.
        smoothed: (n, labels) the same over time; raw where a face was not smoothed.
        boxes_xyxy: (n, 4) where the face was, in pixels.
    """

    track_id: int
    times_s: Float64Array
    raw: Float64Array
    smoothed: Float64Array
    boxes_xyxy: Float64Array

    def box_at(self, timestamp_s: float) -> Box:
        """Return where the face was in the frame nearest to a time."""
        return Box(*self.boxes_xyxy[np.abs(self.times_s - timestamp_s).argmin()].tolist())


@dataclass(frozen=True, eq=False)
class Courses:
    """Everybody with an id in a clip.

    Attributes:
        labels: The expressions.
        source: Path or name of the clip, or None.
        begin_s: When the first frame was.
        end_s: When the last frame was.
        step_s: Median time between frames; 0 where there are fewer than two.
        people: Those seen, by id.
    """

    labels: tuple[str, ...]
    source: str | None
    begin_s: float
    end_s: float
    step_s: float
    people: Sequence[Course]

    @property
    def gap_s(self) -> float:
        """The time out of sight after which somebody counts as away."""
        return max(LEAST_GAP_S, _FRAMES_IN_A_GAP * self.step_s)

    def chosen(self, people: int | Sequence[int] | None, most: int) -> list[Course]:
        """Return some people, by id; as for `choose`, by how often they were seen."""
        by_id = {one.track_id: one for one in self.people}
        counts = {who: float(len(one.times_s)) for who, one in by_id.items()}
        return [by_id[who] for who in choose(counts, people, most)]


def choose(known: Mapping[int, float], people: int | Sequence[int] | None, most: int) -> list[int]:
    """Return the ids of some people.

    Args:
        known: Id to how much there is of a person.
        people: Those who are wanted; None for those of whom there is most, in order of their ids.
        most: How many of these at most.

    Raises:
        FaceError: If there is nobody, or nobody of such an id.
    """
    if not known:
        raise FaceError(
            "expected faces with a track id, got none: read the clip with Recognizer.video, or "
            "feed its frames to a FaceTracker"
        )
    if people is None:
        return sorted(sorted(known, key=lambda who: (-known[who], who))[:most])
    wanted = [people] if isinstance(people, int) else list(people)
    unknown = [who for who in wanted if who not in known]
    if unknown or not wanted:
        listed = ", ".join(str(who) for who in sorted(known))
        asked = f"there is no person {unknown[0]} in this clip" if unknown else "nobody was chosen"
        raise FaceError(f"{asked}; there are: {listed}")
    return wanted


def gather(clip: ClipData) -> Courses:
    """Return the columns of a clip.

    Args:
        clip: As `mien.reports.reading.results_in` takes it. Frames with an `error`, and faces
            without an id, are passed over.

    Raises:
        LabelError: If faces were read in different label sets.
        ShapeError: If there are several clips in it, or a table lacks columns.
    """
    times_s, rows, labels = array("d"), dict[int, _Rows](), tuple[str, ...]()
    source: str | None = None
    for result in results_in(clip):
        if result.error is not None:
            continue
        times_s.append(result.timestamp_s)
        source = source or result.source
        for face in result.faces:
            if face.track_id is None:
                continue
            if tuple(face.expression) != labels:
                if labels:
                    raise LabelError(
                        f"expected every face in the labels {', '.join(labels)}, got one in "
                        f"{', '.join(face.expression)}; read the whole clip with one label set"
                    )
                labels = tuple(face.expression)
            rows.setdefault(face.track_id, _Rows()).add(result.timestamp_s, face)
    frame_times_s = np.array(times_s, np.float64)
    return Courses(
        labels=labels,
        source=source,
        begin_s=float(frame_times_s.min(initial=np.inf)) if len(times_s) else 0.0,
        end_s=float(frame_times_s.max(initial=-np.inf)) if len(times_s) else 0.0,
        step_s=float(np.median(np.diff(frame_times_s))) if len(times_s) > 1 else 0.0,
        people=tuple(rows[who].course(who, len(labels)) for who in sorted(rows)),
    )


def broken(
    times_s: Float64Array, values: Float64Array, gap_s: float
) -> tuple[Float64Array, Float64Array]:
    """Return a curve that is interrupted where there is nothing for longer than a gap.

    Args:
        times_s: (n,) float64, growing.
        values: (n, labels) float64.
        gap_s: What is further apart is not joined.

    Returns:
        The same with a row of NaN between those, at the time half way.
    """
    away = np.flatnonzero(np.diff(times_s) > gap_s) + 1
    between = (times_s[away - 1] + times_s[away]) / 2
    return np.insert(times_s, away, between), np.insert(values, away, np.nan, axis=0)


class _Rows:
    """One person's columns while they grow."""

    def __init__(self) -> None:
        self._times, self._raw, self._smoothed = array("d"), array("d"), array("d")
        self._boxes = array("d")

    def add(self, timestamp_s: float, face: Face) -> None:
        self._times.append(timestamp_s)
        self._raw.extend(face.expression.probabilities.values())
        self._smoothed.extend((face.smoothed or face.expression).probabilities.values())
        self._boxes.extend((face.box.x1, face.box.y1, face.box.x2, face.box.y2))

    def course(self, track_id: int, labels: int) -> Course:
        n = len(self._times)
        return Course(
            track_id=track_id,
            times_s=np.array(self._times, np.float64),
            raw=np.array(self._raw, np.float64).reshape(n, labels),
            smoothed=np.array(self._smoothed, np.float64).reshape(n, labels),
            boxes_xyxy=np.array(self._boxes, np.float64).reshape(n, 4),
        )
