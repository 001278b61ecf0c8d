"""The store of sessions: recording, finding, reading back, exporting, deleting them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mien.core.errors import ConfigError, SessionRunningError
from mien.core.paths import home_folder
from mien.core.types import FrameResult
from mien.store import sessions
from mien.store.engine import LOCK_WAIT_S, Database, open_database
from mien.store.markers import Markers
from mien.store.media import Media
from mien.store.people import People
from mien.store.reading import read_frames
from mien.store.recorder import Recording
from mien.store.records import Session, Timeline, now_utc
from mien.store.sessions import Order
from mien.store.texts import LONG, SHORT, checked_text
from mien.store.timeline import read_timeline, stretch_of


def open_store(
    where: str | Path | None = None,
    *,
    media_folder: Path | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
) -> Store:
    """Open the store of sessions, made and brought to the newest form if need be.

    Args:
        where: A SQLite file, or the URL of a SQLite or PostgreSQL database; by default what
            `MIEN_DATABASE_URL` says, else `sessions.db` in mien's folder of the user's data.
        media_folder: Where pictures and videos go that are kept; by default `<name>-media` beside
            the file, or `sessions-media` in mien's folder for PostgreSQL.
        lock_wait_s: How long to wait while something else is writing, in seconds.

    Raises:
        ConfigError: If `where` is no such file or URL.
        MissingExtraError: If PostgreSQL is asked for without its driver.
        StoreError: If it cannot be opened; the kind of error says why.
    """
    database = open_database(where, lock_wait_s=lock_wait_s)
    beside = database.path or home_folder() / "sessions.db"
    folder = media_folder or beside.with_name(f"{beside.stem}-media")
    return Store(database, folder)


class Store:
    """Recorded sessions; a context manager, and safe from any thread.

    All methods raise `StoreError` where the database cannot be used, and `SessionNotFoundError`,
    which is one, for a session, person or marker that is not there.

    Attributes:
        people: Who is in the sessions: names, merging, hiding.
        markers: Moments with a word.
        media: Pictures and videos that are kept.
    """

    def __init__(self, database: Database, media_folder: Path) -> None:
        """Use an open database; `open_store` is the door."""
        self._database = database
        self.people = People(database)
        self.markers = Markers(database)
        self.media = Media(database, media_folder)

    @property
    def name(self) -> str:
        """Where the sessions are: a path, or an address without its password."""
        return self._database.name

    def record(
        self,
        *,
        title: str,
        source: str | None = None,
        consent: str | None = None,
        consent_at: datetime | None = None,
        note: str = "",
        bundle: str | None = None,
        settings: Mapping[str, Any] | None = None,
        keep_days: int | None = None,
        live: bool = False,
        most_waiting: int = 2000,
    ) -> Recording:
        """Begin a session and record into it.

        Args:
            title: What to call it.
            source: What is recorded: a camera, a file's name.
            consent: What those who are in it agreed to.
            consent_at: When they did; None is just now.
            note: Anything else.
            bundle: The model that reads.
            settings: What else was set, as JSON-ready values.
            keep_days: From now on; then it is due to be purged. None keeps it.
            live: Leave frames out, and count them, rather than wait when the disk cannot keep up.
            most_waiting: So many frames may wait for the disk.

        Raises:
            ConfigError: If texts are too long or missing, or days are fewer than one.
        """
        values = {
            "title": _text("title", title, 1),
            "source": None if source is None else _text("source", source, most=LONG),
            "consent_text": None if consent is None else _text("consent", consent, 1, LONG),
            "consent_at": None if consent is None else consent_at or now_utc(),
            "note": _text("note", note, most=LONG),
            "bundle": None if bundle is None else _text("model", bundle, most=LONG),
            "settings": dict(settings or {}),
            "keep_until": _keep_until(keep_days),
        }
        with self._database.writing() as connection:
            number = sessions.add_session(connection, values)
            session = sessions.find_session(connection, number)
        return Recording(self._database, session, live=live, most_waiting=most_waiting)

    def resume(self, session_id: int, *, live: bool = False, most_waiting: int = 2000) -> Recording:
        """Go on recording a session that has ended or was interrupted, after its last frame.

        Raises:
            SessionRunningError: If it is being recorded.
        """
        with self._database.writing() as connection:
            session = sessions.find_session(connection, session_id)
            if session.state == "recording":
                raise SessionRunningError(f"session {session_id} is being recorded; end that first")
            going_on = {"ended_at": None, "alive_at": now_utc()}
            sessions.update_session(connection, session_id, going_on)
        return Recording(self._database, session, live=live, most_waiting=most_waiting)

    def sessions(
        self,
        *,
        search: str = "",
        order: Order = "started",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Session]:
        """Return sessions whose title, note or source has all words of `search`, the last first."""
        with self._database.reading() as connection:
            return sessions.list_sessions(connection, search, order, descending, limit, offset)

    def count(self, *, search: str = "") -> int:
        """Return how many sessions `sessions` would give without a limit."""
        with self._database.reading() as connection:
            return sessions.count_sessions(connection, search)

    def session(self, session_id: int) -> Session:
        """Return one session."""
        with self._database.reading() as connection:
            return sessions.find_session(connection, session_id)

    def edit(
        self, session_id: int, *, title: str | None = None, note: str | None = None
    ) -> Session:
        """Change title or note, and return the session; what is not given stays.

        Raises:
            ConfigError: If a text is too long, or the title empty.
        """
        values = {
            **({} if title is None else {"title": _text("title", title, 1)}),
            **({} if note is None else {"note": _text("note", note, most=LONG)}),
        }
        return self._changed(session_id, values)

    def keep(self, session_id: int, days: int | None) -> Session:
        """Keep a session so many days from its start, or until it is deleted; return it.

        Raises:
            ConfigError: If days are fewer than one.
        """
        started_at = self.session(session_id).started_at
        kept = None if days is None else started_at + timedelta(days=_days(days))
        return self._changed(session_id, {"keep_until": kept})

    def frames(
        self,
        session_id: int,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        as_recorded: bool = False,
    ) -> Iterator[FrameResult]:
        """Give the frames of a session one by one, as `Recognizer.video` gave them.

        `mien.summary` and `mien.to_dataframe` take them. Figures are rounded as in a row;
        `milliseconds` are not kept.

        Args:
            session_id: The session's number.
            start_s: The first time to give, in seconds.
            end_s: The first one not to give any more.
            as_recorded: Leave tracks as they came, with nobody merged and nobody hidden.
        """
        session = self.session(session_id)
        return read_frames(self._database, session, start_s, end_s, as_recorded)

    def timeline(
        self,
        session_id: int,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        bins: int = 600,
        smoothed: bool = True,
        together: bool = False,
    ) -> Timeline:
        """Return how people looked on average in each of so many bins of a stretch of time.

        Args:
            session_id: The session's number.
            start_s: Where it begins; by default at the first frame.
            end_s: Where it ends, exclusive; by default after the last frame.
            bins: How many, 1 to 10,000; about as many as there are pixels to show them in.
            smoothed: Whether to take smoothed probabilities, where faces have them.
            together: One line for everybody instead of one a person.

        Raises:
            ConfigError: If `bins` is out of its range.
        """
        if not 1 <= bins <= 10_000:
            raise ConfigError(f"a timeline has 1 to 10,000 bins, got {bins}")
        with self._database.reading() as connection:
            session = sessions.find_session(connection, session_id)
            stretch = stretch_of(session, start_s, end_s, bins)
            return read_timeline(connection, session, stretch, smoothed=smoothed, together=together)

    def delete(self, *session_ids: int) -> None:
        """Delete sessions with all that was kept of them, and wipe their traces off the files.

        Raises:
            SessionRunningError: If one of them is being recorded; then none is deleted.
            StoreLockedError: If they are deleted, but traces are left until the next `purge`.
        """
        with self._database.reading() as connection:
            found = [sessions.find_session(connection, number) for number in session_ids]
        for session in found:
            if session.state == "recording":
                raise SessionRunningError(f"session {session.id} is being recorded; end that first")
        self._delete(session_ids)
        self._database.wipe()

    def due(self) -> list[Session]:
        """Return the sessions that were to be kept until now and no longer."""
        with self._database.reading() as connection:
            return sessions.due_sessions(connection)

    def purge(self) -> list[Session]:
        """Delete the sessions that are due, wipe what was not wiped yet, and return them.

        Raises:
            StoreLockedError: If they are deleted, but traces are left until the next time.
        """
        due = self.due()
        self._delete([session.id for session in due])
        self._database.wipe()
        return due

    def close(self) -> None:
        """Close the database; recordings have to be ended before."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _changed(self, session_id: int, values: Mapping[str, Any]) -> Session:
        with self._database.writing() as connection:
            if values:
                sessions.update_session(connection, session_id, values)
            return sessions.find_session(connection, session_id)

    def _delete(self, session_ids: Iterable[int]) -> None:
        ids = list(session_ids)
        if not ids:
            return
        # Files first: if this breaks off, the session is still there to be deleted again.
        self.media.remove(ids)
        with self._database.writing() as connection:
            sessions.delete_rows(connection, ids)
            self._database.remember_to_wipe(connection)


def _text(name: str, text: str, least: int = 0, most: int = SHORT) -> str:
    return checked_text(f"the {name} of a session", text, least=least, most=most)


def _days(days: int) -> int:
    if days < 1:
        raise ConfigError(f"a session is kept for 1 day or more, got {days}")
    return days


def _keep_until(days: int | None) -> Any:
    return None if days is None else now_utc() + timedelta(days=_days(days))
