"""From the timestamps that a container keeps to seconds that never go back."""

from __future__ import annotations

from fractions import Fraction

import av

# Going back by more than this is a clock that began anew, not two frames in disorder.
_NEW_CLOCK_S = 1.0


class StreamClock:
    """Tells each frame's time from its own timestamp (pts times time base), never from counting.

    Where a timestamp is missing (raw H.264 has none at all) the frame lasts as long as the one
    before says, or as the stream's frame rate says. One that is not later than the frame before
    is put a tick behind it. Where the clock falls back by more than a second, as where broadcast
    recordings were joined, the new clock goes on from where the old one was.
    """

    def __init__(self, time_base: Fraction | None, start_s: float, frame_s: float) -> None:
        """Begin before the first frame.

        Args:
            time_base: The stream's, in seconds; None where it has none.
            start_s: What to take off every timestamp.
            frame_s: How long a frame lasts that does not say so itself.
        """
        self._time_base = time_base
        self._start_s = start_s
        self._frame_s = frame_s
        self._last_s: float | None = None
        self._last_length_s = frame_s
        self.guessed = 0

    @property
    def last_s(self) -> float | None:
        """The time of the last frame; None before the first."""
        return self._last_s

    @property
    def end_s(self) -> float | None:
        """When the last frame ends, as far as it is known."""
        return None if self._last_s is None else self._last_s + self._last_length_s

    def read(self, frame: av.VideoFrame) -> float:
        """Return a frame's time in seconds from the source's start."""
        tick = frame.time_base or self._time_base
        pts = frame.pts if frame.pts is not None else frame.dts
        own_s = float(pts * tick) - self._start_s if pts is not None and tick else None
        now_s = self._settle(own_s, float(tick) if tick else self._frame_s)
        length_s = float(frame.duration * tick) if frame.duration and tick else 0.0
        self._last_length_s = length_s if length_s > 0 else self._frame_s
        self._last_s = now_s
        return now_s

    def _settle(self, own_s: float | None, tick_s: float) -> float:
        last_s = self._last_s
        if own_s is not None and (last_s is None or own_s > last_s):
            return own_s
        self.guessed += 1
        if last_s is None:
            return 0.0
        if own_s is None:
            return last_s + self._last_length_s
        if last_s - own_s > _NEW_CLOCK_S:
            now_s = last_s + self._last_length_s
            self._start_s -= now_s - own_s
            return now_s
        return last_s + tick_s
