"""How well faces keep their ids, and what that costs: mien's tracker beside a greedy one.

Both see the same scenes with known truth (bench/tracks): boxes of a detector that is wrong in known
ways, and pictures read by a real one. Everything but the milliseconds is the same on any machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from bench.tracks.detector import LOW_THRESHOLD, NEUTRAL, USUAL_THRESHOLD, NoisyDetector
from bench.tracks.greedy import GreedyTracker
from bench.tracks.pictures import Painter
from bench.tracks.score import Score, score
from bench.tracks.truth import DRAWN, HEIGHT, SCENES, WIDTH, Scene, TrueFrame, make_frames
from mien.core.types import Box, Expression, Face, FrameResult
from mien.faces import open_detector
from mien.recognition.tracking.tracker import FaceTracker

SEEDS, SECONDS = 20, 15.0
DRAWN_SEEDS, DRAWN_SECONDS = 6, 8.0
COST_FRAMES, COST_FACES, COST_LIMIT_MS = 500, 10, 1.0
# The drawn scenes differ from those of boxes, so that no seed is shared by chance.
FIRST_DRAWN_SEED = 500


class Tracker(Protocol):
    """What gives faces ids."""

    def update(self, frame: FrameResult) -> FrameResult:
        """Return the frame with ids."""
        ...


def sure_only(frames: Iterable[FrameResult]) -> Iterator[FrameResult]:
    """Leave out the faces that a detector does not return at its usual threshold."""
    for frame in frames:
        kept = tuple(face for face in frame.faces if face.confidence >= USUAL_THRESHOLD)
        yield replace(frame, faces=kept)


# Name to tracker, and whether it gets the doubtful faces as well.
TRACKERS: dict[str, tuple[Callable[[], Tracker], bool]] = {
    "greedy": (GreedyTracker, False),
    "FaceTracker": (FaceTracker, False),
    "FaceTracker with doubtful faces": (
        lambda: FaceTracker(start_confidence=USUAL_THRESHOLD),
        True,
    ),
}


def run_trackers(truth: Sequence[TrueFrame], seen: Sequence[FrameResult]) -> dict[str, Score]:
    """Return the score of each tracker for one sequence."""
    scores = {}
    for name, (make, takes_doubtful) in TRACKERS.items():
        tracker = make()
        frames = seen if takes_doubtful else sure_only(seen)
        scores[name] = score(truth, [tracker.update(frame) for frame in frames])
    return scores


def as_figures(scores: dict[str, Score]) -> dict[str, Any]:
    """Return what the tables show."""
    return {
        name: {
            "switches": one.switches,
            "fragments": one.fragments,
            "mota": one.mota,
            "idf1": one.idf1,
            "faces": one.faces,
        }
        for name, one in scores.items()
    }


def add_up(sequences: Iterable[dict[str, Score]]) -> dict[str, Score]:
    """Return the scores of all sequences together."""
    totals = {name: Score() for name in TRACKERS}
    for scores in sequences:
        totals = {name: totals[name] + one for name, one in scores.items()}
    return totals


def measure_boxes(scene: Scene) -> dict[str, Any]:
    """Score a scene as the noisy detector sees it, over all seeds."""

    def sequences() -> Iterator[dict[str, Score]]:
        for seed in range(SEEDS):
            truth = list(make_frames(scene, seed, SECONDS))
            detector = NoisyDetector(np.random.default_rng([seed, 1]))
            yield run_trackers(truth, list(detector.see(truth)))

    return as_figures(add_up(sequences()))


def measure_pictures() -> dict[str, Any]:
    """Score drawn scenes as BlazeFace sees them, over all seeds."""
    detector = open_detector("blazeface", threshold=LOW_THRESHOLD)

    def see(truth: Sequence[TrueFrame], painter: Painter) -> Iterator[FrameResult]:
        for index, frame in enumerate(truth):
            found = detector.detect(painter.draw(frame))
            faces = tuple(Face(face.box, face.confidence, NEUTRAL) for face in found)
            yield FrameResult(index, frame.timestamp_s, (WIDTH, HEIGHT), faces, detector.name, {})

    def sequences() -> Iterator[dict[str, Score]]:
        for seed in range(FIRST_DRAWN_SEED, FIRST_DRAWN_SEED + DRAWN_SEEDS):
            truth = list(make_frames(DRAWN, seed, DRAWN_SECONDS))
            yield run_trackers(truth, list(see(truth, Painter(DRAWN.people, seed))))

    return as_figures(add_up(sequences()))


def measure_cost() -> float:
    """Return the median milliseconds of a frame with ten faces that move and change."""
    rng = np.random.default_rng(0)
    places = np.stack([rng.uniform(0, 1100, COST_FACES), rng.uniform(0, 600, COST_FACES)], axis=1)
    tracker = FaceTracker()
    spent = []
    for index in range(COST_FRAMES):
        places += rng.normal(0, 2, places.shape)
        faces = []
        for x, y in places.tolist():
            shares = rng.dirichlet(np.ones(8)).tolist()
            expression = Expression({f"e{n}": share for n, share in enumerate(shares)}, "bench")
            faces.append(Face(Box(x, y, x + 90, y + 110), 0.9, expression))
        frame = FrameResult(index, index / 30, (WIDTH, HEIGHT), tuple(faces), "fake", {})
        started = time.perf_counter()
        tracker.update(frame)
        spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(spent)


def measure() -> dict[str, Any]:
    """Return the scores of each scene, and the cost of a frame."""
    return {
        "seeds": SEEDS,
        "seconds_a_seed": SECONDS,
        "drawn_seeds": DRAWN_SEEDS,
        "drawn_seconds_a_seed": DRAWN_SECONDS,
        "frame_of_10_faces_ms": measure_cost(),
        "frame_of_10_faces_limit_ms": COST_LIMIT_MS,
        "scenes": {
            **{scene.name: measure_boxes(scene) for scene in SCENES},
            DRAWN.name: measure_pictures(),
        },
    }


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
