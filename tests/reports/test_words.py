"""Times as people read them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mien.reports.words import clock, length, mark_texts, marks


@pytest.mark.parametrize(
    ("time_s", "digits", "text"),
    [
        (0, 0, "0:00"),
        (7.44, 1, "0:07.4"),
        (59.96, 1, "1:00.0"),
        (59.4, 0, "0:59"),
        (59.6, 0, "1:00"),
        (3599.99, 1, "1:00:00.0"),
        (3723.5, 1, "1:02:03.5"),
        (-1.25, 2, "-0:01.25"),
        (-0.01, 1, "0:00.0"),
    ],
)
def test_a_clock_carries_over_when_it_rounds(time_s: float, digits: int, text: str) -> None:
    assert clock(time_s, digits=digits) == text


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_length_is_in_the_units_that_fit(time_s: float, text: str) -> None:
    assert length(time_s) == text


@pytest.mark.parametrize("span_s", [0.03, 0.9, 7.0, 59.0, 100.0, 3000.0, 9e4, 4e6])
@pytest.mark.parametrize("begin_s", [0.0, 12.34, 5000.0])
def test_marks_are_round_few_and_inside(begin_s: float, span_s: float) -> None:
    times_s = marks(begin_s, begin_s + span_s)
    assert 2 <= len(times_s) <= 7
    assert begin_s - 1e-6 <= times_s[0] and times_s[-1] <= begin_s + span_s + 1e-6
    steps = {round(after - before, 6) for before, after in pairwise(times_s)}
    assert len(steps) == 1
    assert len(set(mark_texts(times_s))) == len(times_s)
