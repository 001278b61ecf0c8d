"""How times are written, in plots and on pages alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

# Distances between marks of an axis that clocks have; above the last, whole days.
_STEPS_S = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400),
)


def clock(time_s: float, *, digits: int = 0, hours: bool = False) -> str:
    """Return a time as a player shows it: 0:07, 12:30, 1:02:03, with digits 0:07.4.

    Args:
        time_s: Seconds; below 0 it has a minus.
        digits: Decimals of the seconds.
        hours: Whether to show hours where there are none.
    """
    units = round(abs(time_s) * 10**digits)
    whole, part = divmod(units, 10**digits)
    minutes, seconds = divmod(whole, 60)
    above, minutes = divmod(minutes, 60)
    text = f"{above}:{minutes:02}:{seconds:02}" if above or hours else f"{minutes}:{seconds:02}"
    if digits:
        text += f".{part:0{digits}}"
    return f"-{text}" if time_s < 0 and units else text


def length(time_s: float) -> str:
    """Return how long something is: 4.2 s, 3 min 20 s, 1 h 04 min."""
    if time_s < 59.95:
        return f"{time_s:.1f} s"
    seconds = round(time_s)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    minutes = round(time_s / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


def marks(begin_s: float, end_s: float, *, most: int = 7) -> list[float]:
    """Return round times between two others for an axis, at most so many; both ends count."""
    span_s = end_s - begin_s
    step_s = next((step for step in _STEPS_S if span_s / step <= most - 1), None)
    if step_s is None:
        step_s = 86_400 * math.ceil(span_s / 86_400 / (most - 1))
    first, last = math.ceil(begin_s / step_s - 1e-9), math.floor(end_s / step_s + 1e-9)
    return [number * step_s for number in range(first, last + 1)]


def mark_texts(times_s: Sequence[float]) -> list[str]:
    """Return the marks of an axis in words, all with the same number of decimals."""
    finest = min((abs(b - a) for a, b in pairwise(times_s)), default=1.0)
    digits = 0 if finest > 0.99 else 1 if finest > 0.099 else 2
    hours = any(time_s >= 3600 for time_s in times_s)
    return [clock(time_s, digits=digits, hours=hours) for time_s in times_s]
