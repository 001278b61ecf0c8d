"""Live frames by the client: in order, followed, and past the restart of a server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from websockets.sync.server import ServerConnection, serve

from mien.client import Client
from mien.core import errors
from mien.core.labels import FER2013
from mien.core.protocol import LIVE_PROTOCOL
from mien.web.settings import load_settings
from tests.web.running import RunningServer
from tests.web.test_live import SlowEngine

READY = {
    "type": "ready",
    "protocol": LIVE_PROTOCOL,
    "bundle": "b",
    "detector": "d",
    "label_set": "ferplus",
    "labels": [],
    "smoothing_s": 0.35,
    "uncertain_below": 0.0,
    "max_frame_bytes": 1000,
    "frames_per_s": 1000.0,
}
FRAME = b"\xff\xd8\xff" + bytes(10)


@contextmanager
def playing(part: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A server whose every live connection plays a part; gives its address."""
    with serve(part, "127.0.0.1", 0) as other:
        thread = threading.Thread(target=other.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{other.socket.getsockname()[1]}"
        finally:
            other.shutdown()
            thread.join()


def told(socket: ServerConnection, message: dict[str, Any]) -> None:
    socket.send(json.dumps(message))


def test_results_come_in_order_and_faces_are_followed(client: Client, jpeg: bytes) -> None:
    with client.live() as live:
        assert (live.ready.protocol, live.ready.detector) == (LIVE_PROTOCOL, "haar")
        results = list(live.results([jpeg] * 3))
    assert [result.index for result in results] == [0, 1, 2]
    assert [[face.track_id for face in result] for result in results] == [[1]] * 3
    times = [result.timestamp_s for result in results]
    assert times == sorted(times) and times[0] >= 0
    face = results[0].faces[0]
    assert face.smoothed == face.expression


def test_an_array_is_a_frame(client: Client, astronaut_bgr: np.ndarray) -> None:
    with client.live(detector="full") as live:
        (face,) = live.read(np.ascontiguousarray(astronaut_bgr[:200, 100:360]))
    assert (face.box.width, face.box.height) == (260, 200)


def test_choices_can_be_made_before_and_meanwhile(client: Client, jpeg: bytes) -> None:
    with client.live(label_set="fer2013", smoothing_s=1.5) as live:
        assert (live.ready.label_set, live.ready.smoothing_s) == ("fer2013", 1.5)
        assert list(live.read(jpeg).faces[0].expression) == list(FER2013.labels)
        assert live.configure(detector="full").detector == "full"
        result = live.read(jpeg)
        assert (result.detector, result.index) == ("full", 1)


def test_a_wrong_choice_is_refused_and_a_connection_goes_on(client: Client, jpeg: bytes) -> None:
    with pytest.raises(errors.DetectorError, match="nonesuch"), client.live(detector="nonesuch"):
        pass
    with client.live() as live:
        with pytest.raises(errors.LabelError, match="moods"):
            live.configure(label_set="moods")
        with pytest.raises(errors.ConfigError, match="smoothing_s"):
            live.configure(smoothing_s=99)
        assert live.read(jpeg).faces[0].expression.label_set == "ferplus"
        assert live.reconnects == 0


def test_a_wrong_frame_is_refused_and_the_next_is_read(client: Client, jpeg: bytes) -> None:
    with client.live() as live:
        with pytest.raises(errors.ImageError, match="at most 500000 bytes"):
            live.read(b"\xff\xd8\xff" + bytes(600_000))
        with pytest.raises(errors.ImageError):
            live.read(jpeg[:2000])
        assert [face.track_id for face in live.read(jpeg)] == [1]
        assert live.reconnects == 0


def test_a_server_that_is_started_again_is_found_again(
    server: RunningServer, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.client.live.FIRST_PAUSE_S", 0.05)
    with Client(server.url) as client, client.live(label_set="fer2013") as live:
        before = live.read(jpeg)
        live.configure(smoothing_s=2.0)
        server.stop()
        back = threading.Timer(0.3, server.start)
        back.start()
        try:
            after = live.read(jpeg)
        finally:
            back.join()
        assert (live.reconnects, live.ready.smoothing_s) == (1, 2.0)
    assert list(after.faces[0].expression) == list(FER2013.labels)
    # Numbers and times go on, and an id of before is not somebody else's now.
    assert (before.index, after.index) == (0, 1)
    assert after.timestamp_s >= before.timestamp_s + 0.25
    assert (before.faces[0].track_id, after.faces[0].track_id) == (1, 2)


def test_a_server_that_stays_away_is_given_up(
    server: RunningServer, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.client.live.FIRST_PAUSE_S", 0.05)
    with Client(server.url, patience_s=0.3) as client, client.live() as live:
        live.read(jpeg)
        server.stop()
        started_s = time.monotonic()
        try:
            with pytest.raises(errors.ServerUnreachableError, match="mien serve"):
                live.read(jpeg)
            assert time.monotonic() - started_s < 5
        finally:
            server.start()
        # And whoever asks again later finds it.
        assert len(live.read(jpeg)) == 1


def test_no_server_is_told_at_once() -> None:
    with playing(lambda _: None) as url:
        pass
    with Client(url) as client, pytest.raises(errors.ServerUnreachableError, match="mien serve"):
        client.live().__enter__()


@pytest.mark.parametrize(("spoken", "whose"), [(0, "the server's"), (7, "this"), (None, "this")])
def test_a_server_of_another_version_is_told(spoken: int | None, whose: str) -> None:
    def other_version(socket: ServerConnection) -> None:
        told(socket, READY | {"protocol": spoken})
        socket.recv()

    with (
        playing(other_version) as url,
        Client(url) as client,
        pytest.raises(errors.ProtocolError, match=f"update {whose} mien"),
    ):
        client.live().__enter__()


def test_a_server_refuses_a_client_of_another_version(
    client: Client, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.client.socket.LIVE_PROTOCOL", 9)
    with pytest.raises(errors.ProtocolError, match=r"speaks version 1 .* client '9'"):
        client.live().__enter__()
    monkeypatch.undo()
    with client.live() as live:
        assert len(live.read(jpeg)) == 1


def test_the_token_is_shown_in_the_handshake() -> None:
    shown = []

    def part(socket: ServerConnection) -> None:
        assert socket.request is not None
        shown.append((socket.request.headers["Authorization"], socket.request.path))
        told(socket, READY)

    with playing(part) as url, Client(url, "secret") as client, client.live():
        pass
    assert shown == [("Bearer secret", f"/v1/live?protocol={LIVE_PROTOCOL}")]


def test_a_refused_handshake_tells_why() -> None:
    engine = SlowEngine()
    engine.may_read.set()
    running = RunningServer(load_settings(port=0, max_connections=1), engine)
    try:
        with Client(running.url, patience_s=0) as client, client.live():
            with pytest.raises(errors.ServerBusyError, match="live connections") as got:
                client.live().__enter__()
            assert got.value.retry_after_s == 5
    finally:
        running.stop()


def test_frames_keep_to_the_rate_that_the_server_takes() -> None:
    came_s: list[float] = []

    def part(socket: ServerConnection) -> None:
        told(socket, READY | {"frames_per_s": 20.0})
        for message in socket:
            assert message == FRAME
            came_s.append(time.monotonic())
            told(socket, result(len(came_s) - 1))

    with playing(part) as url, Client(url) as client, client.live() as live:
        for _ in live.results([FRAME] * 5):
            pass
    assert came_s[-1] - came_s[0] >= 0.18


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_frames() -> None:
    connections = []

    def part(socket: ServerConnection) -> None:
        connections.append(socket)
        told(socket, READY)
        for number, _ in enumerate(socket):
            if len(connections) > 1:
                told(socket, result(number))

    with playing(part) as url, Client(url, timeout_s=0.3) as client, client.live() as live:
        with pytest.raises(errors.ServerUnreachableError, match="within"):
            live.read(FRAME)
        assert (live.read(FRAME).index, live.reconnects) == (1, 1)
    assert len(connections) == 2


def test_a_server_that_has_no_time_at_first_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mien.client.socket.BUSY_PAUSE_S", 0.05)
    connections = []

    def part(socket: ServerConnection) -> None:
        connections.append(socket)
        if len(connections) == 1:
            error = {"code": "busy", "message": "later", "details": []}
            told(socket, {"type": "error", "index": None, "error": error})
            socket.close(1013, "not ready")
            return
        told(socket, READY)
        for number, _ in enumerate(socket):
            busy = {"code": "busy", "message": "later", "details": []}
            told(socket, {"type": "error", "index": 0, "error": busy} if not number else result(1))

    with playing(part) as url, Client(url) as client, client.live() as live:
        assert live.read(FRAME).index == 0
        assert live.reconnects == 0
    assert len(connections) == 2


def test_a_server_that_cannot_read_says_why() -> None:
    def part(socket: ServerConnection) -> None:
        error = {"code": "bundle_unusable", "message": "no model here", "details": []}
        told(socket, {"type": "error", "index": None, "error": error})
        socket.close(1013, "not ready")

    with (
        playing(part) as url,
        Client(url) as client,
        pytest.raises(errors.BundleError, match="no model here"),
    ):
        client.live().__enter__()


def test_ctrl_c_leaves_no_answer_for_the_next_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = []

    def part(socket: ServerConnection) -> None:
        connections.append(socket)
        told(socket, READY)
        for number, _ in enumerate(socket):
            told(socket, result(number))

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with playing(part) as url, Client(url) as client, client.live() as live:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("websockets.sync.client.ClientConnection.recv", interrupted)
            live.read(FRAME)
        assert live.read(FRAME).timestamp_s >= 0
        assert live.reconnects == 1
    assert len(connections) == 2


def test_a_client_that_was_sent_away_does_not_come_back() -> None:
    connections = []

    def part(socket: ServerConnection) -> None:
        connections.append(socket)
        told(socket, READY)
        socket.recv()
        socket.close(1008, "too many wrong messages")

    with (
        playing(part) as url,
        Client(url) as client,
        client.live() as live,
        pytest.raises(errors.ServerError, match="too many wrong messages"),
    ):
        live.read(FRAME)
    assert len(connections) == 1


def result(index: int) -> dict[str, Any]:
    frame = {
        "source": None,
        "index": index,
        "timestamp_s": 0.1 * index,
        "width": 8,
        "height": 8,
        "detector": "d",
        "detector_threshold": None,
        "detector_sha256": None,
        "prior": "natural",
        "prior_strength": 0.0,
        "faces": [],
        "milliseconds": {},
        "error": None,
    }
    return {"type": "result", "frame": frame, "waited_ms": 0.0}
