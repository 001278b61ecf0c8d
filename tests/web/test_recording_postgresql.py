"""A live session from the socket to REST, kept by a real PostgreSQL server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from mien.web.settings import load_settings
from tests.postgresql_server import find_programs, serving
from tests.web.running import RunningServer, jpeg_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tiny_bundle: Path) -> Iterator[RunningServer]:
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    pytest.importorskip("psycopg", reason="install with pip install 'mien[postgres]'")
    with serving(programs) as url:
        settings = load_settings(port=0, bundle=str(tiny_bundle), detector="haar", database_url=url)
        running = RunningServer(settings)
        yield running
        running.stop()


def test_what_is_recorded_live_is_listed_shown_and_deleted(
    server: RunningServer, astronaut_path: Path
) -> None:
    jpeg = jpeg_of(astronaut_path)
    with connect(server.url.replace("http", "ws") + "/v1/live", proxy=None) as socket:

        def next_of(kind: str) -> dict[str, object]:
            while True:
                told: dict[str, object] = json.loads(socket.recv(timeout=60))
                assert told["type"] != "error", told
                if told["type"] == kind:
                    return told

        next_of("ready")
        socket.send(json.dumps({"type": "record", "title": "Probe", "consent": "Agreed."}))
        session_id = next_of("recording")["session_id"]
        for _ in range(3):
            socket.send(jpeg)
            next_of("result")
        socket.send(json.dumps({"type": "mark", "word": "now"}))
        next_of("marked")
        socket.send(json.dumps({"type": "stop"}))
        while next_of("recording")["state"] != "ended":
            pass
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/v1/settings").json()["store"] == "PostgreSQL at this machine"
        (listed,) = client.get("/v1/sessions").json()["sessions"]
        assert listed["id"] == session_id and listed["title"] == "Probe"
        assert listed["frames"] == 3 and listed["state"] == "ended"
        timeline = client.get(f"/v1/sessions/{session_id}/timeline")
        assert timeline.status_code == 200, timeline.text
        rows = client.get(f"/v1/sessions/{session_id}/export", params={"format": "csv"})
        assert len(rows.text.strip().splitlines()) == 1 + 3
        assert client.delete(f"/v1/sessions/{session_id}").status_code == 204
        assert client.get("/v1/sessions").json()["sessions"] == []
