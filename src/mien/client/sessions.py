"""Recorded sessions of a server: find, read, change, export and delete them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from mien.client.session_answers import (
    Marker,
    MediaFile,
    Person,
    Session,
    SessionContents,
    Timeline,
    read_marker,
    read_person,
)
from mien.core.errors import ConfigError, TableWriteError

T = TypeVar("T")
Order = Literal["started", "title", "duration", "faces"]

EXPORT_SUFFIXES = (".csv", ".parquet", ".json", ".html", ".pdf")
_PAGE = 200
# A long session takes the server a while to write.
EXPORT_TIMEOUT_S = 600.0


class SessionCalls(ABC):
    """What a client can do about sessions; a session is named by its number.

    All methods raise what `Client.analyze` does of servers. One that is not there is a
    `ServerError` of the code `not_found`, and a server that keeps nothing one of `recording_off`.
    """

    def sessions(
        self,
        search: str = "",
        *,
        order: Order = "started",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Session]:
        """Return sessions whose title, note or source has all words of `search`, the last first.

        Args:
            search: Words, in any order.
            order: What to sort by.
            descending: Whether the largest comes first.
            limit: How many at most; None for all.
            offset: How many to leave out at the beginning.
        """
        query = {"search": search, "order": order, "descending": descending}
        found: list[Session] = []
        while limit is None or len(found) < limit:
            page = _PAGE if limit is None else min(_PAGE, limit - len(found))
            place = {"limit": page, "offset": offset + len(found)}
            told = self._ask("GET", "/v1/sessions", {**query, **place})
            got = self._understand(
                lambda told: [Session.from_dict(one) for one in told["sessions"]], told
            )
            found += got
            if len(got) < page:
                break
        return found

    def session(self, session_id: int) -> SessionContents:
        """Return a session with its people, markers and kept files."""
        return self._understand(SessionContents.from_dict, self._ask("GET", _place(session_id)))

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
            session_id: The session.
            start_s: Where it begins, in seconds; None at the first frame.
            end_s: Where it ends, exclusive; None after the last frame.
            bins: How many, 1 to 10,000.
            smoothed: Whether to take smoothed probabilities, where faces have them.
            together: One line for everybody instead of one a person.

        Raises:
            ConfigError: If a value is out of its range.
        """
        query: dict[str, Any] = {"bins": bins, "smoothed": smoothed, "together": together}
        query |= {} if start_s is None else {"start_s": start_s}
        query |= {} if end_s is None else {"end_s": end_s}
        told = self._ask("GET", f"{_place(session_id)}/timeline", query)
        return self._understand(Timeline.from_dict, told)

    def summary(self, session_id: int) -> dict[str, Any]:
        """Return a session in figures, as the JSON that `mien.summary(...).to_dict()` gives."""
        return self._understand(dict, self._ask("GET", f"{_place(session_id)}/summary"))

    def edit_session(
        self, session_id: int, *, title: str | None = None, note: str | None = None
    ) -> Session:
        """Change title or note, and return the session; what is None stays.

        Raises:
            ConfigError: If a text is too long, or the title empty.
        """
        given = {"title": title, "note": note}
        return self._change({k: v for k, v in given.items() if v is not None}, session_id)

    def keep_session(self, session_id: int, days: int | None) -> Session:
        """Keep a session so many days from its start, or with None until it is deleted."""
        return self._change({"keep_days": days}, session_id)

    def delete_session(self, session_id: int) -> None:
        """Delete a session with all that was kept of it, and its traces in the server's files.

        Raises:
            SessionRunningError: If it is being recorded.
        """
        self._ask("DELETE", _place(session_id))

    def name_person(self, session_id: int, track_id: int, name: str | None) -> list[Person]:
        """Give a person a name, or with None take it away, and return all people."""
        return self._people("PATCH", f"{_place(session_id)}/people/{track_id}", {"name": name})

    def hide_person(self, session_id: int, track_id: int, hidden: bool = True) -> list[Person]:
        """Leave a person out of figures and exports, or take it back, and return all people."""
        return self._people("PATCH", f"{_place(session_id)}/people/{track_id}", {"hidden": hidden})

    def merge_people(self, session_id: int, track_id: int, into: int) -> list[Person]:
        """Say that a track is the person of another, and return all people.

        Raises:
            NotOnePersonError: If they were in view together, or are one already.
        """
        body = {"track_id": track_id, "into": into}
        return self._people("POST", f"{_place(session_id)}/people/merge", body)

    def separate_person(self, session_id: int, track_id: int) -> list[Person]:
        """Let a track that was merged count for itself again, and return all people."""
        return self._people("POST", f"{_place(session_id)}/people/{track_id}/separate")

    def add_marker(self, session_id: int, timestamp_s: float, word: str) -> Marker:
        """Mark a moment, in seconds on the clock of the frames.

        Raises:
            ConfigError: If there is no word, or it is too long.
        """
        body = {"timestamp_s": timestamp_s, "word": word}
        told = self._ask("POST", f"{_place(session_id)}/markers", body=body)
        return self._understand(read_marker, told)

    def delete_marker(self, session_id: int, marker: Marker | int) -> None:
        """Take a marker away."""
        number = marker.id if isinstance(marker, Marker) else marker
        self._ask("DELETE", f"{_place(session_id)}/markers/{number}")

    def export_session(
        self,
        session_id: int,
        path: Path | str,
        *,
        overwrite: bool = False,
        timeout_s: float = EXPORT_TIMEOUT_S,
    ) -> None:
        """Write a session to a file of this machine, piece by piece.

        Args:
            session_id: The session.
            path: The file; its name ends in `.csv` or `.parquet` for a row a face, in `.json` for
                all of the session, in `.html` or `.pdf` for a report.
            overwrite: Whether to write over one that is there.
            timeout_s: How long the server may take to write it, in seconds.

        Raises:
            ConfigError: If the name does not say what kind of file it is to be.
            TableWriteError: If it is there already, or cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in EXPORT_SUFFIXES:
            raise ConfigError(
                f"expected a name that ends in {', '.join(EXPORT_SUFFIXES)}, got {path}"
            )
        query = {"format": suffix.removeprefix(".")}
        self._save_as(path, f"{_place(session_id)}/export", query, overwrite, timeout_s)

    def save_media(
        self,
        session_id: int,
        media: MediaFile | int,
        path: Path | str,
        *,
        overwrite: bool = False,
        timeout_s: float = EXPORT_TIMEOUT_S,
    ) -> None:
        """Write a picture or video that was kept with a session to a file of this machine.

        Raises:
            TableWriteError: If it is there already, or cannot be written.
        """
        number = media.id if isinstance(media, MediaFile) else media
        place = f"{_place(session_id)}/media/{number}"
        self._save_as(Path(path), place, {}, overwrite, timeout_s)

    @abstractmethod
    def _ask(
        self, method: str, path: str, query: dict[str, Any] | None = None, *, body: Any = None
    ) -> Any:
        """Return the JSON of an answer."""

    @abstractmethod
    def _understand(self, read: Callable[[Any], T], told: Any) -> T:
        """Read an answer, or say that it is none of mien's."""

    @abstractmethod
    def _save(self, path: str, query: dict[str, Any], stream: BinaryIO, timeout_s: float) -> None:
        """Write the bytes of an answer to a stream as they come."""

    def _change(self, body: dict[str, Any], session_id: int) -> Session:
        told = self._ask("PATCH", _place(session_id), body=body)
        return self._understand(SessionContents.from_dict, told).session

    def _people(self, method: str, path: str, body: dict[str, Any] | None = None) -> list[Person]:
        told = self._ask(method, path, body=body)
        return self._understand(lambda told: [read_person(one) for one in told["people"]], told)

    def _save_as(
        self, path: Path, place: str, query: dict[str, Any], overwrite: bool, timeout_s: float
    ) -> None:
        """Write an answer to a file that is there once it is whole."""
        if path.exists() and not overwrite:
            raise TableWriteError(f"{path} is there already; give another name or overwrite=True")
        fresh = path.with_name(f".{path.name}.part")
        try:
            with fresh.open("wb") as stream:
                self._save(place, query, stream, timeout_s)
            fresh.replace(path)
        except OSError as error:
            raise TableWriteError(f"cannot write {path}: {error.strerror or error}") from error
        finally:
            with suppress(OSError):
                fresh.unlink()


def _place(session_id: int) -> str:
    return f"/v1/sessions/{session_id}"
