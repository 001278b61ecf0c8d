"""All sessions that this server is recording, so that none is left open when it stops."""

from __future__ import annotations

import asyncio
import logging
import threading

from mien.core.errors import StoreError
from mien.store import Recording
from mien.web.limits import WorkQueue

log = logging.getLogger("mien.web")

# How long a server that stops waits for a disk that is slow to take the rest.
END_PATIENCE_S = 4.0


class OpenRecordings:
    """Keeps track of recordings; safe from any thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self._open: set[Recording] = set()
        self._changing = threading.Lock()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._open)

    def add(self, recording: Recording) -> None:
        """Keep track of a recording that was just begun."""
        with self._changing:
            self._open.add(recording)

    def close(self, recording: Recording) -> None:
        """End a recording; waits for the disk.

        Raises:
            StoreError: If not all could be written; see `Recording.close`.
        """
        try:
            recording.close()
        except StoreError:
            raise
        except Exception as bug:  # the edge of the thread that writes, which has logged it
            raise StoreError("something broke in the server; its log says what") from bug
        finally:
            with self._changing:
                self._open.discard(recording)

    async def close_all(self, disk: WorkQueue, patience_s: float = END_PATIENCE_S) -> None:
        """End all of them, as the server stops.

        Args:
            disk: The threads to wait in.
            patience_s: How long to wait. What is not written by then is lost, and its session
                counts as interrupted.
        """
        with self._changing:
            left = list(self._open)
        for recording in left:
            recording.end()
        closing = [asyncio.ensure_future(disk.run(self._close_quietly, one)) for one in left]
        if closing:
            _, late = await asyncio.wait(closing, timeout=patience_s)
            for _ in late:
                log.warning("the server stops before a session was written to its end")

    def _close_quietly(self, recording: Recording) -> None:
        try:
            self.close(recording)
        except StoreError as error:
            log.warning("session %d: %s", recording.session_id, error)
