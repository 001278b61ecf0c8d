"""What is won by leaving doubtful answers out: accuracy against coverage, by the threshold.

An answer below the threshold is `uncertain`; coverage is the share of faces that are not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError

THRESHOLDS = tuple(step / 20 for step in range(20))


@dataclass(frozen=True)
class CoveragePoint:
    """What one threshold gives.

    Attributes:
        threshold: Answers with a lower confidence are left out, 0..1.
        n: Faces that are answered.
        coverage: Their share of all, 0..1.
        accuracy: The share of them that is answered rightly, or None without any.
    """

    threshold: float
    n: int
    coverage: float
    accuracy: float | None


@dataclass(frozen=True)
class CoverageCurve:
    """How accuracy grows as doubtful answers are left out.

    Attributes:
        n: Number of faces.
        error: Share of wrong answers where none is left out, 0..1: what the area below would
            be if confidence told nothing.
        area: Area under the risk-coverage curve (AURC): the share of wrong answers among the
            k most confident, mean over all k; 0..1, less is better.
        points: One for each of `THRESHOLDS`.
    """

    n: int
    error: float
    area: float
    points: tuple[CoveragePoint, ...]

    def at(self, threshold: float) -> CoveragePoint:
        """Return the point whose threshold is nearest."""
        return min(self.points, key=lambda point: abs(point.threshold - threshold))

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return asdict(self)


def measure_coverage(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> CoverageCurve:
    """Measure accuracy against coverage.

    The area is that of Geifman and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep
    Neural Classifiers" (2019).

    Args:
        confidences: (n,) probability of the top answer, 0..1; n at least 1.
        correct: (n,) whether the top answer is the label.

    Raises:
        ShapeError: If the arrays do not fit each other or there is no face.
    """
    n = len(confidences)
    if n == 0 or confidences.shape != correct.shape or confidences.ndim != 1:
        raise ShapeError(
            f"expected as many confidences as answers, at least one, got {confidences.shape} "
            f"and {correct.shape}"
        )
    points = []
    for threshold in THRESHOLDS:
        kept = confidences >= threshold
        count = int(kept.sum())
        points.append(
            CoveragePoint(
                threshold=threshold,
                n=count,
                coverage=count / n,
                accuracy=float(correct[kept].mean()) if count else None,
            )
        )
    return CoverageCurve(
        n=n,
        error=float(1 - correct.mean()),
        area=_area_under_risk(confidences, correct),
        points=tuple(points),
    )


def _area_under_risk(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Return the mean over k of the share of wrong answers among the k most confident."""
    _, groups, sizes = np.unique(-confidences, return_inverse=True, return_counts=True)
    wrong = np.bincount(groups, weights=~correct) / sizes
    # Among equal confidences any order is as good: each counts as the mean of its group, which
    # gives the expected value over all their orders.
    risk = np.cumsum(np.repeat(wrong, sizes)) / np.arange(1, len(confidences) + 1)
    return float(risk.mean())
