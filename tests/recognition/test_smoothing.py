"""Smoothed logits against the filter's impulse response, written out on its own."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.types import Expression
from mien.recognition.tracking.smoothing import smooth

LABELS = ("happiness", "sadness", "fear")


def expression(*probabilities: float, labels: str = "three") -> Expression:
    return Expression(dict(zip(LABELS, probabilities, strict=False)), labels)


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


@given(
    logits=st.lists(st.lists(st.floats(-6, 6), min_size=3, max_size=3), min_size=2, max_size=20),
    gaps=st.lists(st.floats(0.001, 0.5), min_size=20, max_size=20),
    time_constant_s=st.floats(0.01, 5),
)
def test_logits_are_the_exact_response_of_a_first_order_filter(
    logits: list[list[float]], gaps: list[float], time_constant_s: float
) -> None:
    times = np.concatenate([[0.0], np.cumsum(gaps)])[: len(logits)]
    current = expression(*softmax(np.array(logits[0])).tolist())
    for (before, now), row in zip(pairwise(times), logits[1:], strict=True):
        current = smooth(
            current,
            expression(*softmax(np.array(row)).tolist()),
            elapsed_s=float(now - before),
            time_constant_s=time_constant_s,
        )
    decay = np.exp(-(times[-1] - times) / time_constant_s)
    weights = np.diff(np.concatenate([[0.0], decay]))
    expected = softmax(weights @ np.array(logits))
    assert [current[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-9)


def test_after_one_time_constant_a_step_is_covered_to_63_percent() -> None:
    before, now = expression(0.9, 0.1), expression(0.1, 0.9)
    after = smooth(before, now, elapsed_s=0.5, time_constant_s=0.5)
    odds = math.log(after["sadness"] / after["happiness"])
    step = 2 * math.log(9)
    assert odds == pytest.approx(-math.log(9) + step * (1 - 1 / math.e))


def test_a_long_gap_forgets_what_was_before() -> None:
    now = expression(0.2, 0.8)
    after = smooth(expression(0.99, 0.01), now, elapsed_s=60, time_constant_s=0.3)
    assert dict(after.probabilities) == pytest.approx(dict(now.probabilities))


def test_no_time_constant_leaves_values_alone() -> None:
    now = expression(0.2, 0.8)
    assert smooth(expression(0.9, 0.1), now, elapsed_s=0.1, time_constant_s=0) is now


def test_another_label_set_begins_anew() -> None:
    now = expression(0.2, 0.8, labels="two")
    assert smooth(expression(0.9, 0.1), now, elapsed_s=0.1, time_constant_s=5) is now


def test_a_probability_of_zero_does_not_stay_zero_for_ever() -> None:
    current, now = expression(1.0, 0.0), expression(0.0, 1.0)
    for _ in range(30):
        current = smooth(current, now, elapsed_s=0.1, time_constant_s=0.5)
        assert sum(current.probabilities.values()) == pytest.approx(1)
    assert current.dominant == "sadness" and current.confidence > 0.99


def test_what_counts_as_uncertain_is_kept() -> None:
    now = Expression({"happiness": 0.4, "sadness": 0.6}, "three", uncertain_below=0.7)
    after = smooth(expression(0.5, 0.5), now, elapsed_s=0.1, time_constant_s=1)
    assert after.uncertain_below == 0.7 and after.label_set == "three"
