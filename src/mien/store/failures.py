"""What the errors of a database mean, in mien's own family of them.

SQLAlchemy asks here about every error of the driver, so nothing else needs to catch one. An error
that is not known here is a bug, and stays what it is.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from mien.core.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
    StoreUnavailableError,
)

Failure = Callable[[str], StoreError]


def _locked(name: str) -> StoreError:
    return StoreLockedError(
        f"{name} is locked: something else has been writing to it for too long; try again, or "
        "close the other program"
    )


def _read_only(name: str) -> StoreError:
    return StoreReadOnlyError(
        f"{name} can be read but not written; give yourself the right to write it and its folder, "
        "or name another by MIEN_DATABASE_URL"
    )


def _corrupt(name: str) -> StoreError:
    return StoreCorruptError(
        f"{name} is damaged or no database; move it away to begin a new one, and put back a copy "
        "if you have one (`sqlite3 FILE .recover` gets out what is left)"
    )


def _full(name: str) -> StoreError:
    return StoreFullError(
        f"{name} cannot grow: the disk is full; make room (`mien sessions purge`, `mien sessions "
        "delete`), what was written before is kept"
    )


def _closed(name: str) -> StoreError:
    return StoreUnavailableError(
        f"{name} cannot be opened; check that it is there, that its folder can be written and, on "
        "a server, that this machine and user may connect"
    )


# https://www.sqlite.org/rescode.html: the low byte is the primary code.
_SQLITE: dict[int, Failure] = {
    sqlite3.SQLITE_PERM: _read_only,
    sqlite3.SQLITE_BUSY: _locked,
    sqlite3.SQLITE_LOCKED: _locked,
    sqlite3.SQLITE_READONLY: _read_only,
    sqlite3.SQLITE_IOERR: _closed,
    sqlite3.SQLITE_CORRUPT: _corrupt,
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_CANTOPEN: _closed,
    sqlite3.SQLITE_NOTADB: _corrupt,
}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL: dict[str, Failure] = {
    "25006": _read_only,
    "42501": _read_only,
    "40001": _locked,
    "40P01": _locked,
    "55P03": _locked,
    "57014": _locked,
    "53100": _full,
    "XX001": _corrupt,
    "XX002": _corrupt,
}
# Connections refused, wrong passwords, no such database, too many clients, servers going down.
_POSTGRESQL_CLASSES = ("08", "28", "3D", "53", "57")


def failure_of(error: BaseException, name: str) -> StoreError | None:
    """Return what an error of a driver or of the file system means, or None for any other.

    Args:
        error: As it came.
        name: How to call the database, without its password.
    """
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        found = None if code is None else _SQLITE.get(code & 0xFF)
        return found(name) if found else None
    if isinstance(error, OSError):
        return (_full if error.errno == errno.ENOSPC else _closed)(name)
    if type(error).__module__.partition(".")[0] == "psycopg":
        return _postgresql_failure(error, name)
    return None


def _postgresql_failure(error: Any, name: str) -> StoreError | None:
    state = error.sqlstate
    if state in _POSTGRESQL:
        return _POSTGRESQL[state](name)
    # The server was not reached, so it did not say why.
    is_unreachable = state is None and type(error).__name__ in (
        "OperationalError",
        "ConnectionTimeout",
    )
    if is_unreachable or (state or "").startswith(_POSTGRESQL_CLASSES):
        return _closed(name)
    return None


def translate_errors(engine: Engine, name: str) -> None:
    """Make an engine raise mien's errors where it can tell what happened."""

    @event.listens_for(engine, "handle_error")
    def _raise_ours(context: ExceptionContext) -> None:
        found = failure_of(context.original_exception, name)
        if found is not None:
            raise found from context.original_exception
