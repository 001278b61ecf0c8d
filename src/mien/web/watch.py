"""Stands outside everything and sees each answer: its number, its line in the log, its count."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any, cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from mien.web.logs import note, request_id
from mien.web.metrics import Metrics

log = logging.getLogger("mien.web.requests")

REQUEST_ID_HEADER = "X-Request-ID"
# What a proxy may call a request: it stands in lines of the log.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
# In a scope whose connection comes from a proxy that is trusted.
_BEHIND_PROXY = "mien.behind_proxy"
UNMATCHED = "unmatched"
# nginx's word for a client that did not wait for its answer.
_CLIENT_LEFT = 499


class Watch:
    """Gives each request and socket a number, and counts and logs how it was answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap an app."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        number = _number_of(scope)
        # Seen by everything that is logged while this is answered.
        token = request_id.set(number)
        try:
            if scope["type"] == "http":
                await self._watch_request(scope, receive, send, number)
            else:
                await self._watch_socket(scope, receive, send)
        finally:
            request_id.reset(token)

    async def _watch_request(self, scope: Scope, receive: Receive, send: Send, number: str) -> None:
        started_s = time.perf_counter()
        status, sent_bytes = _CLIENT_LEFT, 0

        async def send_and_look(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = number
            elif message["type"] == "http.response.body":
                sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            seconds = time.perf_counter() - started_s
            self._tell(scope, status, seconds, bytes=sent_bytes)

    async def _watch_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_answered = False

        async def send_and_look(message: Message) -> None:
            nonlocal is_answered
            if not is_answered:
                is_answered = True
                status = {"websocket.accept": 101, "websocket.close": 403}.get(message["type"])
                self._tell(scope, status or message.get("status", 500), None)
            await send(message)

        await self._app(scope, receive, send_and_look)

    def _tell(self, scope: Scope, status: int, seconds: float | None, **fields: int) -> None:
        method = scope.get("method", "GET")
        method = method if method in _METHODS else "other"
        route = route_of(scope)
        self._metrics.request(method, route, status, seconds)
        took = {} if seconds is None else {"ms": round(1000 * seconds, 1)}
        note(log, "request", method=method, route=route, status=status, **took, **fields)


class BelievedProxies(ProxyHeadersMiddleware):
    """Believes what proxies that are trusted say of a request, as uvicorn does, and marks it."""

    def __init__(self, app: ASGIApp, proxies: list[str]) -> None:
        """Wrap an app; `proxies` are addresses and networks."""
        # uvicorn's own types of the same things are others than Starlette's.
        super().__init__(cast(Any, app), proxies)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request or socket."""
        peer = scope.get("client")
        scope[_BEHIND_PROXY] = peer is not None and peer[0] in self.trusted_hosts
        await super().__call__(scope, receive, send)


def route_of(scope: Scope) -> str:
    """Return the route that answers, as it is written in the source: `/v1/sessions/{session_id}`.

    What no route answers is all called the same, since a client can make up any path.
    """
    route = scope.get("route")
    if route is not None and hasattr(route, "path"):
        return str(route.path)
    if scope.get("endpoint") is None:
        return UNMATCHED
    if scope.get("app_root_path", scope.get("root_path", "")) != scope.get("root_path", ""):
        return f"{scope['root_path']}/{{file}}"
    # A route without a description of its own, such as /openapi.json.
    return UNMATCHED if scope.get("path_params") else str(scope["path"])


def _number_of(scope: Scope) -> str:
    """Return a trusted proxy's number for a request, or a new one."""
    given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    if scope.get(_BEHIND_PROXY) and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)
