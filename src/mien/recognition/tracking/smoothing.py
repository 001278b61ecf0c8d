"""Expressions over time: an exponential low-pass filter on the logits.

It is of first order and runs over time, not over frames, so it behaves the same at 5 and at 30
frames a second and whatever frames are lost in between.
"""

from __future__ import annotations

import math

from mien.core.types import Expression

# Less counts as this much: a model's zero is one of rounding, and has no logarithm.
LEAST_PROBABILITY = 1e-6


def smooth(
    before: Expression, now: Expression, *, elapsed_s: float, time_constant_s: float
) -> Expression:
    """Move an expression towards a new one as an exponential filter of its logits does.

    Logits are known from probabilities but for a constant that softmax takes out again, so the
    smoothed probabilities are all that has to be kept: they become the geometric mean of the two,
    weighted by time and scaled to sum to 1.

    Args:
        before: The smoothed expression so far.
        now: The raw expression that was just read.
        elapsed_s: Seconds between the two, 0 or more.
        time_constant_s: After this time a smoothed logit has covered 63 % (1 - 1/e) of the way
            to a new raw one; 0 leaves the values as they are.

    Returns:
        The new smoothed expression; `now` itself where nothing is to be smoothed or the label
        set has changed.
    """
    if time_constant_s == 0 or before.label_set != now.label_set:
        return now
    weight = -math.expm1(-elapsed_s / time_constant_s)
    logits = {
        label: (1 - weight) * _logit(before[label]) + weight * _logit(now[label]) for label in now
    }
    highest = max(logits.values())
    raised = {label: math.exp(logit - highest) for label, logit in logits.items()}
    total = sum(raised.values())
    return Expression(
        {label: value / total for label, value in raised.items()},
        now.label_set,
        now.uncertain_below,
    )


def _logit(probability: float) -> float:
    return math.log(max(probability, LEAST_PROBABILITY))
