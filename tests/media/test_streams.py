"""Streams over a small HTTP server of the test's own, which breaks off where it is told to."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from films import Film, make, number_in
from mien.core.errors import ConfigError, VideoSourceError
from mien.media import Reconnection, open_source
from mien.media.streams import without_password

QUICK = Reconnection(attempts=3, first_wait_s=0.01, longest_wait_s=0.02, timeout_s=20)
TIMES_MS = range(0, 8000, 40)


@dataclass
class Server:
    """What the server does.

    Attributes:
        content: What it serves.
        break_after: How many bytes of each answer to send before breaking off; beyond the end of
            the list everything is sent.
        refuses_after: The number of answers after which it only says 503.
        ranges: Whether it can begin in the middle.
        known_length: Whether it says how long the whole is.
    """

    content: bytes = b""
    break_after: list[int] = field(default_factory=list)
    refuses_after: int = 1000
    ranges: bool = True
    known_length: bool = True
    answers: int = 0
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    plan = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number, plan.answers = plan.answers, plan.answers + 1
            if number >= plan.refuses_after:
                self.send_error(503)
                return
            begin = 0
            asked = self.headers.get("Range")
            if asked and plan.ranges:
                begin = int(asked.removeprefix("bytes=").split("-")[0])
            part = plan.content[begin:]
            self.send_response(206 if asked and plan.ranges else 200)
            if plan.ranges:
                self.send_header("Accept-Ranges", "bytes")
                total = len(plan.content)
                self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
            if plan.known_length:
                self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            limit = plan.break_after[number] if number < len(plan.break_after) else len(part)
            # The reader may have gone elsewhere.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(part[:limit])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        plan.url = f"http://127.0.0.1:{running.server_port}/film"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield plan
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("films")
    names = ("film.mkv", "film.ts")
    return {
        name: make(folder / name, Film(times_ms=TIMES_MS, size=(160, 120))).read_bytes()
        for name in names
    }


def test_a_stream_that_holds_is_read_to_its_end(server: Server, film: dict[str, bytes]) -> None:
    server.content = film["film.mkv"]
    with open_source(server.url, reconnection=QUICK) as source:
        numbers = [number_in(frame.image_rgb) for frame in source]
        assert source.info.kind == "stream"
        assert source.report.complete
        assert source.report.reconnects == 0
    assert numbers == list(range(200))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_recording_goes_on_where_it_broke_off(
    server: Server, film: dict[str, bytes], ranges: bool
) -> None:
    server.content, server.ranges = film["film.mkv"], ranges
    half = len(server.content) // 2
    server.break_after = [half] if not ranges else [half, 600, half]
    with open_source(server.url, reconnection=QUICK) as source:
        frames = list(source)
        report = source.report
    assert [number_in(frame.image_rgb) for frame in frames] == list(range(200))
    assert [f.timestamp_s for f in frames] == pytest.approx([ms / 1000 for ms in TIMES_MS])
    assert report.reconnects >= 1
    assert all(found.resumed for found in report.breaks)


def test_a_stream_that_never_comes_back_is_given_up(server: Server, film: dict[str, bytes]) -> None:
    server.content, server.ranges = film["film.mkv"], False
    server.break_after = [len(server.content) // 2]
    server.refuses_after = 1
    with open_source(server.url, reconnection=QUICK) as source:
        frames = list(source)
        (found,) = source.report.breaks
    assert 20 < len(frames) < 180
    assert found.timestamp_s == frames[-1].timestamp_s
    assert not found.resumed
    assert "given up after 3 attempts" in found.reason
    assert server.answers == 4


def test_no_attempt_is_made_where_none_is_wanted(server: Server, film: dict[str, bytes]) -> None:
    server.content, server.ranges = film["film.mkv"], False
    server.break_after = [len(server.content) // 2]
    never = Reconnection(attempts=0, timeout_s=20)
    with open_source(server.url, reconnection=never) as source:
        assert list(source)
        assert not source.report.breaks[0].resumed
    assert server.answers == 1


def test_nothing_there_is_an_error_at_once(server: Server) -> None:
    server.refuses_after = 0
    address = server.url.replace("http://", "http://me:secret@")
    with pytest.raises(VideoSourceError, match="cannot open") as caught:
        open_source(address, reconnection=QUICK)
    assert "secret" not in str(caught.value)
    assert server.answers <= 2  # without and with the password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://user:p:w@cam/1", "rtsp://user:***@cam/1"),
        ("rtsp://user@cam/1", "rtsp://user@cam/1"),
        ("http://cam:8080/a@b", "http://cam:8080/a@b"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_waits_double_up_to_a_limit() -> None:
    policy = Reconnection(first_wait_s=0.5, longest_wait_s=5)
    assert [policy.wait_s(attempt) for attempt in range(6)] == [0.5, 1, 2, 4, 5, 5]
    with pytest.raises(ConfigError):
        Reconnection(attempts=-1)


def test_a_live_stream_goes_on_with_the_time_that_passed(
    tmp_path: Path, film: dict[str, bytes], server: Server
) -> None:
    # No length, no ranges: nothing says where it would end. MPEG-TS through a plain connection.
    server.content, server.ranges = film["film.ts"], False
    server.break_after = [len(server.content) // 2]
    with open_source(server.url, reconnection=QUICK) as source:
        if source.info.duration_s is not None:
            pytest.skip("this FFmpeg tells a length even so")
        frames = list(source)
        assert source.report.reconnects == 1
    times_s = [frame.timestamp_s for frame in frames]
    assert times_s == sorted(times_s)
    numbers = [number_in(frame.image_rgb) for frame in frames]
    assert numbers.count(0) == 2
