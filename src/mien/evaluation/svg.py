"""The reliability diagram of the page, as SVG that takes its colours from the page."""

from __future__ import annotations

from mien.evaluation.calibration import Reliability, ReliabilityBin

_WIDTH, _LEFT, _RIGHT = 420, 38, 20
_TOP, _CURVE, _GAP, _COUNTS = 10, 300, 14, 60
_BASE = _TOP + _CURVE
_HEIGHT = _BASE + _GAP + _COUNTS + 38


def reliability_svg(reliability: Reliability) -> str:
    """Return the diagram: accuracy and mean confidence in each bin, faces below."""
    most = max(entry.n for entry in reliability.bins)
    bars = "".join(_bin(entry, most) for entry in reliability.bins if entry.n)
    floor = _BASE + _GAP + _COUNTS
    label = (
        "Reliability diagram: expected calibration error "
        f"{reliability.expected_calibration_error:.1%}, mean confidence "
        f"{reliability.mean_confidence:.1%}"
    )
    ideal = f'<line class="ideal" x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1)}"/>'
    return (
        f'<svg class="reliability" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{label}">{_grid()}{bars}{ideal}'
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{floor}" y2="{floor}"/>'
        f'<text x="{_x(0.5):.1f}" y="{_HEIGHT - 2}" text-anchor="middle">'
        "confidence: probability of the top answer</text></svg>"
    )


def _x(confidence: float) -> float:
    return _LEFT + confidence * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _BASE - share * _CURVE


def _grid() -> str:
    parts = []
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        y = _y(share)
        parts.append(
            f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>'
            f'<text x="{_x(share):.1f}" y="{_HEIGHT - 20}" text-anchor="middle">{share:.0%}</text>'
        )
    return "".join(parts)


def _bin(entry: ReliabilityBin, most: int) -> str:
    accuracy, confidence = entry.accuracy or 0.0, entry.confidence or 0.0
    x, width = _x(entry.low) + 1, _x(entry.high) - _x(entry.low) - 2
    tall = max(1.0, _COUNTS * entry.n / most)
    floor = _BASE + _GAP + _COUNTS
    tip = (
        f"{entry.n:,} faces with a confidence of {entry.low:.0%} to {entry.high:.0%}: "
        f"mean {confidence:.1%}, right {accuracy:.1%}"
    )
    return (
        f"<g><title>{tip}</title>"
        f'<rect class="right" x="{x:.1f}" width="{width:.1f}" y="{_y(accuracy):.1f}" '
        f'height="{accuracy * _CURVE:.1f}"/>'
        f'<rect class="sure" x="{x:.1f}" width="{width:.1f}" y="{_y(confidence) - 1.5:.1f}" '
        'height="3"/>'
        f'<rect class="count" x="{x:.1f}" width="{width:.1f}" y="{floor - tall:.1f}" '
        f'height="{tall:.1f}"/></g>'
    )
