"""The strongest moments of a stream of values, each apart from the others, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """One value at one time; of equal values the first in `order` counts as the stronger."""

    probability: float
    timestamp_s: float
    frame_index: int
    order: int


class StrongestMoments:
    """Picks the strongest moment, then the strongest that is not near it, and so on.

    That is what greedy non-maximum suppression over all moments gives, though only a few are kept.
    Time is cut into cells as long as the distance. A pick rules out moments in three cells at most,
    so however the picks before it fell, the next one lies in one of the `3 * (most - 1) + 1` cells
    with the highest maxima: the moments of all others are let go.
    """

    def __init__(self, most: int, distance_s: float) -> None:
        """Set how many to pick and how far apart.

        Args:
            most: How many to pick at most; 0 keeps nothing.
            distance_s: Least time between two picks, 0 or more.
        """
        self._most, self._distance_s = most, distance_s
        self._most_cells = 3 * (most - 1) + 1 if most else 0
        self._cells: dict[float, list[Moment]] = {}
        self._highest: dict[float, float] = {}

    def add(self, moment: Moment) -> None:
        """Take the next moment; they come in order of time."""
        # Without a distance no moment rules out another: each is a cell of its own.
        cell = moment.timestamp_s // self._distance_s if self._distance_s else moment.order
        if cell in self._cells:
            self._cells[cell].append(moment)
            self._highest[cell] = max(self._highest[cell], moment.probability)
            return
        if len(self._cells) >= self._most_cells:
            if not self._cells:
                return
            # Of equal ones the latest goes, since the first is the stronger.
            weakest = min(self._highest, key=lambda one: (self._highest[one], -one))
            if moment.probability <= self._highest[weakest]:
                return
            del self._cells[weakest], self._highest[weakest]
        self._cells[cell], self._highest[cell] = [moment], moment.probability

    def picks(self) -> list[Moment]:
        """Return the picks so far, the strongest first."""
        left = sorted(
            (moment for cell in self._cells.values() for moment in cell),
            key=lambda moment: (-moment.probability, moment.order),
        )
        picked: list[Moment] = []
        for moment in left:
            if len(picked) == self._most:
                break
            if all(
                abs(moment.timestamp_s - other.timestamp_s) >= self._distance_s for other in picked
            ):
                picked.append(moment)
        return picked
