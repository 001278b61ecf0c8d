"""Recording on one live connection: messages in order, and frames that never wait for the disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from mien.core.errors import ImageError, MienError, StoreError
from mien.core.types import FrameResult
from mien.web.errors import ApiError, internal_error
from mien.web.limits import TokenBucket
from mien.web.live.messages import SOCKET_IS_CLOSED, RecordingMessage
from mien.web.live.pictures import Peak, keep_peak
from mien.web.live.session import HowRead, LiveSession
from mien.web.schemas import live as live_json
from mien.web.services import Services

log = logging.getLogger("mien.web")

TELL_EVERY_S = 1.0
# Whoever records presses a key now and then; a program that does not stop is told.
MESSAGES_PER_S, MESSAGES_AT_ONCE = 10, 50
# Frames that wait to have a face cut out; where the disk is slow, the next ones get no picture.
MOST_WAITING_PICTURES = 32


@dataclass(frozen=True)
class _Order:
    """A message, when it came on the connection's clock, and how frames were read then."""

    message: RecordingMessage
    at_s: float
    how: HowRead


@dataclass(frozen=True)
class _Failed:
    session: LiveSession
    error: MienError


@dataclass(frozen=True)
class _Keep:
    session: LiveSession
    peak: Peak


class LiveRecorder:
    """Records what one live connection reads: one session at a time, or none."""

    def __init__(
        self,
        services: Services,
        *,
        started_s: float,
        tell: Callable[[BaseModel], Awaitable[None]],
        refuse: Callable[[MienError | ApiError], Awaitable[None]],
        follow_anew: Callable[[int], None],
    ) -> None:
        """Begin with no session.

        Args:
            services: The store, and the threads that wait for it.
            started_s: Where the connection's clock is at 0, in seconds of `time.monotonic`.
            tell: Sends a message.
            refuse: Tells what was wrong.
            follow_anew: Is called with a number when people must get higher ones than that.
        """
        self._services, self._started_s = services, started_s
        self._tell, self._refuse, self._follow_anew = tell, refuse, follow_anew
        self._todo: asyncio.Queue[_Order | _Failed | _Keep] = asyncio.Queue()
        self._session: LiveSession | None = None
        self._beginning = self._waiting_pictures = 0
        self._budget = TokenBucket(MESSAGES_PER_S, MESSAGES_AT_ONCE)

    @property
    def is_on(self) -> bool:
        """Whether a session is recorded or about to be."""
        return self._session is not None or self._beginning > 0

    def order(self, message: RecordingMessage, how: HowRead) -> None:
        """Take a message, to be obeyed after those before it.

        Raises:
            ApiError: 429, if there were too many.
        """
        if self._budget.take():
            words = f"more than {MESSAGES_PER_S} messages a second about recording"
            raise ApiError(429, "too_many_messages", words)
        self._beginning += _begins(message)
        self._todo.put_nowait(_Order(message, self._now_s(), how))

    def add(self, tracked: FrameResult, picture: bytes) -> float | None:
        """Record a frame, if a session is on, without waiting.

        Args:
            tracked: With faces followed, its time on the connection's clock.
            picture: The frame as it came, encoded.

        Returns:
            The frame's time in the session, or None.
        """
        session = self._session
        if session is None:
            return None
        dropped = session.recording.dropped
        try:
            recorded = session.add(tracked)
        except StoreError as error:
            self._fail(session, error)
            return None
        if recorded is None:
            return None
        self._services.metrics.recorded(kept=session.recording.dropped == dropped)
        if session.pictures is not None:
            self._keep(session, session.pictures.add(recorded, picture))
        return recorded.timestamp_s

    async def serve(self) -> None:
        """Obey messages and tell how a session stands, until cancelled or the socket is closed."""
        telling = asyncio.create_task(self._tell_every_second())
        try:
            while not telling.done():
                await self._do(await self._todo.get())
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    def end(self) -> None:
        """Let the session end by itself, since the connection is gone; takes no time."""
        if self._session is not None:
            self._session.recording.end()

    async def close(self) -> None:
        """End the session and wait until it is on disk."""
        session, self._session = self._session, None
        if session is None:
            return
        left = [self._todo.get_nowait() for _ in range(self._todo.qsize())]
        waiting = [item.peak for item in left if isinstance(item, _Keep)]
        try:
            await self._finish(session, waiting)
        except (MienError, ApiError) as error:
            log.warning("session %d: %s", session.recording.session_id, error)

    async def _do(self, item: _Order | _Failed | _Keep) -> None:
        try:
            if isinstance(item, _Order):
                await self._obey(item)
            elif isinstance(item, _Failed):
                await self._bury(item)
            else:
                await self._keep_now(item)
        except (MienError, ApiError) as error:
            await self._refuse(error)
        except SOCKET_IS_CLOSED:
            raise
        except Exception:  # the edge: a bug must not end the recording unseen
            log.exception("a bug, while recording a live session")
            await self._refuse(internal_error())

    async def _obey(self, order: _Order) -> None:
        message = order.message
        if _begins(message):
            try:
                await self._begin(order)
            finally:
                self._beginning -= 1
            return
        session = self._session
        if session is None:
            raise ApiError(409, "not_recording", "no session is being recorded; begin one first")
        if isinstance(message, live_json.Mark):
            try:
                marked = session.mark(message, order.at_s)
            except StoreError as error:
                self._fail(session, error)
                return
            await self._tell(marked)
        else:
            self._session = None
            await self._stop(session)

    async def _begin(self, order: _Order) -> None:
        if self._session is not None:
            number = self._session.recording.session_id
            words = f"session {number} is being recorded here; stop it first"
            raise ApiError(409, "already_recording", words)
        opening = asyncio.ensure_future(self._services.disk.run(self._open, order))
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The connection went meanwhile: nobody would end what a thread is still opening.
            opening.add_done_callback(_end_opened)
            raise
        if session.last_track_id:
            self._follow_anew(session.last_track_id)
        self._session = session
        await self._tell(session.told("recording"))

    def _open(self, order: _Order) -> LiveSession:
        """Open a session; waits for the disk."""
        store, message = self._services.store(), order.message
        if isinstance(message, live_json.StartRecording):
            session = LiveSession.begun(store, message, order.how, order.at_s)
        elif isinstance(message, live_json.ResumeRecording):
            session = LiveSession.resumed(store, message.session_id, order.how, self._now_s)
        else:
            raise TypeError(f"{message.type} opens no session")
        self._services.recordings.add(session.recording)
        return session

    async def _stop(self, session: LiveSession) -> None:
        try:
            await self._finish(session)
        except (StoreError, ApiError) as error:
            await self._tell(session.told("failed", error))
        else:
            await self._tell(session.told("ended"))

    async def _finish(self, session: LiveSession, waiting: Sequence[Peak] = ()) -> None:
        session.recording.end()
        rest = [] if session.pictures is None else session.pictures.rest()
        await self._services.disk.run(self._finish_now, session, [*waiting, *rest])

    def _finish_now(self, session: LiveSession, rest: list[Peak]) -> None:
        for peak in rest if session.problem is None else ():
            self._keep_peak(session, peak)
        self._services.recordings.close(session.recording)

    def _fail(self, session: LiveSession, error: MienError) -> None:
        """Record no more, and tell so; what was written stays."""
        if self._session is session:
            self._session = None
            session.recording.end()
            self._todo.put_nowait(_Failed(session, error))

    async def _bury(self, failed: _Failed) -> None:
        try:
            await self._services.disk.run(self._services.recordings.close, failed.session.recording)
        except (StoreError, ApiError) as error:
            log.warning("session %d: %s", failed.session.recording.session_id, error)
        await self._tell(failed.session.told("failed", failed.error))

    def _keep(self, session: LiveSession, peaks: list[Peak]) -> None:
        for peak in peaks:
            if self._waiting_pictures < MOST_WAITING_PICTURES and session.problem is None:
                self._waiting_pictures += 1
                self._todo.put_nowait(_Keep(session, peak))

    async def _keep_now(self, item: _Keep) -> None:
        self._waiting_pictures -= 1
        if item.session.problem is None:
            await self._services.disk.run(self._keep_peak, item.session, item.peak)

    def _keep_peak(self, session: LiveSession, peak: Peak) -> None:
        """Keep a picture; waits for the disk. Without a picture the session goes on."""
        most = self._services.settings.max_pixels
        number = session.recording.session_id
        try:
            keep_peak(self._services.store(), number, peak, max_pixels=most)
        except (StoreError, ImageError) as error:
            log.warning("session %d keeps no more pictures: %s", number, error)
            session.problem = error

    async def _tell_every_second(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            session = self._session
            if session is None:
                continue
            try:
                session.check()
            except StoreError as error:
                self._fail(session, error)
            else:
                await self._tell(session.told("recording"))

    def _now_s(self) -> float:
        return time.monotonic() - self._started_s


def _begins(message: RecordingMessage) -> bool:
    return isinstance(message, live_json.StartRecording | live_json.ResumeRecording)


def _end_opened(opening: asyncio.Future[LiveSession]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().recording.end()
