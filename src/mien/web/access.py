"""Who may use a server that others can reach: whoever has its token.

A program shows the token as `Authorization: Bearer ...`, or on a socket as a subprotocol. A
browser opens a page with `?token=...` once, or sends the form of `mien.web.sign_in`, and has a
cookie from then on. docs/security.md tells both.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from mien.core.errors import ConfigError
from mien.web.errors import ApiError, error_response
from mien.web.gate import refuse_socket
from mien.web.limits import RateLimiter, client_of
from mien.web.settings import Settings
from mien.web.sign_in import is_sign_in, page_wanted, sign_in_page, token_of_form, welcome_page

TOKEN_SUBPROTOCOL = "mien.token."
# What a token may be: it must fit into an address, a header, and the name of a subprotocol.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
# Wrong tokens that a client may show at once, and lastingly a second.
_GUESSES_AT_ONCE, _GUESSES_PER_S = 10, 0.2


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a server bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def settle_token(settings: Settings) -> tuple[Settings, bool]:
    """Return the settings with the token that will be asked for, and whether it was made up.

    One is made up where others can reach the server and none is given.

    Raises:
        ConfigError: If the token that is given cannot be used.
    """
    made_up = needs_token(settings) and not (settings.token or settings.token_file)
    token = secrets.token_urlsafe(24) if made_up else _given_token(settings)
    secret = None if token is None else SecretStr(token)
    return settings.model_copy(update={"token": secret, "token_file": None}), made_up


def required_token(settings: Settings) -> str | None:
    """Return the token that a server must ask for; None where only this machine reaches it.

    Raises:
        ConfigError: If the token cannot be used, or there must be one and is not.
    """
    token = _given_token(settings)
    if token is None and needs_token(settings):
        raise ConfigError(
            f"others can reach a server on {settings.host} with the proxies "
            f"{list(settings.trusted_proxies)}, so it needs a token: set MIEN_TOKEN or "
            "MIEN_TOKEN_FILE, start it by `mien serve`, which makes one up, or listen on 127.0.0.1"
        )
    return token


def needs_token(settings: Settings) -> bool:
    """Say whether others than this machine's users can reach the server, directly or by a proxy."""
    return not is_loopback(settings.host) or bool(settings.trusted_proxies)


def _given_token(settings: Settings) -> str | None:
    if settings.token is not None:
        token, where = settings.token.get_secret_value(), "MIEN_TOKEN or --token"
    elif settings.token_file is not None:
        where = str(settings.token_file)
        try:
            token = settings.token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read a token from {where}: {error}") from error
    else:
        return None
    if not _TOKEN.fullmatch(token):
        raise ConfigError(
            "expected a token of 16 to 200 letters, digits and -._~, got another of "
            f"{len(token)} characters from {where}; make one: openssl rand -hex 24"
        )
    return token


class TokenGate:
    """Lets nobody pass without the token, HTTP and sockets alike.

    Whoever comes by the cookie must also come from a page of this server where something can be
    changed, since a browser sends cookies whatever page made it ask. `KnownHosts` stands before
    this and refuses every origin that is not this server's or allowed; here is refused where a
    browser would have sent an origin and none came.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Wrap an app."""
        self._app = app
        self._token = token.encode()
        # Not the token itself, so that a cookie that leaks opens no door but the page's. Cookies
        # do not know ports: two servers on one machine must not overwrite each other's.
        self._cookie_name = f"mien-{self._derive('name')[:8]}"
        self._cookie_value = self._derive("value")
        self._guesses = RateLimiter(_GUESSES_PER_S, _GUESSES_AT_ONCE)

    def _derive(self, purpose: str) -> str:
        return hmac.new(self._token, f"mien cookie {purpose}".encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            # What a person shows: by the link or the form, and only to have the cookie for it.
            shown = (
                await token_of_form(receive) if is_sign_in(scope) else _token_of_link(connection)
            )
            self._check(connection, shown)
        except ApiError as problem:
            if scope["type"] == "websocket":
                await refuse_socket(WebSocket(scope, receive, send), problem)
            else:
                await _refusal(problem, scope)(scope, receive, send)
            return
        if shown is None:
            await self._app(scope, receive, send)
        else:
            await self._welcome(connection)(scope, receive, send)

    def _check(self, connection: HTTPConnection, given: str | None) -> None:
        """Raise the answer to whoever may not pass; `given` is a person's token, if any."""
        shown = _token_shown(connection) if given is None else given
        if shown is not None:
            if not hmac.compare_digest(shown.encode(), self._token):
                self._guesses.check(client_of(connection))
                raise _unauthorised("token_wrong", "that is not this server's token")
            return
        cookie = connection.cookies.get(self._cookie_name, "")
        if not hmac.compare_digest(cookie.encode(), self._cookie_value.encode()):
            raise _unauthorised(
                "token_required",
                "this server asks for its token: open the link that `mien serve` showed, or send "
                "the header `Authorization: Bearer TOKEN`",
            )
        if _can_change_things(connection.scope) and "origin" not in connection.headers:
            raise ApiError(
                403,
                "origin_required",
                "a request with the page's cookie must say by its Origin that it comes from the "
                "page; programs send the header `Authorization: Bearer TOKEN` instead",
            )

    def _welcome(self, connection: HTTPConnection) -> Response:
        """Give the cookie and lead on to the page, at an address without the token."""
        answer = welcome_page(page_wanted(connection.scope) or "/")
        answer.set_cookie(
            self._cookie_name,
            self._cookie_value,
            httponly=True,
            samesite="strict",
            secure=connection.url.scheme == "https",
        )
        return answer


def _token_of_link(connection: HTTPConnection) -> str | None:
    scope = connection.scope
    if scope["type"] == "http" and scope["method"] == "GET" and page_wanted(scope) is not None:
        return connection.query_params.get("token")
    return None


def _token_shown(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for offered in connection.scope.get("subprotocols", ()):
        if offered.startswith(TOKEN_SUBPROTOCOL):
            return str(offered.removeprefix(TOKEN_SUBPROTOCOL))
    return None


def _can_change_things(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS


def _unauthorised(code: str, message: str) -> ApiError:
    error = ApiError(401, code, message)
    error.headers["WWW-Authenticate"] = 'Bearer realm="mien"'
    return error


def _refusal(problem: ApiError, scope: Scope) -> Response:
    """Return a refusal as a page where a person looks at it, else in the one shape."""
    is_for_person = "text/html" in Headers(scope=scope).get("accept", "")
    if is_for_person and (problem.status == 401 or is_sign_in(scope)):
        return sign_in_page(problem, scope)
    return error_response(problem)
