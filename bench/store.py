"""How fast sessions are written and read: SQLite in a file, as it is by default.

Frames of two people with all that a face can have go through a recording, as those of a camera
do, until they are on disk. The rate is that of the whole way, for `SECONDS` without a break; a
camera with two people at 15 frames a second needs 30 rows a second.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.timing import best_seconds
from mien.core.labels import FERPLUS
from mien.core.types import Box, Expression, Face, FrameResult
from mien.store import Store, open_store

SECONDS = 10.0
PEOPLE = 2
# So many different frames are made, and given again and again with other times.
FRAMES = 500
STEP_S = 1 / 15
RUNS = 5
LIMIT_ROWS_PER_S = 10_000


def make_frames() -> list[FrameResult]:
    """Return frames with random faces, the same each time."""
    chance = np.random.default_rng(0)

    def expression() -> Expression:
        shares = chance.dirichlet(np.full(len(FERPLUS), 0.5)).astype(np.float32).tolist()
        return Expression(dict(zip(FERPLUS.labels, shares, strict=True)), FERPLUS.name)

    def face(track_id: int) -> Face:
        x1, y1, x2, y2 = chance.uniform(0, 1280, 4).tolist()
        return Face(
            Box(x1, y1, x2, y2),
            float(chance.uniform(0.6, 1)),
            expression(),
            landmarks=tuple((x, y) for x, y in chance.uniform(0, 1280, (5, 2)).tolist()),
            track_id=track_id,
            smoothed=expression(),
            sharpness=float(chance.uniform(10, 3000)),
        )

    return [
        FrameResult(
            index=number,
            timestamp_s=0.0,
            size=(1280, 720),
            faces=tuple(face(track) for track in range(1, PEOPLE + 1)),
            detector="yunet",
            milliseconds={},
        )
        for number in range(FRAMES)
    ]


def endlessly(frames: list[FrameResult]) -> Iterator[FrameResult]:
    """Give frames for ever, each with a number and time of its own."""
    for number in itertools.count():
        frame = frames[number % len(frames)]
        yield replace(frame, index=number, timestamp_s=number * STEP_S)


def write(store: Store) -> tuple[int, dict[str, float]]:
    """Record as fast as it goes and return the session's number and the rates."""
    given = endlessly(make_frames())
    started, cpu = time.perf_counter(), time.process_time()
    with store.record(title="bench") as recording:
        while time.perf_counter() - started < SECONDS:
            recording.add(next(given))
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    rows = store.session(recording.session_id).observations
    return recording.session_id, {
        "rows": rows,
        "rows_per_s": rows / seconds,
        "rows_per_s_limit": LIMIT_ROWS_PER_S,
        "rows_per_cpu_s": rows / cpu_s,
    }


def record_hour(store: Store) -> int:
    """Record an hour of two people and return the session's number."""
    with store.record(title="an hour") as recording:
        for frame in itertools.islice(endlessly(make_frames()), round(3600 / STEP_S)):
            recording.add(frame)
    return recording.session_id


def measure(folder: Path) -> dict[str, Any]:
    """Return all figures."""
    path = folder / "sessions.db"
    with open_store(path) as store:
        first, figures = write(store)
        hour = record_hour(store)
        of_hour = {
            "rows": store.session(hour).observations,
            "timeline_600_bins_ms": 1e3 * best_seconds(lambda: store.timeline(hour), RUNS),
            "timeline_of_a_minute_ms": 1e3
            * best_seconds(lambda: store.timeline(hour, start_s=1800, end_s=1860), RUNS),
            "frames_read_per_s": store.session(hour).frames
            / best_seconds(lambda: sum(1 for _ in store.frames(hour)), 1),
        }
        started = time.perf_counter()
        store.delete(first)
        of_hour["delete_the_other_s"] = time.perf_counter() - started
    # Nothing is left but the hour.
    of_hour["bytes_per_row"] = path.stat().st_size / of_hour["rows"]
    with_open = best_seconds(lambda: open_store(path).close(), RUNS)
    return {"write": figures, "an_hour": of_hour, "open_ms": 1e3 * with_open}


def main() -> int:
    """Measure and print JSON."""
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        json.dump(measure(Path(folder)), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
