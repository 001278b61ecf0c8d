"""The threads that read pictures: live frames in turn, their faces together, the rest between.

    connections -> [one frame each, in line] -> find faces -> [found] -> read them in one run
    uploads, explanations, ... -------------------------------------> whatever they are

A thread that is free looks what waits. While frames stand in line it finds their faces first and
leaves the reading until there are enough for a run of the model, or until nobody is in line any
more. So faces are read together exactly when there is a crowd, nothing ever waits while a thread
has nothing to do, and a viewer who is alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from mien.core.types import FrameResult
from mien.recognition.together import Seen
from mien.web.errors import ApiError

T = TypeVar("T")

# A face costs less in a run of four than alone, and hardly less in one of more, which would only
# let the first of them wait; `python -m bench.load` measures it.
FACES_TOGETHER = 4
# Of so many live frames one makes way for something else that waits.
LIVE_FRAMES_BETWEEN = 8
# Viewers count as there for so long after their last frame.
VIEWERS_STAY_S = 1.0


@dataclass(frozen=True)
class _Job:
    """Something to do, and where its outcome goes."""

    work: Callable[[], Any]
    outcome: Future[Any]


@dataclass(frozen=True)
class _Found:
    """A frame whose faces are found, and where its result goes."""

    seen: Seen
    outcome: Future[FrameResult]


class Readers:
    """Some threads, and who may use them next.

    Each live connection has at most one frame in line, and joins at its end: so turns go round,
    and one that sends 60 frames a second gets no more of them than one that sends 5, as long as
    there is not enough for both.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Seen]], list[FrameResult]],
        *,
        workers: int,
        max_waiting: int,
    ) -> None:
        """Say how faces are read, and how much else may wait; threads start when there is work.

        Args:
            read: As `Engine.read`.
            workers: Threads.
            max_waiting: Of `run`, beside as many as there are threads.
        """
        self._read_together = read
        self._workers = workers
        self._places = workers + max_waiting
        self._taken = 0
        self._executor: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._frames: deque[_Job] = deque()
        self._found: list[_Found] = []
        self._others: deque[_Job] = deque()
        self._others_running = 0
        self._frames_since_other = 0
        self._frame_came_s = -VIEWERS_STAY_S

    async def read_frame(self, locate: Callable[[], Seen]) -> FrameResult:
        """Read the one frame that a live connection has in line.

        Args:
            locate: Finds its faces; called in a thread when it is the frame's turn.

        Raises:
            Whatever `locate` raises, or reading these faces alone does.
        """
        self._frame_came_s = time.monotonic()
        result: FrameResult = await self._stand_in(self._frames, locate)
        return result

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run something else in a thread, and return what it returns.

        Raises:
            ApiError: 503, if too much is waiting already.
        """
        if self._taken >= self._places:
            raise ApiError(
                503,
                "busy",
                f"the server reads {self._places} things already; try again in a moment",
                retry_after_s=1,
            )
        self._taken += 1
        try:
            result: T = await self._stand_in(self._others, partial(function, *args, **kwargs))
            return result
        finally:
            self._taken -= 1

    async def run_for_viewer(self, function: Callable[..., T], *args: Any) -> T:
        """Run the one other thing that a live connection waits for, and return what it returns.

        There are only so many connections, so it is never refused: all may come at once.
        """
        result: T = await self._stand_in(self._others, partial(function, *args))
        return result

    def close(self) -> None:
        """Forget what waits and let the threads end."""
        with self._lock:
            waiting = [*self._frames, *self._others]
            self._frames.clear()
            self._others.clear()
        for job in waiting:
            job.outcome.cancel()
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    async def _stand_in(self, line: deque[_Job], work: Callable[[], Any]) -> Any:
        outcome: Future[Any] = Future()
        with self._lock:
            line.append(_Job(work, outcome))
        # Not made once and for all, so that an app that was shut down can be started again.
        self._executor = self._executor or ThreadPoolExecutor(self._workers, "mien-reads")
        self._executor.submit(self._work)
        return await asyncio.wrap_future(outcome)

    def _work(self) -> None:
        while (step := self._next()) is not None:
            step()

    def _next(self) -> Callable[[], None] | None:
        """Return what a thread that is free does now."""
        with self._lock:
            for_another = self._is_time_for_another()
            enough = sum(len(one.seen) for one in self._found) >= FACES_TOGETHER
            if self._found and (enough or for_another or not self._frames):
                batch, self._found = self._found, []
                return partial(self._read, batch)
            if for_another:
                self._others_running += 1
                self._frames_since_other = 0
                return partial(self._do_other, self._others.popleft())
            if self._frames:
                self._frames_since_other += 1
                return partial(self._find, self._frames.popleft())
            return None

    def _is_time_for_another(self) -> bool:
        if not self._others:
            return False
        # What takes long, as an explanation does, must not hold all threads while people watch.
        are_there = time.monotonic() - self._frame_came_s < VIEWERS_STAY_S
        if are_there and self._others_running >= max(1, self._workers - 1):
            return False
        return not self._frames or self._frames_since_other >= LIVE_FRAMES_BETWEEN

    def _find(self, job: _Job) -> None:
        if not job.outcome.set_running_or_notify_cancel():
            return
        try:
            seen: Seen = job.work()
        except Exception as error:  # noqa: BLE001  # it is for the one who asked
            job.outcome.set_exception(error)
            return
        found = _Found(seen, job.outcome)
        if len(seen) == 0:
            self._read([found])
            return
        with self._lock:
            self._found.append(found)

    def _read(self, batch: Sequence[_Found]) -> None:
        try:
            results = self._read_together([one.seen for one in batch])
        except Exception as error:  # noqa: BLE001  # as above
            if len(batch) == 1:
                batch[0].outcome.set_exception(error)
                return
            # One is at fault; the others must not suffer for it.
            for one in batch:
                self._read([one])
            return
        for one, result in zip(batch, results, strict=True):
            one.outcome.set_result(result)

    def _do_other(self, job: _Job) -> None:
        try:
            if not job.outcome.set_running_or_notify_cancel():
                return
            try:
                job.outcome.set_result(job.work())
            except Exception as error:  # noqa: BLE001  # as above
                job.outcome.set_exception(error)
        finally:
            with self._lock:
                self._others_running -= 1
