"""What a face costs in a run of several, after a search for faces, as it is in a server."""

from __future__ import annotations

import statistics
import time

import cv2
import numpy as np

from bench.viewers.pictures import camera_pictures
from mien.recognition.recognizer import Recognizer

SIZES = (1, 2, 4, 8, 16)
RUNS = 25


def face_ms_by_batch(bundle: str, detector: str, *, runs: int = RUNS) -> dict[str, float]:
    """Return the median milliseconds of CPU that one thread takes for a face, by faces in a run.

    Before each run a picture is searched for faces, so that the model finds the caches as a server
    leaves them. The sizes take turns.

    Args:
        bundle: The model.
        detector: What searches.
        runs: Of each size.
    """
    recognizer = Recognizer(bundle, detector)
    jpeg = np.frombuffer(camera_pictures(0, frames=1)[0], np.uint8)
    picture_bgr = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    side = recognizer.bundle.config.input.size
    crops = np.random.default_rng(0).integers(0, 256, (max(SIZES), side, side), dtype=np.uint8)
    spent_ms: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(runs):
        for size in SIZES:
            recognizer.detector.detect(picture_bgr)
            started_s = time.thread_time()
            recognizer.classify(crops[:size])
            spent_ms[size].append(1000 * (time.thread_time() - started_s) / size)
    return {str(size): statistics.median(spent) for size, spent in spent_ms.items()}
