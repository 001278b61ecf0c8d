"""The small pictures of a comparison's page: a difference and its interval about zero."""

from __future__ import annotations

from collections.abc import Iterable

from mien.evaluation.compare import Difference

_WIDTH, _HEIGHT, _MARGIN = 200, 18, 8


def common_reach(differences: Iterable[Difference | None]) -> float:
    """Return how far from zero the intervals of a table go, for one scale in all its rows."""
    ends = [max(abs(one.low), abs(one.high), abs(one.value)) for one in differences if one]
    return max(ends, default=0.0) or 1.0


def change_svg(
    difference: Difference | None, reach: float, *, lower_is_better: bool = False
) -> str:
    """Return a dot for the difference and a line for its interval, zero in the middle.

    It says nothing that the numbers beside it do not, so it is not read out.

    Args:
        difference: What to draw; None draws zero alone.
        reach: What lies at the right edge, from `common_reach`.
        lower_is_better: Whether a fall is drawn in the colour of a gain.
    """
    middle = _HEIGHT / 2
    zero = f'<line class="axis" x1="{_x(0, 1)}" x2="{_x(0, 1)}" y1="0" y2="{_HEIGHT}"/>'
    drawn = ""
    if difference is not None:
        css = _css(difference, lower_is_better)
        low, value, high = (
            _x(one, reach) for one in (difference.low, difference.value, difference.high)
        )
        drawn = (
            f'<line class="{css}" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>'
            f'<circle class="{css}" cx="{value}" cy="{middle}" r="4.5"/>'
        )
    return (
        f'<svg class="change" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">'
        f"{zero}{drawn}</svg>"
    )


def _css(difference: Difference, lower_is_better: bool) -> str:
    if not difference.excludes_zero:
        return "even"
    return "gain" if (difference.low > 0) != lower_is_better else "loss"


def _x(value: float, reach: float) -> str:
    return f"{_WIDTH / 2 + value / reach * (_WIDTH / 2 - _MARGIN):.1f}"
