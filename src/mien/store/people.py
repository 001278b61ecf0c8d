"""The people of a session: tracks, and what somebody said of them.

A tracker gives who comes back a new number; only somebody who looks can say that it is the same
person. Tracks that are one person count for one of them, the root, and are named and hidden alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, update

from mien.core.errors import NotOnePersonError, SessionNotFoundError
from mien.store.engine import Database
from mien.store.models import frames, observations, people
from mien.store.records import Person
from mien.store.sessions import find_session
from mien.store.texts import checked_text


@dataclass(frozen=True)
class Shown:
    """Whom each track of a session is shown as.

    Attributes:
        roots: Tracks that count for another, and that one.
        hidden: Tracks that are left out.
    """

    roots: Mapping[int, int]
    hidden: frozenset[int]

    @classmethod
    def of(cls, connection: Connection, session_id: int) -> Self:
        """Return what was said of the tracks of a session."""
        rows = connection.execute(select(people).where(people.c.session_id == session_id)).all()
        return cls(
            {row.track_id: row.same_as for row in rows if row.same_as is not None},
            frozenset(row.track_id for row in rows if row.hidden),
        )

    def root(self, track_id: int | None) -> int | None:
        """Return the track that a track counts for; None for a face that has none."""
        return None if track_id is None else self.roots.get(track_id, track_id)


NOBODY_ASKED = Shown({}, frozenset())


class People:
    """The people of all sessions of a store; methods raise what `Store` says."""

    def __init__(self, database: Database) -> None:
        """Use an open database."""
        self._database = database

    def of(self, session_id: int) -> list[Person]:
        """Return the tracks of a session, by number."""
        with self._database.reading() as connection:
            find_session(connection, session_id)
            rows = connection.execute(_seen(session_id))
            return [Person(**row._mapping) for row in rows]

    def name(self, session_id: int, track_id: int, name: str | None) -> None:
        """Give a person a name, or take it away.

        Raises:
            ConfigError: If the name is too long.
        """
        given = None if name is None else checked_text("a person's name", name) or None
        with self._database.writing() as connection:
            _change(connection, session_id, track_id, {"name": given})
            self._database.remember_to_wipe(connection)

    def hide(self, session_id: int, track_id: int, hidden: bool = True) -> None:
        """Leave a person out of everything but what is asked for as recorded, or take it back."""
        with self._database.writing() as connection:
            _change(connection, session_id, track_id, {"hidden": hidden})

    def merge(self, session_id: int, track_id: int, into: int) -> None:
        """Let a track, and those that count for it, count for the person of another.

        Raises:
            NotOnePersonError: If they are one already, or were in view at the same time.
        """
        with self._database.writing() as connection:
            root, new_root = (_root_of(connection, session_id, one) for one in (track_id, into))
            if root == new_root:
                raise NotOnePersonError(
                    f"tracks {track_id} and {into} of session {session_id} are one already"
                )
            if together := _frames_together(connection, session_id, root, new_root):
                raise NotOnePersonError(
                    f"tracks {track_id} and {into} of session {session_id} cannot be one person: "
                    f"both are in {together} of the same frames; hide one if it is no face"
                )
            old, new = (_track(connection, session_id, one) for one in (root, new_root))
            _change(connection, session_id, root, {"same_as": new_root})
            connection.execute(update(people).where(_is(session_id, root)).values(same_as=new_root))
            both = {"name": new.name or old.name, "hidden": new.hidden}
            _change(connection, session_id, new_root, both)

    def separate(self, session_id: int, track_id: int) -> None:
        """Let a track that was merged count for itself again."""
        with self._database.writing() as connection:
            _track(connection, session_id, track_id)
            connection.execute(update(people).where(_is(session_id, track_id)).values(same_as=None))


def _seen(session_id: int) -> Select[Any]:
    o, f, p = observations.c, frames.c, people.c
    same_frame = (f.session_id == o.session_id) & (f.number == o.number)
    seen = (
        select(
            o.track_id,
            func.count().label("observations"),
            func.min(f.timestamp_s).label("first_s"),
            func.max(f.timestamp_s).label("last_s"),
        )
        .join_from(observations, frames, same_frame)
        .where(o.session_id == session_id, o.track_id.is_not(None))
        .group_by(o.track_id)
        .subquery()
    )
    return (
        select(p.track_id, p.name, p.same_as, p.hidden)
        .add_columns(seen.c.observations, seen.c.first_s, seen.c.last_s)
        .join_from(people, seen, p.track_id == seen.c.track_id)
        .where(p.session_id == session_id)
        .order_by(p.track_id)
    )


def _change(
    connection: Connection, session_id: int, track_id: int, values: Mapping[str, Any]
) -> None:
    """Change all tracks of a person."""
    root = _root_of(connection, session_id, track_id)
    of_them = people.c.track_id.in_(_tracks_of(session_id, root))
    connection.execute(
        update(people).where(people.c.session_id == session_id, of_them).values(**values)
    )


def _frames_together(connection: Connection, session_id: int, root: int, other: int) -> int:
    o = observations.c
    first, second = (
        select(o.number).where(
            o.session_id == session_id, o.track_id.in_(_tracks_of(session_id, one))
        )
        for one in (root, other)
    )
    both = select(func.count()).select_from(first.intersect(second).subquery())
    return connection.execute(both).scalar_one()


def _tracks_of(session_id: int, root: int) -> Select[Any]:
    is_one = (people.c.track_id == root) | (people.c.same_as == root)
    return select(people.c.track_id).where(people.c.session_id == session_id, is_one)


def _root_of(connection: Connection, session_id: int, track_id: int) -> int:
    track = _track(connection, session_id, track_id)
    return track_id if track.same_as is None else int(track.same_as)


def _track(connection: Connection, session_id: int, track_id: int) -> Row[Any]:
    row = connection.execute(select(people).where(_is(session_id, track_id))).one_or_none()
    if row is None:
        raise SessionNotFoundError(f"session {session_id} has no person {track_id}")
    return row


def _is(session_id: int, track_id: int) -> ColumnElement[bool]:
    return (people.c.session_id == session_id) & (people.c.track_id == track_id)
