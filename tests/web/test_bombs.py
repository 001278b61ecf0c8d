"""Pictures made to use up memory or time are refused at every door of the server."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from websockets.sync.client import connect

from tests.core.test_bombs import BOMBS, many_scans
from tests.web.running import RunningServer

# TIFF and GIF are refused by their first bytes: browsers' cameras and photos are neither.
CODES = {
    "JPEG": "unreadable_picture",
    "PNG": "unreadable_picture",
    "WEBP": "unreadable_picture",
    "GIF": "unsupported_picture",
    "TIFF": "unsupported_picture",
}


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    made = {kind: make() for kind, make in BOMBS.items()}
    return {**made, "scans": many_scans(200)}


# Pillow warns of what is too large for mien too; here warnings are errors.
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", [*CODES, "scans"])
@pytest.mark.parametrize("door", ["/v1/analyze", "/v1/explain", "/v1/live"])
def test_a_bomb_is_refused_at_once_by_every_door(
    server: RunningServer, bombs: dict[str, bytes], door: str, kind: str
) -> None:
    started_s = time.process_time()
    if door == "/v1/live":
        with connect(server.url.replace("http", "ws") + door, proxy=None) as socket:
            socket.recv(timeout=20)
            socket.send(bombs[kind])
            error = json.loads(socket.recv(timeout=20))["error"]
    else:
        answer = httpx.post(server.url + door, files={"image": bombs[kind]}, timeout=20)
        assert 415 <= answer.status_code <= 422
        error = answer.json()["error"]
    assert error["code"] == CODES.get(kind, "unreadable_picture")
    assert "megapixels" in error["message"] or kind in ("GIF", "TIFF", "scans")
    # Decoding 144 megapixels takes longer than this, and it is this process that would do it.
    assert time.process_time() - started_s < 1
