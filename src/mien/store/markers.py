"""Moments of a session with a word to each."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from mien.core.errors import SessionNotFoundError
from mien.store.engine import Database
from mien.store.models import markers
from mien.store.records import Marker
from mien.store.sessions import find_session
from mien.store.texts import checked_text


class Markers:
    """The markers of all sessions of a store; methods raise what `Store` says."""

    def __init__(self, database: Database) -> None:
        """Use an open database."""
        self._database = database

    def of(self, session_id: int) -> list[Marker]:
        """Return the markers of a session in order of time."""
        m = markers.c
        found = select(m.id, m.timestamp_s, m.word).where(m.session_id == session_id)
        with self._database.reading() as connection:
            find_session(connection, session_id)
            rows = connection.execute(found.order_by(m.timestamp_s, m.id))
            return [Marker(**row._mapping) for row in rows]

    def add(self, session_id: int, timestamp_s: float, word: str) -> Marker:
        """Mark a moment, on the clock of the frames; `Recording.mark` does while one records.

        Raises:
            ConfigError: If there is no word, or it is too long.
        """
        written = checked_text("the word of a marker", word, least=1)
        values = {"session_id": session_id, "timestamp_s": timestamp_s, "word": written}
        with self._database.writing() as connection:
            find_session(connection, session_id)
            done = connection.execute(insert(markers).values(values))
        (number,) = done.inserted_primary_key or (0,)
        return Marker(int(number), timestamp_s, written)

    def delete(self, session_id: int, marker_id: int) -> None:
        """Take a marker away."""
        is_it = (markers.c.session_id == session_id) & (markers.c.id == marker_id)
        with self._database.writing() as connection:
            if connection.execute(delete(markers).where(is_it)).rowcount == 0:
                raise SessionNotFoundError(f"session {session_id} has no marker {marker_id}")
            self._database.remember_to_wipe(connection)
