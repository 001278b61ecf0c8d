"""Courses over time as SVG: one unit wide for each bin, so that a page can zoom by the view box.

They are stretched to whatever width they are given; words and axes stand beside them in HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mien.reports.bins import BinnedExpressions
from mien.reports.palette import colour_of

# Units from 0 to 1; finer than a screen shows.
_HEIGHT = 200
# How strong a strip's colours are: below, between and above these probabilities of the dominant.
STRENGTHS = (0.5, 0.75)
OPACITIES = (0.45, 0.75, 1.0)


def area_svg(
    course: BinnedExpressions,
    labels: Sequence[str],
    *,
    label: str,
    marked: Sequence[float] = (),
) -> str:
    """Return stacked areas: the mean probability of each expression over time, the first below.

    Args:
        course: One person or everybody; where they are away nothing is drawn.
        labels: The expressions.
        label: What the picture shows, for those who cannot see it.
        marked: Moments to draw a line at, in bins from the beginning.
    """
    tops = np.nan_to_num(course.probabilities).cumsum(axis=1)
    heights = np.clip(np.rint(tops * _HEIGHT), 0, _HEIGHT).astype(np.int64)
    shown = list(runs(course.seconds > 0))
    paths = []
    # From the highest to the lowest, each covering the lower part of the one before.
    for place in reversed(range(len(labels))):
        below = heights[:, place - 1] if place else np.zeros(len(heights), np.int64)
        if (heights[:, place] > below).any():
            shape = "".join(_outline(heights[:, place], begin, end) for begin, end in shown)
            paths.append(f'<path fill="{colour_of(labels[place])}" d="{shape}"/>')
    lines = "".join(f"M{place:.2f} 0V{_HEIGHT}" for place in marked)
    if lines:
        paths.append(f'<path class="marked" d="{lines}" vector-effect="non-scaling-stroke"/>')
    return _svg("area", len(heights), _HEIGHT, "".join(paths), label)


def strip_svg(course: BinnedExpressions, labels: Sequence[str], *, label: str) -> str:
    """Return a strip in the colour of the dominant expression, paler where it is less sure."""
    dominant = course.dominant
    highest = np.nan_to_num(course.probabilities).max(axis=1, initial=0.0)
    strengths = np.digitize(highest, STRENGTHS)
    codes = np.where(dominant >= 0, dominant * len(OPACITIES) + strengths, -1)
    parts = []
    for begin, end in stretches(codes):
        if codes[begin] >= 0:
            place, strength = divmod(int(codes[begin]), len(OPACITIES))
            opacity = OPACITIES[strength]
            faint = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
            parts.append(
                f'<rect x="{begin}" width="{end - begin}" height="1" '
                f'fill="{colour_of(labels[place])}"{faint}/>'
            )
    return _svg("strip", len(codes), 1, "".join(parts), label)


def _svg(kind: str, width: int, height: int, inside: str, label: str) -> str:
    # Neighbours that meet between two pixels would let the ground shine through when smoothed.
    crisp = ' shape-rendering="crispEdges"' if kind == "strip" else ""
    return (
        f'<svg class="{kind}" viewBox="0 0 {max(1, width)} {height}" preserveAspectRatio="none" '
        f'role="img" aria-label="{escape(label)}"{crisp}>{inside}</svg>'
    )


def runs(shown: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Give where stretches of True begin and end."""
    for begin, end in stretches(shown.astype(np.int64)):
        if shown[begin]:
            yield begin, end


def stretches(codes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Give where stretches of equal values begin and end."""
    if len(codes):
        edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
        yield from pairwise(edges)


def _outline(heights: NDArray[np.int64], begin: int, end: int) -> str:
    """Return the path around what lies below a curve; y grows downward.

    Points lie in the middle of their bins; at both ends the curve goes on level to the edge. Steps
    are relative and in whole units, and level ones are joined, so paths are short.
    """
    values = heights[begin:end].tolist()
    parts = [f"M{begin} {_HEIGHT}V{_HEIGHT - values[0]}h.5"]
    level = 0
    for before, after in pairwise(values):
        if before == after:
            level += 1
            continue
        if level:
            parts.append(f"h{level}")
            level = 0
        parts.append(f"l1 {before - after}")
    parts.append(f"h{level}.5V{_HEIGHT}z")
    return "".join(parts)
