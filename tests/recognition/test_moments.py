"""Few moments are kept, and the picks are those of all of them."""

from __future__ import annotations

import random

import pytest

from mien.recognition.summary.moments import Moment, StrongestMoments


def pick_of_all(moments: list[Moment], most: int, distance_s: float) -> list[Moment]:
    """Greedy suppression over everything, as the definition has it."""
    left = sorted(moments, key=lambda moment: (-moment.probability, moment.order))
    picked: list[Moment] = []
    while left and len(picked) < most:
        best = left.pop(0)
        picked.append(best)
        left = [one for one in left if abs(one.timestamp_s - best.timestamp_s) >= distance_s]
    return picked


@pytest.mark.parametrize("distance_s", [0.0, 0.5, 1.0, 7.5])
@pytest.mark.parametrize("most", [0, 1, 3])
def test_picks_are_those_of_all_moments(most: int, distance_s: float) -> None:
    dice = random.Random(f"{most} {distance_s}")
    for _ in range(40):
        # Few different values, as of a sure model, so that there are many ties.
        levels = dice.choice([3, 50, 10_000])
        now_s, moments = dice.uniform(-5, 5), []
        for order in range(300):
            now_s += dice.choice([0.04, 0.04, 0.25, 3.0])
            moments.append(Moment(dice.randrange(levels) / levels, now_s, order * 2, order))
        kept = StrongestMoments(most, distance_s)
        for moment in moments:
            kept.add(moment)
        assert kept.picks() == pick_of_all(moments, most, distance_s)


def test_what_is_kept_does_not_grow_with_length() -> None:
    dice = random.Random(1)
    kept = StrongestMoments(3, 1.0)
    sizes = []
    for order in range(20_000):
        kept.add(Moment(dice.random(), order / 25, order, order))
        sizes.append(sum(len(cell) for cell in kept._cells.values()))
    assert max(sizes) <= (3 * 2 + 1) * 25
