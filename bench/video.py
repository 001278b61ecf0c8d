"""Reading a video: how many times as fast as it plays, and whether memory grows with its length.

A 720p clip of 30 frames a second with two moving faces, made here, is read end to end by
`Recognizer.video`, and frame after frame by `Recognizer.analyze` as scripts around other libraries
do it; both with every detector that is here. The ways take turns. Memory is the peak of a fresh
process that reads a small film of one minute, and of one hour.

python -m bench.video > docs/figures/video.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from bench import NOT_HERE
from bench.data_cache import peak_mb
from bench.detectors import BESIDE
from bench.machine import describe_machine
from bench.tracks.film import SMALL, make_clip, make_long
from mien.core.errors import BundleError, DetectorError
from mien.core.imaging import swap_red_and_blue
from mien.core.machine import available_cores
from mien.core.types import FrameResult
from mien.faces.yunet import installed_weights
from mien.media import open_source
from mien.recognition.recognizer import Recognizer
from mien.recognition.tracking.tracker import FaceTracker

REPO = Path(__file__).resolve().parents[1]
CLIP_S, RATE_HZ, SAMPLED_S = 10.0, 30.0, 0.2
TURNS, FEW_TURNS = 3, 2
STAGE_FRAMES = 60
# The hour has few frames a second, so that it takes a minute and not ten.
LONG_RATE_HZ, MINUTE_S, HOUR_S = 2.0, 60.0, 3600.0
EVERY_FRAME_GOAL, SAMPLED_GOAL, GROWTH_GOAL = 2.0, 10.0, 0.10
Done = TypeVar("Done")
ALL, SAMPLED = "every frame", "5 frames a second"


@dataclass(frozen=True)
class Way:
    """A way to read the clip: `video` with some options, or frame after frame by `analyze`."""

    name: str
    options: dict[str, Any]
    is_frame_by_frame: bool = False

    def read(self, recognizer: Recognizer, clip: Path) -> Iterator[FrameResult]:
        """Yield the results, end to end from the file's opening on."""
        if not self.is_frame_by_frame:
            yield from recognizer.video(clip, **self.options)
            return
        with open_source(clip, **self.options) as source:
            for frame in source:
                yield recognizer.analyze(
                    frame.image_rgb,
                    colour_order="rgb",
                    index=frame.index,
                    timestamp_s=frame.timestamp_s,
                )


WAYS = (
    Way(ALL, {}),
    Way(f"{ALL}, faces looked for in every third", {"detect_every": 3}),
    Way(f"{ALL}, faces looked for where needed (auto)", {"detect_every": "auto"}),
    Way(f"{ALL}, one after the other by analyze", {}, is_frame_by_frame=True),
    Way(SAMPLED, {"every_s": SAMPLED_S}),
    Way(f"{SAMPLED}, one after the other by analyze", {"every_s": SAMPLED_S}, True),
)


def time_ways(recognizer: Recognizer, clip: Path, turns: int) -> dict[str, Any]:
    """Return for each way how many times as fast as the clip plays, and what it found."""
    read = {way.name: list(way.read(recognizer, clip)) for way in WAYS}  # warms up as well
    times: dict[str, list[float]] = {way.name: [] for way in WAYS}
    for _ in range(turns):
        for way in WAYS:
            started = time.perf_counter()
            for _ in way.read(recognizer, clip):
                pass
            times[way.name].append(CLIP_S / (time.perf_counter() - started))
    rows: dict[str, Any] = {}
    for way in WAYS:
        spent, results = times[way.name], read[way.name]
        rows[way.name] = {
            "times_real_time": statistics.median(spent),
            "low": min(spent),
            "high": max(spent),
            "runs": turns,
            "frames": len(results),
            "faces_a_frame": statistics.mean(len(result) for result in results),
            "predicted_share": predicted_share(results),
            **agreement(results, read[ALL]),
        }
    return rows


def predicted_share(results: list[FrameResult]) -> float:
    """Return the share of faces whose box is predicted."""
    faces = [face for result in results for face in result]
    return sum(face.predicted for face in faces) / max(1, len(faces))


def agreement(results: list[FrameResult], every: list[FrameResult]) -> dict[str, float]:
    """Return how far predicted boxes and their expressions are those of a search in each frame."""
    searched = {result.index: result for result in every}
    overlaps, same = [], []
    for result in results:
        for face in result:
            others = searched[result.index].faces if face.predicted else ()
            if others:
                best = max(others, key=lambda other: other.box.iou(face.box))
                overlaps.append(best.box.iou(face.box))
                same.append(best.expression.dominant == face.expression.dominant)
    if not overlaps:
        return {}
    return {"iou_with_search": statistics.mean(overlaps), "same_dominant": statistics.mean(same)}


def time_stages(recognizer: Recognizer, clip: Path) -> dict[str, float]:
    """Return milliseconds of CPU that each stage takes for a frame, all its threads together."""
    with open_source(clip) as source:
        frames, decode_ms = cpu_ms(lambda: list(itertools.islice(source, STAGE_FRAMES)))
    pictures = [swap_red_and_blue(frame.image_rgb) for frame in frames]
    found, detect_ms = cpu_ms(lambda: [recognizer.detector.detect(image) for image in pictures])
    crops, crop_ms = cpu_ms(
        lambda: [recognizer.crop(*pair) for pair in zip(pictures, found, strict=True)]
    )
    _, classify_ms = cpu_ms(lambda: [recognizer.classify(each) for each in crops])
    results = list(recognizer.analyze_many(pictures))
    tracker = FaceTracker()
    _, track_ms = cpu_ms(lambda: [tracker.update(result) for result in results])
    spent = {
        "decode": decode_ms,
        "detect": detect_ms,
        "crop": crop_ms,
        "classify": classify_ms,
        "track": track_ms,
    }
    return {stage: total / len(frames) for stage, total in spent.items()}


def cpu_ms(work: Callable[[], Done]) -> tuple[Done, float]:
    """Return what some work gives, and the milliseconds of CPU that this process spent on it."""
    started = time.process_time()
    done = work()
    return done, 1000 * (time.process_time() - started)


def measure_memory(folder: Path, bundle: str) -> dict[str, Any]:
    """Return the peak memory of fresh processes that read a minute, and an hour."""
    rows: dict[str, Any] = {}
    for name, seconds in (("minute", MINUTE_S), ("hour", HOUR_S)):
        film = make_long(folder / f"{name}.mp4", seconds, LONG_RATE_HZ)
        command = [sys.executable, "-m", "bench.video", "--bundle", bundle, "--read", str(film)]
        done = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True)
        rows[name] = json.loads(done.stdout)
    growth = rows["hour"]["peak_mb"] / rows["minute"]["peak_mb"] - 1
    return {
        **rows,
        "growth": growth,
        "growth_goal": GROWTH_GOAL,
        "width": SMALL[0],
        "height": SMALL[1],
        "rate_hz": LONG_RATE_HZ,
    }


def read_once(film: Path, bundle: str) -> dict[str, Any]:
    """Read a film in this process, as it is, and return its frames, seconds and peak memory."""
    started = time.perf_counter()
    frames = faces = 0
    for result in Recognizer(bundle, "blazeface").video(film):
        frames, faces = frames + 1, faces + len(result)
    seconds = time.perf_counter() - started
    return {"frames": frames, "faces": faces, "seconds": seconds, "peak_mb": peak_mb()}


def detectors() -> dict[str, str]:
    """Return the detectors that are here: what the table calls them, and what they open by."""
    weights = installed_weights() or (BESIDE if BESIDE.is_file() else None)
    return {"blazeface": "blazeface", **({"yunet": f"yunet:{weights}"} if weights else {})}


def measure(folder: Path, bundle: str, turns: int) -> dict[str, Any]:
    """Return all figures."""
    clip = make_clip(folder / "clip.mp4", CLIP_S, RATE_HZ)
    figures: dict[str, Any] = {
        "machine": describe_machine(),
        "cores": available_cores(),
        "clip": {
            "seconds": CLIP_S,
            "rate_hz": RATE_HZ,
            "mbit_per_s": clip.stat().st_size * 8 / CLIP_S / 1e6,
        },
        "every_frame_goal": EVERY_FRAME_GOAL,
        "sampled_goal": SAMPLED_GOAL,
        "detectors": {},
    }
    for name, opened_by in detectors().items():
        recognizer = Recognizer(bundle, opened_by)
        figures["detectors"][name] = {
            "ways": time_ways(recognizer, clip, turns if name == "blazeface" else FEW_TURNS),
            "stages_cpu_ms": time_stages(recognizer, clip),
        }
    figures["memory"] = measure_memory(folder, bundle)
    return figures


def table_of(figures: dict[str, Any]) -> Table:
    """Return the figures as a table for the terminal."""
    table = Table("detector", "720p, 30 frames a second, two faces", "times real time", "faces")
    for detector, measured in figures["detectors"].items():
        for name, row in measured["ways"].items():
            spread = f"{row['times_real_time']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
            table.add_row(detector, name, spread, f"{row['faces_a_frame']:.2f}")
        stages = ", ".join(f"{k} {v:.2f}" for k, v in measured["stages_cpu_ms"].items())
        table.add_row(detector, f"CPU ms a frame: {stages}", "", "")
        table.add_section()
    memory = figures["memory"]
    for name in ("minute", "hour"):
        row = memory[name]
        table.add_row(
            "memory", f"one {name}, {row['frames']} frames", f"{row['peak_mb']:.0f} MB", ""
        )
    table.add_row("memory", "growth", f"{memory['growth']:+.1%}", "")
    return table


def main() -> int:
    """Measure, show a table and print JSON; return `NOT_HERE` where there is no bundle."""
    parser = argparse.ArgumentParser(prog="python -m bench.video", description=__doc__)
    parser.add_argument("--bundle", default="mien-s")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--read", type=Path, help="only read this film, for its memory")
    given = parser.parse_args()
    try:
        if given.read:
            json.dump(read_once(given.read, given.bundle), sys.stdout)
            return 0
        with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
            figures = measure(Path(folder), given.bundle, given.turns)
    except (BundleError, DetectorError) as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HERE
    Console(stderr=True).print(table_of(figures))
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
