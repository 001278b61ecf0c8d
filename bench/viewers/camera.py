"""A simulated camera: sends its pictures by the clock, whether or not they are answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

# Answers that come later than this after the last picture are counted as missing.
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Read:
    """A picture that was read.

    Attributes:
        sent_s: When it was sent, in seconds from the start.
        round_trip_ms: From sending it to the answer.
        stages_ms: What the server says it spent, by stage, and `waited`.
        track_ids: Of its faces.
    """

    sent_s: float
    round_trip_ms: float
    stages_ms: dict[str, float]
    track_ids: tuple[int, ...]


@dataclass
class Answers:
    """What one camera was answered.

    Attributes:
        sent: Number of pictures that were sent.
        read: Those that were read.
        skipped: Number of those that a newer one replaced.
        errors: Number of errors, by code.
        late_ms: For each picture, how much later than planned it was sent.
    """

    sent: int = 0
    read: list[Read] = field(default_factory=list)
    skipped: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    late_ms: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """Number of pictures that had an answer of any kind."""
        return len(self.read) + self.skipped + sum(self.errors.values())


@dataclass(frozen=True)
class Plan:
    """When a camera sends.

    Attributes:
        fps: Pictures a second.
        seconds: For how long.
        phase_s: How long after the start the first one is sent.
    """

    fps: float
    seconds: float
    phase_s: float = 0.0

    def times_s(self) -> list[float]:
        """Return when each picture is sent, in seconds from the start."""
        return [
            self.phase_s + number / self.fps for number in range(round(self.seconds * self.fps))
        ]


class Camera:
    """One live connection that sends pictures in a loop."""

    def __init__(self, socket: ClientConnection, pictures: Sequence[bytes]) -> None:
        """Take a connected socket that was greeted; `open_camera` makes one."""
        self._socket, self._pictures = socket, pictures
        self._sent_at_s: list[float] = []

    async def run(self, plan: Plan, begin_s: float) -> Answers:
        """Send as planned and return what came back.

        Args:
            plan: When.
            begin_s: The start, by `time.perf_counter`.
        """
        answers = Answers()
        listening = asyncio.create_task(self._listen(answers, begin_s, len(plan.times_s())))
        try:
            for number, due_s in enumerate(plan.times_s()):
                await asyncio.sleep(max(0.0, begin_s + due_s - time.perf_counter()))
                now_s = time.perf_counter() - begin_s
                self._sent_at_s.append(now_s)
                answers.late_ms.append(1000 * (now_s - due_s))
                answers.sent += 1
                await self._socket.send(self._pictures[number % len(self._pictures)])
            await asyncio.wait_for(listening, PATIENCE_S)
        except TimeoutError:
            pass  # those without an answer are counted
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await self._socket.close()
        return answers

    async def _listen(self, answers: Answers, begin_s: float, wanted: int) -> None:
        while answers.answered < wanted:
            message = await self._socket.recv()
            came_s = time.perf_counter() - begin_s
            self._take(json.loads(message), came_s, answers)

    def _take(self, told: dict[str, Any], came_s: float, answers: Answers) -> None:
        if told["type"] == "skipped":
            answers.skipped += 1
        elif told["type"] == "error":
            answers.errors[told["error"]["code"]] += 1
        elif told["type"] == "result":
            frame = told["frame"]
            sent_s = self._sent_at_s[frame["index"]]
            answers.read.append(
                Read(
                    sent_s=sent_s,
                    round_trip_ms=1000 * (came_s - sent_s),
                    stages_ms={**frame["milliseconds"], "waited": told["waited_ms"]},
                    track_ids=tuple(face["track_id"] for face in frame["faces"]),
                )
            )


async def open_camera(url: str, pictures: Sequence[bytes]) -> Camera:
    """Connect to `ws://.../v1/live` and wait until it is ready.

    Raises:
        RuntimeError: If the server says anything else than that it is ready.
    """
    socket = await connect(url, max_size=None, compression=None, proxy=None)
    greeting = json.loads(await socket.recv())
    if greeting["type"] != "ready":
        raise RuntimeError(f"the server is not ready: {greeting}")
    return Camera(socket, pictures)
