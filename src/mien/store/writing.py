"""A session's frames and markers into the tables, as many as there are at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from mien.core.errors import SessionNotFoundError, StoreError
from mien.core.types import FrameResult
from mien.store.encoding import FaceReading, FrameReading, face_values
from mien.store.engine import Database
from mien.store.models import frames, markers, observations, people, sessions
from mien.store.records import Marker, Session, now_utc
from mien.store.texts import storable

Reading = TypeVar("Reading", FrameReading, FaceReading)


class Writer:
    """Writes one session; `write` is for one thread, `check_reading` for another."""

    def __init__(self, database: Database, session: Session) -> None:
        """Go on after the last frame of a session."""
        self._database = database
        self._id = session.id
        self._number, self._faces = session.frames, session.observations
        self._first_s, self._last_s = session.first_s, session.last_s
        self._frame_reading: FrameReading | None = None
        self._face_reading: FaceReading | None = None
        reading = dict(session.reading)
        uncertain_below = reading.pop("uncertain_below", 0.0)
        if session.detector is not None:
            self._frame_reading = FrameReading(session.detector, **reading)
        if session.label_set is not None:
            self._face_reading = FaceReading(session.label_set, uncertain_below)
        with database.reading() as connection:
            known = select(people.c.track_id).where(people.c.session_id == session.id)
            self._tracks = set(connection.execute(known).scalars())

    def check_reading(self, frame: FrameResult) -> None:
        """Take a frame for one of this session; a session is read in one way throughout.

        Raises:
            StoreError: If it was read in another way than those before it.
        """
        if frame.error is not None:
            return
        read = FrameReading.of(frame)
        self._frame_reading = _same(self._frame_reading, read, self._id)
        for face in frame.faces:
            self._face_reading = _same(self._face_reading, FaceReading.of(face), self._id)

    def write(self, items: Sequence[FrameResult | Marker], *, is_end: bool) -> None:
        """Write frames and markers in one transaction, and that the session is alive or at its end.

        Raises:
            SessionNotFoundError: If the session was deleted meanwhile.
            StoreError: If it cannot be written; then nothing of this is.
        """
        results = [item for item in items if isinstance(item, FrameResult)]
        marked = [item for item in items if isinstance(item, Marker)]
        numbered = list(enumerate(results, self._number))
        faces = [
            (self._id, number, face_index, *face_values(face))
            for number, result in numbered
            for face_index, face in enumerate(result.faces)
        ]
        tracks = {face.track_id for result in results for face in result.faces} - {None}
        new_tracks = tracks - self._tracks
        try:
            with self._database.writing() as connection:
                self._write_session(connection, results, len(faces), is_end)
                self._write_people(connection, new_tracks)
                _insert_many(connection, frames, [self._frame_row(*one) for one in numbered])
                _insert_many(connection, observations, faces)
                if marked:
                    connection.execute(insert(markers), [self._marker_row(one) for one in marked])
        except IntegrityError as error:
            raise StoreError(
                f"session {self._id} is being recorded by something else as well; end one of them"
            ) from error
        self._tracks |= new_tracks
        self._number += len(results)
        self._faces += len(faces)
        if results:
            self._first_s = results[0].timestamp_s if self._first_s is None else self._first_s
            self._last_s = results[-1].timestamp_s

    def _write_session(
        self, connection: Connection, results: Sequence[FrameResult], faces: int, is_end: bool
    ) -> None:
        now = now_utc()
        values: dict[str, Any] = {"alive_at": now, "ended_at": now if is_end else None}
        if results:
            first_s = results[0].timestamp_s if self._first_s is None else self._first_s
            values |= {
                "first_s": first_s,
                "last_s": results[-1].timestamp_s,
                "frames": self._number + len(results),
                "observations": self._faces + faces,
            }
        if self._frame_reading is not None:
            of_faces = {} if self._face_reading is None else self._face_reading.to_dict()
            reading = self._frame_reading.to_dict() | of_faces
            values["detector"] = reading.pop("detector")
            values["label_set"] = reading.pop("label_set", None)
            values["reading"] = reading
        changed = update(sessions).where(sessions.c.id == self._id).values(values)
        if connection.execute(changed).rowcount == 0:
            raise SessionNotFoundError(f"session {self._id} was deleted while it was recorded")

    def _write_people(self, connection: Connection, tracks: set[Any]) -> None:
        if tracks:
            rows = [
                {"session_id": self._id, "track_id": track, "hidden": False}
                for track in sorted(tracks)
            ]
            connection.execute(insert(people), rows)

    def _frame_row(self, number: int, result: FrameResult) -> tuple[Any, ...]:
        error = result.error and storable(result.error)
        return (self._id, number, result.index, result.timestamp_s, *result.size, error)

    def _marker_row(self, marker: Marker) -> dict[str, Any]:
        return {
            "session_id": self._id,
            "timestamp_s": marker.timestamp_s,
            "word": marker.word,
        }


def _insert_many(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with a value for every column, past all that costs time for each of them."""
    if rows:
        compiled = insert(table).compile(dialect=connection.dialect)
        names = table.columns.keys()
        given = (
            rows if compiled.positional else [dict(zip(names, row, strict=True)) for row in rows]
        )
        connection.exec_driver_sql(str(compiled), list(given))


def _same(known: Reading | None, read: Reading, session_id: int) -> Reading:
    if known is None or known == read:
        return read
    was, now = known.to_dict(), read.to_dict()
    changed = ", ".join(
        f"{name} {was[name]} to {now[name]}" for name in was if was[name] != now[name]
    )
    raise StoreError(
        f"session {session_id} is read in one way throughout, and that changed ({changed}); end it "
        "and begin another"
    )
