"""Requests made up from the interface's own description: no 500, no leak, and it lives on."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mien.web.schemas.base import ErrorReply
from tests.web.made_sessions import make_session
from tests.web.running import RunningServer

schemathesis = pytest.importorskip("schemathesis", reason="install with pip install -e '.[dev]'")
requests = pytest.importorskip("requests", reason="comes with schemathesis")
Response = Any

# What no answer may tell a client: where files lie, and how the inside failed.
LEAKS = re.compile(r"Traceback|File \"|/home/|/root/|/tmp/|site-packages|\.py\b")
ROUTES = [("GET", "/healthz"), ("GET", "/v1/models"), ("POST", "/v1/analyze")]
ROUTES += [("POST", "/v1/explain"), ("GET", "/v1/settings"), ("GET", "/metrics")]
ROUTES += [("GET", "/v1/models/{name}"), ("GET", "/v1/models/{name}/failures.png")]
ONE = "/v1/sessions/{session_id}"
ROUTES += [("GET", "/v1/sessions"), *((method, ONE) for method in ("GET", "PATCH", "DELETE"))]
ROUTES += [("GET", ONE + rest) for rest in ("/timeline", "/summary", "/export")]
ROUTES += [("GET", ONE + "/media/{media_id}"), ("PATCH", ONE + "/people/{track_id}")]
ROUTES += [("POST", ONE + "/people/merge"), ("POST", ONE + "/people/{track_id}/separate")]
ROUTES += [("POST", ONE + "/markers"), ("DELETE", ONE + "/markers/{marker_id}")]
JOB = "/v1/jobs/{job_id}"
ROUTES += [("POST", "/v1/jobs"), ("GET", "/v1/jobs"), ("GET", JOB), ("DELETE", JOB)]
ROUTES += [("POST", JOB + "/cancel"), ("POST", JOB + "/resume")]
ROUTES += [("GET", JOB + "/results"), ("GET", JOB + "/export")]
QUICK = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def description(server: RunningServer) -> dict[str, Any]:
    # Small numbers, such as are made up most, are those of sessions.
    for _ in range(3):
        make_session(server.app.state.services.store())
    found: dict[str, Any] = httpx.get(f"{server.url}/openapi.json", timeout=60).json()
    return found


def hold_against(answer: Response) -> None:
    """What must hold for every answer, whatever was asked."""
    shown = (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    )
    assert answer.status_code < 500, shown
    assert "default-src 'none'" in answer.headers.get("content-security-policy", "none"), shown
    if answer.headers.get("content-type", "").startswith("application/json"):
        assert not LEAKS.search(answer.text), shown
        if answer.status_code >= 400:
            ErrorReply.model_validate(answer.json())


def test_every_route_of_the_description_is_fuzzed(description: dict[str, Any]) -> None:
    described = {
        (method.upper(), path)
        for path, methods in description["paths"].items()
        for method in methods
    }
    assert described == set(ROUTES)


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_made_up_requests_are_answered_or_refused(
    server: RunningServer, description: dict[str, Any], method: str, path: str, mode: str
) -> None:
    """Requests that fit the description, and ones that break it in one place."""
    operation = schemathesis.openapi.from_dict(description)[path][method]
    generation = schemathesis.GenerationMode(mode)
    wrong: list[str] = []

    @seed(5)
    @QUICK
    @given(case=operation.as_strategy(generation_mode=generation))
    def ask(case: Any) -> None:
        answer = send(server, case)
        if answer is not None:
            hold_against(answer)
            if answer.status_code not in documented(description, path, method):
                wrong.append(f"{answer.status_code} {answer.text[:200]}")

    try:
        ask()
    except Exception as error:
        # A route without parameters cannot be asked wrongly.
        if mode == "negative" and type(error).__name__ in ("SkipTest", "Unsatisfiable"):
            pytest.skip("nothing in it to break")
        raise
    assert wrong == []
    assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200


def documented(description: dict[str, Any], path: str, method: str) -> set[int]:
    """Statuses that the route tells of, and those that the gate before every route gives."""
    told = description["paths"][path][method.lower()]["responses"]
    return {int(status) for status in told} | {400, 404, 405, 421}


def send(server: RunningServer, case: Any) -> Response | None:
    """Send a case as it is; None where HTTP has no way to say it."""
    try:
        return requests.request(**case.as_transport_kwargs(base_url=server.url), timeout=20)
    except (requests.RequestException, ValueError):
        return None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
CONFIGURE = st.fixed_dictionaries(
    {"type": st.just("configure")},
    optional={
        name: JSON | good
        for name, good in {
            "detector": st.sampled_from(["haar", "auto", "cascade:/etc/passwd", "../x"]),
            "label_set": st.sampled_from(["ferplus", "fer2013", "moods"]),
            "smoothing_s": st.floats(-1, 11),
            "prior": st.dictionaries(st.sampled_from(["neutral", "anger", "x"]), st.floats()),
            "prior_strength": st.floats(-1, 2),
            "uncertain_below": st.floats(-1, 2),
        }.items()
    },
)


def as_text(value: object) -> str:
    return json.dumps(value)


def messages(frame: bytes) -> st.SearchStrategy[list[bytes | str]]:
    """A conversation of wrong and right messages, frames and texts."""
    cut = st.integers(1, len(frame)).map(lambda end: frame[:end])
    text = st.text(max_size=200) | JSON.map(as_text) | CONFIGURE.map(as_text)
    return st.lists(st.binary(max_size=300) | cut | text | st.just(frame), min_size=1, max_size=6)


def test_made_up_conversations_never_break_the_socket(
    server: RunningServer, astronaut_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = cv2.resize(cv2.imread(str(astronaut_path)), (96, 96))
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    url = server.url.replace("http", "ws") + "/v1/live"

    talked: list[int] = []

    @seed(6)
    @QUICK
    @given(said=messages(jpeg))
    def talk(said: list[bytes | str]) -> None:
        with connect(url, proxy=None) as socket:
            assert json.loads(socket.recv(timeout=20))["type"] == "ready"
            talked.append(len(said))
            for message in said:
                socket.send(message)
                answer = socket.recv(timeout=20)
                told = json.loads(answer)
                assert told["type"] in ("ready", "result", "skipped", "error"), told
                if told["type"] == "error":
                    assert told["error"]["code"] not in ("internal_error", "bundle_unusable"), told
                    assert not LEAKS.search(str(answer)), told

    try:
        talk()
    except ConnectionClosed as closed:
        # Only by the rule that the protocol tells.
        assert closed.rcvd is not None and closed.rcvd.code in (1007, 1008, 1009)
    assert len(talked) >= 20
    assert "a bug" not in caplog.text
    # The last connection may still be ending.
    deadline = time.monotonic() + 10
    while server.app.state.services.connections:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with connect(url, proxy=None) as socket:
        socket.recv(timeout=20)
        socket.send(jpeg)
        assert json.loads(socket.recv(timeout=20))["type"] == "result"
