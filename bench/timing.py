"""Timing that stands up to a machine whose speed drifts: medians, spread, and turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

# A turn begins with runs that bring a model's weights back into the cache.
WARM_UP = 3

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Spread:
    """What came out of several measurements of one thing, in the unit of the measurements.

    Attributes:
        median: The middle one.
        low: The 10th percentile.
        high: The 90th percentile.
        runs: How many there were.
    """

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        low, high = (float(np.percentile(values, q)) for q in (10, 90))
        return cls(statistics.median(values), low, high, len(values))

    def to_dict(self, name: str, *, scale: float = 1.0) -> dict[str, Any]:
        """Return the fields times `scale`, the median under a name that says its unit."""
        ends = {"low": scale * self.low, "high": scale * self.high}
        return {name: scale * self.median, **ends, "runs": self.runs}


def best_seconds(work: Callable[[], object], runs: int) -> float:
    """Return the seconds of the fastest of several runs: what the machine can do at best."""
    work()
    spent = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent)


def take_turns(
    works: Mapping[Key, Callable[[], object]], *, runs: int, turns: int = 10
) -> dict[Key, Spread]:
    """Time several things in turn, so that a machine that slows down does so for all of them.

    Args:
        works: What to call, by name.
        runs: How many times each is timed in all.
        turns: In how many turns.

    Returns:
        Milliseconds of one call of each.
    """
    spent: dict[Key, list[float]] = {key: [] for key in works}
    for _ in range(turns):
        for key, work in works.items():
            for run in range(WARM_UP + max(1, runs // turns)):
                started = time.perf_counter()
                work()
                if run >= WARM_UP:
                    spent[key].append(1000 * (time.perf_counter() - started))
    return {key: Spread.of(each) for key, each in spent.items()}
