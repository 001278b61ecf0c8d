"""Recorded frames read back as results, as `Recognizer.video` gave them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, select

from mien.core.types import FrameResult
from mien.store.encoding import FACE_COLUMNS, FaceReading, FrameReading, face_of
from mien.store.engine import Database
from mien.store.models import frames, observations
from mien.store.people import NOBODY_ASKED, Shown
from mien.store.records import Session

# Frames of one query. A transaction that lasts as long as somebody reads would keep what is
# deleted meanwhile in the database's log.
CHUNK_FRAMES = 1000


def read_frames(
    database: Database,
    session: Session,
    start_s: float | None,
    end_s: float | None,
    as_recorded: bool,
) -> Iterator[FrameResult]:
    """Give the frames of a session in order; see `Store.frames`."""
    reading = dict(session.reading)
    of_faces = FaceReading(session.label_set or "", reading.pop("uncertain_below", 0.0))
    of_frames = FrameReading(session.detector or "", **reading).to_dict()
    wanted = _between(session.id, start_s, end_s).order_by(frames.c.number).limit(CHUNK_FRAMES)
    last = -1
    while True:
        with database.reading() as connection:
            rows = connection.execute(wanted.where(frames.c.number > last)).all()
            if not rows:
                return
            first, last = rows[0].number, rows[-1].number
            faces = connection.execute(_faces(session.id, first, last)).all()
            shown = NOBODY_ASKED if as_recorded else Shown.of(connection, session.id)
        of_number = {
            number: [
                face_of((shown.root(row[1]), *row[2:]), of_faces)
                for row in group
                if row[1] not in shown.hidden
            ]
            for number, group in itertools.groupby(faces, lambda row: row[0])
        }
        for row in rows:
            yield FrameResult(
                index=row.frame_index,
                timestamp_s=row.timestamp_s,
                size=(row.width, row.height),
                faces=tuple(of_number.get(row.number, ())),
                milliseconds={},
                source=session.source,
                error=row.error,
                **of_frames,
            )


def _between(session_id: int, start_s: float | None, end_s: float | None) -> Select[Any]:
    query = select(frames).where(frames.c.session_id == session_id)
    if start_s is not None:
        query = query.where(frames.c.timestamp_s >= start_s)
    if end_s is not None:
        query = query.where(frames.c.timestamp_s < end_s)
    return query


def _faces(session_id: int, first: int, last: int) -> Select[Any]:
    o = observations.c
    within = (o.session_id == session_id, o.number.between(first, last))
    figures = (o[name] for name in FACE_COLUMNS)
    return select(o.number, *figures).where(*within).order_by(o.number, o.face_index)
