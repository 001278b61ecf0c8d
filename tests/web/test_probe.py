"""`python -m mien.web.probe` tells a container whether its server runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.web import probe
from mien.web.settings import Settings, load_settings
from tests.web.running import RunningServer

TOKEN = "the-token-of-this-test"


@pytest.fixture(scope="module")
def guarded(tiny_bundle: Path) -> Iterator[RunningServer]:
    settings = load_settings(port=0, bundle=str(tiny_bundle), detector="haar", token=TOKEN)
    running = RunningServer(settings)
    yield running
    running.stop()


def told(settings: Settings, **changes: object) -> str | None:
    return probe.ask(settings.model_copy(update=changes))


def test_a_server_that_runs_is_healthy(server: RunningServer) -> None:
    assert told(server.settings) is None
    # What listens everywhere is asked on this machine.
    assert told(server.settings, host="0.0.0.0", token=load_settings(token=TOKEN).token) is None


def test_the_servers_own_token_opens_it(guarded: RunningServer, tmp_path: Path) -> None:
    assert told(guarded.settings) is None
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert told(guarded.settings, token=None, token_file=tmp_path / "token") is None


def test_another_token_shows_that_something_is_wrong(guarded: RunningServer) -> None:
    wrong = load_settings(token="another-token-than-its").token
    problem = told(guarded.settings, token=wrong)
    assert problem is not None and "401" in problem
    assert "another-token" not in problem


def test_a_token_that_only_the_server_knows_is_no_fault(guarded: RunningServer) -> None:
    assert told(guarded.settings, host="0.0.0.0", token=None) is None


def test_where_nothing_listens_is_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-m", "mien.web.probe"],
        env={**os.environ, "MIEN_PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}/healthz does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_unusable_settings_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIEN_PORT", "99999")
    assert probe.main() == 1
    assert "port" in capsys.readouterr().err
