"""The same store on a real PostgreSQL server, which is started here if it is installed.

Debian and Ubuntu: apt install postgresql; and the driver: pip install 'mien[postgres]'.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from mien.core.errors import (
    StoreError,
    StoreLockedError,
    StoreReadOnlyError,
    StoreVersionError,
)
from mien.recognition.summary.summary import summary
from mien.store import Store, migrate, open_store
from mien.store.engine import open_database
from mien.store.models import metadata
from old_stores import FILLERS
from postgresql_server import find_programs, serving
from recordings import make_frame, make_frames

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = find_programs()
    if programs is None:
        why = "PostgreSQL is not installed (apt install postgresql), so nothing is tried with it"
        with warnings.catch_warnings():
            # Not an error here, but more than a dot: pytest lists warnings at its end.
            warnings.simplefilter("default")
            warnings.warn(why, stacklevel=1)
        pytest.skip(why)
    pytest.importorskip("psycopg", reason="no driver: pip install 'mien[postgres]'")
    with serving(programs) as url:
        yield url


@pytest.fixture
def url(server: str) -> str:
    """An empty database."""
    database = open_database(server)
    with database.writing() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
    database.close()
    return server


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(url, media_folder=tmp_path / "media", lock_wait_s=2) as opened:
        yield opened


def test_a_session_from_consent_to_deletion(store: Store, tmp_path: Path) -> None:
    frames = list(make_frames(300, people=3))
    with store.record(
        title="A talk", source="camera", consent="I agree.", settings={"a": 1}, keep_days=2
    ) as recording:
        for frame in frames:
            recording.add(frame)
        recording.mark("slide \N{SNOWMAN}")
    number = recording.session_id
    session = store.session(number)
    assert (session.frames, session.observations, session.state) == (300, 900, "ended")
    assert session.started_at.utcoffset() is not None and session.settings == {"a": 1}
    assert session.ended_at is not None and session.ended_at >= session.started_at
    kept = list(store.frames(number))
    assert [frame.index for frame in kept] == list(range(300))
    figures = [face.to_dict()["expression"]["probabilities"] for face in kept[7]]
    assert figures == [face.to_dict()["expression"]["probabilities"] for face in frames[7]]
    assert summary(kept).to_dict()["frames"] == 300
    timeline = store.timeline(number, bins=9)
    assert [line.faces for line in timeline.lines] == [
        line.faces for line in _timeline_of_sqlite(tmp_path, frames)
    ]
    for mine, theirs in zip(timeline.lines, _timeline_of_sqlite(tmp_path, frames), strict=True):
        for label, means in mine.means.items():
            assert means == pytest.approx(theirs.means[label], abs=1e-9)
    assert [marker.word for marker in store.markers.of(number)] == ["slide \N{SNOWMAN}"]
    store.people.name(number, 2, "Ann")
    store.people.hide(number, 2)
    assert {face.track_id for frame in store.frames(number) for face in frame} == {1, 3}
    picture = store.media.add(number, b"x", kind="thumbnail", suffix=".jpg")
    assert [one.title for one in store.sessions(search="TALK", order="title")] == ["A talk"]
    store.delete(number)
    assert store.sessions() == [] and not store.media.path(picture).exists()
    with store._database.reading() as connection:
        for table in metadata.tables:
            found = connection.exec_driver_sql(f"select count(*) from {table}").scalar_one()
            assert found == 0, table


def _timeline_of_sqlite(tmp_path: Path, frames: list) -> tuple:  # type: ignore[type-arg]
    with open_store(tmp_path / "same.db") as other:
        if not other.count():
            with other.record(title="x") as recording:
                for frame in frames:
                    recording.add(frame)
        return other.timeline(1, bins=9).lines


def test_tracks_are_merged(store: Store) -> None:
    with store.record(title="x") as recording:
        for n, frame in enumerate(make_frames(20, people=1)):
            face = frame[0] if n < 10 else next(iter(make_frames(1, people=2)))[1]
            recording.add(make_frame(n, [face]))
    store.people.merge(recording.session_id, 2, into=1)
    assert {face.track_id for frame in store.frames(recording.session_id) for face in frame} == {1}
    assert [line.track_id for line in store.timeline(recording.session_id).lines] == [1]


@pytest.mark.parametrize("revision", sorted(FILLERS))
def test_a_database_of_a_revision_opens_with_its_data(url: str, revision: str) -> None:
    database = open_database(url)
    with database.writing() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
        migrate.migrate(connection, revision)
        FILLERS[revision](connection)
    database.close()
    with open_store(url) as store:
        (session,) = store.sessions()
        assert session.started_at.isoformat() == "2026-01-02T03:04:05.678000+00:00"
        assert [len(frame) for frame in store.frames(session.id)] == [1, 1]
        with store._database.reading() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []


def test_troubles_have_the_same_errors(url: str) -> None:
    with open_store(url, lock_wait_s=0.3) as store:
        store.record(title="x").close()
        with store._database.writing() as other:
            other.exec_driver_sql("select * from sessions for update")
            with pytest.raises(StoreLockedError, match="is locked"):
                store.edit(1, title="y")
        with store._database.writing() as connection:
            connection.exec_driver_sql("set transaction read only")
            with pytest.raises(StoreReadOnlyError, match="not written"):
                connection.exec_driver_sql("delete from markers")
        with store._database.writing() as connection:
            connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(StoreVersionError, match="form 9999"):
        open_store(url)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(url.replace("/postgres?", "/nowhere?"))
