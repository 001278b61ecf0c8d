"""A session that a server records of a live connection, as a thing to be used with `with`."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mien.client.answers import Marked, RecordingStatus
from mien.core.errors import MienError, ServerError

if TYPE_CHECKING:
    from mien.client.live import Live

log = logging.getLogger(__name__)


class LiveRecording(AbstractContextManager["LiveRecording"]):
    """One session, from its beginning to the end of its `with`; for the thread of its `Live`."""

    def __init__(self, live: Live, status: RecordingStatus) -> None:
        """Take a session that was just begun or gone on with."""
        self.session_id = status.session_id
        self._live, self._last = live, status

    @property
    def status(self) -> RecordingStatus:
        """How it stands, as the server told last; it does so every second."""
        told = self._live.session
        if told is not None and told.session_id == self.session_id:
            self._last = told
        return self._last

    def mark(self, word: str, timestamp_s: float | None = None) -> Marked:
        """Mark this moment, or one before on the session's clock; raises as `Live.mark`."""
        return self._live.mark(word, timestamp_s)

    def stop(self) -> RecordingStatus:
        """End the session; one that has ended stays so.

        Raises:
            ServerError: If not all could be written; what was written before is kept.
            MienError: As `Live.read`.
        """
        if self.status.state == "recording":
            self._live.stop()
        if self.status.state == "failed":
            raise ServerError(
                f"session {self.session_id} was not recorded whole: {self._last.error}"
            )
        return self.status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        except MienError as problem:
            if error is None:
                raise
            # The error that is on its way says more.
            log.warning("%s", problem)
