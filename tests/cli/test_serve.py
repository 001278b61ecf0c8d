"""`mien serve` as a process of its own: what it says, what it answers, how it ends."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from mien.cli.main import app
from mien.cli.serve import page_address
from mien.core.errors import BundleError, ConfigError, MienError
from mien.web.access import is_loopback
from mien.web.routes.page import page_is_built
from tests.bundles import write_tiny_bundle

needs_page = pytest.mark.skipif(
    not page_is_built(), reason="the page is not built: python hatch_build.py"
)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(write_tiny_bundle(tmp_path))


class Serving:
    """`mien serve` with all that it has said so far."""

    def __init__(self, *options: str) -> None:
        program = "from mien.cli.main import run; run()"
        command = [sys.executable, "-c", program, "serve", "--no-open", *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "TERM": "dumb"},
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in self.said:
            assert time.monotonic() < deadline, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.05)

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def answer_at(address: str, path: str, **options: Any) -> httpx.Response:
    """Ask a server that has said its address and may need a moment more."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return httpx.get(f"{address}{path}", **options)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def serving(bundle: str) -> Iterator[Serving]:
    started = Serving("--port", "0", "--bundle", bundle, "--detector", "haar")
    yield started
    started.end()


@needs_page
def test_it_says_where_and_what_answers_there_and_ends_cleanly(serving: Serving) -> None:
    serving.wait_for("Ctrl-C stops it.")
    found = re.search(r"http://127\.0\.0\.1:(\d+)", serving.said)
    assert found, serving.said
    assert "tiny, ferplus" in serving.said and "haar" in serving.said
    assert "no picture leaves it" in serving.said
    assert answer_at(found[0], "/healthz").json()["detector"] == "haar"
    assert "<title>mien" in httpx.get(found[0]).text
    assert serving.end() == 0
    assert "stopped" in serving.said
    assert "Traceback" not in serving.said


@needs_page
def test_a_taken_port_is_an_error_that_names_another(bundle: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--no-open", "--port", str(port)])
    assert isinstance(result.exception, MienError)
    assert f"port {port} is taken" in str(result.exception)
    assert f"--port {port + 1}" in str(result.exception)


@needs_page
def test_a_bundle_that_is_not_there_is_an_error() -> None:
    arguments = ["serve", "--no-open", "--port", "0", "--bundle", "nobody"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, BundleError)
    assert "nobody" in str(result.exception)


def test_unusable_options_are_told_together() -> None:
    result = CliRunner().invoke(app, ["serve", "--port", "99999", "--threads", "0"])
    assert isinstance(result.exception, ConfigError)
    assert "port" in str(result.exception) and "threads" in str(result.exception)


@pytest.mark.parametrize(
    ("host", "address", "loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:1", True),
        ("localhost", "http://localhost:1", True),
        ("::1", "http://[::1]:1", True),
        ("0.0.0.0", "http://127.0.0.1:1", False),
        ("::", "http://[::1]:1", False),
        ("192.168.1.5", "http://192.168.1.5:1", False),
        ("faces.example", "http://faces.example:1", False),
    ],
)
def test_address_and_reach_of_a_host(host: str, address: str, loopback: bool) -> None:
    assert page_address(host, 1) == address
    assert is_loopback(host) is loopback


@needs_page
def test_another_address_than_loopback_asks_for_a_token_that_is_made_up(bundle: str) -> None:
    started = Serving("--host", "0.0.0.0", "--port", "0", "--bundle", bundle, "--detector", "haar")
    started.wait_for("Ctrl-C stops it.")
    link = re.search(r"(http://127\.0\.0\.1:\d+)(/\?token=\S+)", started.said)
    assert link, started.said
    refused = answer_at(link[1], "/healthz")
    let_in = answer_at(link[1], link[2])
    # What a log could hold of requests that go wrong, too.
    answer_at(link[1], "/nothing" + link[2][1:])
    said_before = started.said
    assert started.end() == 0
    assert refused.status_code == 401
    assert let_in.status_code == 200 and "set-cookie" in let_in.headers
    assert "others with the token" in started.said
    assert "HTTPS" in started.said and "--tls-self-signed" in started.said
    assert "?token=" not in started.said.removeprefix(said_before)


@needs_page
def test_a_given_token_is_asked_for_and_never_shown(bundle: str, tmp_path: Path) -> None:
    token = "the-tests-own-token"
    file = tmp_path / "token"
    file.write_text(token)
    options = ("--port", "0", "--bundle", bundle, "--detector", "haar")
    started = Serving(*options, "--token-file", str(file))
    started.wait_for("Ctrl-C stops it.")
    found = re.search(r"http://127\.0\.0\.1:(\d+)", started.said)
    assert found, started.said
    refused = answer_at(found[0], "/healthz")
    let_in = answer_at(found[0], "/healthz", headers={"authorization": f"Bearer {token}"})
    assert started.end() == 0
    assert (refused.status_code, let_in.status_code) == (401, 200)
    assert token not in started.said


@needs_page
def test_self_signed_https_shows_the_fingerprint(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="the extra mien[tls] is not installed")
    monkeypatch.setenv("MIEN_HOME", str(tmp_path))
    options = ("--port", "0", "--bundle", bundle, "--detector", "haar")
    started = Serving(*options, "--tls-self-signed")
    started.wait_for("Ctrl-C stops it.")
    found = re.search(r"https://127\.0\.0\.1:(\d+)", started.said)
    assert found, started.said
    trusting = ssl.create_default_context(cafile=str(tmp_path / "tls" / "certificate.pem"))
    answer = answer_at(found[0], "/healthz", verify=trusting)
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", int(found[1]))))
    assert started.end() == 0
    assert answer.status_code == 200
    shown = re.search(r"SHA-256\s+([0-9A-F:]+)", started.said)
    assert shown and shown[1].replace(":", "").lower() == hashlib.sha256(der).hexdigest()


def test_prior_and_threshold_reach_the_settings(bundle: str) -> None:
    """Each is refused for its own value, so none is lost on the way."""
    options = ("--prior-strength", "2", "--uncertain-below", "-1", "--prior", "")
    done = CliRunner().invoke(app, ["serve", "--no-open", "--bundle", bundle, *options])
    assert isinstance(done.exception, ConfigError)
    for name in ("prior_strength (2.0)", "uncertain_below (-1.0)", "prior ('')"):
        assert name in str(done.exception)
