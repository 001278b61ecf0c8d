"""The frame of a connection that waits for its turn: always the newest one."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class LiveFrame:
    """A frame as it came.

    Attributes:
        index: How many came before it on this connection.
        jpeg: Its bytes, a JPEG or whatever else was sent.
        timestamp_s: When it came, in seconds since the connection opened.
    """

    index: int
    jpeg: bytes
    timestamp_s: float


class NewestFrame:
    """Room for one frame. Thread-safe: it is put by the socket, and taken by who reads it."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._frame: LiveFrame | None = None

    def __bool__(self) -> bool:
        return self._frame is not None

    def put(self, frame: LiveFrame) -> LiveFrame | None:
        """Let a frame wait, and return the older one whose place it takes, if there is one."""
        with self._lock:
            replaced, self._frame = self._frame, frame
            return replaced

    def take(self) -> LiveFrame:
        """Return the frame that waits, which then does no more.

        Raises:
            LookupError: If none waits.
        """
        with self._lock:
            frame, self._frame = self._frame, None
        if frame is None:
            raise LookupError("expected a frame that waits, got none")
        return frame
