"""Pictures, sounds and videos of sessions: files in a folder, registered in the database.

Nothing comes here unless somebody asks for it. Each session has a folder of its own, so that
deleting it takes everything along, even a file that was not registered any more.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from mien.core.errors import ConfigError, SessionNotFoundError, StoreError
from mien.store.engine import Database
from mien.store.failures import failure_of
from mien.store.models import media
from mien.store.records import MediaFile
from mien.store.sessions import find_session

_KIND = re.compile(r"[a-z][a-z-]{0,31}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class Media:
    """The media of all sessions of a store; methods raise what `Store` says."""

    def __init__(self, database: Database, folder: Path) -> None:
        """Use a folder, which is made when there is something to put in it."""
        self.folder = folder
        self._database = database

    def add(
        self,
        session_id: int,
        content: bytes | Path,
        *,
        kind: str,
        suffix: str,
        timestamp_s: float | None = None,
        track_id: int | None = None,
        take: bool = False,
    ) -> MediaFile:
        """Keep a picture, sound or video with a session; only do this if somebody asked for it.

        Args:
            session_id: The session's number.
            content: What is in it, or a file to copy.
            kind: What it is for, in small letters: `thumbnail`, `video`.
            suffix: Of the file, with its dot.
            timestamp_s: Which moment it shows, if one.
            track_id: Whom it shows, if one person.
            take: Of a file that the caller removes afterwards: do without a copy where both are
                on one disk.

        Raises:
            ConfigError: If kind or suffix are unfit.
        """
        if not _KIND.fullmatch(kind) or not _SUFFIX.fullmatch(suffix):
            raise ConfigError(
                "media need a kind of small letters and a suffix like .jpg, got "
                f"{kind!r} and {suffix!r}"
            )
        with self._database.reading() as connection:
            find_session(connection, session_id)
        # The name says nothing, and nobody outside has a say in it.
        file = f"{session_id}/{uuid.uuid4().hex}{suffix}"
        path = self.folder / file
        try:
            self._write(path, content, take)
            values: dict[str, Any] = {
                "session_id": session_id,
                "kind": kind,
                "file": file,
                "bytes": path.stat().st_size,
                "timestamp_s": timestamp_s,
                "track_id": track_id,
            }
            with self._database.writing() as connection:
                find_session(connection, session_id)
                done = connection.execute(insert(media).values(values))
        except (OSError, StoreError) as error:
            # Where there is no such folder there is no such file, and the first error says why.
            with suppress(OSError):
                path.unlink(missing_ok=True)
            if isinstance(error, StoreError):
                raise
            raise self._failure(error) from error
        (number,) = done.inserted_primary_key or (0,)
        return MediaFile(id=int(number), **values)

    def of(self, session_id: int) -> list[MediaFile]:
        """Return what is kept of a session, in the order in which it came."""
        with self._database.reading() as connection:
            find_session(connection, session_id)
            found = select(media).where(media.c.session_id == session_id).order_by(media.c.id)
            return [MediaFile(**row._mapping) for row in connection.execute(found)]

    def find(self, session_id: int, media_id: int) -> MediaFile:
        """Return one of the files that are kept of a session."""
        is_it = (media.c.session_id == session_id) & (media.c.id == media_id)
        with self._database.reading() as connection:
            row = connection.execute(select(media).where(is_it)).one_or_none()
        if row is None:
            raise SessionNotFoundError(f"session {session_id} has no file {media_id}")
        return MediaFile(**row._mapping)

    def path(self, file: MediaFile) -> Path:
        """Return where a file lies."""
        return self.folder / file.file

    def remove(self, session_ids: Iterable[int]) -> None:
        """Remove all files of sessions.

        Raises:
            StoreError: If they cannot be removed.
        """
        for session_id in session_ids:
            try:
                shutil.rmtree(self.folder / str(session_id))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._failure(error) from error

    def _write(self, path: Path, content: bytes | Path, take: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if isinstance(content, Path):
            if not (take and _is_linked(content, path)):
                shutil.copyfile(content, path)
        else:
            path.write_bytes(content)
        path.chmod(0o600)

    def _failure(self, error: OSError) -> StoreError:
        return failure_of(error, str(self.folder)) or StoreError(str(error))


def _is_linked(content: Path, path: Path) -> bool:
    """Let a file have a second name, if the disk can, and say whether it has."""
    try:
        path.hardlink_to(content)
    except OSError:
        return False
    return True
