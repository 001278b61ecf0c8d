"""The live socket: the protocol, its limits, and whatever garbage may come."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from mien.core.errors import DetectorError
from mien.core.labels import COLOURS, FER2013, FERPLUS
from mien.core.protocol import LIVE_PROTOCOL, PROTOCOL_MISMATCH_CODE
from mien.core.types import Box, Expression, Face, FrameResult
from mien.web.engine import Choice
from mien.web.schemas import catalogue as catalogue_json
from mien.web.schemas import live as live_json
from mien.web.settings import load_settings
from tests.web.running import RunningServer


@pytest.fixture(scope="module")
def jpeg(astronaut_path: Path) -> bytes:
    return cv2.imencode(".jpg", cv2.imread(str(astronaut_path)))[1].tobytes()


@contextmanager
def live(server: RunningServer, **options: Any) -> Iterator[ClientConnection]:
    url = server.url.replace("http", "ws") + "/v1/live"
    with connect(url, max_size=None, proxy=None, **options) as socket:
        yield socket


def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=20))
    return message


class SlowEngine:
    """Reads every frame as one face at the same place, when it is let to."""

    bundle_name = "slow"
    default = Choice("fake", "ferplus")

    def __init__(self) -> None:
        self.is_reading = threading.Event()
        self.may_read = threading.Event()
        self.frames_read: list[int] = []
        self.probability = 1.0
        self.bug = False

    def catalogue(self) -> catalogue_json.ModelsReply:
        raise NotImplementedError

    def prepare(self, choice: Choice) -> str:
        return choice.detector

    def locate(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> FrameResult:
        self.is_reading.set()
        assert self.may_read.wait(10)
        if self.bug:
            raise ZeroDivisionError("a secret of the inside")
        self.frames_read.append(index)
        rest = (1 - self.probability) / 7
        parts = {label: rest for label in FERPLUS.labels} | {"happiness": self.probability}
        face = Face(Box(10, 10, 90, 90), 0.9, Expression(parts, "ferplus"))
        return FrameResult(index, timestamp_s, (100, 100), (face,), "fake", {"detect": 1.0})

    def read(self, seen: Sequence[FrameResult]) -> list[FrameResult]:
        return list(seen)


@pytest.fixture
def slow() -> Iterator[tuple[RunningServer, SlowEngine]]:
    engine = SlowEngine()
    running = RunningServer(load_settings(port=0, frames_per_s=100, max_connections=1), engine)
    yield running, engine
    engine.may_read.set()
    running.stop()


def test_ready_says_what_reads(server: RunningServer) -> None:
    with live(server) as socket:
        ready = receive(socket)
    assert live_json.LiveReady.model_validate(ready)
    assert (ready["bundle"], ready["detector"], ready["label_set"]) == ("tiny", "haar", "ferplus")
    assert ready["labels"] == [{"name": n, "colour": COLOURS[n]} for n in FERPLUS.labels]


def test_frames_are_followed_and_smoothed(server: RunningServer, jpeg: bytes) -> None:
    with live(server) as socket:
        receive(socket)
        results = []
        for _ in range(3):
            socket.send(jpeg)
            results.append(receive(socket))
    for index, result in enumerate(results):
        assert live_json.LiveResult.model_validate(result)
        frame = result["frame"]
        assert (frame["index"], frame["width"], frame["height"]) == (index, 512, 512)
        assert [face["track_id"] for face in frame["faces"]] == [1]
        # The same picture again and again: smoothing has nothing to change.
        assert frame["faces"][0]["smoothed"] == frame["faces"][0]["expression"]
    times = [result["frame"]["timestamp_s"] for result in results]
    assert times == sorted(times) and times[0] >= 0


def test_smoothed_values_lag_behind_raw_ones(slow: tuple[RunningServer, SlowEngine]) -> None:
    server, engine = slow
    engine.may_read.set()
    with live(server) as socket:
        receive(socket)
        socket.send(json.dumps({"type": "configure", "smoothing_s": 10}))
        assert receive(socket)["smoothing_s"] == 10
        socket.send(b"frame")
        receive(socket)
        engine.probability = 0.0
        socket.send(b"frame")
        face = receive(socket)["frame"]["faces"][0]
    assert face["expression"]["probabilities"]["happiness"] == 0
    assert face["smoothed"]["probabilities"]["happiness"] > 0.9


def test_configure_changes_label_set_and_detector(server: RunningServer, jpeg: bytes) -> None:
    with live(server) as socket:
        receive(socket)
        socket.send(json.dumps({"type": "configure", "label_set": "fer2013", "detector": "full"}))
        ready = receive(socket)
        assert (ready["type"], ready["detector"], ready["label_set"]) == (
            "ready",
            "full",
            "fer2013",
        )
        socket.send(jpeg)
        face = receive(socket)["frame"]["faces"][0]
        assert list(face["smoothed"]["probabilities"]) == list(FER2013.labels)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_message"),
        ("hello", "invalid_message"),
        ("null", "invalid_message"),
        ("[" * 3000, "invalid_message"),
        ('{"type": "configure", "camera": 1}', "invalid_message"),
        ('{"type": "configure", "smoothing_s": -1}', "invalid_message"),
        ('{"type": "configure", "smoothing_s": NaN}', "invalid_message"),
        ('{"type": "shutdown"}', "invalid_message"),
        ('{"type": "configure", "detector": "yunet:/etc/passwd"}', "detector_unavailable"),
        ('{"type": "configure", "label_set": "moods"}', "unknown_label_set"),
        ('{"type": "configure", "detector": "' + "x" * 40_000 + '"}', "too_large"),
    ],
)
def test_a_wrong_text_gets_an_error_and_the_socket_lives(
    server: RunningServer, jpeg: bytes, text: str, code: str
) -> None:
    with live(server) as socket:
        receive(socket)
        socket.send(text)
        answer = receive(socket)
        assert (answer["type"], answer["index"], answer["error"]["code"]) == ("error", None, code)
        socket.send(jpeg)
        assert receive(socket)["type"] == "result"


def test_a_wrong_frame_gets_an_error_with_its_index(server: RunningServer, jpeg: bytes) -> None:
    with live(server) as socket:
        receive(socket)
        for index, (frame, code) in enumerate(
            [
                (b"", "unsupported_picture"),
                (b"\xff\xd8\xff" + bytes(100), "unreadable_picture"),
                (jpeg[:2000], "unreadable_picture"),
                (bytes(600_000), "too_large"),
            ]
        ):
            socket.send(frame)
            answer = receive(socket)
            assert answer["type"] == "error", answer
            assert (answer["index"], answer["error"]["code"]) == (index, code)
        socket.send(jpeg)
        assert receive(socket)["frame"]["index"] == 4


def test_the_newest_frame_wins_and_every_frame_is_answered_once(
    slow: tuple[RunningServer, SlowEngine],
) -> None:
    server, engine = slow
    with live(server) as socket:
        receive(socket)
        socket.send(b"frame")
        assert engine.is_reading.wait(10)
        for _ in range(5):
            socket.send(b"frame")
        skipped = [receive(socket) for _ in range(4)]
        engine.may_read.set()
        read = [receive(socket) for _ in range(2)]
    assert [(m["type"], m["index"]) for m in skipped] == [("skipped", i) for i in range(1, 5)]
    assert engine.frames_read == [0, 5]
    assert [m["frame"]["index"] for m in read] == [0, 5]


def test_a_bug_is_an_error_without_its_inside(
    slow: tuple[RunningServer, SlowEngine], caplog: pytest.LogCaptureFixture
) -> None:
    server, engine = slow
    engine.bug = True
    engine.may_read.set()
    with live(server) as socket:
        receive(socket)
        socket.send(b"frame")
        answer = receive(socket)
        engine.bug = False
        socket.send(b"frame")
        assert receive(socket)["type"] == "result"
    assert answer["error"]["code"] == "internal_error"
    assert "secret" not in json.dumps(answer)
    assert "ZeroDivisionError" in caplog.text


def test_faults_of_the_server_are_not_held_against_the_client(
    slow: tuple[RunningServer, SlowEngine],
) -> None:
    server, engine = slow
    engine.bug = True
    engine.may_read.set()
    with live(server) as socket:
        receive(socket)
        for _ in range(30):
            socket.send(b"frame")
            assert receive(socket)["error"]["code"] == "internal_error"
        engine.bug = False
        socket.send(b"frame")
        assert receive(socket)["type"] == "result"


def test_a_server_that_cannot_read_yet_says_so_and_asks_to_come_back(
    slow: tuple[RunningServer, SlowEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, engine = slow

    def cannot(_: Choice) -> str:
        raise DetectorError("no detector here")

    monkeypatch.setattr(engine, "prepare", cannot)
    with live(server) as socket:
        assert receive(socket)["error"]["message"] == "no detector here"
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013


def test_a_connection_too_many_is_refused_and_room_comes_back(
    slow: tuple[RunningServer, SlowEngine],
) -> None:
    server, _ = slow
    with live(server) as first:
        receive(first)
        with pytest.raises(InvalidStatus) as refused, live(server):
            pass
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body)["error"]["code"] == "busy"
    deadline = time.monotonic() + 5
    while server.app.state.services.connections:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with live(server) as second:
        assert receive(second)["type"] == "ready"


def test_frames_beyond_the_rate_are_answered_with_an_error(tiny_bundle: Path) -> None:
    engine = SlowEngine()
    engine.may_read.set()
    server = RunningServer(load_settings(port=0, frames_per_s=2), engine)
    with live(server) as socket:
        receive(socket)
        kinds = []
        for _ in range(4):
            socket.send(b"frame")
            kinds.append(receive(socket).get("error", {}).get("code"))
    server.stop()
    assert kinds == [None, None, "too_many_frames", "too_many_frames"]


def test_a_client_that_sends_only_garbage_is_sent_away(server: RunningServer) -> None:
    with live(server) as socket:
        receive(socket)
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(60):
                socket.send("garbage")
                receive(socket)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


def test_a_huge_message_closes_the_socket_unread(server: RunningServer) -> None:
    with live(server) as socket:
        receive(socket)
        with pytest.raises(ConnectionClosed) as closed:
            socket.send(bytes(5_000_000))
            receive(socket)
        # A client that is still writing may see the connection end before it sees the reason.
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
    with live(server) as socket:
        assert receive(socket)["type"] == "ready"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_origins_are_refused(server: RunningServer, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, live(server, origin=origin):
        pass
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["error"]["code"] == "origin_refused"


def test_the_servers_own_page_may_connect(server: RunningServer) -> None:
    with live(server, origin=server.url) as socket:
        assert receive(socket)["type"] == "ready"


def test_seeded_garbage_never_ends_the_server(server: RunningServer, jpeg: bytes) -> None:
    """Cut, bent and random frames and texts, over several connections."""
    chance = random.Random(7)
    for _ in range(4):
        with live(server) as socket:
            receive(socket)
            try:
                for _ in range(25):
                    socket.send(mangled(jpeg, chance))
                    assert receive(socket)["type"] in ("error", "result", "ready", "skipped")
            except ConnectionClosed as closed:
                assert closed.rcvd is not None and closed.rcvd.code in (1007, 1008, 1009)
    assert httpx.get(f"{server.url}/healthz").json()["status"] == "ok"
    with live(server) as socket:
        receive(socket)
        socket.send(jpeg)
        assert receive(socket)["type"] == "result"


def mangled(jpeg: bytes, chance: random.Random) -> bytes | str:
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 3000))
    if kind == 1:
        return jpeg[: chance.randrange(1, len(jpeg))]
    if kind == 2:
        bent = np.frombuffer(jpeg, np.uint8).copy()
        for _ in range(20):
            bent[chance.randrange(len(bent))] = chance.randrange(256)
        return bent.tobytes()
    return "".join(chance.choice('{}[]",:type configure0.\u00e9') for _ in range(60))


def test_choices_of_one_connection_leave_others_alone(server: RunningServer) -> None:
    with live(server) as one, live(server) as other:
        receive(one), receive(other)
        one.send(json.dumps({"type": "configure", "label_set": "fer2013"}))
        assert receive(one)["label_set"] == "fer2013"
        other.send(json.dumps({"type": "configure"}))
        assert receive(other)["label_set"] == "ferplus"


def test_both_sides_tell_the_version_that_they_speak(server: RunningServer) -> None:
    for asked in ("", "?protocol=1"):
        with connect_to(server, asked) as socket:
            assert receive(socket)["protocol"] == LIVE_PROTOCOL == 1


@pytest.mark.parametrize("asked", ["0", "2", "one", "", "1.0", "x" * 3000])
def test_a_client_of_another_version_is_told_and_closed(
    server: RunningServer, jpeg: bytes, asked: str
) -> None:
    with connect_to(server, f"?protocol={asked}") as socket:
        answer = receive(socket)
        assert (answer["type"], answer["error"]["code"]) == ("error", "protocol_mismatch")
        assert "version 1" in answer["error"]["message"] and len(answer["error"]["message"]) < 300
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == PROTOCOL_MISMATCH_CODE
    with live(server) as socket:
        assert receive(socket)["type"] == "ready"


def connect_to(server: RunningServer, query: str) -> Any:
    return connect(server.url.replace("http", "ws") + f"/v1/live{query}", proxy=None)
