"""Lines of the log: what happened, in one form, and nothing of whoever asked or was seen."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from mien.core.errors import ConfigError
from mien.web import logs
from mien.web.logs import JsonLines, TextLines, note, request_id, set_up_logging
from mien.web.settings import load_settings
from tests.web.running import RunningServer, jpeg_of

TOKEN = "the-token-of-this-test"


def record_of(message: str, *args: object, exception: bool = False, **fields: Any) -> Any:
    info = None
    if exception:
        try:
            raise ValueError("broken")
        except ValueError:
            info = sys.exc_info()
    log = logging.getLogger("mien.web")
    extra = {logs.FIELDS: fields}
    return log.makeRecord(log.name, logging.WARNING, __file__, 1, message, args, info, extra=extra)


def test_json_lines_have_time_level_words_and_fields() -> None:
    line = json.loads(JsonLines().format(record_of("request %d", 7, status=200, route="/x")))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "warning",
        "logger": "mien.web",
        "message": "request 7",
        "status": 200,
        "route": "/x",
    }


def test_an_exception_stays_within_one_line_of_json() -> None:
    text = JsonLines().format(record_of("a bug", exception=True))
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["exception"]


def test_text_lines_cannot_be_broken_or_coloured_from_outside() -> None:
    text = TextLines().format(record_of("%s", "a\nwarning forged \x1b[31m\u2028", ms=1.5))
    assert "\n" not in text and "\x1b" not in text and "\u2028" not in text
    assert r"a\nwarning forged \x1b[31m\u2028 ms=1.5" in text
    assert "ValueError: broken" in TextLines().format(record_of("a bug", exception=True))


def test_lines_have_the_number_of_the_request_that_is_answered() -> None:
    token = request_id.set("abc")
    try:
        assert json.loads(JsonLines().format(record_of("x")))["request_id"] == "abc"
        assert TextLines().format(record_of("x")).endswith(" x request_id=abc")
    finally:
        request_id.reset(token)
    assert "request_id" not in json.loads(JsonLines().format(record_of("x")))


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_set_up_writes_to_standard_error(
    log_format: Any, monkeypatch: pytest.MonkeyPatch, restored_logging: None
) -> None:
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logging(log_format)
    note(logging.getLogger("mien.web"), "happened", number=3)
    logging.getLogger("another").info("too much")
    logging.getLogger("another").warning("worth it")
    first, second = written.getvalue().splitlines()
    assert "happened" in first and "worth it" in second
    assert ('"number": 3' if log_format == "json" else "number=3") in first


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("mien")
    before = root.handlers[:], root.level, ours.level
    # pytest's own handlers would else be closed by `force`.
    root.handlers = []
    yield
    root.handlers, root.level, ours.level = before


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="log_format"):
        load_settings(log_format="xml")


class Lines(logging.Handler):
    """What mien logs, as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.written: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(json.loads(self.format(record)))

    def of(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.written if line["message"] == message]


@pytest.fixture
def lines() -> Iterator[Lines]:
    log, handler = logging.getLogger("mien"), Lines()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


@pytest.fixture(scope="module")
def proxied(tiny_bundle: Path) -> Iterator[RunningServer]:
    """A server that believes what this machine says of others."""
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        token=TOKEN,
        trusted_proxies=("127.0.0.1",),
    )
    running = RunningServer(settings)
    yield running
    running.stop()


def test_a_request_is_one_line_without_who_asked_for_what(
    proxied: RunningServer, lines: Lines, astronaut_path: Path
) -> None:
    answer = httpx.post(
        f"{proxied.url}/v1/analyze?detector=haar&label_set=ferplus",
        files={"image": ("anna-geheim.png", astronaut_path.read_bytes())},
        headers={"authorization": f"Bearer {TOKEN}", "x-forwarded-for": "203.0.113.7"},
        timeout=60,
    )
    assert answer.status_code == 200
    (line,) = lines.of("request")
    assert line["method"] == "POST" and line["route"] == "/v1/analyze" and line["status"] == 200
    assert line["bytes"] == len(answer.content) and 0 < line["ms"] < 60_000
    assert line["request_id"] == answer.headers["x-request-id"]
    for told in ("geheim", TOKEN, "203.0.113", "127.0.0.1", "label_set"):
        assert told not in json.dumps(lines.written)


def test_what_no_route_answers_is_logged_without_its_address(
    proxied: RunningServer, lines: Lines
) -> None:
    mine = {"authorization": f"Bearer {TOKEN}"}
    wrong = {"authorization": "Bearer wrong-geheim"}
    httpx.get(f"{proxied.url}/?token={TOKEN}", timeout=60)
    httpx.get(f"{proxied.url}/anna%0Ageheim", headers=mine, timeout=60)
    httpx.get(f"{proxied.url}/v1/models/geheim", headers=wrong, timeout=60)
    assert [line["status"] for line in lines.of("request")] == [200, 404, 401]
    assert TOKEN not in json.dumps(lines.written) and "geheim" not in json.dumps(lines.written)


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("proxy-7.A_b", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)],
)
def test_a_trusted_proxys_number_is_kept_where_it_fits(
    proxied: RunningServer, given: str, is_kept: bool
) -> None:
    headers = {"x-request-id": given, "authorization": f"Bearer {TOKEN}"}
    told = httpx.get(f"{proxied.url}/healthz", headers=headers, timeout=60).headers["x-request-id"]
    assert (told == given) is is_kept
    assert is_kept or re.fullmatch("[0-9a-f]{16}", told)


def test_a_strangers_number_is_not_taken(server: RunningServer) -> None:
    answers = [
        httpx.get(f"{server.url}/healthz", headers={"x-request-id": "mine"}, timeout=60)
        for _ in range(2)
    ]
    one, other = (answer.headers["x-request-id"] for answer in answers)
    assert "mine" not in (one, other) and one != other


def test_a_bug_is_logged_under_the_number_that_the_client_got(
    server: RunningServer, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = server.app.state.services.engine
    monkeypatch.setattr(engine, "catalogue", lambda: 1 / 0)
    answer = httpx.get(f"{server.url}/v1/models", timeout=60)
    assert answer.status_code == 500
    (line,) = lines.of("a bug, while answering GET /v1/models")
    assert "ZeroDivisionError" in line["exception"] and line["level"] == "error"
    assert line["request_id"] == answer.headers["x-request-id"]


def test_a_live_connection_is_two_lines_with_counts(
    server: RunningServer, lines: Lines, astronaut_path: Path
) -> None:
    url = server.url.replace("http", "ws") + "/v1/live"
    with connect(url, proxy=None) as socket:
        socket.recv(timeout=60)
        socket.send(jpeg_of(astronaut_path))
        socket.recv(timeout=60)
        socket.send(b"none")
        socket.recv(timeout=60)
    deadline = time.monotonic() + 20
    while not lines.of("live connection closed"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (opened,) = lines.of("live connection opened")
    (closed,) = lines.of("live connection closed")
    assert opened["connections"] == 1 and closed["connections"] == 0
    assert (closed["read"], closed["skipped"], closed["refused"]) == (1, 0, 1)
    assert 0 <= closed["seconds"] < 60
    assert opened["request_id"] == closed["request_id"]
