"""What stands before every route: who may ask, how much may be sent, which headers leave.

All are plain ASGI middleware, so they hold for HTTP and for the live socket alike.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from mien.web.errors import ApiError, error_response, internal_error
from mien.web.settings import Settings
from mien.web.watch import route_of

log = logging.getLogger("mien.web")

_HOST = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}")
# Scripts, styles and fonts come from this server alone; pictures also from the page's memory.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob: mediastream:; "
    "connect-src 'self' ws://{host} wss://{host}; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecureHeaders:
    """Puts the security headers on every answer and turns a bug into the one error shape."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or socket."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        policy = _POLICY.format(host=host if _HOST.fullmatch(host) else "localhost")
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                # The page that asks for the token brings a narrower one.
                headers.setdefault("Content-Security-Policy", policy)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            log.debug("the client left during %s %s", scope["method"], route_of(scope))
        except Exception:  # the process's edge: a bug must not show its inside
            log.exception("a bug, while answering %s %s", scope["method"], route_of(scope))
            if not started:
                await error_response(internal_error())(scope, receive, send_with_headers)


class KnownHosts:
    """Refuses requests that another web site makes a visitor's browser send here.

    A page of another origin must be named in `allowed_origins`. A host name must be known as
    well: a name that an attacker points at 127.0.0.1 would otherwise count as the same origin.
    Addresses in numbers cannot be pointed elsewhere and are always allowed.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Wrap an app."""
        self._app = app
        self._origins = {origin.rstrip("/").lower() for origin in settings.allowed_origins}
        here = socket.gethostname().lower()
        self._names = {"localhost", settings.host.lower(), here, f"{here}.local"}
        self._names |= {urlsplit(origin).hostname or "" for origin in self._origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        problem = self._problem(Headers(scope=scope))
        if problem is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await error_response(problem)(scope, receive, send)
        else:
            await refuse_socket(WebSocket(scope, receive, send), problem)

    def _problem(self, headers: Headers) -> ApiError | None:
        host = headers.get("host", "").lower()
        if not self._is_known(host):
            return ApiError(
                421,
                "unknown_host",
                f"this server is not known as {host!r}; name its origin in MIEN_ALLOWED_ORIGINS",
            )
        origin = headers.get("origin", "").lower()
        if not origin or origin in self._origins:
            return None
        if origin.partition("://")[2] == host:
            return None
        return ApiError(
            403,
            "origin_refused",
            f"pages of {origin} may not use this server; allow them with MIEN_ALLOWED_ORIGINS",
        )

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class BodyLimit:
    """Counts a request's body as it comes in and stops reading once it is too large."""

    def __init__(
        self, app: ASGIApp, max_bytes: int, others: Mapping[str, int] | None = None
    ) -> None:
        """Wrap an app.

        Args:
            app: What answers.
            max_bytes: The largest body.
            others: Paths to the largest body of their own, which write it to disk as it comes.
        """
        self._app = app
        self._max_bytes = max_bytes
        self._others = dict(others or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = self._others.get(scope["path"], self._max_bytes)
        # An HTTPException passes through the form parser, which takes others for a bad form.
        # A body of unknown length may have no end, so this one also hangs up.
        too_large = HTTPException(
            413,
            f"the request is larger than the {max_bytes / 1e6:g} MB accepted",
            headers={"Connection": "close"},
        )
        announced = Headers(scope=scope).get("content-length", "")
        # Python refuses to make an int of a few thousand digits; fifteen are enough to know.
        if announced.isdecimal() and int(announced[:15]) > max_bytes:
            answer = ApiError(413, "too_large", too_large.detail)
            await error_response(answer)(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise too_large
            return message

        await self._app(scope, receive_counted, send)


async def refuse_socket(socket_: WebSocket, error: ApiError) -> None:
    """Answer a socket's handshake with an error, in the one shape where the server can."""
    if "websocket.http.response" in socket_.scope.get("extensions", {}):
        await socket_.send_denial_response(error_response(error))
    else:
        await socket_.close(code=1008, reason=error.body.code)
