"""`mien serve` that is told to end: viewers are sent away, sessions ended, and nothing hangs."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mien.store import open_store
from mien.web.routes.page import page_is_built
from tests.web.job_films import CONSENT, send_video, write_walk
from tests.web.running import jpeg_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them"),
    pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py"),
]

GOING_AWAY = 1012
# For three seconds connections may come to their end, then what is written may; and a margin for
# a machine that has much else to do.
LONGEST_END_S = 30


class Serving:
    """A server that is a process of its own."""

    def __init__(self, bundle: Path, home: Path, *options: str) -> None:
        command = [sys.executable, "-c", "from mien.cli.main import run; run()", "serve"]
        command += ["--no-open", "--port", "0", "--bundle", str(bundle), "--detector", "haar"]
        environment = {
            **os.environ,
            "MIEN_HOME": str(home),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        self.process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.port = int(self._wait_for(r"http://127\.0\.0\.1:(\d+)"))
        deadline = time.monotonic() + 180
        while True:
            try:
                httpx.get(f"{self.url}/healthz", timeout=30)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def _wait_for(self, words: str) -> str:
        deadline = time.monotonic() + 180
        while True:
            if found := re.search(words, self.said):
                return found[1]
            assert time.monotonic() < deadline and self.process.poll() is None, self.said
            time.sleep(0.05)

    def end(self, by: signal.Signals) -> int:
        """Tell it to end and return its exit status."""
        self.process.send_signal(by)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(LONGEST_END_S)
        self._reading.join(10)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        self._reading.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def serving(tiny_bundle: Path, home: Path) -> Iterator[Serving]:
    started = Serving(tiny_bundle, home, "--log-format", "json")
    yield started
    started.close()


@contextlib.contextmanager
def viewer(serving: Serving) -> Iterator[ClientConnection]:
    with connect(serving.url.replace("http", "ws") + "/v1/live", proxy=None) as socket_:
        assert json.loads(socket_.recv(timeout=60))["type"] == "ready"
        yield socket_


def send_until_closed(viewer: ClientConnection, jpeg: bytes, answered: threading.Event) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            viewer.send(jpeg)
            if json.loads(viewer.recv(timeout=60))["type"] == "result":
                answered.set()


def begin_session(viewer: ClientConnection, title: str) -> int:
    viewer.send(json.dumps({"type": "record", "title": title, "consent": CONSENT}))
    while True:
        told = json.loads(viewer.recv(timeout=60))
        if told["type"] == "recording":
            return int(told["session_id"])


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_viewers_are_sent_away_and_a_session_and_a_job_come_to_their_end(
    serving: Serving, home: Path, tmp_path: Path, astronaut_path: Path, by: signal.Signals
) -> None:
    film = write_walk(astronaut_path, tmp_path / "walk.mp4")
    with httpx.Client(base_url=serving.url, timeout=60) as client:
        job = send_video(client, film).json()
    with viewer(serving) as socket_:
        session_id = begin_session(socket_, "as the server ends")
        answered = threading.Event()
        talking = threading.Thread(
            target=send_until_closed, args=(socket_, jpeg_of(astronaut_path), answered)
        )
        talking.start()
        assert answered.wait(60)
        began_s = time.monotonic()
        code = serving.end(by)
        took_s = time.monotonic() - began_s
        talking.join(20)
        assert not talking.is_alive()
    assert socket_.close_code == GOING_AWAY
    assert code == 0, serving.said
    assert took_s < LONGEST_END_S
    assert "stopped" in serving.said and "Traceback" not in serving.said
    with open_store(home / "sessions.db") as store:
        session = store.session(session_id)
        assert session.state == "ended"
        assert session.frames > 0
    closed = [json.loads(line) for line in serving.lines if "live connection closed" in line]
    assert closed[0]["connections"] == 0 and closed[0]["read"] >= session.frames
    left = json.loads((home / "jobs" / job["id"] / "job.json").read_text())
    assert left["state"] in ("interrupted", "waiting", "done")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{serving.url}/healthz", timeout=10)


def test_a_viewer_that_does_not_answer_keeps_nobody_waiting(serving: Serving) -> None:
    """It shook hands and then neither reads, nor sends, nor closes."""
    key = base64.b64encode(b"sixteen bytes ..").decode()
    shake = ["GET /v1/live HTTP/1.1", f"Host: 127.0.0.1:{serving.port}", "Upgrade: websocket"]
    shake += ["Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    with socket.create_connection(("127.0.0.1", serving.port), timeout=60) as silent:
        silent.sendall("\r\n".join([*shake, "", ""]).encode())
        assert b"101" in silent.recv(200)
        assert serving.end(signal.SIGTERM) == 0, serving.said


def test_an_upload_that_has_no_end_keeps_nobody_waiting(serving: Serving) -> None:
    head = ["POST /v1/analyze HTTP/1.1", f"Host: 127.0.0.1:{serving.port}"]
    head += ["Content-Type: multipart/form-data; boundary=x", "Content-Length: 1000"]
    with socket.create_connection(("127.0.0.1", serving.port), timeout=60) as slow:
        slow.sendall("\r\n".join([*head, "", "--x"]).encode())
        time.sleep(0.5)
        assert serving.end(signal.SIGTERM) == 0, serving.said


def test_being_told_twice_is_no_worse(serving: Serving) -> None:
    serving.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    with contextlib.suppress(ProcessLookupError):
        serving.process.send_signal(signal.SIGTERM)
    assert serving.wait() in (0, -signal.SIGTERM, 130), serving.said
    assert "Traceback" not in serving.said
