"""Servers whose jobs and sessions are in a test's own folder, and a video of a face."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mien.web.engine import RecognizerEngine
from mien.web.jobs.work import Work
from mien.web.settings import load_settings
from tests.web.job_films import (
    Start,
    settings_of,
    write_walk,
)
from tests.web.running import RunningServer


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory, astronaut_path: Path) -> Path:
    return write_walk(astronaut_path, tmp_path_factory.mktemp("films") / "a walk.mp4")


@pytest.fixture(scope="session")
def engine(tiny_bundle: Path) -> RecognizerEngine:
    return RecognizerEngine(load_settings(bundle=str(tiny_bundle), detector="haar"))


@pytest.fixture
def start(
    tiny_bundle: Path, tmp_path: Path, engine: RecognizerEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Start a server whose jobs and sessions are in the test's own folder."""
    servers: list[RunningServer] = []
    # On a busy machine a thread that steps back may wait for very long.
    monkeypatch.setattr("mien.web.jobs.jobs.step_back", lambda: None)

    def start(**given: Any) -> RunningServer:
        settings = load_settings(**settings_of(tiny_bundle, tmp_path, **given))
        servers.append(RunningServer(settings, engine))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start: Start) -> RunningServer:
    return start(max_upload_bytes=1_000_000, max_video_bytes=4_000_000, max_job_photos=3)


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame takes a tenth of a second, so that a job can be met while it runs."""
    monkeypatch.setattr(Work, "give_way", lambda work, _: work.halt.rest(0.1))
