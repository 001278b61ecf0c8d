"""Frames as a video gives them, made up from a seed, for tests that record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mien.core.labels import label_set
from mien.core.types import Box, Expression, Face, FrameResult

STEP_S = 0.1


def make_expression(chance: np.random.Generator, labels: str = "ferplus") -> Expression:
    """Random probabilities, of float32 as those of a model."""
    names = label_set(labels).labels
    shares = chance.dirichlet(np.full(len(names), 0.5)).astype(np.float32)
    return Expression(dict(zip(names, shares.tolist(), strict=True)), labels, 0.4)


def make_face(
    chance: np.random.Generator, track_id: int | None = 1, labels: str = "ferplus"
) -> Face:
    """A face with all that a face can have; one without a track has no smoothed expression."""
    x, y, side = chance.uniform(0, 1000), chance.uniform(0, 500), chance.uniform(30, 300)
    points = chance.uniform(0, 1000, (5, 2)).tolist()
    return Face(
        box=Box(x, y, x + side, y + 1.2 * side),
        confidence=float(chance.uniform(0.6, 1)),
        expression=make_expression(chance, labels),
        landmarks=tuple((point[0], point[1]) for point in points),
        track_id=track_id,
        smoothed=None if track_id is None else make_expression(chance, labels),
        sharpness=float(chance.uniform(10, 3000)),
    )


def make_frame(number: int, faces: Sequence[Face] = (), *, step_s: float = STEP_S) -> FrameResult:
    """A frame as a camera's: everything about how it was read is set."""
    return FrameResult(
        index=number,
        timestamp_s=number * step_s,
        size=(1280, 720),
        faces=tuple(faces),
        detector="yunet",
        milliseconds={"detect": 5.0},
        source="camera",
        detector_threshold=0.6,
        detector_sha256="ab" * 32,
        prior="balanced",
        prior_strength=0.5,
    )


def make_frames(
    count: int, people: int = 2, *, seed: int = 0, labels: str = "ferplus"
) -> Iterator[FrameResult]:
    """Frames of people who are all in view all the time."""
    chance = np.random.default_rng(seed)
    for number in range(count):
        faces = [make_face(chance, track, labels) for track in range(1, people + 1)]
        yield make_frame(number, faces)
