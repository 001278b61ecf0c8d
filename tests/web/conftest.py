"""A real server on a free port, with a tiny bundle, and a browser with a camera that is a film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mien.web.settings import load_settings
from tests.bundles import write_tiny_bundle
from tests.web.running import RunningServer, find_chromium, write_film


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def sessions_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the shared server keeps its sessions."""
    return f"sqlite:///{tmp_path_factory.mktemp('sessions') / 'sessions.db'}"


@pytest.fixture(scope="session")
def server(
    tiny_bundle: Path, sessions_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server that others share: generous rates, small sizes."""
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        max_upload_bytes=3_000_000,
        max_images=3,
        max_pixels=4_000_000,
        requests_per_s=1000,
        request_burst=1000,
        frames_per_s=1000,
        max_frame_bytes=500_000,
        database_url=sessions_url,
        jobs_folder=tmp_path_factory.mktemp("jobs"),
        disk_reserve_bytes=0,
    )
    running = RunningServer(settings)
    yield running
    running.stop()


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path; a test that needs it is skipped where there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium found; install it, or name it in MIEN_CHROMIUM")
    return found


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut_path: Path) -> Path:
    return write_film(astronaut_path, tmp_path_factory.mktemp("film") / "face.mjpeg")
