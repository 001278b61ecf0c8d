"""What a model costs beside what it is right about: parameters, bytes, milliseconds a face."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.bundle.bundle import Bundle
from mien.bundle.config import CONFIG_FILE, GRAPH_FILE

SPEED_RUNS = 200
# Models take turns, so that a machine that slows down does so for all of them; a turn is
# long enough for a model's weights to be in the cache as they are in use.
_TURNS = 10
_WARM_UP = 3


@dataclass(frozen=True)
class Speed:
    """How long one face takes, one at a time on one thread.

    Attributes:
        ms_per_face: Median milliseconds from a crop of the model's own size to its logits.
        runs: How many runs of one session that is the median of.
    """

    ms_per_face: float
    runs: int


@dataclass(frozen=True)
class Cost:
    """A model's size and speed; None where it is not known or was not measured.

    Attributes:
        parameters: Number of parameters.
        graph_bytes: Size of a bundle's ONNX graph.
        bundle_bytes: Size of all files of a bundle on disk.
        speed: A bundle's speed.
        precision: What a bundle's graph computes in: `fp32` or `int8`.
        storage: How its float weights are kept: `fp32` or `fp16`.
    """

    parameters: int | None
    graph_bytes: int | None = None
    bundle_bytes: int | None = None
    speed: Speed | None = None
    precision: str | None = None
    storage: str | None = None


def bundle_cost(bundle: Bundle) -> Cost:
    """Return what a bundle costs, its speed not measured."""
    files = bundle.config.files
    config_bytes = (bundle.path / CONFIG_FILE).stat().st_size
    return Cost(
        parameters=bundle.config.architecture.parameters,
        graph_bytes=files[GRAPH_FILE].bytes,
        bundle_bytes=config_bytes + sum(entry.bytes for entry in files.values()),
        precision=bundle.config.precision,
        storage=bundle.config.storage,
    )


def measure_ms_per_face(bundles: Mapping[str, Bundle]) -> dict[str, Speed]:
    """Measure how long one face takes, one at a time.

    Args:
        bundles: Name to bundle, each loaded with one thread; one session serves all its runs.

    Returns:
        Name to speed, over `SPEED_RUNS` runs.
    """
    spent: dict[str, list[float]] = {name: [] for name in bundles}
    for _ in range(_TURNS):
        for name, bundle in bundles.items():
            face = _any_face(bundle.config.input.size)
            for run in range(_WARM_UP + SPEED_RUNS // _TURNS):
                started = time.perf_counter()
                bundle.predict_logits(face)
                if run >= _WARM_UP:
                    spent[name].append(1000 * (time.perf_counter() - started))
    return {name: Speed(statistics.median(each), len(each)) for name, each in spent.items()}


def _any_face(size: int) -> NDArray[np.uint8]:
    """Return one crop (1, size, size); what it shows takes no more or less time."""
    return np.random.default_rng(0).integers(0, 256, (1, size, size), dtype=np.uint8)
