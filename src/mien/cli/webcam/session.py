"""A live session: frames come, are shown and recorded, and keys are obeyed until it ends."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mien.cli.keeping import SessionKeeper
    from mien.cli.webcam.record import Recorder
    from mien.core.types import FrameResult
    from mien.media import Frame
    from mien.media.window import Window
    from mien.recognition.drawing.overlay import VideoOverlay
    from mien.recognition.video import VideoReading

Pair = tuple["Frame", "FrameResult"]

KEYS = (
    "s\tsave a snapshot",
    "r\tstart or stop recording",
    "m\tmark this moment of the session",
    "h\tthese keys",
    "q, Esc\tend",
)
_HINT = "h\tkeys"
_HINT_S, _MESSAGE_S = 6.0, 3.0
# How long a window may go without attention while no frame comes.
_PATIENCE_S = 0.03


class FrameFeed:
    """Takes frames from a thread of its own, so that a window lives while none comes."""

    def __init__(self, frames: Iterator[Pair]) -> None:
        """Begin to take frames."""
        self.is_over = False
        self._queue: queue.Queue[Pair | None] = queue.Queue(maxsize=1)
        self._failure: BaseException | None = None
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(frames,), daemon=True)
        self._thread.start()

    def next(self, patience_s: float) -> Pair | None:
        """Return the next frame, or None if none came in time or there are no more.

        Raises:
            BaseException: What reading failed with.
        """
        try:
            pair = self._queue.get(timeout=patience_s)
        except queue.Empty:
            return None
        if pair is None:
            self.is_over = True
            if self._failure is not None:
                raise self._failure
        return pair

    def close(self) -> None:
        """Take no more frames."""
        self._is_closed.set()

    def _run(self, frames: Iterator[Pair]) -> None:
        try:
            for pair in frames:
                if not self._put(pair):
                    return
        except BaseException as error:  # noqa: BLE001  # raised again where frames are taken
            self._failure = error
        self._put(None)

    def _put(self, pair: Pair | None) -> bool:
        while not self._is_closed.is_set():
            try:
                self._queue.put(pair, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


@dataclass
class Pace:
    """How a live reading goes: frames a second, and how late results are.

    Attributes:
        frames: How many there were.
        latency_s: From when a frame was there to now, smoothed a little.
    """

    now: Callable[[], float] = monotonic
    frames: int = 0
    latency_s: float = 0.0
    _started: float = 0.0
    _least_s: float = float("inf")

    def note(self, result: FrameResult) -> None:
        """Take in a result that is there now."""
        now = self.now()
        if not self.frames:
            self._started = now
        self.frames += 1
        # Source and machine tell time from different starts. The frame that came through quickest
        # took what its work took, and by it the two are laid over each other.
        work_s = sum(ms for stage, ms in result.milliseconds.items() if stage != "decode") / 1000
        behind_s = now - result.timestamp_s
        self._least_s = min(self._least_s, behind_s - work_s)
        latency_s = behind_s - self._least_s
        self.latency_s += (latency_s - self.latency_s) * (1.0 if self.frames == 1 else 0.1)

    @property
    def frames_per_s(self) -> float:
        """Over the whole session."""
        spent_s = self.now() - self._started
        return (self.frames - 1) / spent_s if self.frames > 1 and spent_s > 0 else 0.0

    def words(self, dropped: int, frames_per_s: float | None = None) -> str:
        """Return rate, latency and dropped frames in one line."""
        rate = self.frames_per_s if frames_per_s is None else frames_per_s
        return f"{rate:.1f} fps   {1000 * self.latency_s:.0f} ms   {dropped} dropped"


@dataclass
class Session:
    """One run of `mien webcam`.

    Attributes:
        reading: What gives frames.
        recorder: What keeps them.
        window: Where they are shown, or None.
        overlay: How they are drawn in the window.
        tell: Is called with a line about how it goes, after each frame.
        keeper: The session that is kept, or None.
        snapshots: How many were saved.
    """

    reading: VideoReading
    recorder: Recorder
    window: Window | None
    overlay: VideoOverlay
    tell: Callable[[str], None] = lambda _: None
    keeper: SessionKeeper | None = None
    pace: Pace = field(default_factory=Pace)
    snapshots: int = 0
    _message: str = ""
    _message_until: float = 0.0
    _shows_keys: bool = False
    _kept_from_s: float | None = None

    def run(self) -> None:
        """Read until the source or the user ends it.

        Raises:
            MienError: If reading or recording fails; what was recorded before is kept.
        """
        self._say(_HINT, _HINT_S)
        feed = FrameFeed(self.reading.frames())
        try:
            last: Pair | None = None
            while not feed.is_over:
                pair = feed.next(_PATIENCE_S)
                if pair is not None:
                    self._take(*pair)
                    last = pair
                if self.window is not None and not self._obey(self.window, last):
                    return
        finally:
            feed.close()
            self.reading.close()

    def _take(self, frame: Frame, result: FrameResult) -> None:
        self.pace.note(result)
        self.recorder.write(frame, result)
        if self.keeper is not None:
            self.keeper.add(result)
            if self._kept_from_s is None:
                self._kept_from_s = result.timestamp_s
        words = self.pace.words(self.reading.dropped, self.reading.frames_per_s)
        self.tell(words)
        if self.window is not None:
            self._show(self.window, frame, result, words)

    def _show(self, window: Window, frame: Frame, result: FrameResult, words: str) -> None:
        from mien.recognition.drawing.note import lay_note

        drawn_rgb = self.overlay.draw(frame.image_rgb, result)
        lines = [words]
        begun_s = self.recorder.start_s if self.recorder.is_on else self._kept_from_s
        if begun_s is not None:
            minutes, seconds = divmod(int(max(0.0, frame.timestamp_s - begun_s)), 60)
            lines = [f"REC {minutes}:{seconds:02d}   {words}"]
        if self.pace.now() < self._message_until:
            lines.append(self._message)
        if self._shows_keys:
            lines += KEYS
        lay_note(drawn_rgb, lines, is_recording=begun_s is not None)
        window.show(drawn_rgb)

    def _obey(self, window: Window, last: Pair | None) -> bool:
        """Do what the user wants; return False if that is to end."""
        from mien.media.window import ESCAPE

        key = window.poll_key()
        if not window.is_open or key in ("q", "Q", ESCAPE):
            return False
        if key in ("h", "H", "?"):
            self._shows_keys = not self._shows_keys
        elif key in ("s", "S") and last is not None:
            path = self.recorder.snapshot(*last)
            self.snapshots += 1
            self._say(f"saved {path.name}")
        elif key in ("r", "R") and last is not None:
            self._switch_recording(last)
        elif key in ("m", "M") and last is not None:
            kept = None if self.keeper is None else self.keeper.mark()
            self._say(kept or "no session to mark; begin with --session TITLE")
        return True

    def _switch_recording(self, last: Pair) -> None:
        if self.recorder.is_on:
            names = ", ".join(path.name for path in self.recorder.stop())
            self._say(f"recorded {names}")
            return
        self.recorder.start_new(last[0].timestamp_s)
        self.recorder.write(*last)

    def _say(self, message: str, for_s: float = _MESSAGE_S) -> None:
        self._message, self._message_until = message, self.pace.now() + for_s
