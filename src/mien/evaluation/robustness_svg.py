"""The chart of points lost, as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from mien.evaluation.robustness import Row
from mien.evaluation.robustness_report import points, points_interval

_WIDTH, _LEFT, _RIGHT = 440, 108, 42
_TOP, _ROW, _BAR, _GAP = 4, 20, 11, 9
_FOOT = 40


def losses_svg(rows: Sequence[Row]) -> str:
    """Return a bar of points lost for each condition, families apart, with intervals.

    A dashed line shows how much may be lost where there is a goal.

    Args:
        rows: At least one.
    """
    scale = _Scale(rows)
    tops, floor = _tops(rows)
    bars = "".join(_bar(row, top, scale) for row, top in zip(rows, tops, strict=True))
    height = floor + _FOOT
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    dashed = "; dashed: the goal" if any(row.limit is not None for row in rows) else ""
    return (
        f'<svg class="losses" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Points of accuracy lost under each of {len(rows)} conditions">'
        f"{_grid(scale, floor)}{bars}"
        f'<text x="{middle:.1f}" y="{height - 4}" text-anchor="middle">'
        f"points of accuracy lost, with 95% interval{dashed}</text></svg>"
    )


class _Scale:
    """Where a loss lies across the picture, and where the grid's lines are."""

    def __init__(self, rows: Sequence[Row]) -> None:
        low = min(0.0, *(100 * row.loss.low for row in rows))
        high = max(1.0, *(100 * max(row.loss.high, row.limit or 0.0) for row in rows))
        step = next(step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= 8)
        self.low, self.high = step * math.floor(low / step), step * math.ceil(high / step)
        self.ticks = range(self.low, self.high + 1, step)

    def x(self, lost_points: float) -> float:
        """Return the place of so many points."""
        share = (lost_points - self.low) / (self.high - self.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _tops(rows: Sequence[Row]) -> tuple[list[int], int]:
    """Return where each row begins, and where the last one ends."""
    tops, top = [], _TOP
    for place, row in enumerate(rows):
        if place and row.family != rows[place - 1].family:
            top += _GAP
        tops.append(top)
        top += _ROW
    return tops, top


def _grid(scale: _Scale, floor: int) -> str:
    return "".join(
        f'<line class="{"axis" if tick else "whisker"}" x1="{scale.x(tick):.1f}" '
        f'x2="{scale.x(tick):.1f}" '
        f'y1="{_TOP}" y2="{floor}"/>'
        f'<text x="{scale.x(tick):.1f}" y="{floor + 16}" text-anchor="middle">'
        f"{points(tick / 100).removesuffix('.0')}</text>"
        for tick in scale.ticks
    )


def _bar(row: Row, top: int, scale: _Scale) -> str:
    middle, nothing, end = top + _ROW / 2, scale.x(0), scale.x(100 * row.loss.value)
    css = "sure" if row.loss.value > 0 else "right"
    tip = f"{row.name}: {points(row.loss.value)} points lost ({points_interval(row.loss)})"
    low, high = scale.x(100 * row.loss.low), scale.x(100 * row.loss.high)
    limit = ""
    if row.limit is not None:
        x = scale.x(100 * row.limit)
        limit = f'<line class="ideal" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + _ROW}"/>'
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<text class="name" x="{_LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end">'
        f"{escape(row.name)}</text>"
        f'<rect class="{css}" x="{min(nothing, end):.1f}" width="{abs(end - nothing):.1f}" '
        f'y="{middle - _BAR / 2:.1f}" height="{_BAR}"/>{limit}'
        f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        f'<text x="{_WIDTH}" y="{middle + 4:.1f}" text-anchor="end">{points(row.loss.value)}</text>'
        "</g>"
    )
