"""Whether a confidence of 80 % is right 80 % of the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RELIABILITY_BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """The faces whose confidence lies in (low, high].

    Attributes:
        low: Lower edge; the first bin takes 0 as well.
        high: Upper edge.
        n: Number of faces.
        confidence: Their mean confidence, or None without faces.
        accuracy: The share of them that was answered rightly, or None without faces.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Reliability:
    """How confidence and accuracy go together.

    Attributes:
        expected_calibration_error: Mean gap of confidence and accuracy over the bins, each
            weighted by its faces; 0..1.
        mean_confidence: Mean probability of the top answer; above the accuracy, the model
            is sure of itself too often.
        bins: The curve, from low to high confidence.
    """

    expected_calibration_error: float
    mean_confidence: float
    bins: tuple[ReliabilityBin, ...]


def measure_reliability(
    confidences: NDArray[np.float64], correct: NDArray[np.bool_], *, bins: int = RELIABILITY_BINS
) -> Reliability:
    """Sort answers into bins of equal width by the probability of the top answer.

    Expected calibration error as in Guo et al., "On Calibration of Modern Neural Networks"
    (2017): 15 bins, each open below and closed above.

    Args:
        confidences: (n,) probability of the top answer, 0..1; n at least 1.
        correct: (n,) whether the top answer is the label.
        bins: Number of bins.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = bin_places(confidences, bins=bins)
    counts = np.bincount(places, minlength=bins)
    filled = np.maximum(counts, 1)
    confidence = np.bincount(places, weights=confidences, minlength=bins) / filled
    accuracy = np.bincount(places, weights=correct, minlength=bins) / filled
    error = float((counts * np.abs(confidence - accuracy)).sum() / len(confidences))
    return Reliability(
        expected_calibration_error=error,
        mean_confidence=float(confidences.mean()),
        bins=tuple(
            ReliabilityBin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                n=int(counts[i]),
                confidence=float(confidence[i]) if counts[i] else None,
                accuracy=float(accuracy[i]) if counts[i] else None,
            )
            for i in range(bins)
        ),
    )


def bin_places(
    confidences: NDArray[np.float64], *, bins: int = RELIABILITY_BINS
) -> NDArray[np.int64]:
    """Return which bin of `measure_reliability` each confidence falls into, (n,) of 0..bins - 1."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    # side="left" finds the bin whose upper edge is the first at or above the confidence.
    return np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, bins - 1)
