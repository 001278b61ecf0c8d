"""Means over time: as many points as a picture has room for, however long a session is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    case,
    cast,
    func,
    select,
)

from mien.core.labels import label_set
from mien.store.models import RAW, SMOOTHED, TEN_THOUSANDTHS, frames, observations
from mien.store.people import Shown
from mien.store.records import Session, Timeline, TimelineLine


@dataclass(frozen=True)
class Stretch:
    """A stretch of time in bins; `end_s` is exclusive, None being after the last frame."""

    start_s: float
    end_s: float | None
    bin_s: float
    bins: int


def stretch_of(session: Session, start_s: float | None, end_s: float | None, bins: int) -> Stretch:
    """Return the stretch that is meant, from the first frame to the last where nothing is said."""
    first_s = start_s if start_s is not None else session.first_s or 0.0
    length_s = (end_s if end_s is not None else session.last_s or 0.0) - first_s
    return Stretch(first_s, end_s, length_s / bins if length_s > 0 else 1.0, bins)


def read_timeline(
    connection: Connection, session: Session, stretch: Stretch, *, smoothed: bool, together: bool
) -> Timeline:
    """Return means over time; see `Store.timeline`."""
    lines: dict[int | None, dict[int, list[int]]] = {}
    labels = () if session.label_set is None else label_set(session.label_set).labels
    numbers = connection.execute(_numbers(session.id, stretch)).one()
    if labels and numbers.first is not None:
        shown = Shown.of(connection, session.id)
        query = _sums(connection, session.id, stretch, labels, smoothed)
        of_stretch = observations.c.number.between(numbers.first, numbers.last)
        for track, place, *sums in connection.execute(query.where(of_stretch)):
            if track not in shown.hidden:
                line = lines.setdefault(None if together else shown.root(track), {})
                before = line.get(place, [0] * len(sums))
                line[place] = [one + other for one, other in zip(before, sums, strict=True)]
    ordered = sorted(lines, key=lambda track: -1 if track is None else track)
    return Timeline(
        stretch.start_s,
        stretch.bin_s,
        stretch.bins,
        tuple(_line(track, lines[track], labels) for track in ordered),
    )


def _numbers(session_id: int, stretch: Stretch) -> Select[Any]:
    f = frames.c
    found = select(func.min(f.number).label("first"), func.max(f.number).label("last")).where(
        f.session_id == session_id, f.timestamp_s >= stretch.start_s
    )
    return found if stretch.end_s is None else found.where(f.timestamp_s < stretch.end_s)


def _sums(
    connection: Connection,
    session_id: int,
    stretch: Stretch,
    labels: tuple[str, ...],
    smoothed: bool,
) -> Select[Any]:
    f, o = frames.c, observations.c
    place = _floor(connection, (f.timestamp_s - stretch.start_s) / stretch.bin_s)
    # The last frame is where the last bin ends, and belongs to it.
    place = case((place >= stretch.bins, stretch.bins - 1), else_=place)
    shares = [
        func.coalesce(o[SMOOTHED + label], o[RAW + label]) if smoothed else o[RAW + label]
        for label in labels
    ]
    same_frame = (f.session_id == o.session_id) & (f.number == o.number)
    return (
        select(o.track_id, place, func.count(), *(func.sum(share) for share in shares))
        .join_from(observations, frames, same_frame)
        .where(o.session_id == session_id)
        .group_by(o.track_id, place)
    )


def _line(
    track_id: int | None, sums: dict[int, list[int]], labels: tuple[str, ...]
) -> TimelineLine:
    places = tuple(sorted(sums))
    faces = tuple(sums[place][0] for place in places)
    means = {
        label: tuple(
            float(sums[place][column]) / (TEN_THOUSANDTHS * sums[place][0]) for place in places
        )
        for column, label in enumerate(labels, start=1)
    }
    return TimelineLine(track_id, places, faces, means)


def _floor(connection: Connection, value: ColumnElement[Any]) -> ColumnElement[int]:
    """Round down what is 0 or more; SQLite's cast does, and has no `floor` in every build."""
    is_sqlite = connection.dialect.name == "sqlite"
    return cast(value if is_sqlite else func.floor(value), Integer)
