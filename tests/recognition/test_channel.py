"""Items cross from one thread to the next in order, within bounds, with their end and failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mien.core.errors import ConfigError
from mien.recognition.channel import CalledOffError, Channel


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def test_items_come_in_order_and_the_end_after_them(pool: ThreadPoolExecutor) -> None:
    channel: Channel[int] = Channel(3)
    most = 0

    def feed() -> None:
        nonlocal most
        with channel.feeding():
            for number in range(200):
                channel.put(number)
                most = max(most, len(channel))

    pool.submit(feed)
    assert list(channel) == list(range(200))
    assert most <= 3
    assert channel.take() == [] == channel.take()


def test_who_is_ahead_waits(pool: ThreadPoolExecutor) -> None:
    channel: Channel[int] = Channel(2)
    channel.put(1)
    channel.put(2)
    third = pool.submit(channel.put, 3)
    time.sleep(0.05)
    assert not third.done() and len(channel) == 2
    assert channel.take() == [1]
    third.result(5)
    assert channel.take(10) == [2, 3]


def test_several_are_taken_at_once_and_few_after_some_patience(pool: ThreadPoolExecutor) -> None:
    channel: Channel[int] = Channel(4)
    taken = pool.submit(channel.take, 4, 30.0)
    for number in range(4):
        assert not taken.done()
        channel.put(number)
    assert taken.result(5) == [0, 1, 2, 3]
    channel.put(4)
    assert channel.take(4, 0.02) == [4]
    # More than fit in are not waited for.
    for number in range(4):
        channel.put(number)
    assert channel.take(100, 30.0) == [0, 1, 2, 3]


def test_the_newest_takes_the_place_of_the_oldest_where_that_is_wanted() -> None:
    channel: Channel[int] = Channel(2, keeps_newest=True)
    for number in range(7):
        channel.put(number)
    assert (channel.take(5), channel.dropped) == ([5, 6], 5)


def test_a_failure_comes_after_all_that_was_given_before() -> None:
    channel: Channel[int] = Channel(4)
    with channel.feeding():
        channel.put(1)
        channel.put(2)
        raise RuntimeError("the disk is gone")
    seen = []
    with pytest.raises(RuntimeError, match="disk is gone"):
        for number in channel:
            seen.append(number)
    assert seen == [1, 2]


def test_calling_off_wakes_both_sides(pool: ThreadPoolExecutor) -> None:
    empty: Channel[int] = Channel(1)
    full: Channel[int] = Channel(1)
    full.put(1)
    waiting = pool.submit(empty.take), pool.submit(full.put, 2)
    time.sleep(0.02)
    for channel in (empty, full):
        channel.call_off()
        channel.call_off()
    for one in waiting:
        with pytest.raises(CalledOffError):
            one.result(5)
    with pytest.raises(CalledOffError):
        full.take()
    with full.feeding():
        full.put(3)  # ends the block and nothing else
    assert threading.active_count() >= 1


def test_a_channel_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="capacity"):
        Channel(0)
