"""Sessions in SQL; each function works in a given transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from mien.core.errors import SessionNotFoundError
from mien.store.models import frames, markers, media, observations, people, sessions
from mien.store.records import Session, now_utc
from mien.store.texts import storable

Order = Literal["started", "title", "duration", "faces"]

_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "started": sessions.c.started_at,
    "title": func.lower(sessions.c.title),
    "duration": func.coalesce(sessions.c.last_s - sessions.c.first_s, 0),
    "faces": sessions.c.observations,
}


def add_session(connection: Connection, values: Mapping[str, Any]) -> int:
    """Add a session that begins now and return its number."""
    now = now_utc()
    empty = {"reading": {}, "started_at": now, "alive_at": now, "frames": 0, "observations": 0}
    done = connection.execute(insert(sessions).values({**empty, **values}))
    (number,) = done.inserted_primary_key or (0,)
    return int(number)


def find_session(connection: Connection, session_id: int) -> Session:
    """Return a session.

    Raises:
        SessionNotFoundError: If there is none of that number.
    """
    row = connection.execute(select(sessions).where(sessions.c.id == session_id)).one_or_none()
    if row is None:
        raise SessionNotFoundError(
            f"there is no session {session_id}; `mien sessions list` shows those that there are"
        )
    return Session.of_row(row)


def list_sessions(
    connection: Connection,
    search: str,
    order: Order,
    descending: bool,
    limit: int | None,
    offset: int,
) -> list[Session]:
    """Return the sessions that have the words, in order; of the same rank, the newest first."""
    by = _ORDERS[order]
    ranked = (by.desc() if descending else by.asc(), sessions.c.id.desc())
    found = _matching(select(sessions), search).order_by(*ranked).limit(limit).offset(offset)
    return [Session.of_row(row) for row in connection.execute(found)]


def count_sessions(connection: Connection, search: str) -> int:
    """Return how many sessions have the words."""
    found = _matching(select(func.count()).select_from(sessions), search)
    return int(connection.execute(found).scalar_one())


def update_session(connection: Connection, session_id: int, values: Mapping[str, Any]) -> None:
    """Change a session.

    Raises:
        SessionNotFoundError: If there is none of that number.
    """
    find_session(connection, session_id)
    connection.execute(update(sessions).where(sessions.c.id == session_id).values(**values))


def due_sessions(connection: Connection) -> list[Session]:
    """Return the sessions that were to be kept until now and no longer, but for those running."""
    due = select(sessions).where(sessions.c.keep_until <= now_utc()).order_by(sessions.c.id)
    found = [Session.of_row(row) for row in connection.execute(due)]
    return [session for session in found if session.state != "recording"]


def delete_rows(connection: Connection, session_ids: Iterable[int]) -> None:
    """Delete sessions with all that belongs to them."""
    ids = list(session_ids)
    # Not left to the cascade, which goes row by row.
    for table in (observations, frames, people, markers, media):
        connection.execute(delete(table).where(table.c.session_id.in_(ids)))
    connection.execute(delete(sessions).where(sessions.c.id.in_(ids)))


def _matching(query: Select[Any], search: str) -> Select[Any]:
    for word in storable(search).split():
        texts = (sessions.c.title, sessions.c.note, sessions.c.source)
        query = query.where(or_(*(text.icontains(word, autoescape=True) for text in texts)))
    return query
