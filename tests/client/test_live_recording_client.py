"""Sessions recorded by the client over a live connection, and past the restart of a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.client import Client, LiveRecording
from mien.core import errors
from mien.store import Store, open_store
from mien.store.writing import Writer
from mien.web.live import recorder
from mien.web.settings import load_settings
from tests.web.running import RunningServer
from tests.web.test_live_recording import TwoFaces

CONSENT = "We agree to be recorded."
FRAME = b"\xff\xd8\xff" + bytes(10)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "store" / "sessions.db"


@pytest.fixture
def server(database: Path) -> Iterator[RunningServer]:
    chosen = load_settings(port=0, frames_per_s=1000, database_url=f"sqlite:///{database}")
    running = RunningServer(chosen, TwoFaces())
    yield running
    running.stop()


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with open_store(database) as opened:
        yield opened


def test_a_recording_is_as_long_as_its_block(server: RunningServer, store: Store) -> None:
    with Client(server.url) as client, client.live() as live:
        live.read(FRAME)
        assert live.session is None and live.session_s is None
        with live.recording(
            "Rehearsal", consent=CONSENT, note="with music", keep_days=3, clip="film.mp4"
        ) as recording:
            assert isinstance(recording, LiveRecording)
            assert recording.status.state == "recording"
            results = [live.read(FRAME) for _ in range(4)]
            last_s = live.session_s
            marked = recording.mark("applause")
            assert recording.mark("begin", 0).timestamp_s == 0
        assert (recording.status.state, recording.status.frames) == ("ended", 4)
        live.read(FRAME)
        assert live.session_s is None
    session = store.session(recording.session_id)
    assert (session.title, session.note, session.state) == ("Rehearsal", "with music", "ended")
    assert (session.consent_text, session.frames) == (CONSENT, 4)
    assert session.settings["clip"] == {"name": "film.mp4", "duration_s": None}
    assert last_s is not None and marked.timestamp_s >= last_s
    assert last_s == pytest.approx(results[-1].timestamp_s - results[0].timestamp_s, abs=1e-3)
    words = [marker.word for marker in store.markers.of(session.id)]
    assert sorted(words) == ["applause", "begin"]


def test_what_is_refused_raises_and_the_recording_goes_on(server: RunningServer) -> None:
    with Client(server.url) as client, client.live() as live:
        with pytest.raises(errors.ServerError, match="no session is being recorded") as none:
            live.stop()
        assert none.value.code == "not_recording"
        with pytest.raises(errors.ConfigError, match="consent"):
            live.recording("without", consent="")
        with live.recording("one", consent=CONSENT) as recording:
            with pytest.raises(errors.ServerError, match="stop it first"):
                live.recording("two", consent=CONSENT)
            with pytest.raises(errors.ServerError, match="one way throughout"):
                live.configure(smoothing_s=3)
            with pytest.raises(errors.ConfigError, match="cannot be marked yet"):
                recording.mark("tomorrow", 86_400)
            live.read(FRAME)
        assert recording.status.frames == 1
        assert live.configure(smoothing_s=3).smoothing_s == 3


def test_a_session_can_be_gone_on_with(server: RunningServer, store: Store) -> None:
    with Client(server.url) as client:
        with client.live() as live, live.recording("first", consent=CONSENT) as recording:
            live.read(FRAME)
        with client.live() as live:
            with live.resume(recording.session_id) as again:
                result = live.read(FRAME)
            assert again.status.frames == 2
            with live.recording("running", consent=CONSENT) as running, client.live() as other:
                with pytest.raises(errors.SessionRunningError):
                    other.resume(running.session_id)
                with pytest.raises(errors.ServerError):
                    other.resume(12_345)
    assert {face.track_id for face in result} == {3, 4}
    assert store.session(recording.session_id).frames == 2


def test_a_session_outlives_the_restart_of_its_server(
    server: RunningServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.client.live.FIRST_PAUSE_S", 0.05)
    with (
        Client(server.url) as client,
        client.live() as live,
        live.recording("long", consent=CONSENT) as recording,
    ):
        before = live.read(FRAME)
        server.stop()
        assert store.session(recording.session_id).state == "ended"
        back = threading.Timer(0.5, server.start)
        back.start()
        after = live.read(FRAME)
        back.join()
        assert live.reconnects == 1
        assert recording.mark("back").timestamp_s >= 0.5
    assert (recording.status.state, recording.status.frames) == ("ended", 2)
    # One's numbers are those of the session, and nobody else's afterwards.
    assert [face.track_id for face in before] == [1, 2]
    assert [face.track_id for face in after] == [3, 4]
    frames = list(store.frames(recording.session_id))
    assert [[face.track_id for face in frame] for frame in frames] == [[1, 2], [3, 4]]
    assert frames[1].timestamp_s >= 0.5


def test_a_recording_that_fails_is_told_at_its_end(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TELL_EVERY_S", 0.05)

    def full(self: Writer, items: object, *, is_end: bool) -> None:
        raise errors.StoreFullError("the disk is full")

    with Client(server.url) as client, client.live() as live:
        with (
            pytest.raises(errors.ServerError, match="disk is full"),
            live.recording("too much", consent=CONSENT) as recording,
        ):
            monkeypatch.setattr(Writer, "write", full)
            until = time.monotonic() + 20
            while recording.status.state == "recording":
                assert time.monotonic() < until
                live.read(FRAME)
                time.sleep(0.05)
        assert len(live.read(FRAME)) == 2, "the view goes on"
