"""The closed forms of the box's Kalman filter, against matrices integrated step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.types import Box
from mien.recognition.tracking import motion
from mien.recognition.tracking.motion import BoxMotion, measure

Matrix = NDArray[np.float64]
MEMORY_S = motion.RATE_MEMORY_S


def square(x: float, y: float = 200.0, side: float = 100.0) -> Box:
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def integrate(elapsed_s: float, rate: float, steps: int = 20_000) -> tuple[Matrix, Matrix]:
    """Transition and noise of the process, by Euler steps of its stochastic equation."""
    dt = elapsed_s / steps
    drift = np.array([[0.0, 1.0], [0.0, -1 / MEMORY_S]])
    diffusion = np.diag([0.0, 2 * rate**2 / MEMORY_S])
    transition, noise = np.eye(2), np.zeros((2, 2))
    for _ in range(steps):
        transition = transition + dt * drift @ transition
        noise = noise + dt * (drift @ noise + noise @ drift.T + diffusion)
    return transition, noise


def textbook_filter(
    seen: list[tuple[float, float]], until_s: float, *, side: float
) -> tuple[float, float]:
    """Mean and variance of x at `until_s`, by the matrix form of the Kalman filter."""
    rate, jitter = motion.CENTRE_RATE * side, motion.CENTRE_JITTER * side
    look = np.array([[1.0, 0.0]])
    state, covariance = np.array([seen[0][1], 0.0]), np.diag([jitter**2, rate**2])
    now_s = seen[0][0]
    for at_s, value in [*seen[1:], (until_s, None)]:
        if at_s > now_s:
            transition, noise = integrate(at_s - now_s, rate)
            state = transition @ state
            covariance = transition @ covariance @ transition.T + noise
        now_s = at_s
        if value is None:
            break
        total = look @ covariance @ look.T + jitter**2
        gain = covariance @ look.T / total
        state = state + (gain * (value - look @ state)).ravel()
        covariance = (np.eye(2) - gain @ look) @ covariance
    return float(state[0]), float(covariance[0, 0] + jitter**2)


def test_predictions_are_those_of_the_matrix_form_at_uneven_times() -> None:
    seen = [(0.0, 300.0), (0.04, 309.0), (0.21, 340.0), (0.9, 430.0)]
    box = BoxMotion(square(seen[0][1]), seen[0][0])
    for at_s, x in seen[1:]:
        box.see(square(x), at_s)
    prediction = box.expect(1.4)
    mean, variance = textbook_filter(seen, 1.4, side=100)
    assert prediction.means[0] == pytest.approx(mean, rel=1e-3)
    assert prediction.variances[0] == pytest.approx(variance, rel=1e-3)
    assert prediction.jitters[0] == pytest.approx((motion.CENTRE_JITTER * 100) ** 2)


def test_a_prediction_is_the_same_in_one_step_and_in_many() -> None:
    box = BoxMotion(square(300), 0.0)
    box.see(square(320), 0.1)
    direct = motion._Step.over(0.7)
    first, second = motion._Step.over(0.2), motion._Step.over(0.5)
    assert direct.kept == pytest.approx(first.kept * second.kept)
    assert direct.reach == pytest.approx(first.reach + first.kept * second.reach)
    assert direct.value_variance == pytest.approx(
        first.value_variance
        + 2 * second.reach * first.covariance
        + second.reach**2 * first.rate_variance
        + second.value_variance
    )


def test_a_steady_walk_is_foreseen() -> None:
    box = BoxMotion(square(100), 0.0)
    for step in range(1, 30):
        box.see(square(100 + 8 * step), step / 25)
    x, y, log_width, _ = box.expect(30 / 25).means
    assert x == pytest.approx(100 + 8 * 30, abs=2)
    assert y == pytest.approx(200, abs=1)
    assert math.exp(log_width) == pytest.approx(100, rel=0.02)


def test_what_is_hidden_for_long_is_not_looked_for_along_a_line() -> None:
    box = BoxMotion(square(100), 0.0)
    for step in range(1, 30):
        box.see(square(100 + 8 * step), step / 25)
    soon, late, later = (box.expect(29 / 25 + wait_s) for wait_s in (0.1, 3.0, 3.5))
    assert late.means[0] - 332 < 200 * MEMORY_S * 1.1
    assert later.means[0] == pytest.approx(late.means[0], abs=2)
    assert later.variances[0] > late.variances[0] > soon.variances[0]


def test_the_same_moment_twice_is_no_step() -> None:
    box = BoxMotion(square(100), 5.0)
    box.see(square(104), 5.0)
    prediction = box.expect(5.0)
    assert 100 < prediction.means[0] < 104
    assert all(math.isfinite(value) and value > 0 for value in prediction.variances)


def test_larger_faces_may_move_by_more_pixels() -> None:
    small, large = (BoxMotion(square(300, side=side), 0.0).expect(0.2) for side in (50, 200))
    assert large.variances[0] == pytest.approx(16 * small.variances[0])
    assert large.variances[2] == pytest.approx(small.variances[2])


def test_a_box_without_area_is_measured_as_one_pixel() -> None:
    assert measure(Box(5, 5, 5, 9)) == (5, 7, 0, math.log(4))
    assert all(map(math.isfinite, BoxMotion(Box(5, 5, 5, 5), 0.0).expect(1.0).variances))
