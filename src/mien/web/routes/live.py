"""`/v1/live`: the socket that the live page sends its frames to."""

from __future__ import annotations

import logging
import time
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket

from mien.web.errors import ApiError
from mien.web.gate import refuse_socket
from mien.web.live.connection import LiveConnection
from mien.web.logs import note
from mien.web.services import ServicesOf

log = logging.getLogger("mien.web")
router = APIRouter()

# A browser that offers its token as a subprotocol must be answered one that it offered too.
SUBPROTOCOL = "mien.live.v1"


@router.websocket("/v1/live")
async def live(
    websocket: WebSocket,
    services: ServicesOf,
    protocol: Annotated[
        str | None, Query(description="The version that the client speaks.")
    ] = None,
) -> None:
    """Serve one live connection, as docs/live-protocol.md tells."""
    most = services.settings.max_connections
    if services.connections >= most:
        words = f"{most} live connections are open already; close one or try again later"
        await refuse_socket(websocket, ApiError(503, "busy", words, retry_after_s=5))
        return
    services.connections += 1
    connection = LiveConnection(websocket, services, spoken=protocol)
    opened_s = time.monotonic()
    note(log, "live connection opened", connections=services.connections)
    try:
        offered = websocket.scope.get("subprotocols", ())
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await connection.serve()
    finally:
        services.connections -= 1
        note(
            log,
            "live connection closed",
            connections=services.connections,
            seconds=round(time.monotonic() - opened_s, 1),
            **connection.counts.to_dict(),
        )
