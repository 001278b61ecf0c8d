"""What is deleted is gone: from every answer, and from every byte of the files."""

from __future__ import annotations

import sqlite3
import struct
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mien.core.errors import StoreError, StoreLockedError
from mien.store import Store, open_store, records
from mien.store.records import now_utc
from recordings import make_frame, make_frames

SECRETS = (
    "Quarterly-Review",
    "camera-of-Mallory",
    "whispered-note",
    "agreed-by-Mallory",
    "Mallory-herself",
    "laughed-out-loud",
    "secret-setting",
    "spoilt-frame",
)
# A moment that only this session has, as the file keeps a number of 8 bytes.
MOMENT_S = 1234.567891


def record_secrets(store: Store, count: int = 400) -> int:
    with store.record(
        title=SECRETS[0],
        source=SECRETS[1],
        note=SECRETS[2],
        consent=SECRETS[3],
        settings={"x": SECRETS[6]},
        keep_days=1,
    ) as recording:
        for frame in make_frames(count, people=4):
            recording.add(frame)
        recording.mark(SECRETS[5])
        recording.add(replace(make_frame(count), timestamp_s=MOMENT_S, error=SECRETS[7]))
    store.people.name(recording.session_id, 1, SECRETS[4])
    store.media.add(recording.session_id, b"face-of-Mallory", kind="thumbnail", suffix=".jpg")
    return recording.session_id


def record_others(store: Store) -> int:
    with store.record(title="Another") as recording:
        for frame in make_frames(300, people=3, seed=9):
            recording.add(frame)
    return recording.session_id


def found_in(folder: Path) -> set[str]:
    """Which of the secrets is in any file of a folder, its name or its bytes."""
    contents = b"".join(
        str(path).encode() + (path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    )
    places = {secret: secret.encode() for secret in (*SECRETS, "face-of-Mallory")}
    places["the moment"] = struct.pack(">d", MOMENT_S)
    return {name for name, content in places.items() if content in contents}


def test_deleting_leaves_no_byte_behind(store: Store, database_file: Path) -> None:
    folder = database_file.parent
    between = record_others(store)
    number = record_secrets(store)
    record_others(store)
    # Else this would find nothing whatever was there.
    assert found_in(folder) == {*SECRETS, "face-of-Mallory", "the moment"}
    store.delete(number)
    # While the store is open, with its log beside it; and when it is closed.
    assert found_in(folder) == set()
    assert [session.title for session in store.sessions()] == ["Another", "Another"]
    assert sum(len(frame) for frame in store.frames(between)) == 900
    store.close()
    assert found_in(folder) == set()
    assert not list(folder.rglob("*.jpg"))


def test_the_file_gets_smaller(store: Store, database_file: Path) -> None:
    record_others(store)
    store.close()
    before = database_file.stat().st_size
    number = record_secrets(store)
    store.delete(number)
    store.close()
    assert database_file.stat().st_size <= 1.1 * before


def test_a_number_is_never_given_again(store: Store) -> None:
    number = record_secrets(store, count=1)
    store.delete(number)
    assert record_others(store) > number


def test_several_are_deleted_or_none(store: Store) -> None:
    numbers = [record_others(store), record_others(store)]
    with pytest.raises(StoreError, match="no session 77"):
        store.delete(*numbers, 77)
    assert store.count() == 2
    store.delete(*numbers)
    assert store.count() == 0


def test_a_reader_in_the_way_is_named_and_the_next_purge_wipes(database_file: Path) -> None:
    with open_store(database_file, lock_wait_s=0.2) as store:
        number = record_secrets(store)
        reader = sqlite3.connect(database_file, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("select count(*) from observations").fetchall()
        with pytest.raises(StoreLockedError, match="mien sessions purge"):
            store.delete(number)
        assert store.sessions() == []
        reader.close()
        assert store.purge() == []
        assert found_in(database_file.parent) == set()


def test_purging_deletes_what_is_due_and_nothing_else(
    store: Store, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = record_secrets(store)
    kept = record_others(store)
    store.keep(kept, 3)
    assert store.due() == [] and store.purge() == []

    def in_two_days() -> object:
        return now_utc() + timedelta(days=2)

    monkeypatch.setattr("mien.store.sessions.now_utc", in_two_days)
    assert [session.id for session in store.due()] == [due]
    assert [session.title for session in store.purge()] == [SECRETS[0]]
    assert [session.id for session in store.sessions()] == [kept]
    assert found_in(database_file.parent) == set()


def test_a_recording_is_not_purged_while_it_runs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "SILENT_AFTER_S", 1e6)
    with store.record(title="long", keep_days=1) as recording:
        with monkeypatch.context() as patch:
            patch.setattr("mien.store.sessions.now_utc", lambda: now_utc() + timedelta(days=2))
            assert store.purge() == []
        recording.add(make_frame(0))
    assert store.count() == 1


def test_media_that_cannot_be_removed_keep_the_session(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = record_secrets(store, count=1)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(StoreError, match="sessions-media cannot be"):
        store.delete(number)
    assert store.count() == 1
