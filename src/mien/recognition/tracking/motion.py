"""How a face's box moves: a Kalman filter that runs on real time.

The state is the box's centre and the logarithms of its sides, each with a rate. A rate is an
Ornstein-Uhlenbeck process: constant over short times, as in the trackers of SORT's family
(arXiv:1602.00763), and forgotten over long ones, so that a face that was hidden for a second is
looked for around where it was rather than far along a straight line. The four coordinates are
independent, which leaves filters of two numbers each and closed forms for any step of time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mien.core.types import Box

# Seconds after which a rate has fallen to 37 % where nothing is seen.
RATE_MEMORY_S = 0.6
# Standard deviations of rates and of a detector's jitter: centres in sides of the face (a
# second), sides in logarithms (a second).
CENTRE_RATE, SIZE_RATE = 1.6, 0.5
CENTRE_JITTER, SIZE_JITTER = 0.05, 0.08
COORDINATES = 4
_RATES = (CENTRE_RATE, CENTRE_RATE, SIZE_RATE, SIZE_RATE)
_JITTERS = (CENTRE_JITTER, CENTRE_JITTER, SIZE_JITTER, SIZE_JITTER)


@dataclass(frozen=True)
class Prediction:
    """Where a box is expected.

    Attributes:
        means: x and y of the centre in pixels, natural logarithms of width and height in pixels.
        variances: Of what a detector will say there, its jitter included.
        jitters: Variances of the jitter alone.
    """

    means: tuple[float, ...]
    variances: tuple[float, ...]
    jitters: tuple[float, ...]

    @property
    def box(self) -> Box:
        """The most likely box, xyxy in pixels."""
        x, y, log_width, log_height = self.means
        half_width, half_height = math.exp(log_width) / 2, math.exp(log_height) / 2
        return Box(x - half_width, y - half_height, x + half_width, y + half_height)


@dataclass(frozen=True)
class _Step:
    """The process over some seconds, for a rate whose standard deviation is 1."""

    kept: float
    reach: float
    value_variance: float
    covariance: float
    rate_variance: float

    @classmethod
    def over(cls, elapsed_s: float) -> _Step:
        forgotten = -math.expm1(-elapsed_s / RATE_MEMORY_S)
        kept = 1 - forgotten
        spread = 1 - kept * kept
        travelled = elapsed_s - 2 * RATE_MEMORY_S * forgotten + RATE_MEMORY_S / 2 * spread
        return cls(
            kept=kept,
            reach=RATE_MEMORY_S * forgotten,
            # Rounding can leave less than nothing of a very short step.
            value_variance=max(2 * RATE_MEMORY_S * travelled, 0.0),
            covariance=RATE_MEMORY_S * forgotten * forgotten,
            rate_variance=spread,
        )


class _Coordinate:
    """One coordinate and its rate: two means and their covariance."""

    __slots__ = ("covariance", "rate", "rate_variance", "value", "value_variance")

    def __init__(self, value: float, jitter: float, rate: float) -> None:
        self.value, self.value_variance = value, jitter * jitter
        self.rate, self.rate_variance = 0.0, rate * rate
        self.covariance = 0.0

    def expected(self, step: _Step, rate: float) -> tuple[float, float]:
        """Return mean and variance of the value after a step."""
        variance = (
            self.value_variance
            + 2 * step.reach * self.covariance
            + step.reach * step.reach * self.rate_variance
            + rate * rate * step.value_variance
        )
        return self.value + step.reach * self.rate, variance

    def see(self, seen: float, step: _Step, jitter: float, rate: float) -> None:
        """Move on by a step and take in what was seen there."""
        value, value_variance = self.expected(step, rate)
        covariance = step.kept * (self.covariance + step.reach * self.rate_variance)
        covariance += rate * rate * step.covariance
        rate_variance = step.kept * step.kept * self.rate_variance
        rate_variance += rate * rate * step.rate_variance
        total = value_variance + jitter * jitter
        surprise = seen - value
        self.value = value + value_variance / total * surprise
        self.rate = step.kept * self.rate + covariance / total * surprise
        self.value_variance = value_variance * jitter * jitter / total
        self.covariance = covariance * jitter * jitter / total
        self.rate_variance = rate_variance - covariance * covariance / total


class BoxMotion:
    """Where one face is, how it moves, and how sure that is."""

    def __init__(self, box: Box, timestamp_s: float) -> None:
        """Begin with a box that was seen."""
        self._seen_at_s = timestamp_s
        scales = self._scales(box.side)
        self._coordinates = [
            _Coordinate(value, jitter * scale, rate * scale)
            for value, jitter, rate, scale in zip(
                measure(box), _JITTERS, _RATES, scales, strict=True
            )
        ]

    def expect(self, timestamp_s: float) -> Prediction:
        """Return where the box is expected at a time, which is not before the last one seen."""
        step = _Step.over(timestamp_s - self._seen_at_s)
        scales = self._scales(self._side())
        expected = [
            coordinate.expected(step, rate * scale)
            for coordinate, rate, scale in zip(self._coordinates, _RATES, scales, strict=True)
        ]
        jitters = tuple(
            (jitter * scale) ** 2 for jitter, scale in zip(_JITTERS, scales, strict=True)
        )
        return Prediction(
            means=tuple(mean for mean, _ in expected),
            variances=tuple(
                variance + jitter for (_, variance), jitter in zip(expected, jitters, strict=True)
            ),
            jitters=jitters,
        )

    def see(self, box: Box, timestamp_s: float) -> None:
        """Take in a box that was seen at a time, which is not before the last one."""
        step = _Step.over(timestamp_s - self._seen_at_s)
        scales = self._scales(self._side())
        for coordinate, seen, jitter, rate, scale in zip(
            self._coordinates, measure(box), _JITTERS, _RATES, scales, strict=True
        ):
            coordinate.see(seen, step, jitter * scale, rate * scale)
        self._seen_at_s = timestamp_s

    def _side(self) -> float:
        return math.exp((self._coordinates[2].value + self._coordinates[3].value) / 2)

    @staticmethod
    def _scales(side: float) -> tuple[float, ...]:
        side = max(side, 1.0)
        return side, side, 1.0, 1.0


def measure(box: Box) -> tuple[float, float, float, float]:
    """Return a box as the filter sees it: x, y of the centre, logarithms of width and height."""
    x, y = box.centre
    # A box without area, which no detector should give, counts as one of a pixel.
    return x, y, math.log(max(box.width, 1.0)), math.log(max(box.height, 1.0))
