"""The pace of a job, the wish that it stops, and the room that it leaves to others."""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import partial

import pytest

from mien.web.jobs.halt import Halt, step_back
from mien.web.jobs.work import Pace, Work


def test_the_pace_is_that_of_lately() -> None:
    now_s = 100.0
    pace = Pace(10.0, lambda: now_s)
    assert pace.left_s(10.0, 100.0) is None
    now_s = 102.0
    assert pace.left_s(20.0, 100.0) == pytest.approx(80 / 5)
    assert pace.left_s(30.0, None) is None
    for _ in range(60):
        now_s += 1
        left_s = pace.left_s(30.0 + now_s - 102.0, 100.0)
    assert left_s == pytest.approx((100 - 30 - 60) / 1, rel=0.01)


def test_a_job_is_told_to_stop_by_the_first_who_asks() -> None:
    halt, interrupted = Halt(), []
    assert not halt.rest(0)
    halt.on_ask(lambda: interrupted.append("early"))
    halt.ask("cancelled")
    halt.ask("interrupted")
    assert halt.wish == "cancelled" and halt.rest(60)
    halt.on_ask(lambda: interrupted.append("late"))
    assert interrupted == ["early", "early", "late"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_jobs_threads_step_back_and_no_others() -> None:
    def nice_of_this_thread() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before, seen = nice_of_this_thread(), []

    def job() -> None:
        step_back()
        inner = threading.Thread(target=lambda: seen.append(nice_of_this_thread()))
        inner.start()
        inner.join()
        seen.append(nice_of_this_thread())

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert seen == [min(19, before + 10)] * 2
    assert nice_of_this_thread() == before


def test_a_job_gives_way_only_while_somebody_is_live() -> None:
    rests: list[float] = []

    class Resting(Halt):
        def rest(self, seconds: float) -> bool:
            rests.append(seconds)
            return False

    for is_live in (True, False):
        asked = partial(bool, is_live)
        work = Work(None, None, None, None, None, Resting(), asked, None)  # type: ignore[arg-type]
        work.give_way(time.monotonic() - 0.1)
    assert rests == [pytest.approx(0.1, abs=0.05)]
