"""The wish that a job stops, and the room that a job leaves to live frames."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np

Wish = Literal["cancelled", "interrupted"]

# Linux gives such a thread about a tenth of a core that others want as well, and a free one whole.
_NICE = 10
_NICEST = 19


class Halt:
    """Carries the wish that a job stops from any thread to the one that reads.

    Attributes:
        wish: What the job is to be then; None while nobody wants it to stop.
    """

    def __init__(self) -> None:
        """Begin without a wish."""
        self.wish: Wish | None = None
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None

    def ask(self, wish: Wish) -> None:
        """Have the job stop soon; the first wish counts."""
        with self._lock:
            if self.wish is None:
                self.wish = wish
            self._asked.set()
            if self._interrupt is not None:
                self._interrupt()

    def on_ask(self, interrupt: Callable[[], None]) -> None:
        """Have something done once the job is to stop, at once if it is already."""
        with self._lock:
            self._interrupt = interrupt
            if self.wish is not None:
                interrupt()

    def rest(self, seconds: float) -> bool:
        """Wait so long, or until the job is to stop, and say whether it is."""
        return self._asked.wait(seconds)


def step_back() -> None:
    """Have this thread, and all that it will start, take only the time that others leave.

    Where a system has no such thing for threads, only pauses between frames make room.
    """
    # OpenCV's threads begin with the first who needs them, as nice as that one, and serve all.
    cv2.blur(np.zeros((1024, 1024), np.uint8), (5, 5))
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nice = min(_NICEST, os.getpriority(os.PRIO_PROCESS, thread) + _NICE)
        os.setpriority(os.PRIO_PROCESS, thread, nice)
