"""Recording: frames go to a thread of their own, which brings them to disk twice a second.

Whoever has the frames (a video, a camera, a socket) never waits for the disk, and a program that is
killed loses less than the last second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from mien.core.errors import StoreError, StoreLockedError
from mien.core.types import FrameResult
from mien.store.engine import Database
from mien.store.records import Marker, Session
from mien.store.texts import checked_text
from mien.store.writing import Writer

log = logging.getLogger(__name__)

Item = FrameResult | Marker

# Frames that came meanwhile are written together, so that many recorders can share a disk.
COMMIT_EVERY_S = 0.4
# Without a frame, a sign of life.
ALIVE_EVERY_S = 1.0
# How long a locked database is tried again, before the recording counts as failed.
GIVE_UP_AFTER_S = 60.0


class _Inbox:
    """What waits to be written: a queue with an end, of which all is taken at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self.is_closed = False

    def put(self, frame: FrameResult, *, wait: bool) -> bool:
        """Add a frame and say whether it was; with `wait`, wait until there is room for it."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: len(self._items) < self._most or self.is_closed)
            if len(self._items) >= self._most:
                return False
            return self.put_anyway(frame)

    def put_anyway(self, item: Item) -> bool:
        """Add an item, room or not, and say whether it was; it is not where this is closed."""
        with self._changed:
            if not self.is_closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self.is_closed

    def take(self, timeout_s: float) -> list[Item]:
        """Return all items; none if none came for so long, or it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self.is_closed, timeout_s)
            items = list(self._items)
            self._items.clear()
            self._changed.notify_all()
            return items

    def rest(self, timeout_s: float) -> None:
        """Let items gather for so long, but not beyond half of the room that there is."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.is_closed or 2 * len(self._items) >= self._most, timeout_s
            )

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()


class Recording:
    """A session that is being recorded: a context manager that ends it.

    `add` is for one thread at a time, `mark` for any.

    Attributes:
        session_id: The session's number.
        dropped: How many frames a live recording left out since the disk could not keep up.
    """

    def __init__(
        self, database: Database, session: Session, *, live: bool, most_waiting: int
    ) -> None:
        """Go on with a session where it is; `Store.record` and `Store.resume` begin here."""
        self.session_id = session.id
        self.dropped = 0
        self._live = live
        self._writer = Writer(database, session)
        self._inbox = _Inbox(most_waiting)
        self._failure: Exception | None = None
        self._last_s = session.last_s
        # If the program ends without ending this, it shall not wait for ever.
        self._thread = threading.Thread(
            target=self._run, name=f"mien-recording-{session.id}", daemon=True
        )
        self._thread.start()

    def add(self, result: FrameResult) -> bool:
        """Record a frame, with the faces in it or without; it is on disk within a second.

        Args:
            result: The next one in order of time, read as those before it were.

        Returns:
            Whether it was taken. Only a live recording ever leaves one out.

        Raises:
            StoreError: If earlier frames could not be written, the recording has ended, or the
                frame does not fit those before it.
        """
        self.check()
        if self._last_s is not None and result.timestamp_s < self._last_s:
            raise StoreError(
                f"session {self.session_id} is at {self._last_s:.3f} s, and the frame is of "
                f"{result.timestamp_s:.3f} s; frames are recorded in order of time"
            )
        self._writer.check_reading(result)
        if not self._inbox.put(result, wait=not self._live):
            self.check()
            self.dropped += 1
            return False
        self._last_s = result.timestamp_s
        return True

    def mark(self, word: str, timestamp_s: float | None = None) -> None:
        """Record a word to a moment.

        Args:
            word: What to call it, up to 200 characters.
            timestamp_s: When it was, on the clock of the frames; by default that of the last one.

        Raises:
            ConfigError: If there is no word, or it is too long.
            StoreError: If earlier frames could not be written, or the recording has ended.
        """
        self.check()
        when_s = timestamp_s if timestamp_s is not None else self._last_s or 0.0
        if not self._inbox.put_anyway(
            Marker(0, when_s, checked_text("the word of a marker", word, least=1))
        ):
            self.check()

    def check(self) -> None:
        """Raise what would be raised if a frame were added now.

        Raises:
            StoreError: If earlier frames could not be written, or the recording has ended.
        """
        if self._failure is not None:
            raise self._failure
        if self._inbox.is_closed:
            raise StoreError(f"session {self.session_id} has ended; begin or resume another")

    def end(self) -> None:
        """Take nothing more; what is waiting is written, and the session ends, by itself.

        Unlike `close` this does not wait for the disk, and so does not tell how it went.
        """
        self._inbox.close()

    def close(self) -> None:
        """Write what is waiting and end the session; may be called again.

        Raises:
            StoreError: If not all could be written. What was written before is kept, and the
                session then counts as interrupted.
        """
        self.end()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except StoreError as problem:
            if error is None:
                raise
            if error is not problem:
                # The error that is on its way says more.
                log.warning("session %d: %s", self.session_id, problem)

    def _run(self) -> None:
        try:
            while not self._inbox.is_closed:
                self._write(self._inbox.take(ALIVE_EVERY_S), is_end=False)
                self._inbox.rest(COMMIT_EVERY_S)
            self._write(self._inbox.take(0), is_end=True)
        except StoreError as error:
            self._failure = error
        except Exception as error:  # the edge of a thread: a bug must reach who records
            log.exception("a bug, while recording session %d", self.session_id)
            self._failure = error
        finally:
            # Nobody shall wait for room that a thread that is gone will never make.
            self._inbox.close()

    def _write(self, items: Sequence[Item], *, is_end: bool) -> None:
        until = time.monotonic() + GIVE_UP_AFTER_S
        while True:
            try:
                self._writer.write(items, is_end=is_end)
                return
            except StoreLockedError as error:
                if time.monotonic() > until:
                    raise
                log.warning("session %d waits: %s", self.session_id, error)
