"""One live connection: frames in, results out, the newest frame first.

The protocol is told in docs/live-protocol.md. Every frame is answered by exactly one message
(`result`, `skipped` or `error`), so a page that waits for it never has two in flight, and a
client that does not wait only loses frames.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

from mien.core.errors import MienError
from mien.core.labels import label_set
from mien.core.protocol import LIVE_PROTOCOL, PROTOCOL_MISMATCH_CODE
from mien.recognition.together import Seen
from mien.recognition.tracking.tracker import FaceTracker
from mien.web.engine import Choice, describe_label_set
from mien.web.errors import ApiError, internal_error
from mien.web.limits import TokenBucket
from mien.web.live.messages import SOCKET_IS_CLOSED, read_message, result_message
from mien.web.live.newest import LiveFrame, NewestFrame
from mien.web.live.recorder import LiveRecorder
from mien.web.live.session import HowRead
from mien.web.metrics import LiveCounts
from mien.web.schemas import live as live_json
from mien.web.services import Services

log = logging.getLogger("mien.web")

# A client that sends this many wrong messages at once, or lastingly more than one a second, is
# told to go away.
WRONG_MESSAGES_AT_ONCE = 20
POLICY_VIOLATION, TOO_BIG, TRY_AGAIN_LATER = 1008, 1009, 1013


class LiveConnection:
    """Serves one socket until it closes.

    Attributes:
        counts: How its frames were answered.
    """

    def __init__(self, socket: WebSocket, services: Services, *, spoken: str | None = None) -> None:
        """Take an accepted socket; `spoken` is the protocol's version that the client named."""
        self._socket = socket
        self._spoken = spoken
        self._services = services
        self._choice = replace(services.engine.default, live=True)
        self._smoothing_s = services.settings.smoothing_s
        self._detector = self._choice.detector
        self._tracker = live_tracker(self._smoothing_s)
        # The highest number that a face has had, here or in a session that is gone on with.
        self._last_id = 0
        self._frames_sent = 0
        self._newest = NewestFrame()
        # The one whose turn it is, or was last.
        self._in_work = LiveFrame(0, b"", 0.0)
        self._frame_came = asyncio.Event()
        self._started_s = time.monotonic()
        self._recorder = LiveRecorder(
            services,
            started_s=self._started_s,
            tell=self._send,
            refuse=self._refuse,
            follow_anew=self._follow_anew,
        )
        rate = services.settings.frames_per_s
        self._frame_budget = TokenBucket(rate, max(rate, 1))
        self._wrong_budget = TokenBucket(1, WRONG_MESSAGES_AT_ONCE)
        self.counts = LiveCounts(services.metrics)

    async def serve(self) -> None:
        """Answer messages until the client goes or has to go."""
        reading = asyncio.create_task(self._read_newest_frames())
        recording = asyncio.create_task(self._recorder.serve())
        try:
            await self._greet()
            while not reading.done():
                await self._answer(await self._socket.receive())
        except WebSocketDisconnect:
            pass
        except RuntimeError as error:
            # Starlette's word for a socket that closed while an answer was on its way.
            log.debug("the live socket closed: %s", error)
        finally:
            # First what takes no time: a server that stops may not wait for the rest.
            self._recorder.end()
            reading.cancel()
            recording.cancel()
            await asyncio.gather(reading, recording, return_exceptions=True)
            await self._recorder.close()

    async def _greet(self) -> None:
        if self._spoken is not None and self._spoken != str(LIVE_PROTOCOL):
            words = (
                f"this server speaks version {LIVE_PROTOCOL} of the live protocol, the client "
                f"{self._spoken[:20]!r}; update the older one, or load its page again"
            )
            # A browser shows a page nothing of a refused handshake, but it does show this.
            await self._refuse(ApiError(400, "protocol_mismatch", words))
            await self._socket.close(PROTOCOL_MISMATCH_CODE, "protocol_mismatch")
            raise WebSocketDisconnect(PROTOCOL_MISMATCH_CODE)
        try:
            self._detector = await self._prepare(self._choice)
            await self._send(self._ready())
        except (MienError, ApiError) as error:
            # Nothing reads here yet; a page that comes back in a moment may be luckier.
            await self._refuse(error)
            await self._socket.close(code=TRY_AGAIN_LATER, reason="not ready")
            raise WebSocketDisconnect(TRY_AGAIN_LATER) from error

    async def _answer(self, message: object) -> None:
        if not isinstance(message, dict) or message.get("type") == "websocket.disconnect":
            raise WebSocketDisconnect
        text, data = message.get("text"), message.get("bytes")
        if text is not None:
            await self._answer_text(text)
        else:
            await self._answer_frame(data or b"")

    async def _answer_text(self, text: str) -> None:
        try:
            message = read_message(text)
            if isinstance(message, live_json.Configure):
                await self._configure(message)
            else:
                self._recorder.order(message, self._how_read())
        except (MienError, ApiError) as error:
            await self._refuse(error)

    async def _configure(self, wanted: live_json.Configure) -> None:
        choice = self._choice.changed(
            bundle=wanted.bundle,
            detector=wanted.detector,
            label_set=wanted.label_set,
            prior=wanted.prior,
            prior_strength=wanted.prior_strength,
            uncertain_below=wanted.uncertain_below,
        )
        smoothing_s = self._smoothing_s if wanted.smoothing_s is None else wanted.smoothing_s
        is_changed = (choice, smoothing_s) != (self._choice, self._smoothing_s)
        if is_changed and self._recorder.is_on:
            words = "a session is read in one way throughout; stop recording, then choose"
            raise ApiError(409, "recording_locked", words)
        self._detector = await self._prepare(choice)
        self._choice = choice
        if smoothing_s != self._smoothing_s:
            self._smoothing_s = smoothing_s
            self._follow_anew()
        await self._send(self._ready())

    def _follow_anew(self, last_id: int = 0) -> None:
        """Track faces from scratch; nobody gets a number that was given before."""
        self._last_id = max(self._last_id, last_id)
        self._tracker = live_tracker(self._smoothing_s)
        self._tracker.boxes.reserve(self._last_id)

    def _how_read(self) -> HowRead:
        choice = self._choice
        return HowRead(
            bundle=self._bundle_name(),
            detector=self._detector,
            label_set=choice.label_set,
            prior=choice.prior,
            prior_strength=choice.prior_strength,
            uncertain_below=choice.uncertain_below,
            smoothing_s=self._smoothing_s,
        )

    def _bundle_name(self) -> str:
        return self._choice.bundle or self._services.engine.bundle_name

    async def _answer_frame(self, jpeg: bytes) -> None:
        index = self._frames_sent
        self._frames_sent += 1
        most = self._services.settings.max_frame_bytes
        if len(jpeg) > most:
            words = f"the frame has {len(jpeg)} bytes, at most {most} are accepted"
            await self._refuse(ApiError(413, "too_large", words), index)
            return
        wait_s = self._frame_budget.take()
        if wait_s:
            words = f"more than {self._services.settings.frames_per_s:g} frames a second"
            await self._refuse(ApiError(429, "too_many_frames", words), index)
            return
        replaced = self._newest.put(LiveFrame(index, jpeg, self._now_s()))
        self._frame_came.set()
        if replaced is not None:
            self.counts.count_skipped()
            await self._send(live_json.LiveSkipped(type="skipped", index=replaced.index))

    async def _read_newest_frames(self) -> None:
        while True:
            await self._frame_came.wait()
            self._frame_came.clear()
            if not self._newest:
                continue
            try:
                await self._read_newest()
            except (MienError, ApiError) as error:
                await self._refuse(error, self._in_work.index)
            except SOCKET_IS_CLOSED:
                return
            except Exception:  # the edge: a bug must not hang the client
                log.exception("a bug, while reading a live frame")
                await self._refuse(internal_error(), self._in_work.index)

    async def _read_newest(self) -> None:
        result = await self._services.queue.read_frame(self._locate_newest)
        total_ms = 1000 * (self._now_s() - result.timestamp_s)
        waited_ms = max(0.0, total_ms - sum(result.milliseconds.values()))
        tracked = self._tracker.update(result)
        self._last_id = max([self._last_id, *(face.track_id or 0 for face in tracked)])
        self.counts.count_read(tracked, waited_ms)
        session_s = self._recorder.add(tracked, self._in_work.jpeg)
        await self._send(result_message(tracked, waited_ms=waited_ms, session_s=session_s))

    def _locate_newest(self) -> Seen:
        """Find the faces of the frame that is the newest when the turn comes; runs in a thread."""
        frame = self._in_work = self._newest.take()
        return self._services.engine.locate(
            frame.jpeg, self._choice, index=frame.index, timestamp_s=frame.timestamp_s
        )

    def _now_s(self) -> float:
        return time.monotonic() - self._started_s

    async def _prepare(self, choice: Choice) -> str:
        return await self._services.queue.run_for_viewer(self._services.engine.prepare, choice)

    def _ready(self) -> live_json.LiveReady:
        settings = self._services.settings
        return live_json.LiveReady(
            type="ready",
            protocol=LIVE_PROTOCOL,
            bundle=self._bundle_name(),
            detector=self._detector,
            label_set=self._choice.label_set,
            labels=describe_label_set(label_set(self._choice.label_set)).labels,
            smoothing_s=self._smoothing_s,
            uncertain_below=self._choice.uncertain_below,
            max_frame_bytes=settings.max_frame_bytes,
            frames_per_s=settings.frames_per_s,
        )

    async def _refuse(self, error: MienError | ApiError, index: int | None = None) -> None:
        """Say what was wrong; close the socket where the client erred once too often."""
        answer = error if isinstance(error, ApiError) else ApiError.from_mien(error)
        if index is not None:
            self.counts.count_refused()
        await self._send(live_json.LiveError(type="error", index=index, error=answer.body))
        # A busy server or a bug (5xx) is not the client's doing.
        if answer.status < 500 and self._wrong_budget.take():
            code = TOO_BIG if answer.status == 413 else POLICY_VIOLATION
            await self._socket.close(code=code, reason="too many wrong messages")
            raise WebSocketDisconnect(code)

    async def _send(self, message: BaseModel) -> None:
        await self._socket.send_text(message.model_dump_json())


def live_tracker(smoothing_s: float) -> FaceTracker:
    """Return a tracker for a camera's frames: whoever is shown on the page has a number."""
    return FaceTracker(time_constant_s=smoothing_s, confirm_after=1)
