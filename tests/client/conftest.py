"""A real server on a free port, with a tiny bundle, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from mien.client import Client
from mien.web.settings import load_settings
from tests.bundles import write_tiny_bundle
from tests.web.running import RunningServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0,
        bundle=str(write_tiny_bundle(tmp_path_factory.mktemp("bundles"))),
        detector="haar",
        requests_per_s=1000,
        request_burst=1000,
        frames_per_s=1000,
        max_frame_bytes=500_000,
        max_pixels=4_000_000,
    )
    running = RunningServer(settings)
    yield running
    running.stop()


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


@pytest.fixture(scope="session")
def jpeg(astronaut_path: Path) -> bytes:
    image = cv2.imread(str(astronaut_path))
    assert image is not None
    return cv2.imencode(".jpg", image)[1].tobytes()
