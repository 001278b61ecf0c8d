"""Who may ask, and which headers leave."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import pytest

from mien.core.errors import ConfigError
from mien.web.errors import ApiError
from mien.web.limits import MAX_CLIENTS, RateLimiter, TokenBucket
from mien.web.settings import load_settings
from tests.web.running import RunningServer


def test_every_answer_carries_the_security_headers(client: httpx.Client) -> None:
    for path in ("/", "/healthz", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "camera=(self)" in headers["permissions-policy"]
        assert "server" not in headers


def test_policy_names_no_host_that_a_header_smuggles_in(server: RunningServer) -> None:
    answer = httpx.get(server.url, headers={"host": "a; script-src *"})
    assert answer.status_code in (400, 421)
    assert "script-src *" not in answer.headers.get("content-security-policy", "")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1"])
def test_names_that_the_server_does_not_have_are_refused(server: RunningServer, host: str) -> None:
    answer = httpx.get(f"{server.url}/healthz", headers={"host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8765", "192.168.1.5", "[::1]:80"])
def test_addresses_and_localhost_are_known(server: RunningServer, host: str) -> None:
    assert httpx.get(f"{server.url}/healthz", headers={"host": host}).status_code == 200


def test_a_foreign_page_cannot_post_pictures(client: httpx.Client) -> None:
    answer = client.post("/v1/analyze", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_refused"


def test_a_named_origin_and_its_host_are_allowed(tiny_bundle: object) -> None:
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        allowed_origins=("https://faces.example",),
    )
    running = RunningServer(settings)
    headers = {"origin": "https://faces.example", "host": "faces.example"}
    assert httpx.get(f"{running.url}/healthz", headers=headers).status_code == 200
    # Its pages may read what they ask for, also what was wrong with it; no others may.
    headers = {"origin": "https://faces.example"}
    for answer in (
        httpx.get(f"{running.url}/v1/models", headers=headers),
        httpx.post(f"{running.url}/v1/analyze", headers=headers),
    ):
        assert answer.headers["access-control-allow-origin"] == "https://faces.example"
    foreign = httpx.get(f"{running.url}/v1/models", headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert "access-control-allow-origin" not in foreign.headers
    assert "access-control-allow-origin" not in httpx.get(f"{running.url}/v1/models").headers
    running.stop()


def test_no_answer_tells_where_files_lie(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector's own words do, and they are meant for who starts the server."""
    monkeypatch.setenv("MIEN_HOME", str(tmp_path))
    running = RunningServer(load_settings(port=0, bundle=str(tiny_bundle), detector="haar"))
    models = httpx.get(f"{running.url}/v1/models")
    refused = httpx.post(f"{running.url}/v1/analyze", params={"detector": "yunet"})
    running.stop()
    assert (models.status_code, refused.status_code) == (200, 422)
    for answer in (models, refused):
        assert str(tmp_path) not in answer.text
        assert "looked in MIEN_HOME" in answer.text


def test_a_client_that_leaves_during_an_upload_is_no_bug(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "mien.web")
    with socket.create_connection(("127.0.0.1", server.settings.port)) as leaving:
        leaving.sendall(
            b"POST /v1/analyze HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
        )
        time.sleep(0.2)
    deadline = time.monotonic() + 10
    while "the client left" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "a bug" not in caplog.text


def test_bucket_gives_its_burst_and_then_its_rate() -> None:
    now_s = 0.0
    bucket = TokenBucket(2, 3, lambda: now_s)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    now_s = 0.5
    assert bucket.take() == 0
    assert bucket.take() > 0
    now_s = 100.0
    assert [bucket.take() for _ in range(4)][2:] == [0, pytest.approx(0.5)]


def test_limiter_counts_clients_apart_and_forgets_the_oldest() -> None:
    limiter = RateLimiter(0.001, 1, lambda: 0.0)
    limiter.check("a")
    limiter.check("b")
    with pytest.raises(ApiError, match="too many requests from a"):
        limiter.check("a")
    for number in range(MAX_CLIENTS):
        limiter.check(f"client {number}")
    limiter.check("a")


def test_settings_come_from_the_environment_and_arguments_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIEN_PORT", "9001")
    monkeypatch.setenv("MIEN_ALLOWED_ORIGINS", '["https://faces.example"]')
    assert load_settings().port == 9001
    assert load_settings().allowed_origins == ("https://faces.example",)
    assert load_settings(port=9002, host=None).port == 9002


def test_all_unusable_settings_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(port=70_000, threads=0, frames_per_s=-1)
    assert all(name in str(error.value) for name in ("port (70000)", "threads", "frames_per_s"))
