"""Recorded sessions of a real server from Python: found, read, changed, exported, deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from mien.client import Client
from mien.core.errors import (
    ConfigError,
    NotOnePersonError,
    ServerAccessError,
    ServerError,
    SessionRunningError,
    TableWriteError,
)
from mien.recognition.rows.rows import rows_of
from mien.recognition.summary.summary import summary
from mien.store import Store
from mien.web.settings import load_settings
from recordings import make_frame
from tests.bundles import write_tiny_bundle
from tests.web.made_sessions import COMES_BACK, FRAMES, Made, make_session
from tests.web.running import RunningServer

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/client.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("sessions")
    settings = load_settings(
        port=0,
        bundle=str(write_tiny_bundle(folder)),
        detector="haar",
        database_url=f"sqlite:///{folder / 'sessions.db'}",
    )
    running = RunningServer(settings)
    yield running
    running.stop()


@pytest.fixture
def store(server: RunningServer) -> Store:
    found: Store = server.app.state.services.store()
    return found


@pytest.fixture
def made(store: Store) -> Made:
    return make_session(store, keep_days=30)


def test_a_session_is_told_as_the_store_has_it(client: Client, store: Store, made: Made) -> None:
    there, here = client.session(made.session_id), store.session(made.session_id)
    told = vars(there.session)
    for name, value in vars(here).items():
        if name.endswith("_at") or name == "keep_until":
            # Moments go to the millisecond.
            assert abs((told[name] - value).total_seconds()) < 0.001
        else:
            assert told[name] == value, name
    assert there.session.duration_s == pytest.approx(here.duration_s, abs=1e-4)
    # Times go to a tenth of a millisecond.
    assert [vars(one) for one in there.people] == [
        one.to_dict() for one in store.people.of(made.session_id)
    ]
    assert [vars(one) for one in there.markers] == [
        one.to_dict() for one in store.markers.of(made.session_id)
    ]
    assert there.labels[:2] == ("neutral", "happiness")
    assert [(file.id, file.kind) for file in there.media] == [(made.media_id, "thumbnail")]


def test_sessions_are_found_over_all_pages(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.client.sessions._PAGE", 2)
    for number in range(5):
        store.record(title=f"paged {number}").close()
    found = [session.title for session in client.sessions("paged")]
    assert found == [f"paged {number}" for number in reversed(range(5))]
    first = client.sessions("paged", order="title", descending=False, limit=3, offset=1)
    assert [session.title for session in first] == ["paged 1", "paged 2", "paged 3"]
    assert client.sessions("paged nowhere") == []


def test_courses_and_figures_are_the_stores(client: Client, store: Store, made: Made) -> None:
    wanted = store.timeline(made.session_id, start_s=1, end_s=3, bins=4)
    told = client.timeline(made.session_id, start_s=1, end_s=3, bins=4)
    assert (told.start_s, told.bins, len(told.lines)) == (1, 4, 3)
    for line, other in zip(told.lines, wanted.lines, strict=True):
        assert (line.track_id, line.bins, line.faces) == (other.track_id, other.bins, other.faces)
        for label, means in other.means.items():
            assert line.means[label] == pytest.approx(means, abs=5e-5)
    (together,) = client.timeline(made.session_id, together=True, bins=1, smoothed=False).lines
    assert together.faces == (2 * FRAMES,)
    assert client.summary(made.session_id) == summary(store.frames(made.session_id)).to_dict()
    with pytest.raises(ConfigError, match="bins"):
        client.timeline(made.session_id, bins=0)


def test_changes_are_kept(client: Client, made: Made) -> None:
    number = made.session_id
    assert client.edit_session(number, title="Another").title == "Another"
    changed = client.edit_session(number, note="why")
    assert (changed.title, changed.note) == ("Another", "why")
    assert client.keep_session(number, None).keep_until is None
    kept = client.keep_session(number, 3)
    assert kept.keep_until is not None and (kept.keep_until - kept.started_at).days == 3
    with pytest.raises(ConfigError, match="title"):
        client.edit_session(number, title="  ")


def test_people_and_markers_are_what_somebody_says(client: Client, made: Made) -> None:
    number = made.session_id
    assert [one.name for one in client.name_person(number, 2, "Ann")] == [None, "Ann", None]
    assert client.name_person(number, 2, None)[1].name is None
    assert client.hide_person(number, 2)[1].hidden
    assert not client.hide_person(number, 2, hidden=False)[1].hidden
    assert client.merge_people(number, COMES_BACK, into=1)[2].same_as == 1
    assert client.separate_person(number, COMES_BACK)[2].same_as is None
    with pytest.raises(NotOnePersonError, match="same frames"):
        client.merge_people(number, 1, into=2)
    marker = client.add_marker(number, 3.5, "applause")
    assert client.session(number).markers[-1] == marker
    client.delete_marker(number, marker)
    client.delete_marker(number, made.marker_id)
    assert client.session(number).markers == ()


def test_exports_are_written_whole(
    client: Client, store: Store, made: Made, tmp_path: Path
) -> None:
    for suffix, begins in ((".csv", b"version,source,"), (".parquet", b"PAR1"), (".json", b"{")):
        client.export_session(made.session_id, tmp_path / f"talk{suffix}")
        assert (tmp_path / f"talk{suffix}").read_bytes().startswith(begins)
    client.export_session(made.session_id, str(tmp_path / "talk.html"))
    assert "<h1>A talk</h1>" in (tmp_path / "talk.html").read_text(encoding="utf-8")
    client.export_session(made.session_id, tmp_path / "talk.pdf")
    assert (tmp_path / "talk.pdf").read_bytes().startswith(b"%PDF")
    rows = [row for frame in store.frames(made.session_id) for row in rows_of(frame)]
    assert len(pd.read_csv(tmp_path / "talk.csv")) == len(rows) == 2 * FRAMES
    with pytest.raises(TableWriteError, match="is there already"):
        client.export_session(made.session_id, tmp_path / "talk.csv")
    client.export_session(made.session_id, tmp_path / "talk.csv", overwrite=True)
    with pytest.raises(TableWriteError, match="cannot write"):
        client.export_session(made.session_id, tmp_path / "no" / "talk.csv")
    with pytest.raises(ConfigError, match=r"\.pdf, got"):
        client.export_session(made.session_id, tmp_path / "talk.doc")


def test_an_export_that_fails_leaves_no_file(client: Client, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no session 4711") as refused:
        client.export_session(4711, tmp_path / "talk.csv")
    assert refused.value.code == "not_found" and list(tmp_path.iterdir()) == []


def test_a_kept_face_is_saved(client: Client, store: Store, made: Made, tmp_path: Path) -> None:
    (media,) = client.session(made.session_id).media
    client.save_media(made.session_id, media, tmp_path / "face.jpg")
    kept = store.media.path(store.media.find(made.session_id, made.media_id))
    assert (tmp_path / "face.jpg").read_bytes() == kept.read_bytes()


def test_a_session_is_deleted_once_it_has_ended(client: Client, store: Store) -> None:
    with store.record(title="running") as recording:
        recording.add(make_frame(0))
        with pytest.raises(SessionRunningError, match="end that first"):
            client.delete_session(recording.session_id)
    client.delete_session(recording.session_id)
    with pytest.raises(ServerError, match="no session") as gone:
        client.session(recording.session_id)
    assert gone.value.code == "not_found"


def test_the_example_of_the_document_runs(
    client: Client, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = re.search(
        r"## Recorded sessions\n\n```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL
    )
    assert example is not None
    made = make_session(store, "documented")
    code = example[1].replace("(3", f"({made.session_id}").replace("4, into", "3, into")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(DOCUMENT), "exec"), {"client": client})
    assert (tmp_path / "talk.pdf").is_file() and client.sessions("documented") == []


def test_a_server_that_keeps_nothing_does_not_ask_for_a_token(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
    running = RunningServer(
        load_settings(port=0, bundle=str(bundle), detector="haar", recording=False)
    )
    with Client(running.url, timeout_s=60) as client, pytest.raises(ServerError) as refused:
        client.sessions()
    running.stop()
    assert refused.value.code == "recording_off"
    assert not isinstance(refused.value, ServerAccessError)
