"""How many live viewers one server serves: simulated cameras over real WebSockets.

Cameras of 640x480 send JPEGs by the clock, whether or not they are answered, to a real `mien
serve`, which runs in a process of its own on the same machine; this process, which sends, takes its
share of the cores. Each camera sees another face, which moves. A round trip goes from sending a
picture to its result; pictures that a newer one replaced are counted as skipped.

python -m bench.load > docs/figures/load.json
python -m bench.load --cameras 15 --fps 10 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import NOT_HERE
from bench.machine import describe_machine
from bench.viewers.batches import face_ms_by_batch
from bench.viewers.camera import Answers, Plan, open_camera
from bench.viewers.pictures import HEIGHT, WIDTH, camera_pictures
from bench.viewers.server import MeasuredServer, ServerFailedError
from mien.core.errors import BundleError, DetectorError
from mien.core.machine import available_cores

CAMERAS = (1, 8, 15, 24)
FPS, SECONDS = 10.0, 10.0
# Pictures of the first moments are answered, but not counted.
WARM_UP_S = 1.0
CAMERAS_GOAL, P95_GOAL_MS = 15, 150.0
STAGES = ("decode", "detect", "crop", "classify")


async def send(url: str, pictures: Sequence[Sequence[bytes]], fps: float, seconds: float) -> Any:
    """Let cameras send at the same time and return their answers, and when they began.

    Args:
        url: Of the server.
        pictures: Of each camera.
        fps: Pictures a second of each.
        seconds: For how long.
    """
    address = url.replace("http", "ws", 1) + "/v1/live?protocol=1"
    cameras = await asyncio.gather(*(open_camera(address, each) for each in pictures))
    # Cameras of different people keep no common time.
    phases = np.random.default_rng(0).uniform(0, 1 / fps, len(cameras)).tolist()
    begin_s = time.perf_counter() + 0.2
    plans = [Plan(fps=fps, seconds=seconds + WARM_UP_S, phase_s=phase) for phase in phases]
    return await asyncio.gather(
        *(camera.run(plan, begin_s) for camera, plan in zip(cameras, plans, strict=True))
    )


def measure_cameras(
    count: int, *, fps: float, seconds: float, options: Sequence[str], workers: int | None
) -> dict[str, Any]:
    """Return the figures of so many cameras, with a server of their own."""
    pictures = [camera_pictures(number) for number in range(count)]
    environment = {"MIEN_MAX_CONNECTIONS": str(count)}
    if workers is not None:
        environment["MIEN_WORKERS"] = str(workers)
    with MeasuredServer(*options, environment=environment) as server:
        server_s, generator_s, began_s = server.cpu_s(), time.process_time(), time.perf_counter()
        answers = asyncio.run(send(server.url, pictures, fps, seconds))
        spent_s = available_cores() * (time.perf_counter() - began_s)
        generator_share = (time.process_time() - generator_s) / spent_s
        ended_s = server.cpu_s()
    figures = figures_of(answers, seconds)
    took_s = None if server_s is None or ended_s is None else ended_s - server_s
    return {
        "cameras": count,
        "fps": fps,
        **figures,
        "server_cpu_share": took_s and took_s / spent_s,
        "server_cpu_ms_a_frame": took_s and 1000 * took_s / max(1, figures["read"]),
        "generator_cpu_share": generator_share,
    }


def figures_of(answers: Sequence[Answers], seconds: float) -> dict[str, Any]:
    """Return what cameras were answered, as figures.

    Args:
        answers: Of each camera.
        seconds: How long they sent, after the warm-up.
    """
    counted = [one for each in answers for one in each.read if one.sent_s >= WARM_UP_S]
    sent, answered = sum(each.sent for each in answers), sum(each.answered for each in answers)
    errors = sum((each.errors for each in answers), Counter())
    found: dict[str, Any] = {
        "sent": sent,
        "read": sum(len(each.read) for each in answers),
        "skipped": sum(each.skipped for each in answers),
        "errors": dict(errors),
        "unanswered": sent - answered,
        "frames_per_s": len(counted) / seconds,
        "late_p95_ms": quantile([late for each in answers for late in each.late_ms], 95),
    }
    if not counted:
        return found
    trips = [one.round_trip_ms for one in counted]
    reads_of = [len(each.read) for each in answers]
    stages = {
        stage: statistics.mean(one.stages_ms.get(stage, 0.0) for one in counted)
        for stage in (*STAGES, "waited")
    }
    return {
        **found,
        "round_trip_ms": {f"p{q}": quantile(trips, q) for q in (50, 95, 99)} | {"max": max(trips)},
        "stages_ms": {**stages, "rest": statistics.mean(trips) - sum(stages.values())},
        "faces_a_frame": statistics.mean(len(one.track_ids) for one in counted),
        "people_a_camera": statistics.mean(
            len({number for one in each.read for number in one.track_ids}) for each in answers
        ),
        "fewest_of_a_camera": min(reads_of),
        "most_of_a_camera": max(reads_of),
    }


def quantile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of some values, 0 where there are none."""
    return float(np.percentile(values, percent)) if len(values) else 0.0


def tables_of(figures: dict[str, Any]) -> list[Table]:
    """Return the figures as tables for the terminal: what came back, where time and cores went."""
    counts, trips = ("sent", "read", "skipped"), ("p50", "p95", "p99")
    stages = (*STAGES, "waited", "rest")
    served = Table("cameras", *counts, "frames/s", *(f"{name} ms" for name in trips))
    spent = Table("mean ms", *stages)
    cores = Table(f"of {figures['cores']} cores", "server", "sender", "server, CPU ms a frame")
    for row in figures["rows"]:
        cameras = f"{row['cameras']} at {row['fps']:g}"
        rate = f"{row['frames_per_s']:.1f}"
        found, took = row.get("round_trip_ms", {}), row.get("stages_ms", {})
        served.add_row(
            cameras,
            *(str(row[name]) for name in counts),
            rate,
            *(shown(found.get(name), ".0f") for name in trips),
        )
        spent.add_row(cameras, *(shown(took.get(name), ".1f") for name in stages))
        cores.add_row(
            cameras,
            shown(row["server_cpu_share"], ".0%"),
            f"{row['generator_cpu_share']:.0%}",
            shown(row["server_cpu_ms_a_frame"], ".1f"),
        )
    return [served, spent, cores]


def shown(value: float | None, how: str) -> str:
    """Return a figure as text, nothing where there is none."""
    return "" if value is None else format(value, how)


def main() -> int:
    """Measure, show a table and print JSON; return `NOT_HERE` where no server can run."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--cameras", type=int, nargs="+", default=list(CAMERAS))
    parser.add_argument("--fps", type=float, default=FPS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--bundle", default="mien-s")
    parser.add_argument("--detector", default="blazeface")
    parser.add_argument("--workers", type=int, help="as MIEN_WORKERS")
    given = parser.parse_args()
    if min(given.cameras) < 1 or given.fps <= 0 or given.seconds <= 0:
        parser.error("cameras, fps and seconds are above 0")
    figures: dict[str, Any] = {
        "machine": describe_machine(),
        "cores": available_cores(),
        "width": WIDTH,
        "height": HEIGHT,
        "bundle": given.bundle,
        "detector": given.detector,
        "seconds": given.seconds,
        "cameras_goal": CAMERAS_GOAL,
        "p95_goal_ms": P95_GOAL_MS,
    }
    options = ("--bundle", given.bundle, "--detector", given.detector)
    try:
        figures["rows"] = [
            measure_cameras(
                count,
                fps=given.fps,
                seconds=given.seconds,
                options=options,
                workers=given.workers,
            )
            for count in given.cameras
        ]
        figures["face_cpu_ms_by_batch"] = face_ms_by_batch(given.bundle, given.detector)
    except (ServerFailedError, BundleError, DetectorError) as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HERE
    console = Console(stderr=True)
    console.print(*tables_of(figures))
    together = ", ".join(f"{k}: {ms:.2f}" for k, ms in figures["face_cpu_ms_by_batch"].items())
    console.print(f"CPU ms of the model for a face, by faces in a run: {together}")
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
