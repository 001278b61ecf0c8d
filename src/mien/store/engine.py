"""A database opened: SQLite or PostgreSQL, brought to the newest form, and its transactions."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from mien.core.errors import ConfigError, MissingExtraError, StoreError, StoreLockedError
from mien.core.paths import sessions_file
from mien.store.failures import failure_of, translate_errors
from mien.store.migrate import bring_up_to_date

ENVIRONMENT = "MIEN_DATABASE_URL"
ENVIRONMENT_FILE = "MIEN_DATABASE_URL_FILE"
LOCK_WAIT_S = 10.0
CONNECT_WAIT_S = 10

# How a transaction begins, as an option of a connection. A SQLite transaction that only turns to
# writing later fails at once where another did in between; one that says so first waits.
_BEGIN = "mien_begin"
_READING, _WRITING, _NOTHING = "BEGIN", "BEGIN IMMEDIATE", ""

_PRAGMAS = (
    # A commit is on the disk, and not only with the system; there are but two or three a second.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # What is deleted is overwritten with zeros.
    "PRAGMA secure_delete=ON",
)


@dataclass(frozen=True)
class Database:
    """An open database; safe from any thread.

    Attributes:
        engine: SQLAlchemy's.
        name: What it is called in words: a path, or an address without its password.
        path: The file of a SQLite database; None for a server's.
    """

    engine: Engine
    name: str
    path: Path | None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database throughout.

        Raises:
            StoreError: If it cannot be read.
        """
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes come about together at the end, or not at all.

        Raises:
            StoreError: If it cannot be written.
        """
        options = {_BEGIN: _WRITING}
        with self.engine.execution_options(**options).begin() as connection:
            yield connection

    def remember_to_wipe(self, connection: Connection) -> None:
        """Note, with what a transaction deletes, that its traces have to be wiped off after."""
        if self.path is not None:
            connection.exec_driver_sql("PRAGMA user_version=1")

    def wipe(self) -> None:
        """Wipe the traces of what was deleted off the files of the database, if there are any.

        SQLite overwrites what is deleted, but its log still has it, and pages that it rearranged
        may have copies: so the file is written anew, and the log emptied. A
        PostgreSQL server gives the space free for new rows; its log and its backups are its own.

        Raises:
            StoreLockedError: If something else is using the database all the time.
        """
        options = {_BEGIN: _NOTHING}
        with self.engine.execution_options(**options).connect() as connection:
            if self.path is None:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("VACUUM")
                return
            if not connection.exec_driver_sql("PRAGMA user_version").scalar_one():
                return
            connection.exec_driver_sql("VACUUM")
            self._empty_log(connection)
            connection.exec_driver_sql("PRAGMA user_version=0")

    def _empty_log(self, connection: Connection) -> None:
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if is_busy:
            raise StoreLockedError(
                f"what was deleted is gone from {self.name}, but traces of it are left in its log "
                "while another program reads; close that, then run `mien sessions purge`"
            )

    def close(self) -> None:
        """Close all connections; SQLite then puts its log into the file and removes it."""
        self.engine.dispose()


def open_database(where: str | Path | None = None, *, lock_wait_s: float = LOCK_WAIT_S) -> Database:
    """Open a database and bring it to the newest form; a SQLite file is made if need be.

    Args:
        where: A file, or the URL of a SQLite or PostgreSQL database; by default what
            `MIEN_DATABASE_URL` or the file `MIEN_DATABASE_URL_FILE` says, else a file in mien's
            folder of the user's data.
        lock_wait_s: How long to wait while something else is writing.

    Raises:
        ConfigError: If it is no such file or URL.
        MissingExtraError: If PostgreSQL is asked for and its driver is not installed.
        StoreError: If it cannot be opened; the kind of error says why.
    """
    url = _url_of(where)
    if url.get_backend_name() == "postgresql":
        database = _postgresql(url, lock_wait_s)
    else:
        database = _sqlite(Path(url.database or ""), lock_wait_s)
    try:
        bring_up_to_date(database.reading, database.writing, database.name)
    except StoreError:
        database.close()
        raise
    return database


def read_address(file: Path) -> str:
    """Return the address of a database that is in a file, as containers get their passwords.

    Raises:
        ConfigError: If the file cannot be read or is empty; its content is never shown.
    """
    try:
        address = file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the address of a database from {file}") from error
    if not address:
        raise ConfigError(f"expected the address of a database in {file}, got nothing")
    return address


def _from_environment() -> str | None:
    if address := os.environ.get(ENVIRONMENT):
        return address
    file = os.environ.get(ENVIRONMENT_FILE)
    return read_address(Path(file)) if file else None


def _url_of(where: str | Path | None) -> URL:
    named = where if where is not None else _from_environment() or sessions_file()
    if isinstance(named, Path) or "://" not in named:
        return URL.create("sqlite", database=str(Path(named).expanduser().absolute()))
    expected = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        # Heroku and others still write it the old way, which SQLAlchemy no longer knows.
        url = make_url(named.replace("postgres://", "postgresql://", 1))
    except ArgumentError as error:
        raise ConfigError(f"the address of a database cannot be read; {expected}") from error
    if url.get_backend_name() == "sqlite" and (url.database or ":memory:") != ":memory:":
        return url
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise ConfigError(f"{url.render_as_string()} is no database that mien can use; {expected}")


def _sqlite(path: Path, lock_wait_s: float) -> Database:
    name = str(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            # Sessions are nobody else's business; the log gets the same rights.
            path.touch(mode=0o600)
    except OSError as error:
        raise (failure_of(error, name) or StoreError(str(error))) from error
    engine = create_engine(
        URL.create("sqlite", database=name), connect_args={"timeout": lock_wait_s}
    )
    translate_errors(engine, name)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: Any) -> None:
        # Transactions begin where the listener below says so, and nowhere by themselves.
        connection.isolation_level = None
        _keep_a_log(connection, lock_wait_s)
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if how := connection.get_execution_options().get(_BEGIN, _READING):
            connection.exec_driver_sql(how)

    return Database(engine, name, path)


def _keep_a_log(connection: sqlite3.Connection, wait_s: float) -> None:
    """Turn on the write-ahead log: reading and writing then do not wait for each other."""
    until = time.monotonic() + wait_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not wait here by itself when two programs open a new file at once.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)


def _postgresql(url: URL, lock_wait_s: float) -> Database:
    if find_spec("psycopg") is None:
        raise MissingExtraError(
            "PostgreSQL needs a driver that is not installed: pip install 'mien[postgres]'"
        )
    name = url.set(drivername="postgresql").render_as_string()
    options = f"-c lock_timeout={round(1000 * lock_wait_s)} -c timezone=UTC"
    engine = create_engine(
        url,
        # A server that was started anew in between is no error.
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_WAIT_S, "options": options},
    )
    translate_errors(engine, name)
    return Database(engine, name, None)


def kind_of_database(address: str | None) -> str:
    """Return what an address is of, to be shown to anybody: no path, user or password.

    Args:
        address: As for `open_store`.

    Returns:
        `SQLite`, `PostgreSQL at <host>`, or `unusable`.
    """
    if address is None or "://" not in address:
        return "SQLite"
    try:
        url = make_url(address)
    except ArgumentError:
        return "unusable"
    kind = url.get_backend_name()
    if kind in ("postgresql", "postgres"):
        return f"PostgreSQL at {url.host or 'this machine'}"
    return "SQLite" if kind == "sqlite" else "unusable"
