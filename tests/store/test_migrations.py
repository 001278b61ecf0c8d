"""Databases of every older version open in this one, with all that was in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from mien.core.errors import StoreVersionError
from mien.store import Store, migrate, open_store
from mien.store.models import metadata
from old_stores import EXPECTED, FILLERS

REVISIONS = [script.revision for script in migrate.scripts().walk_revisions()]

NEXT_STEP = '''
"""A column that the next version might add."""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"

def upgrade():
    with op.batch_alter_table("sessions") as table:
        table.add_column(sa.Column("colour", sa.Text, nullable=False, server_default="blue"))
    {then}
'''


def build_old(path: Path, revision: str) -> None:
    """A database of a revision with data, made without anything newer."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate.migrate(connection, revision)
        FILLERS[revision](connection)
    engine.dispose()


def check_kept(store: Store) -> None:
    (session,) = store.sessions()
    for name in ("title", "consent_text", "label_set", "frames", "observations"):
        assert getattr(session, name) == EXPECTED[name]
    assert session.to_dict()["started_at"] == EXPECTED["started_at"]
    frames = list(store.frames(session.id))
    assert tuple(frame[0].expression["happiness"] for frame in frames) == EXPECTED["happiness"]
    assert [frame[0].track_id for frame in frames] == [1, None]
    assert frames[0][0].box.x2 == 110.0 and frames[0][0].sharpness == 123.4
    assert [person.name for person in store.people.of(session.id)] == [EXPECTED["name"]]
    assert [marker.word for marker in store.markers.of(session.id)] == [EXPECTED["word"]]
    assert [file.file for file in store.media.of(session.id)] == [EXPECTED["media"]]


def test_every_revision_has_a_database_to_try() -> None:
    assert set(REVISIONS) == set(FILLERS)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_a_revision_opens_with_its_data(tmp_path: Path, revision: str) -> None:
    build_old(tmp_path / "old.db", revision)
    with open_store(tmp_path / "old.db") as store:
        check_kept(store)
        with store.record(title="new in old") as recording:
            recording.mark("it goes on")
        store.delete(1)
        assert [session.title for session in store.sessions()] == ["new in old"]
        assert store.sessions()[0].id == recording.session_id


def test_migrations_lead_to_the_tables_that_the_code_knows(store: Store) -> None:
    with store._database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_opening_again_changes_nothing(store: Store, database_file: Path) -> None:
    store.record(title="x").close()
    store.close()
    before = database_file.read_bytes()
    with open_store(database_file) as again:
        assert again.count() == 1
    assert database_file.read_bytes() == before


class TestNextStep:
    """What the next version will do, with a step that is made up."""

    @pytest.fixture
    def old(self, tmp_path: Path) -> Path:
        build_old(tmp_path / "old.db", REVISIONS[0])
        return tmp_path / "old.db"

    def add_step(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(migrate.MIGRATIONS, folder)
        step = NEXT_STEP.format(revision="next", before=REVISIONS[0], then=then)
        (folder / "versions" / "next_step.py").write_text(step)
        monkeypatch.setattr(migrate, "MIGRATIONS", folder)

    def columns(self, path: Path) -> set[str]:
        engine = create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("select * from pragma_table_info('sessions')")
            found = {row.name for row in rows}
        engine.dispose()
        return found

    def test_it_is_taken_when_the_database_is_opened(
        self, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as newer:
            self.add_step(tmp_path, newer, "")
            with open_store(old) as store, store._database.reading() as connection:
                assert migrate.revision_of(connection) == "next"
                found = connection.exec_driver_sql("select title, colour from sessions").one()
                assert tuple(found) == (EXPECTED["title"], "blue")
        # And this version then says that it cannot read it.
        with pytest.raises(StoreVersionError, match="form next"):
            open_store(old)

    def test_one_that_fails_leaves_the_database_as_it_was(
        self, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as newer:
            self.add_step(tmp_path, newer, "raise ZeroDivisionError")
            with pytest.raises(ZeroDivisionError):
                open_store(old)
        assert "colour" not in self.columns(old)
        with open_store(old) as store:
            check_kept(store)
