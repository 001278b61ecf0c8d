"""Streams from the network (RTSP, HTTP, RTMP, SRT, UDP, ...), opened anew when they break off."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av

from mien.core.errors import ConfigError, VideoSourceError
from mien.media.decoding import ContainerReader, OpenOptions
from mien.media.frames import DecodedFrame, SourceBreak, VideoSource
from mien.media.sampling import SAME_TIME_S, Sampling

# Over these a clean end is an end; a camera behind the others has none, so it broke off.
_ENDING_SCHEMES = ("http", "https", "ftp")
_SECRET = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


@dataclass(frozen=True)
class Reconnection:
    """How hard to try to get a stream back that broke off.

    Attributes:
        attempts: Tries before giving up, without a steady stream between them; 0 for none.
        first_wait_s: Before the first try; each further one waits twice as long.
        longest_wait_s: But not longer than this.
        steady_s: A stream that gave frames for so long is steady, and has all attempts again.
        timeout_s: How long the other side may be silent, when opening and when reading.
    """

    attempts: int = 8
    first_wait_s: float = 0.5
    longest_wait_s: float = 15.0
    steady_s: float = 60.0
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        waits = (self.first_wait_s, self.longest_wait_s, self.steady_s, self.timeout_s)
        if self.attempts < 0 or min(waits) < 0 or self.timeout_s == 0:
            raise ConfigError(f"expected no negative values and a timeout above 0, got {self}")

    def wait_s(self, attempt: int) -> float:
        """Return how long to wait before an attempt, the first being 0."""
        return min(self.first_wait_s * 2.0 ** min(attempt, 30), self.longest_wait_s)


def without_password(url: str) -> str:
    """Return an address fit to be shown: a password in it becomes ***."""
    return _SECRET.sub(r"\1:***@", url)


class StreamSource(VideoSource):
    """A stream, reconnected with growing waits.

    A recording (one that says how long it is) goes on where it broke off. A live stream goes on
    with what it shows now: the time that passed in between is added to its timestamps.
    """

    def __init__(
        self,
        url: str,
        sampling: Sampling,
        threads: int = 1,
        reconnection: Reconnection | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect; the first time there is one attempt only.

        Raises:
            VideoSourceError: If nothing answers, or what comes is no video.
        """
        super().__init__(sampling)
        self._url = url
        self._policy = reconnection or Reconnection()
        self._now = now
        self._last_s: float | None = None
        self._shift_s = 0.0
        self._ended = threading.Event()
        ffmpeg = {"rtsp_transport": "tcp"} if url.lower().startswith("rtsp") else {}
        self._options = OpenOptions(threads, self._policy.timeout_s, tuple(ffmpeg.items()))
        self._reader = self._connect()
        self.info = self._reader.info("stream")

    def _connect(self) -> ContainerReader:
        return ContainerReader(self._url, without_password(self._url), self._options)

    def interrupt(self) -> None:
        """Try to reconnect no longer; what is being read comes to its end or its timeout."""
        self._ended.set()

    def _release(self) -> None:
        self._ended.set()
        self._reader.close()

    def _decoded(self) -> Iterator[DecodedFrame]:
        attempt = 0
        while True:
            since = self._now()
            yield from self._shifted(self._reader.frames())
            reason = self._reason()
            if reason is None:
                return
            # A recording goes on behind the last frame that was given, so those that the decoder
            # still holds come again; given now, others between them would be lost.
            tail = list(self._reader.tail())
            if self.info.duration_s is None:
                yield from self._shifted(iter(tail))
            broke_at = self._now()
            if broke_at - since >= self._policy.steady_s:
                attempt = 0
            attempt, failure = self._reconnect(attempt, broke_at)
            if failure is not None:
                yield from self._shifted(iter(tail))
                self._note(f"{reason}; {failure}", resumed=False)
                return
            self._note(reason, resumed=True)

    def _shifted(self, frames: Iterator[DecodedFrame]) -> Iterator[DecodedFrame]:
        """Put frames of this connection into the source's time; leave out those given before."""
        for decoded in frames:
            self._account()
            timestamp_s = decoded.timestamp_s + self._shift_s
            if self._last_s is None or timestamp_s > self._last_s:
                self._last_s = timestamp_s
                yield DecodedFrame(timestamp_s, decoded.develop)
        self._account()

    def _account(self) -> None:
        damaged, guessed = self._reader.drain_counts()
        self._tally.damaged += damaged
        self._tally.guessed_times += guessed

    def _note(self, reason: str, *, resumed: bool) -> None:
        self._tally.note_break(self.info.name, SourceBreak(self._last_s, reason, resumed))

    def _reason(self) -> str | None:
        """Say why the connection ended, or None if the stream itself is at its end."""
        found = self._reader.end_reason or self._reader.shortfall()
        if found is None and not self._url.lower().startswith(_ENDING_SCHEMES):
            return "the other side closed the stream"
        return found

    def _reconnect(self, attempt: int, broke_at: float) -> tuple[int, str | None]:
        """Open the stream anew; return the attempts used and why it failed for good, if so."""
        failure = "no reconnection was asked for"
        while attempt < self._policy.attempts:
            if self._ended.wait(self._policy.wait_s(attempt)):
                return attempt, "it was closed here"
            attempt += 1
            self._reader.close()
            try:
                self._reader = self._connect()
                self._shift_s = self._resume(self._last_s or 0.0, broke_at)
            except VideoSourceError as error:
                failure = f"given up after {attempt} attempts: {error}"
                continue
            self._tally.reconnects += 1
            return attempt, None
        return attempt, failure

    def _resume(self, last_s: float, broke_at: float) -> float:
        """Have the new connection go on; return what to add to its timestamps."""
        if self.info.duration_s is not None:
            try:
                self._reader.seek(last_s)
            except av.FFmpegError:
                self._reader.close()
                self._reader = self._connect()
            landed_s = self._reader.peek_s()
            if landed_s is None or landed_s > last_s + SAME_TIME_S:
                self._reader.close()
                self._reader = self._connect()
            return 0.0
        return last_s + (self._now() - broke_at) - self._reader.first_s
