"""Reliability bins and their error, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from mien.evaluation.calibration import RELIABILITY_BINS, measure_reliability


def test_bins_of_faces_sorted_by_hand() -> None:
    confidences = np.array([0.2, 0.4, 0.45, 0.5, 0.9, 1.0])
    correct = np.array([False, True, False, True, True, True])
    reliability = measure_reliability(confidences, correct, bins=4)
    # (0, 0.25], (0.25, 0.5], (0.5, 0.75], (0.75, 1]: 0.5 belongs to the second.
    assert [entry.n for entry in reliability.bins] == [1, 3, 0, 2]
    assert [entry.accuracy for entry in reliability.bins] == pytest.approx([0, 2 / 3, None, 1])
    assert [entry.confidence for entry in reliability.bins] == pytest.approx(
        [0.2, 0.45, None, 0.95]
    )
    expected = (1 * 0.2 + 3 * abs(0.45 - 2 / 3) + 2 * 0.05) / 6
    assert reliability.expected_calibration_error == pytest.approx(expected)
    assert reliability.mean_confidence == pytest.approx(confidences.mean())


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 400), st.integers(0, 2**32 - 1))
def test_curve_is_scikit_learns(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidences = rng.choice([rng.random(n), rng.integers(0, 16, n) / 15, rng.beta(8, 1, n)])
    correct = rng.random(n) < confidences
    correct[:2] = (True, False)  # scikit-learn's curve wants both outcomes
    reliability = measure_reliability(confidences, correct)
    accuracy, confidence = calibration_curve(correct, confidences, n_bins=RELIABILITY_BINS)
    filled = [entry for entry in reliability.bins if entry.n]
    assert [entry.accuracy for entry in filled] == pytest.approx(accuracy)
    assert [entry.confidence for entry in filled] == pytest.approx(confidence)
    weights = np.array([entry.n for entry in filled]) / n
    assert weights.sum() == pytest.approx(1)
    assert reliability.expected_calibration_error == pytest.approx(
        (weights * np.abs(accuracy - confidence)).sum()
    )


@pytest.mark.parametrize(("confidence", "place"), [(0.0, 0), (1 / 15, 0), (0.07, 1), (1.0, 14)])
def test_bins_are_closed_above_and_the_first_takes_zero(confidence: float, place: int) -> None:
    reliability = measure_reliability(np.array([confidence]), np.array([True]))
    assert [entry.n for entry in reliability.bins].index(1) == place


def test_a_calibrated_model_has_no_error_and_a_sure_wrong_one_all() -> None:
    sure = measure_reliability(np.ones(10), np.ones(10, bool))
    assert sure.expected_calibration_error == 0
    wrong = measure_reliability(np.ones(10), np.zeros(10, bool))
    assert wrong.expected_calibration_error == 1
