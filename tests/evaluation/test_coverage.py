"""Accuracy against coverage: by hand, and by every order of equal confidences."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest

from mien.core.errors import ShapeError
from mien.evaluation.coverage import THRESHOLDS, measure_coverage
from mien.evaluation.run import Evaluation

CONFIDENCES = np.array([0.95, 0.5, 0.72, 0.3])
CORRECT = np.array([True, False, True, False])


def test_points_by_hand() -> None:
    curve = measure_coverage(CONFIDENCES, CORRECT)
    assert (curve.n, curve.error) == (4, 0.5)
    assert tuple(point.threshold for point in curve.points) == THRESHOLDS
    found = {point.threshold: (point.n, point.coverage, point.accuracy) for point in curve.points}
    assert found[0.0] == found[0.3] == (4, 1.0, 0.5)
    assert found[0.35] == found[0.5] == (3, 0.75, 2 / 3)  # at the threshold is not below it
    assert found[0.55] == (2, 0.5, 1.0)
    assert found[0.75] == found[0.95] == (1, 0.25, 1.0)
    assert curve.at(0.52).threshold == 0.5


def test_area_by_hand() -> None:
    # Wrong among the 1, 2, 3, 4 most confident: 0, 0, 1/3, 2/4.
    assert measure_coverage(CONFIDENCES, CORRECT).area == pytest.approx((1 / 3 + 1 / 2) / 4)
    # The other way around: 1, 1, 2/3, 1/2.
    assert measure_coverage(CONFIDENCES, ~CORRECT).area == pytest.approx((1 + 1 + 2 / 3 + 0.5) / 4)


def test_equal_confidences_count_as_the_mean_of_all_their_orders() -> None:
    confidences = np.array([0.9, 0.6, 0.6, 0.6, 0.2])
    correct = np.array([True, False, True, False, True])

    def area(order: tuple[int, ...]) -> float:
        wrong = ~correct[[0, *order, 4]]
        return float((np.cumsum(wrong) / np.arange(1, 6)).mean())

    expected = np.mean([area(order) for order in permutations([1, 2, 3])])
    assert measure_coverage(confidences, correct).area == pytest.approx(expected)
    shuffled = np.array([3, 0, 4, 2, 1])
    found = measure_coverage(confidences[shuffled], correct[shuffled])
    assert found.area == pytest.approx(expected)


def test_confidence_that_tells_nothing_has_the_area_of_the_error() -> None:
    curve = measure_coverage(np.full(50, 0.7), np.arange(50) % 5 != 0)
    assert curve.area == pytest.approx(curve.error) == pytest.approx(0.2)


def test_where_nothing_is_answered_there_is_no_accuracy() -> None:
    curve = measure_coverage(np.array([0.4]), np.array([True]))
    assert (curve.at(0.9).n, curve.at(0.9).accuracy) == (0, None)
    assert json.loads(json.dumps(curve.to_dict(), allow_nan=False))["points"][18]["n"] == 0


@pytest.mark.parametrize(
    ("confidences", "correct"), [(np.zeros(0), np.zeros(0, bool)), (np.zeros(3), np.zeros(2, bool))]
)
def test_arrays_that_do_not_fit_are_refused(confidences: np.ndarray, correct: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="as many confidences as answers"):
        measure_coverage(confidences, correct)


def test_an_evaluation_measures_it_on_one_look_as_published(evaluation: Evaluation) -> None:
    for rule in evaluation.rules:
        assert rule.coverage.n == rule.n
        assert 1 - rule.coverage.error == pytest.approx(rule.headline.accuracy.value)
        assert rule.to_dict()["coverage"]["points"][0]["coverage"] == 1.0
