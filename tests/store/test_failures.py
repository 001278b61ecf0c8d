"""Every trouble of a database has one kind of error, which says what to do."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mien.core.errors import (
    ConfigError,
    MissingExtraError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
    StoreVersionError,
)
from mien.core.paths import sessions_file
from mien.store import Store, open_store
from mien.store.failures import failure_of
from recordings import make_frames


class TestOpening:
    def test_by_default_it_is_a_file_of_the_user_that_nobody_else_reads(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("MIEN_DATABASE_URL", raising=False)
        with open_store() as store:
            assert store.name == str(sessions_file()) == str(tmp_path / "home" / "sessions.db")
            store.record(title="x").close()
            beside = [path.name for path in sessions_file().parent.iterdir()]
            assert "sessions.db-wal" in beside
            for path in sessions_file().parent.iterdir():
                assert path.stat().st_mode & 0o077 == 0, path
        assert [path.name for path in sessions_file().parent.iterdir()] == ["sessions.db"]

    def test_the_environment_names_another(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MIEN_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
        with open_store() as store:
            assert store.name == str(tmp_path / "other.db")
            assert store.media.folder == tmp_path / "other-media"

    def test_many_programs_can_open_a_new_one_at_once(self, database_file: Path) -> None:
        def use(number: int) -> None:
            with open_store(database_file) as store:
                store.record(title=str(number)).close()

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(use, range(6)))
        with open_store(database_file) as store:
            assert sorted(session.title for session in store.sessions()) == list("012345")

    @pytest.mark.parametrize("where", ["mysql://u:secret@h/d", "nonsense://", "sqlite://"])
    def test_what_is_no_database_is_wrong_use(self, where: str) -> None:
        with pytest.raises(ConfigError, match="expected sqlite:///FILE or postgresql://") as told:
            open_store(where)
        assert "secret" not in str(told.value)

    def test_a_server_that_is_not_there_is_named_without_its_password(self) -> None:
        pytest.importorskip("psycopg")
        with pytest.raises(StoreError, match=r"postgresql://u:\*\*\*@127\.0\.0\.1:1/d cannot be"):
            open_store("postgresql://u:secret@127.0.0.1:1/d", lock_wait_s=1)

    def test_postgresql_names_its_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mien.store.engine.find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"mien\[postgres\]"):
            open_store("postgres://h/d")


class TestCorrupt:
    def test_a_file_of_something_else(self, tmp_path: Path) -> None:
        path = tmp_path / "photo.jpg"
        path.write_bytes(os.urandom(8192))
        with pytest.raises(StoreCorruptError, match="damaged or no database; move it away"):
            open_store(path)

    def test_a_database_of_something_else(self, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "mail.db") as other:
            other.execute("create table letters (id integer)")
        other.close()
        with pytest.raises(StoreCorruptError, match=r"did not make \(letters\)"):
            open_store(tmp_path / "mail.db")
        with sqlite3.connect(tmp_path / "mail.db") as other:
            assert other.execute("select name from sqlite_master").fetchall() == [("letters",)]
        other.close()

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="cannot be opened"):
            open_store(tmp_path)

    def test_a_file_that_was_damaged_later(self, store: Store, database_file: Path) -> None:
        with store.record(title="x") as recording:
            for frame in make_frames(500):
                recording.add(frame)
        store.close()
        content = bytearray(database_file.read_bytes())
        content[12_288:-4096] = os.urandom(len(content) - 12_288 - 4096)
        database_file.write_bytes(content)
        with pytest.raises(StoreCorruptError), open_store(database_file) as damaged:
            list(damaged.frames(recording.session_id))

    def test_a_newer_mien(self, store: Store, database_file: Path) -> None:
        store.close()
        with sqlite3.connect(database_file) as newer:
            newer.execute("update alembic_version set version_num = '9999'")
        newer.close()
        with pytest.raises(StoreVersionError, match="form 9999, made by a newer mien"):
            open_store(database_file)


class TestLocked:
    def test_another_writer_is_waited_for_and_then_named(self, database_file: Path) -> None:
        with open_store(database_file, lock_wait_s=0.2) as store:
            number = store.record(title="x")
            number.close()
            other = sqlite3.connect(database_file, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreLockedError, match="locked: something else has been writing"):
                store.edit(number.session_id, title="y")
            # Reading goes on meanwhile.
            assert store.session(number.session_id).title == "x"
            other.execute("ROLLBACK")
            other.close()
            assert store.edit(number.session_id, title="y").title == "y"


class TestReadOnly:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """A folder that another user can come to, which those of pytest are not."""
        made = Path(tempfile.mkdtemp(prefix="mien-test-"))
        made.chmod(0o755)
        yield made
        made.chmod(0o700)
        shutil.rmtree(made)

    @pytest.fixture
    def nobody(self) -> Iterator[None]:
        """Be somebody to whom rights apply."""
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        yield
        if root:
            os.seteuid(0)

    @pytest.fixture
    def kept(self, folder: Path) -> Path:
        path = folder / "sessions.db"
        with open_store(path) as store, store.record(title="x") as recording:
            for frame in make_frames(3):
                recording.add(frame)
        path.chmod(0o444)
        return path

    def test_writing_is_refused(self, kept: Path, folder: Path, nobody: None) -> None:
        refused = pytest.raises(StoreReadOnlyError, match="can be read but not written")
        with refused, open_store(kept) as store:
            store.edit(1, title="y")

    def test_a_folder_without_the_right_to_write(self, folder: Path, nobody: None) -> None:
        with pytest.raises(StoreError, match="cannot be opened; check that it is there"):
            open_store(folder / "new.db")


class TestFull:
    def test_a_full_disk_is_said(self, store: Store) -> None:
        with store._database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")
            with pytest.raises(StoreFullError, match="the disk is full; make room"):
                connection.exec_driver_sql("create table more as select randomblob(100000)")

    def test_so_is_one_that_media_fill(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        recording = store.record(title="x")
        recording.close()

        def full(path: Path, content: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(StoreFullError, match="sessions-media cannot grow"):
            store.media.add(recording.session_id, b"x", kind="video", suffix=".mp4")
        assert store.media.of(recording.session_id) == []


def test_an_error_that_is_a_bug_stays_what_it_is() -> None:
    assert failure_of(sqlite3.ProgrammingError("no such column"), "x") is None
    assert failure_of(ValueError("x"), "x") is None
