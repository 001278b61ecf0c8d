"""Bringing a database to the newest form: Alembic, with nothing to set up.

The steps are in `migrations/versions`, one file each, and run when a database is opened, all in
one transaction. There is no ini file and no env.py: the connection is there already.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from mien.core.errors import StoreCorruptError, StoreVersionError
from mien.store.models import metadata

MIGRATIONS = Path(__file__).with_name("migrations")
# Any number that is always the same: two programs that open a new database take turns.
_POSTGRESQL_LOCK = 6_367_310

Transaction = Callable[[], AbstractContextManager[Connection]]


def scripts() -> ScriptDirectory:
    """Return all migrations that there are."""
    return ScriptDirectory(str(MIGRATIONS))


def revision_of(connection: Connection) -> str | None:
    """Return the form that a database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def bring_up_to_date(reading: Transaction, writing: Transaction, name: str) -> None:
    """Bring a database to the newest form, if it is not of it already.

    Args:
        reading: Begins a transaction that only reads.
        writing: Begins one that writes.
        name: How to call the database.

    Raises:
        StoreVersionError: If a newer mien made it.
        StoreCorruptError: If something else than mien made it.
        StoreError: If it cannot be read or written.
    """
    known = scripts()
    newest = known.get_current_head()
    with reading() as connection:
        revision = revision_of(connection)
        if revision == newest:
            return
        _check(connection, revision, known, name)
    with writing() as connection:
        if connection.dialect.name == "postgresql":
            lock = text("select pg_advisory_xact_lock(:key)")
            connection.execute(lock, {"key": _POSTGRESQL_LOCK})
        migrate(connection, "head")


def migrate(connection: Connection, to: str = "head") -> None:
    """Run the migrations up to one of them, `head` being the newest; those done are left out."""
    known = scripts()
    context = MigrationContext.configure(connection)
    steps = list(known.iterate_revisions(to, context.get_current_revision()))
    with Operations.context(context):
        for step in reversed(steps):
            step.module.upgrade()
            context.stamp(known, step.revision)


def _check(connection: Connection, revision: str | None, known: ScriptDirectory, name: str) -> None:
    if revision is None:
        tables = set(inspect(connection).get_table_names())
        if strangers := sorted(tables & set(metadata.tables)) or (
            sorted(tables) if connection.dialect.name == "sqlite" else []
        ):
            raise StoreCorruptError(
                f"{name} has tables that mien did not make ({', '.join(strangers[:5])}); name "
                "another database by MIEN_DATABASE_URL"
            )
        return
    if revision not in {script.revision for script in known.walk_revisions()}:
        raise StoreVersionError(
            f"{name} has form {revision}, made by a newer mien than this one, which knows forms "
            f"up to {known.get_current_head()}; update mien"
        )
