"""A connected live socket: one message out, its answer in, and what ended it if it ended."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mien.client.answers import LiveReady
from mien.client.failures import (
    answer_error,
    missing_extra,
    told_error,
    too_late,
    unlike_mien,
    unreachable,
)
from mien.core.errors import MienError, ProtocolError, ServerBusyError, ServerError
from mien.core.protocol import LIVE_PROTOCOL, PROTOCOL_MISMATCH_CODE

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import ClientConnection

# A busy server names no time in a message, as it does in an answer over HTTP.
BUSY_PAUSE_S = 1.0
# Close codes after which connecting again is of no use: the client did what it must not.
_SENT_AWAY = (1002, 1003, 1007, 1008, 1009)


@dataclass(frozen=True)
class LiveAddress:
    """Where a live connection goes, and how.

    Attributes:
        url: The socket's address, `ws://` or `wss://`.
        headers: What every handshake carries.
        trust: Which certificates are trusted; None without TLS.
        may_proxy: Whether a proxy of the environment may be used.
        timeout_s: How long to wait for one answer, in seconds.
        patience_s: How long to go on trying where the connection was lost, in seconds.
    """

    url: str
    headers: Mapping[str, str]
    trust: ssl.SSLContext | None
    may_proxy: bool
    timeout_s: float
    patience_s: float


class LostError(Exception):
    """There is no connection, and another one may be had later.

    Attributes:
        cause: What to tell the user if not.
    """

    def __init__(self, cause: MienError) -> None:
        """Say what to tell."""
        super().__init__(str(cause))
        self.cause = cause


class LiveSocket:
    """One connection, from the handshake on.

    Attributes:
        ready: What the server said last of itself.
        is_closed: Whether it ended, by either side; it is of no use then.
    """

    def __init__(
        self, address: LiveAddress, tell: Callable[[dict[str, Any]], object] = lambda _: None
    ) -> None:
        """Connect and be greeted.

        Args:
            address: Where to.
            tell: Is called with each `recording` message that comes by itself.

        Raises:
            LostError: If there is no server now, or it cannot read yet.
            ProtocolError: If the server speaks another version of the protocol.
            MienError: If the server refuses; a `ServerBusyError` where it may not later.
        """
        self._address, self._tell = address, tell
        self.is_closed = False
        self._open = ExitStack()
        self._socket = self._open.enter_context(_connected(address))
        self._last_sent_s = -1e9
        try:
            self.ready = self._greeted(self._receive())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection."""
        self.is_closed = True
        self._open.close()

    def configure(self, choice: Mapping[str, Any]) -> LiveReady:
        """Change what reads and return what the server says of it.

        Raises:
            LostError: If the connection ended.
            MienError: If the server refuses the choice, or does not answer in time.
        """
        self._send(json.dumps({"type": "configure", **choice}))
        self.ready = self._ready(self._answer("ready"))
        return self.ready

    def frame(self, picture: bytes) -> dict[str, Any]:
        """Send a frame, not sooner than the server takes one, and return its `result`.

        Raises:
            LostError: If the connection ended.
            MienError: If the server refuses the frame, or does not answer in time.
        """
        due_s = self._last_sent_s + 1 / self.ready.frames_per_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        self._last_sent_s = time.monotonic()
        self._send(picture)
        return self._answer("result")

    def record(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Begin or resume a session and return the `recording` message that says so.

        Raises:
            LostError: If the connection ended.
            MienError: If the server refuses, or does not answer in time.
        """
        self._send(json.dumps(wanted))
        return self._answer("recording")

    def mark(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Mark a moment and return the `marked` message; raises as `record`."""
        self._send(json.dumps(wanted))
        return self._answer("marked")

    def stop(self) -> dict[str, Any]:
        """End the session and return the `recording` message that says so; raises as `record`."""
        self._send(json.dumps({"type": "stop"}))
        while (told := self._answer("recording")).get("state") == "recording":
            self._tell(told)
        return told

    def _answer(self, kind: str) -> dict[str, Any]:
        """Return the next message, which must be of a kind, but for what comes by itself."""
        while True:
            told = _no_error(self._receive())
            if told.get("type") == kind:
                return told
            if told.get("type") != "recording":
                raise unlike_mien(self._address.url, ValueError(f"a {told.get('type')!r} message"))
            self._tell(told)

    def _greeted(self, told: dict[str, Any]) -> LiveReady:
        try:
            return self._ready(_no_error(told))
        except (ProtocolError, ServerBusyError):
            raise
        except ServerError as error:
            # The server stands but cannot read yet, and closes the connection with 1013.
            raise LostError(error) from error

    def _ready(self, told: dict[str, Any]) -> LiveReady:
        spoken = told.get("protocol")
        if spoken != LIVE_PROTOCOL:
            whose = "the server's" if isinstance(spoken, int) and spoken < LIVE_PROTOCOL else "this"
            raise ProtocolError(
                f"expected version {LIVE_PROTOCOL} of the live protocol from {self._address.url}, "
                f"got {spoken!r}; update {whose} mien"
            )
        try:
            return LiveReady.from_dict(told)
        except (KeyError, TypeError) as error:
            raise unlike_mien(self._address.url, error) from error

    def _send(self, message: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._socket.send(message)
        except ConnectionClosed as closed:
            raise self._ended(closed) from closed

    def _receive(self) -> dict[str, Any]:
        from websockets.exceptions import ConnectionClosed

        try:
            told = json.loads(self._socket.recv(timeout=self._address.timeout_s))
        except TimeoutError as error:
            # What comes now would be taken for the answer to the next frame.
            self.close()
            raise too_late(self._address.url, self._address.timeout_s) from error
        except ConnectionClosed as closed:
            raise self._ended(closed) from closed
        except ValueError as error:
            raise unlike_mien(self._address.url, error) from error
        if not isinstance(told, dict):
            raise unlike_mien(self._address.url, ValueError(f"a {type(told).__name__}"))
        return told

    def _ended(self, closed: ConnectionClosed) -> LostError | ServerError:
        """Return what the end of a connection means."""
        self.close()
        code = closed.rcvd.code if closed.rcvd else 1006
        reason = closed.rcvd.reason if closed.rcvd else "it broke"
        words = f"the server at {self._address.url} ended the connection: {reason} ({code})"
        if code == PROTOCOL_MISMATCH_CODE:
            return ProtocolError(f"{words}; server and client must be of fitting versions")
        if code in _SENT_AWAY:
            return ServerError(words)
        return LostError(unreachable(self._address.url, closed))


@contextmanager
def _connected(address: LiveAddress) -> Iterator[ClientConnection]:
    try:
        from websockets.exceptions import InvalidHandshake, InvalidStatus
        from websockets.sync.client import connect
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error

    # What is wrong later, while it is used, is not the handshake's and is told where it happens.
    with ExitStack() as opened:
        try:
            socket = opened.enter_context(
                connect(
                    f"{address.url}?protocol={LIVE_PROTOCOL}",
                    additional_headers=dict(address.headers),
                    ssl=address.trust,
                    proxy=True if address.may_proxy else None,
                    open_timeout=address.timeout_s,
                    # JPEG does not get smaller, and results are small.
                    compression=None,
                )
            )
        except InvalidStatus as refused:
            answer = refused.response
            body, retry_after = bytes(answer.body or b""), answer.headers.get("Retry-After")
            raise answer_error(address.url, answer.status_code, body, retry_after) from refused
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise LostError(unreachable(address.url, error)) from error
        yield socket


def _no_error(told: dict[str, Any]) -> dict[str, Any]:
    """Return a message, unless it is an error.

    Raises:
        MienError: The error that the server told.
    """
    if told.get("type") == "error":
        error = told_error(told.get("error") or {})
        if isinstance(error, ServerBusyError) and error.retry_after_s is None:
            error.retry_after_s = BUSY_PAUSE_S
        raise error
    return told
