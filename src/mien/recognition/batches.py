"""Faces of several pictures in one run of the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.core.types import FrameResult
from mien.recognition.results import Located, ResultMaker

# The model's cost for a face falls by about a third from 1 to 16 and hardly further.
BATCH_FACES = 32
# Results wait for a full batch of faces, but no longer than this many pictures.
BATCH_PICTURES = 64

Classify = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def in_batches(
    pictures: Iterable[Located], *, batch_faces: int, batch_pictures: int = BATCH_PICTURES
) -> Iterator[list[Located]]:
    """Gather pictures until they have enough faces or are enough, in order; none is empty.

    Args:
        pictures: May be endless.
        batch_faces: Enough faces.
        batch_pictures: Enough pictures.
    """
    waiting: list[Located] = []
    waiting_faces = 0
    for located in pictures:
        waiting.append(located)
        waiting_faces += len(located.faces)
        if waiting_faces >= batch_faces or len(waiting) >= batch_pictures:
            yield waiting
            waiting, waiting_faces = [], 0
    if waiting:
        yield waiting


def read_batch(
    batch: Sequence[Located], classify: Classify, results: ResultMaker
) -> list[FrameResult]:
    """Read the faces of some pictures in one run.

    Args:
        batch: The pictures, at least one.
        classify: From (n, size, size) uint8 crops to (n, labels) float32 probabilities.
        results: Makes the results.

    Returns:
        One result for each picture, in order; the time is shared out among the faces.
    """
    started = time.perf_counter()
    probabilities = classify(np.concatenate([located.crops_gray for located in batch]))
    face_ms = 1000 * (time.perf_counter() - started) / max(1, len(probabilities))
    read: list[FrameResult] = []
    start = 0
    for located in batch:
        count = len(located.faces)
        rows = probabilities[start : start + count]
        start += count
        read.append(results.frame(located, rows, face_ms * count))
    return read
