"""Curves of the page, as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LEFT, _RIGHT = 420, 44, 16
_TOP, _CURVE = 10, 230
_BASE = _TOP + _CURVE
_HEIGHT = _BASE + 40
# Steps between the lines of the grid, in shares; the first that gives few enough is taken.
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class CurvePoint:
    """A point of a curve.

    Attributes:
        x: 0..1.
        y: 0..1.
        tip: What it says when it is pointed at.
    """

    x: float
    y: float
    tip: str


@dataclass(frozen=True)
class Curve:
    """A line through points.

    Attributes:
        colour: The name of one of the page's colours, as `right`.
        points: In the order of the line; at least one in all curves of a picture.
    """

    colour: str
    points: Sequence[CurvePoint]


def curves_svg(
    curves: Sequence[Curve],
    *,
    label: str,
    x_label: str,
    x_format: str = ".0%",
    mark_x: float | None = None,
) -> str:
    """Return curves over a common axis, y in percent.

    Args:
        curves: What to draw.
        label: What the picture shows, for those who cannot see it.
        x_label: What lies along the bottom.
        x_format: How the numbers along the bottom are written.
        mark_x: Where to draw a dashed upright line, or None.
    """
    points = [point for curve in curves for point in curve.points]
    across = _Axis([point.x for point in points], _LEFT, _WIDTH - _RIGHT)
    upward = _Axis([point.y for point in points], _BASE, _TOP)
    mark = ""
    if mark_x is not None:
        x = across.place(mark_x)
        mark = f'<line class="ideal" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_BASE}"/>'
    drawn = "".join(_curve(curve, across, upward) for curve in curves)
    return (
        f'<svg class="reliability" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{_grid(across, upward, x_format)}{mark}{drawn}'
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.1f}" y="{_HEIGHT - 4}" text-anchor="middle">'
        f"{escape(x_label)}</text></svg>"
    )


class _Axis:
    """Where values lie between two edges of the picture, and where the grid's lines are."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        step = next((step for step in _STEPS if (high - low) / step <= 6), _STEPS[-1])
        # Rounded off so that 0.3 / 0.1 = 2.9999999999999996 is 3.
        first, last = math.floor(round(low / step, 9)), math.ceil(round(high / step, 9))
        last = max(last, first + 1)
        self.ticks = [step * number for number in range(first, last + 1)]
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Return where a value lies, in units of the picture."""
        share = (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return self._start + share * (self._end - self._start)


def _grid(across: _Axis, upward: _Axis, x_format: str) -> str:
    rows = "".join(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
        f'y1="{upward.place(tick):.1f}" y2="{upward.place(tick):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{upward.place(tick) + 4:.1f}" text-anchor="end">'
        f"{tick:.0%}</text>"
        for tick in upward.ticks
    )
    columns = "".join(
        f'<text x="{across.place(tick):.1f}" y="{_BASE + 16}" text-anchor="middle">'
        f"{tick:{x_format}}</text>"
        for tick in across.ticks
    )
    return rows + columns


def _curve(curve: Curve, across: _Axis, upward: _Axis) -> str:
    places = [(across.place(p.x), upward.place(p.y), escape(p.tip)) for p in curve.points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" style="fill:var(--{curve.colour})">'
        f"<title>{tip}</title></circle>"
        for x, y, tip in places
    )
    style = f"fill:none;stroke:var(--{curve.colour});stroke-width:2"
    return f'<polyline points="{line}" style="{style}"/>{dots}'
