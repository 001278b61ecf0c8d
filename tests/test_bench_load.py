"""What `python -m bench.load` counts, worked out by hand, and its cameras with a real server."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench import load
from bench.viewers import camera as bench_camera
from bench.viewers.batches import face_ms_by_batch
from bench.viewers.camera import Answers, Camera, Plan, Read, open_camera
from bench.viewers.pictures import camera_pictures
from bench.viewers.server import MeasuredServer, ServerFailedError
from mien.faces import open_detector
from mien.web.settings import load_settings
from tests.bundles import write_tiny_bundle
from tests.web.running import RunningServer

STAGES = {"decode": 1.0, "detect": 5.0, "crop": 0.5, "classify": 1.5, "waited": 2.0}


def decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def read(sent_s: float, trip_ms: float, *ids: int) -> Read:
    return Read(sent_s=sent_s, round_trip_ms=trip_ms, stages_ms=STAGES, track_ids=ids)


class TestPictures:
    def test_each_camera_sees_another_picture_and_always_the_same(self) -> None:
        first, again, other = (camera_pictures(number, frames=2) for number in (0, 0, 1))
        assert first == again
        assert not set(first) & set(other)
        assert decoded(first[0]).shape == (480, 640, 3)

    def test_one_face_moves_without_a_jump_also_where_the_loop_begins_anew(self) -> None:
        detector = open_detector("blazeface")
        boxes = []
        for jpeg in camera_pictures(3, frames=20):
            (face,) = detector.detect(decoded(jpeg))
            boxes.append(face.box)
        overlaps = [box.iou(boxes[(k + 1) % len(boxes)]) for k, box in enumerate(boxes)]
        assert min(overlaps) > 0.6
        assert max(box.x1 for box in boxes) - min(box.x1 for box in boxes) > 15


class TestFigures:
    def test_counts_quantiles_and_what_is_left_of_the_round_trip(self) -> None:
        one = Answers(sent=104, skipped=2, errors=Counter(busy=1), late_ms=[0.0] * 104)
        # Round trips of 1 to 100 ms after the warm-up, and one before that does not count.
        one.read = [read(0.5, 900, 1), *(read(1 + k / 100, k + 1.0, 1) for k in range(100))]
        other = Answers(sent=1, late_ms=[10.0])
        figures = load.figures_of([one, other], seconds=10)
        assert (figures["sent"], figures["read"], figures["skipped"]) == (105, 101, 2)
        assert (figures["errors"], figures["unanswered"]) == ({"busy": 1}, 1)
        assert figures["frames_per_s"] == 10
        assert figures["round_trip_ms"] == {
            "p50": pytest.approx(50.5),
            "p95": pytest.approx(95.05),
            "p99": pytest.approx(99.01),
            "max": 100,
        }
        assert figures["stages_ms"]["rest"] == pytest.approx(50.5 - sum(STAGES.values()))
        assert (figures["faces_a_frame"], figures["people_a_camera"]) == (1, 0.5)
        assert (figures["fewest_of_a_camera"], figures["most_of_a_camera"]) == (0, 101)

    def test_a_server_that_reads_nothing_has_no_round_trip(self) -> None:
        figures = load.figures_of([Answers(sent=3, skipped=1)], seconds=1)
        assert (figures["unanswered"], figures["frames_per_s"]) == (2, 0)
        assert "round_trip_ms" not in figures
        row = {
            **figures,
            "cameras": 1,
            "fps": 3.0,
            "server_cpu_share": None,
            "server_cpu_ms_a_frame": None,
            "generator_cpu_share": 0.1,
        }
        assert [table.row_count for table in load.tables_of({"cores": 2, "rows": [row]})] == [1] * 3

    def test_a_plan_is_kept_to_the_clock(self) -> None:
        times_s = Plan(fps=10, seconds=1.5, phase_s=0.05).times_s()
        assert len(times_s) == 15 and times_s[0] == 0.05
        assert np.allclose(np.diff(times_s), 0.1)


def test_a_face_is_timed_in_runs_of_every_size(tmp_path: Path) -> None:
    told = face_ms_by_batch(str(write_tiny_bundle(tmp_path)), "blazeface", runs=2)
    assert list(told) == ["1", "2", "4", "8", "16"]
    assert all(0 <= face_ms < 1000 for face_ms in told.values())


class Script:
    """A server that answers each picture by what is written down for it."""

    def __init__(self, kinds: list[str]) -> None:
        self.kinds = kinds

    async def __call__(self, socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "ready"}))
        async for number, _ in aenumerate(socket):
            await asyncio.sleep(0.02)
            kind = self.kinds[number]
            frame = {"index": number, "milliseconds": {"detect": 1.0}, "faces": [{"track_id": 7}]}
            told: dict[str, dict[str, Any]] = {
                "result": {"frame": frame, "waited_ms": 2.0},
                "skipped": {"index": number},
                "error": {"index": number, "error": {"code": "busy"}},
            }
            if kind in told:
                await socket.send(json.dumps({"type": kind, **told[kind]}))


async def aenumerate(socket: ServerConnection) -> Any:
    number = 0
    async for message in socket:
        yield number, message
        number += 1


def test_a_camera_counts_every_kind_of_answer_and_those_that_never_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench_camera, "PATIENCE_S", 0.3)
    kinds = ["result", "skipped", "result", "error", "nothing"]

    async def main() -> Answers:
        async with serve(Script(kinds), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            camera = await open_camera(f"ws://127.0.0.1:{port}", [b"one", b"two"])
            return await camera.run(Plan(fps=50, seconds=0.1), time.perf_counter())

    answers = asyncio.run(main())
    assert (answers.sent, answers.skipped, answers.errors) == (5, 1, Counter(busy=1))
    assert len(answers.read) == 2 and answers.answered == 4
    assert answers.read[0].stages_ms == {"detect": 1.0, "waited": 2.0}
    assert answers.read[0].track_ids == (7,) and answers.read[0].round_trip_ms >= 20


def test_a_server_that_is_not_ready_stops_the_measurement() -> None:
    async def refuse(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "error", "error": {"code": "busy"}}))

    async def main() -> Camera:
        async with serve(refuse, "127.0.0.1", 0) as server:
            return await open_camera(
                f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", [b"one"]
            )

    with pytest.raises(RuntimeError, match="not ready"):
        asyncio.run(main())


def test_cameras_are_answered_by_a_server_and_nothing_is_lost(tmp_path: Path) -> None:
    settings = load_settings(port=0, bundle=str(write_tiny_bundle(tmp_path)), detector="full")
    server = RunningServer(settings)
    pictures = [camera_pictures(number, frames=3) for number in range(3)]
    answers = asyncio.run(load.send(server.url, pictures, 5, 1))
    server.stop()
    figures = load.figures_of(answers, 1)
    assert (figures["sent"], figures["unanswered"], figures["errors"]) == (30, 0, {})
    assert figures["read"] + figures["skipped"] == 30
    assert (figures["faces_a_frame"], figures["people_a_camera"]) == (1, 1)


@pytest.mark.slow
def test_a_real_server_is_started_measured_and_ended(tmp_path: Path) -> None:
    bundle = str(write_tiny_bundle(tmp_path))
    row = load.measure_cameras(
        2, fps=2, seconds=1, options=("--bundle", bundle, "--detector", "full"), workers=1
    )
    assert (row["cameras"], row["sent"], row["unanswered"]) == (2, 8, 0)
    assert row["server_cpu_share"] is None or row["server_cpu_share"] > 0
    assert row["generator_cpu_share"] > 0


@pytest.mark.slow
def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(ServerFailedError, match="unknown bundle 'moods'"):
        MeasuredServer("--bundle", "moods", environment={})
