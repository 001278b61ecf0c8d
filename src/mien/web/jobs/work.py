"""One job that is being read, and what the reading of videos and of photos have in common."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from mien.store import Store
from mien.web.engine import Choice, Engine
from mien.web.jobs.folder import JobFolder
from mien.web.jobs.halt import Halt
from mien.web.jobs.job import Job, JobOrder
from mien.web.settings import Settings

# While somebody is live, a job rests after each frame as long as it took, but no longer than this.
_LONGEST_REST_S = 0.5
# Over so long a time is the pace told that a job has.
_PACE_OVER_S = 8.0


@dataclass(frozen=True)
class Work:
    """One job to be read, and all that it takes.

    Attributes:
        job: As it was when it began.
        folder: Its files.
        engine: What reads.
        settings: Of the server.
        store: Opens the store of sessions.
        halt: Says that it is to stop.
        is_live: Whether frames of a camera are being read as well.
        tell: Takes what has changed of the job; with `at_once` it is on disk at return.
    """

    job: Job
    folder: JobFolder
    engine: Engine
    settings: Settings
    store: Callable[[], Store]
    halt: Halt
    is_live: Callable[[], bool]
    tell: Callable[..., None]

    def give_way(self, began_s: float) -> None:
        """Rest as long as a frame took, if somebody is live."""
        if self.is_live():
            self.halt.rest(min(time.monotonic() - began_s, _LONGEST_REST_S))


class Pace:
    """How fast something advances lately, and so how long the rest will take."""

    def __init__(self, done: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin at what is done already."""
        self._clock = clock
        self._done, self._at_s = done, clock()
        self._per_s: float | None = None

    def left_s(self, done: float, total: float | None) -> float | None:
        """Return how many seconds are left; None where nothing tells."""
        now_s = self._clock()
        elapsed_s = now_s - self._at_s
        # Frames come in batches; too short a time says nothing.
        if elapsed_s >= 0.5:
            per_s = (done - self._done) / elapsed_s
            share = 1.0 if self._per_s is None else 1 - math.exp(-elapsed_s / _PACE_OVER_S)
            self._per_s = per_s if self._per_s is None else self._per_s
            self._per_s += share * (per_s - self._per_s)
            self._done, self._at_s = done, now_s
        if total is None or not self._per_s or self._per_s <= 0:
            return None
        return max(0.0, total - done) / self._per_s


def choice_of(order: JobOrder, engine: Engine) -> Choice:
    """Return what a job is read with."""
    return engine.default.changed(
        bundle=order.bundle, detector=order.detector, label_set=order.label_set
    )
