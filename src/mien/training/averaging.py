"""The running average of a network's weights, which is what is validated and kept.

With one decay throughout, the average is mostly the fresh weights for the first 1 / (1 - decay)
steps, and what is validated then is a network that has learned nothing. So the decay rises to its
value, as in TensorFlow's `ExponentialMovingAverage(num_updates=...)`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def running_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return what `torch.optim.swa_utils.AveragedModel` averages with.

    Args:
        decay: The average's share that is kept at a step, in 0..1, once there were enough steps;
            after n it is (1 + n) / (10 + n) at most.

    Returns:
        A function of the average so far, the weights now, and the number of steps before. What
        is no float is as it is now.
    """

    def average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        if not averaged.is_floating_point():
            # Counts and pairs of channels: a mean of those is neither.
            return current
        count = int(steps)
        kept = min(decay, (1 + count) / (10 + count))
        return averaged * kept + current * (1 - kept)

    return average
