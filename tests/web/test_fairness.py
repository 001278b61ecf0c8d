"""Turns: nobody gets more of a busy server by asking more often, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mien.web.errors import ApiError
from mien.web.live.newest import LiveFrame, NewestFrame
from mien.web.readers import LIVE_FRAMES_BETWEEN, Readers
from mien.web.settings import load_settings
from tests.web.running import RunningServer
from tests.web.test_live import SlowEngine, receive

PATIENCE_S = 20


class Seen(list[str]):
    """A frame with one face, by the name of who sent it."""


def run_with(
    main: Callable[[Readers], Awaitable[Any]], *, workers: int = 1, max_waiting: int = 100
) -> Any:
    async def run() -> Any:
        readers = Readers(
            lambda seen: [one[0] for one in seen], workers=workers, max_waiting=max_waiting
        )
        try:
            return await asyncio.wait_for(main(readers), PATIENCE_S)
        finally:
            readers.close()

    return asyncio.run(run())


class Log:
    """Who was served, in order."""

    def __init__(self) -> None:
        self.served: list[str] = []

    def frame(self, name: str) -> Seen:
        self.served.append(name)
        return Seen([name])

    def other(self, name: str) -> str:
        self.served.append(name)
        return name


async def block(readers: Readers, over: threading.Event) -> asyncio.Task[Any]:
    """Keep one thread busy until the event is set."""
    before = readers._others_running
    task = asyncio.create_task(readers.run(over.wait, PATIENCE_S))
    while readers._others_running == before:
        await asyncio.sleep(0.001)
    return task


def test_turns_go_round_whoever_asks_more_often() -> None:
    """Three send the next frame the moment they are answered, one takes its time."""
    log = Log()

    async def main(readers: Readers) -> None:
        is_over = False

        async def send_always(name: str) -> None:
            while not is_over:
                assert await readers.read_frame(partial(log.frame, name)) == name

        greedy = [asyncio.create_task(send_always(name)) for name in "abc"]
        for _ in range(30):
            await asyncio.sleep(0.002)
            asked = len(log.served)
            await readers.read_frame(partial(log.frame, "modest"))
            waited = log.served[asked:].index("modest")
            # The one that is being read, and one of each who stood in line before.
            assert waited <= 4, log.served[asked:]
        is_over = True
        await asyncio.gather(*greedy)

    run_with(main)
    counts = Counter(log.served)
    assert max(counts[name] for name in "abc") - min(counts[name] for name in "abc") <= 3


@pytest.mark.parametrize("workers", [1, 2])
def test_frames_go_before_all_else_that_waits(workers: int) -> None:
    log = Log()

    async def main(readers: Readers) -> None:
        over = threading.Event()
        blockers = [await block(readers, over) for _ in range(workers)]
        others = [asyncio.create_task(readers.run(log.other, f"upload {k}")) for k in range(2)]
        await asyncio.sleep(0)
        frames = [
            asyncio.create_task(readers.read_frame(partial(log.frame, f"frame {k}")))
            for k in range(3)
        ]
        while len(readers._frames) < 3 or len(readers._others) < 2:
            await asyncio.sleep(0.001)
        readers._frames_since_other = 0
        over.set()
        await asyncio.gather(*blockers, *others, *frames)

    run_with(main, workers=workers)
    kinds = [name.split()[0] for name in log.served]
    if workers == 1:
        assert kinds == ["frame"] * 3 + ["upload"] * 2
    else:
        assert kinds.index("upload") >= 2


def test_others_come_to_their_turn_however_many_frames_there_are() -> None:
    log = Log()

    async def main(readers: Readers) -> None:
        over = threading.Event()
        blocker = await block(readers, over)
        many = [
            asyncio.create_task(readers.read_frame(partial(log.frame, "frame")))
            for _ in range(4 * LIVE_FRAMES_BETWEEN)
        ]
        others = [asyncio.create_task(readers.run(log.other, "upload")) for _ in range(3)]
        while len(readers._frames) < len(many) or len(readers._others) < len(others):
            await asyncio.sleep(0.001)
        over.set()
        await asyncio.gather(blocker, *many, *others)

    run_with(main)
    between = ["frame"] * LIVE_FRAMES_BETWEEN
    assert log.served == [*between, "upload"] * 3 + between


def test_what_takes_long_leaves_a_thread_to_those_who_watch() -> None:
    log = Log()

    async def main(readers: Readers) -> None:
        over = threading.Event()
        await readers.read_frame(partial(log.frame, "before"))
        long_ones = [await block(readers, over)]
        long_ones.append(asyncio.create_task(readers.run(over.wait, PATIENCE_S)))
        for _ in range(2 * LIVE_FRAMES_BETWEEN):
            await readers.read_frame(partial(log.frame, "frame"))
        assert readers._others_running == 1
        over.set()
        assert await asyncio.gather(*long_ones) == [True, True]

    run_with(main, workers=2)
    assert log.served.count("frame") == 2 * LIVE_FRAMES_BETWEEN


def test_all_threads_are_there_for_uploads_where_nobody_watches() -> None:
    async def main(readers: Readers) -> None:
        over = threading.Event()
        long_ones = [await block(readers, over) for _ in range(3)]
        over.set()
        await asyncio.gather(*long_ones)

    run_with(main, workers=3)


def test_too_much_is_refused_but_a_viewers_one_frame_never() -> None:
    async def main(readers: Readers) -> None:
        over = threading.Event()
        blocker = await block(readers, over)
        waiting = asyncio.create_task(readers.run(over.is_set))
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await readers.run(over.is_set)
        assert (refused.value.status, refused.value.body.code) == (503, "busy")
        frames = [asyncio.create_task(readers.read_frame(lambda: Seen("x"))) for _ in range(20)]
        choices = [asyncio.create_task(readers.run_for_viewer(str, "y")) for _ in range(20)]
        await asyncio.sleep(0)
        over.set()
        assert await asyncio.gather(*frames, *choices) == ["x"] * 20 + ["y"] * 20
        await asyncio.gather(blocker, waiting)
        assert await readers.run(over.is_set)

    run_with(main, max_waiting=1)


def test_a_viewer_who_left_is_passed_over_and_the_rest_go_on() -> None:
    log = Log()

    async def main(readers: Readers) -> None:
        over = threading.Event()
        blocker = await block(readers, over)
        gone = asyncio.create_task(readers.read_frame(partial(log.frame, "gone")))
        stays = asyncio.create_task(readers.read_frame(partial(log.frame, "stays")))
        while len(readers._frames) < 2:
            await asyncio.sleep(0.001)
        gone.cancel()
        await asyncio.sleep(0)
        over.set()
        assert await stays == "stays"
        await blocker

    run_with(main)
    assert log.served == ["stays"]


def test_what_waits_is_called_off_at_the_end_and_a_new_start_is_one() -> None:
    async def main(readers: Readers) -> None:
        over = threading.Event()
        blocker = await block(readers, over)
        waiting = [
            asyncio.create_task(readers.read_frame(lambda: Seen("x"))),
            asyncio.create_task(readers.run(over.is_set)),
        ]
        while not (readers._frames and readers._others):
            await asyncio.sleep(0.001)
        readers.close()
        assert all(
            isinstance(outcome, asyncio.CancelledError)
            for outcome in await asyncio.gather(*waiting, return_exceptions=True)
        )
        over.set()
        await blocker
        assert await readers.read_frame(lambda: Seen("x")) == "x"

    run_with(main)


class TimedEngine(SlowEngine):
    """Takes a while for a frame, as a server with too many viewers does, and writes it down."""

    def __init__(self) -> None:
        super().__init__()
        self.may_read.set()
        self.events: list[str] = []

    def locate(self, picture: bytes, *rest: Any, **named: Any) -> Any:
        time.sleep(0.01)
        self.events.append(picture.decode())
        return super().locate(picture, *rest, **named)


@pytest.fixture
def crowded() -> Iterator[tuple[RunningServer, TimedEngine]]:
    engine = TimedEngine()
    running = RunningServer(load_settings(port=0, workers=1, frames_per_s=10_000), engine)
    yield running, engine
    running.stop()


def test_on_the_socket_a_flood_does_not_starve_who_asks_for_little(
    crowded: tuple[RunningServer, TimedEngine],
) -> None:
    """One sends without waiting for answers, far more than can be read; one waits for each."""
    server, engine = crowded
    url = server.url.replace("http", "ws") + "/v1/live"
    is_over = threading.Event()
    queue = server.app.state.services.queue
    read_frame, connections = queue.read_frame, []

    async def noted(locate: Callable[[], Any]) -> Any:
        connections.append(locate.__self__)
        if locate.__self__ is not connections[0]:
            engine.events.append("modest stands in line")
        return await read_frame(locate)

    queue.read_frame = noted

    def flood() -> None:
        with suppress(ConnectionClosed), connect(url, max_size=None, proxy=None) as socket:
            threading.Thread(target=drain, args=(socket,), daemon=True).start()
            while not is_over.is_set():
                socket.send(b"flood")
                time.sleep(0.001)

    def drain(socket: Any) -> None:
        with suppress(ConnectionClosed):
            for _ in socket:
                pass

    flooding = threading.Thread(target=flood, daemon=True)
    flooding.start()
    with connect(url, max_size=None, proxy=None) as socket:
        receive(socket)
        while "flood" not in engine.events:
            time.sleep(0.001)
        for _ in range(20):
            socket.send(b"modest")
            assert receive(socket)["type"] == "result"
    is_over.set()
    flooding.join(PATIENCE_S)
    waits = "".join({"flood": "f", "modest": "m"}.get(event, " ") for event in engine.events)
    # The flood's frame that is in work, and its one in line before.
    assert max(wait.count("f") for wait in re.findall(" f*m", waits)) <= 2, waits
    assert waits.count("m") == 20 and waits.count("f") > 5


@pytest.fixture
def one_at_a_time() -> Iterator[tuple[RunningServer, SlowEngine]]:
    engine = SlowEngine()
    running = RunningServer(load_settings(port=0, workers=1, frames_per_s=1000), engine)
    yield running, engine
    engine.may_read.set()
    running.stop()


def test_while_others_have_their_turn_the_newest_frame_takes_the_place_of_the_one_that_waits(
    one_at_a_time: tuple[RunningServer, SlowEngine],
) -> None:
    server, engine = one_at_a_time
    url = server.url.replace("http", "ws") + "/v1/live"
    with connect(url, proxy=None) as first, connect(url, proxy=None) as second:
        receive(first), receive(second)
        first.send(b"frame")
        assert engine.is_reading.wait(PATIENCE_S)
        second.send(b"frame")
        while not server.app.state.services.queue._frames:
            time.sleep(0.001)
        second.send(b"frame")
        second.send(b"frame")
        skipped = [receive(second) for _ in range(2)]
        engine.may_read.set()
        results = [receive(first), receive(second)]
    assert [(told["type"], told["index"]) for told in skipped] == [("skipped", 0), ("skipped", 1)]
    assert [(told["type"], told["frame"]["index"]) for told in results] == [
        ("result", 0),
        ("result", 2),
    ]
    assert engine.frames_read == [0, 2]


def test_as_many_viewers_as_are_let_in_may_come_at_once(tiny_bundle: Path) -> None:
    """More than may wait to have pictures read, of those who upload."""
    settings = load_settings(
        port=0, bundle=str(tiny_bundle), detector="full", workers=1, max_waiting=1
    )
    server = RunningServer(settings)
    url = server.url.replace("http", "ws") + "/v1/live"
    with ExitStack() as stack, ThreadPoolExecutor(settings.max_connections) as pool:
        opened = pool.map(lambda _: connect(url, proxy=None), range(settings.max_connections))
        sockets = [stack.enter_context(socket) for socket in opened]
        assert {receive(socket)["type"] for socket in sockets} == {"ready"}
    server.stop()


def test_a_frame_that_waits_is_taken_once() -> None:
    newest = NewestFrame()
    old, new = LiveFrame(0, b"old", 0.0), LiveFrame(1, b"new", 0.1)
    assert not newest and newest.put(old) is None
    assert newest and newest.put(new) is old
    assert newest.take() is new and not newest
    with pytest.raises(LookupError):
        newest.take()
