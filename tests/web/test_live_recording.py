"""Recording on the live socket: what is kept, when, and what is left when something breaks."""

from __future__ import annotations

import json
import os
import random
import signal
import socket as sockets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mien.core.errors import StoreFullError
from mien.core.labels import FERPLUS
from mien.core.types import Box, Expression, Face, FrameResult
from mien.store import Store, open_store, records
from mien.store.writing import Writer
from mien.web.engine import Choice
from mien.web.live import recorder
from mien.web.live.pictures import MOST_PICTURES, PeakPictures
from mien.web.routes.page import page_is_built
from mien.web.schemas import catalogue as catalogue_json
from mien.web.schemas import live as live_json
from mien.web.settings import Settings, load_settings
from tests.web.running import RunningServer

CONSENT = "I agree that my expressions are recorded."
RECORD = {"type": "record", "title": "Rehearsal", "consent": CONSENT}
Message = dict[str, Any]
LONG_S = 60.0


class TwoFaces:
    """Reads two faces in every frame, the left one as happy as it is told to."""

    bundle_name = "two"
    default = Choice("fake", "ferplus")

    def __init__(self) -> None:
        self.happiness = 0.9
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def catalogue(self) -> catalogue_json.ModelsReply:
        raise NotImplementedError

    def prepare(self, choice: Choice) -> str:
        return choice.detector

    def locate(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> FrameResult:
        self.asked.set()
        assert self.may_answer.wait(LONG_S)
        faces = tuple(
            Face(Box(x, 20, x + 60, 90), 0.9, self._expression(happiness))
            for x, happiness in ((10, self.happiness), (150, 0.1))
        )
        return FrameResult(index, timestamp_s, (240, 120), faces, choice.detector, {"detect": 1.0})

    def read(self, seen: Sequence[FrameResult]) -> list[FrameResult]:
        return list(seen)

    def _expression(self, happiness: float) -> Expression:
        rest = {label: 0.0 for label in FERPLUS.labels}
        return Expression(rest | {"happiness": happiness, "neutral": 1 - happiness}, "ferplus")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "store" / "sessions.db"


@pytest.fixture
def settings(database: Path) -> Settings:
    return load_settings(port=0, frames_per_s=1000, database_url=f"sqlite:///{database}")


@pytest.fixture
def engine() -> TwoFaces:
    return TwoFaces()


@pytest.fixture
def server(settings: Settings, engine: TwoFaces) -> Iterator[RunningServer]:
    running = RunningServer(settings, engine)
    yield running
    running.stop()


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with open_store(database) as opened:
        yield opened


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    chance = np.random.default_rng(0)
    image = cv2.resize(chance.integers(0, 255, (6, 12, 3), np.uint8), (240, 120))
    return cv2.imencode(".jpg", image)[1].tobytes()


class Page:
    """A page's side of the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: list[Message] = []
        assert self.receive()["type"] == "ready"

    def say(self, message: Message) -> None:
        self.socket.send(json.dumps(message))

    def receive(self) -> Message:
        message: Message = json.loads(self.socket.recv(timeout=LONG_S))
        self.told.append(message)
        return message

    def until(self, kind: str, fits: Callable[[Message], bool] = lambda _: True) -> Message:
        # A session that goes on is told every second, so that waiting for a message is not enough.
        deadline = time.monotonic() + LONG_S
        while time.monotonic() < deadline:
            message = self.receive()
            if message["type"] == kind and fits(message):
                return message
        raise AssertionError(f"no {kind} came; the last was {self.told[-1]}")

    def frame(self, jpeg: bytes) -> Message:
        self.socket.send(jpeg)
        return self.until("result")

    def record(self, **more: Any) -> Message:
        self.say(RECORD | more)
        return self.until("recording")

    def stop(self) -> Message:
        self.say({"type": "stop"})
        return self.until("recording", lambda message: message["state"] != "recording")

    def refused(self, message: Message) -> str:
        self.say(message)
        code: str = self.until("error")["error"]["code"]
        return code


@contextmanager
def page_of(server: RunningServer) -> Iterator[Page]:
    with connect(server.url.replace("http", "ws") + "/v1/live", proxy=None) as socket:
        yield Page(socket)


def wait_for(happened: Callable[[], bool], seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.02)


def test_a_session_has_the_frames_between_record_and_stop(
    server: RunningServer, store: Store, jpeg: bytes
) -> None:
    before = datetime.now(UTC)
    with page_of(server) as page:
        assert page.frame(jpeg)["session_s"] is None
        begun = page.record(
            note="with music",
            keep_days=7,
            clip={"name": "film.mp4", "duration_s": 61.5},
        )
        results = [page.frame(jpeg) for _ in range(5)]
        page.say({"type": "mark", "word": " applause "})
        marked = page.until("marked")
        page.say({"type": "mark", "word": "begin", "timestamp_s": 0.0})
        page.until("marked")
        ended = page.stop()
        assert page.frame(jpeg)["session_s"] is None
    for told in (begun, ended):
        assert live_json.LiveRecording.model_validate(told)
    assert (begun["state"], begun["frames"], begun["session_s"]) == ("recording", 0, 0)
    assert (ended["state"], ended["frames"], ended["faces"], ended["dropped"]) == (
        "ended",
        5,
        10,
        0,
    )
    assert ended["error"] is None

    session = store.session(begun["session_id"])
    assert (session.title, session.note, session.state) == ("Rehearsal", "with music", "ended")
    assert (session.consent_text, session.bundle, session.source) == (CONSENT, "two", "live page")
    assert session.consent_at is not None and before <= session.consent_at <= datetime.now(UTC)
    assert session.keep_until is not None and (session.keep_until - before).days == 7
    assert session.settings == {
        "origin": "live",
        "bundle": "two",
        "detector": "fake",
        "label_set": "ferplus",
        "prior": "default",
        "prior_strength": None,
        "uncertain_below": 0.0,
        "smoothing_s": 0.35,
        "pictures": False,
        "clip": {"name": "film.mp4", "duration_s": 61.5},
    }
    # The session's clock begins with its first frame, and is the connection's from then on.
    told_s = [result["session_s"] for result in results]
    camera_s = [result["frame"]["timestamp_s"] for result in results]
    assert told_s[0] == 0
    assert np.allclose(told_s, np.array(camera_s) - camera_s[0], atol=2e-4)
    frames = list(store.frames(session.id))
    assert np.allclose([frame.timestamp_s for frame in frames], told_s, atol=1e-4)
    for frame, result in zip(frames, results, strict=True):
        for face, seen in zip(frame.faces, result["frame"]["faces"], strict=True):
            assert face.track_id == seen["track_id"]
            assert face.smoothed is not None
            assert dict(face.smoothed.probabilities) == seen["smoothed"]["probabilities"]
    assert marked["timestamp_s"] >= told_s[-1]
    assert [(m.word, round(m.timestamp_s, 4)) for m in store.markers.of(session.id)] == [
        ("begin", 0.0),
        ("applause", marked["timestamp_s"]),
    ]


def test_a_frame_that_came_before_the_consent_is_not_kept(
    server: RunningServer, engine: TwoFaces, store: Store, jpeg: bytes
) -> None:
    with page_of(server) as page:
        engine.may_answer.clear()
        page.socket.send(jpeg)
        assert engine.asked.wait(LONG_S)
        number = page.record()["session_id"]
        engine.may_answer.set()
        assert page.until("result")["session_s"] is None
        page.stop()
    assert store.session(number).frames == 0


def test_how_it_stands_is_told_every_second(
    server: RunningServer, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TELL_EVERY_S", 0.1)
    with page_of(server) as page:
        page.record()
        page.frame(jpeg)
        told = page.until("recording", lambda message: message["frames"] == 1)
        assert (told["state"], told["title"], told["faces"]) == ("recording", "Rehearsal", 2)
        page.stop()
        time.sleep(0.3)
        page.frame(jpeg)
        assert page.told[-1]["type"] == "result", "nothing is told of a session that has ended"


def test_what_does_not_fit_now_is_refused_and_recording_goes_on(
    server: RunningServer, jpeg: bytes
) -> None:
    with page_of(server) as page:
        assert page.refused({"type": "stop"}) == "not_recording"
        assert page.refused({"type": "mark", "word": "x"}) == "not_recording"
        assert page.refused({"type": "resume", "session_id": 77}) == "not_found"
        assert page.refused({"type": "resume", "session_id": 2**40}) == "invalid_message"
        assert page.refused(RECORD | {"title": "  "}) == "invalid_request"
        assert page.refused({"type": "record", "title": "without consent"}) == "invalid_message"
        number = page.record()["session_id"]
        assert page.refused(RECORD) == "already_recording"
        assert page.refused({"type": "resume", "session_id": number}) == "already_recording"
        assert page.refused({"type": "mark", "word": "x", "timestamp_s": 9.0}) == "invalid_request"
        page.frame(jpeg)
        assert page.stop()["frames"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"label_set": "fer2013"},
        {"detector": "full"},
        {"bundle": "other"},
        {"prior": "balanced"},
        {"prior_strength": 0.5},
        {"uncertain_below": 0.5},
        {"smoothing_s": 1.0},
    ],
)
def test_what_decides_on_the_figures_is_locked_while_recording(
    server: RunningServer, change: Message
) -> None:
    with page_of(server) as page:
        page.record()
        assert page.refused({"type": "configure", **change}) == "recording_locked"
        page.say({"type": "configure", "label_set": "ferplus", "smoothing_s": 0.35})
        assert page.until("ready")["smoothing_s"] == 0.35, "what changes nothing may be said"
        page.stop()
        page.say({"type": "configure", **change})
        page.until("ready")


def test_nobody_gets_a_number_twice_though_faces_are_followed_anew(
    server: RunningServer, jpeg: bytes
) -> None:
    with page_of(server) as page:
        assert ids(page.frame(jpeg)) == {1, 2}
        page.say({"type": "configure", "smoothing_s": 2.0})
        page.until("ready")
        assert ids(page.frame(jpeg)) == {3, 4}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_said_of_recording_is_answered(
    server: RunningServer, store: Store, jpeg: bytes, seed: int
) -> None:
    """Messages of every kind with values of every kind, in any order."""
    chance = random.Random(seed)
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**70,
        1e308,
        "",
        " ",
        "\x00",
        "a\x00b",
        "\u202e",
    ]
    odd += ["\ud800", "é" * 200, "x" * 201, "x" * 2001, [], {}, {"name": "c"}, {"name": "\x00"}]
    fields = {
        "record": ["title", "consent", "note", "keep_days", "pictures", "clip", "more"],
        "resume": ["session_id"],
        "mark": ["word", "timestamp_s"],
        "stop": ["word"],
    }
    with page_of(server) as page:
        for _ in range(15):
            kind = chance.choice(list(fields))
            message: Message = {"type": kind}
            if kind == "record":
                message = dict(RECORD)
            if kind == "mark":
                message["word"] = "word"
            for name in fields[kind]:
                if chance.random() < 0.3:
                    message[name] = chance.choice(odd)
            page.say(message)
            answer = page.receive()
            while answer["type"] == "recording" and answer["state"] == "recording":
                if kind in ("record", "resume"):
                    break
                answer = page.receive()
            assert answer["type"] in ("error", "recording", "marked"), answer
            if answer["type"] == "error":
                assert answer["error"]["code"] not in ("internal_error", "store_unavailable")
        assert page.frame(jpeg)["type"] == "result"
    wait_for(lambda: all(session.state == "ended" for session in store.sessions()))


def test_too_many_messages_about_recording_are_refused(server: RunningServer) -> None:
    with page_of(server) as page:
        page.record()
        for number in range(recorder.MESSAGES_AT_ONCE + 5):
            page.say({"type": "mark", "word": f"{number}"})
        assert page.until("error")["error"]["code"] == "too_many_messages"


def test_a_server_that_may_not_record_says_so(tmp_path: Path, jpeg: bytes) -> None:
    file = tmp_path / "never.db"
    chosen = load_settings(port=0, recording=False, database_url=f"sqlite:///{file}")
    running = RunningServer(chosen, TwoFaces())
    try:
        with page_of(running) as page:
            assert page.refused(RECORD) == "recording_off"
            assert page.frame(jpeg)["session_s"] is None
    finally:
        running.stop()
    assert not file.exists()


class TestEnds:
    """However a connection ends, its session ends whole."""

    def test_a_lost_connection_ends_the_session(
        self, server: RunningServer, store: Store, jpeg: bytes
    ) -> None:
        with page_of(server) as page:
            number = page.record()["session_id"]
            page.frame(jpeg)
            # No goodbye: the line is cut.
            page.socket.socket.shutdown(sockets.SHUT_RDWR)
            wait_for(lambda: store.session(number).state == "ended")
        assert store.session(number).frames == 1
        wait_for(lambda: not len(server.app.state.services.recordings))

    def test_a_server_that_stops_ends_all_sessions(
        self, settings: Settings, store: Store, jpeg: bytes
    ) -> None:
        running = RunningServer(settings, TwoFaces())
        with page_of(running) as one, page_of(running) as other:
            numbers = [page.record()["session_id"] for page in (one, other)]
            for page in (one, other):
                page.frame(jpeg)
            started_s = time.monotonic()
            running.stop()
            assert time.monotonic() - started_s < 5
            for page in (one, other):
                with pytest.raises(ConnectionClosed) as closed:
                    page.until("never")
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        for number in numbers:
            session = store.session(number)
            assert (session.state, session.frames) == ("ended", 1)

    def test_a_server_stops_in_time_though_the_disk_does_not(
        self, settings: Settings, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hold = threading.Event()
        written = Writer.write

        def stuck(self: Writer, items: Any, *, is_end: bool) -> None:
            hold.wait(30)
            written(self, items, is_end=is_end)

        running = RunningServer(settings, TwoFaces())
        with page_of(running) as page:
            page.record()
            monkeypatch.setattr(Writer, "write", stuck)
            page.frame(jpeg)
            started_s = time.monotonic()
            running.stop()
            assert time.monotonic() - started_s < 9.5
        hold.set()


class TestDisk:
    def test_a_disk_that_stands_still_holds_up_no_frame(
        self, server: RunningServer, store: Store, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written, opened = Writer.write, Store.record
        may_write, may_open = threading.Event(), threading.Event()

        def slow_write(self: Writer, items: Any, *, is_end: bool) -> None:
            assert may_write.wait(30)
            written(self, items, is_end=is_end)

        def slow_record(self: Store, **how: Any) -> Any:
            assert may_open.wait(30)
            return opened(self, **how)

        monkeypatch.setattr(Writer, "write", slow_write)
        monkeypatch.setattr(Store, "record", slow_record)
        with page_of(server) as page:
            page.say(RECORD)
            assert [page.frame(jpeg)["session_s"] for _ in range(3)] == [None] * 3
            may_open.set()
            number = page.until("recording")["session_id"]
            assert None not in [page.frame(jpeg)["session_s"] for _ in range(3)]
            page.say({"type": "mark", "word": "still"})
            page.until("marked")
            page.say({"type": "stop"})
            # Until the disk has the end of it, the view goes on.
            wait_for(lambda: page.frame(jpeg)["session_s"] is None)
            assert page.frame(jpeg)["session_s"] is None
            may_write.set()
            ended = page.until("recording", lambda message: message["state"] == "ended")
        assert ended["dropped"] == 0
        assert store.session(number).frames == ended["frames"] >= 3

    def test_a_full_disk_ends_the_recording_and_not_the_view(
        self, server: RunningServer, store: Store, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = Writer.write
        is_full = threading.Event()

        def full(self: Writer, items: Any, *, is_end: bool) -> None:
            if is_full.is_set():
                raise StoreFullError("the disk is full")
            written(self, items, is_end=is_end)

        monkeypatch.setattr(Writer, "write", full)
        with page_of(server) as page:
            number = page.record()["session_id"]
            page.frame(jpeg)
            wait_for(lambda: store.session(number).frames == 1)
            is_full.set()
            page.frame(jpeg)
            failed = page.until("recording", lambda message: message["state"] != "recording")
            assert (failed["state"], failed["error"]["code"]) == ("failed", "store_full")
            assert page.frame(jpeg)["session_s"] is None
            is_full.clear()
            again = page.record(title="again")
            assert again["session_id"] != number
            assert page.frame(jpeg)["session_s"] == 0
            assert page.stop()["state"] == "ended"
        assert store.session(number).frames == 1, "what was written is kept"

    def test_a_bug_while_writing_fails_the_recording_without_its_inside(
        self, server: RunningServer, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(self: Writer, items: Any, *, is_end: bool) -> None:
            raise ZeroDivisionError("a secret of the inside")

        with page_of(server) as page:
            page.record()
            monkeypatch.setattr(Writer, "write", broken)
            page.frame(jpeg)
            failed = page.until("recording", lambda message: message["state"] != "recording")
            assert failed["state"] == "failed" and "secret" not in json.dumps(failed)
            assert page.frame(jpeg)["session_s"] is None


class TestResume:
    def test_it_goes_on_with_the_pause_and_gives_no_number_twice(
        self, server: RunningServer, store: Store, jpeg: bytes
    ) -> None:
        with page_of(server) as page:
            number = page.record()["session_id"]
            first = [page.frame(jpeg) for _ in range(3)]
            page.stop()
        time.sleep(0.6)
        with page_of(server) as page:
            # Whoever was seen here before must not be taken for the session's people.
            assert ids(page.frame(jpeg)) == {1, 2}
            page.say({"type": "resume", "session_id": number})
            told = page.until("recording")
            assert (told["state"], told["frames"], told["faces"]) == ("recording", 3, 6)
            later = [page.frame(jpeg) for _ in range(2)]
            ended = page.stop()
        assert (ended["frames"], ended["faces"]) == (5, 10)
        assert ids(first[0]) == {1, 2}
        assert ids(later[0]) == ids(later[1]) == {3, 4}
        pause_s = later[0]["session_s"] - first[-1]["session_s"]
        assert 0.6 <= pause_s < 10
        session = store.session(number)
        assert (session.frames, session.state) == (5, "ended")
        passed_s = (datetime.now(UTC) - session.started_at).total_seconds()
        assert later[-1]["session_s"] <= passed_s
        times = [frame.timestamp_s for frame in store.frames(number)]
        assert times == sorted(times)
        assert [person.track_id for person in store.people.of(number)] == [1, 2, 3, 4]

    def test_a_clock_that_was_put_back_does_not_turn_the_sessions_back(
        self, server: RunningServer, store: Store, jpeg: bytes
    ) -> None:
        with store.record(
            title="ahead", bundle="two", settings=live_settings(), consent=CONSENT
        ) as recording:
            recording.add(FrameResult(0, 3600.0, (240, 120), (), "fake", {}))
        with page_of(server) as page:
            page.say({"type": "resume", "session_id": recording.session_id})
            page.until("recording")
            assert 3600 <= page.frame(jpeg)["session_s"] < 3620
            page.stop()

    def test_a_session_that_was_read_otherwise_is_refused(
        self, server: RunningServer, jpeg: bytes
    ) -> None:
        with page_of(server) as page:
            number = page.record()["session_id"]
            page.stop()
            page.say({"type": "configure", "prior": {"neutral": 0.5, "happiness": 0.5}})
            page.until("ready")
            page.say({"type": "configure", "smoothing_s": 2.0})
            page.until("ready")
            page.say({"type": "resume", "session_id": number})
            refused = page.until("error")["error"]
            assert refused["code"] == "recording_mismatch"
            assert [line.partition(":")[0] for line in refused["details"]] == [
                "prior",
                "smoothing_s",
            ]
            page.say({"type": "configure", "prior": "default", "smoothing_s": 0.35})
            page.until("ready")
            page.say({"type": "resume", "session_id": number})
            assert page.until("recording")["state"] == "recording"

    def test_a_session_that_is_being_recorded_is_refused(
        self, server: RunningServer, jpeg: bytes
    ) -> None:
        with page_of(server) as one, page_of(server) as other:
            number = one.record()["session_id"]
            one.frame(jpeg)
            assert other.refused({"type": "resume", "session_id": number}) == "session_running"
            one.stop()
            other.say({"type": "resume", "session_id": number})
            assert other.until("recording")["frames"] == 1

    def test_a_session_of_something_else_is_refused(
        self, server: RunningServer, store: Store
    ) -> None:
        with store.record(title="a film", source="film.mp4") as recording:
            pass
        with page_of(server) as page:
            wanted = {"type": "resume", "session_id": recording.session_id}
            assert page.refused(wanted) == "not_resumable"
        assert store.session(recording.session_id).state == "ended"


class TestPictures:
    def test_nothing_is_kept_unless_it_is_asked_for(
        self, server: RunningServer, store: Store, jpeg: bytes
    ) -> None:
        with page_of(server) as page:
            number = page.record()["session_id"]
            page.frame(jpeg)
            page.stop()
        assert store.media.of(number) == []
        assert not store.media.folder.exists()

    def test_the_strongest_moment_of_who_does_not_look_neutral(
        self, server: RunningServer, engine: TwoFaces, store: Store, jpeg: bytes
    ) -> None:
        with page_of(server) as page:
            page.say({"type": "configure", "smoothing_s": 0})
            page.until("ready")
            number = page.record(pictures=True)["session_id"]
            told = []
            for engine.happiness in (0.2, 0.6, 0.95, 0.7):
                told.append(page.frame(jpeg))
            page.stop()
        (kept,) = store.media.of(number)
        happy = next(face for face in told[2]["frame"]["faces"] if face["box"]["x1"] == 10)
        assert (kept.kind, kept.track_id) == ("thumbnail", happy["track_id"])
        assert kept.timestamp_s == pytest.approx(told[2]["session_s"], abs=1e-4)
        picture = cv2.imread(str(store.media.path(kept)))
        assert picture is not None and picture.shape == (160, 160, 3)
        whole = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        # 1.3 times the longer side of the box, 70 px, around its middle (40, 55).
        part = cv2.resize(whole[10:101, 0:86], (149, 160))
        assert np.abs(picture[:, 11:].astype(float) - part).mean() < 12
        assert store.session(number).settings["pictures"] is True

    def test_a_lost_connection_keeps_them_too(
        self, server: RunningServer, store: Store, jpeg: bytes
    ) -> None:
        with page_of(server) as page:
            number = page.record(pictures=True)["session_id"]
            page.frame(jpeg)
        wait_for(lambda: len(store.media.of(number)) == 1)

    def test_where_they_cannot_be_kept_the_session_goes_on_and_says_so(
        self, server: RunningServer, store: Store, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mien.web.live.pictures.FIRST_STRETCH_S", 0.0)
        monkeypatch.setattr(recorder, "TELL_EVERY_S", 0.1)
        store.media.folder.parent.mkdir(parents=True, exist_ok=True)
        store.media.folder.write_text("a file where the folder should be")
        with page_of(server) as page:
            page.record(pictures=True)
            for _ in range(3):
                page.frame(jpeg)
            told = page.until("recording", lambda message: message["error"] is not None)
            assert (told["state"], told["error"]["code"]) == ("recording", "store_unavailable")
            assert page.stop()["state"] == "ended"

    def test_one_a_person_and_stretch_and_a_bound_for_all(self) -> None:
        engine = TwoFaces()
        chosen = PeakPictures()
        kept = []
        for number in range(16_000):
            engine.happiness = 0.6 + 0.3 * ((number * 7) % 11) / 11
            read = engine.locate(b"", engine.default, index=number, timestamp_s=0.5 * number)
            faces = [
                Face(face.box, 0.9, face.expression, track_id=place)
                for place, face in enumerate(read.faces)
            ]
            frame = FrameResult(number, 0.5 * number, (240, 120), tuple(faces), "fake", {})
            kept += chosen.add(frame, b"picture")
        kept += chosen.rest()
        assert len(kept) == MOST_PICTURES
        assert {peak.track_id for peak in kept} == {0}, "the other one looks neutral"
        # In the first ten minutes one about every five seconds, each the strongest so far.
        early = [peak.timestamp_s for peak in kept[:50]]
        assert max(np.diff(early)) <= 10.5
        assert all(peak.probability > 0.84 for peak in kept[:50])
        # They last for two hours and more.
        assert kept[-1].timestamp_s > 7000


@pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py")
class TestProcess:
    """A real `mien serve`, ended from outside."""

    @pytest.mark.slow
    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_the_session(
        self, tiny_bundle: Path, database: Path, jpeg: bytes, how: signal.Signals
    ) -> None:
        number = self._record_until(how, tiny_bundle, database, jpeg)
        with open_store(database) as store:
            session = store.session(number)
            assert (session.state, session.frames) == ("ended", 3)

    @pytest.mark.slow
    def test_a_kill_leaves_a_session_that_opens_and_can_be_gone_on_with(
        self, tiny_bundle: Path, database: Path, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(records, "SILENT_AFTER_S", 0.5)
        number = self._record_until(signal.SIGKILL, tiny_bundle, database, jpeg)
        with open_store(database) as store:
            wait_for(lambda: store.session(number).state == "interrupted")
            assert len(list(store.frames(number))) == 3
            with store.resume(number):
                pass
            assert store.session(number).state == "ended"

    def _record_until(self, how: signal.Signals, bundle: Path, database: Path, jpeg: bytes) -> int:
        with sockets.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        program = "from mien.cli.main import run; run()"
        command = [sys.executable, "-c", program, "serve", "--port", str(port), "--no-open"]
        command += ["--bundle", str(bundle), "--detector", "full"]
        environment = os.environ | {"MIEN_DATABASE_URL": f"sqlite:///{database}"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            with connected(port, process) as socket:
                page = Page(socket)
                number: int = page.record()["session_id"]
                for _ in range(3):
                    page.frame(jpeg)
                with open_store(database) as store:
                    wait_for(lambda: store.session(number).frames == 3)
                process.send_signal(how)
                process.wait(20)
        finally:
            process.kill()
            process.wait()
        return number


@contextmanager
def connected(port: int, process: subprocess.Popen[bytes]) -> Iterator[ClientConnection]:
    until = time.monotonic() + 60
    while True:
        try:
            socket = connect(f"ws://127.0.0.1:{port}/v1/live", proxy=None)
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.2)
    with socket:
        yield socket


def ids(result: Message) -> set[int]:
    return {face["track_id"] for face in result["frame"]["faces"]}


def live_settings() -> dict[str, Any]:
    how = {
        "bundle": "two",
        "detector": "fake",
        "label_set": "ferplus",
        "prior": "default",
        "prior_strength": None,
        "uncertain_below": 0.0,
        "smoothing_s": 0.35,
    }
    return {"origin": "live", **how, "pictures": False, "clip": None}
