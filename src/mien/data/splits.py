"""Splitting what comes unsplit: stratified by class, the same for the same seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DatasetError
from mien.data.dataset import SPLITS, Int64Array

DEFAULT_PARTS = (0.8, 0.1, 0.1)


def stratified_splits(
    class_ids: Int64Array, *, seed: int, parts: tuple[float, float, float] = DEFAULT_PARTS
) -> NDArray[np.int8]:
    """Deal every class out to train, validation and test in the same proportions.

    Each class is shuffled by its own random stream, so faces added to one class leave the
    others where they were.

    Args:
        class_ids: (n,) int64; unlabelled faces (-1) are one more class.
        seed: The same seed gives the same splits.
        parts: Share of each of `SPLITS`; they sum to 1.

    Returns:
        (n,) int8, an index into `SPLITS`.

    Raises:
        DatasetError: If the parts are negative or do not sum to 1.
    """
    if min(parts) < 0 or abs(sum(parts) - 1) > 1e-6:
        raise DatasetError(f"parts must be three shares that sum to 1, got {parts}")
    splits = np.zeros(len(class_ids), np.int8)
    for class_id in np.unique(class_ids).tolist():
        members = np.flatnonzero(class_ids == class_id)
        order = np.random.default_rng((seed, class_id + 1)).permutation(len(members))
        # Rounding the running sum, not each part, keeps every face in exactly one.
        ends = np.rint(np.cumsum(parts) * len(members)).astype(int)
        for split, (start, end) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
            splits[members[order[start:end]]] = split
    return splits


def split_counts(splits: NDArray[np.int8]) -> dict[str, int]:
    """Return how many faces each of `SPLITS` has."""
    counts = np.bincount(splits, minlength=len(SPLITS))
    return dict(zip(SPLITS, counts.tolist(), strict=True))
