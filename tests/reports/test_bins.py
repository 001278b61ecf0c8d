"""Bins hold means over time, against a fine ruler laid along the clip."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import ConfigError, LabelError
from mien.core.types import FrameResult
from mien.recognition.summary.summary import summary
from mien.reports.bins import TimeBins
from tests.reports.clips import any_clip, expression, face, frame


def binned(clip: list[FrameResult], **options: float) -> TimeBins:
    bins = TimeBins(**options)  # type: ignore[arg-type]
    for one in clip:
        bins.add(one)
    return bins


def by_ruler(
    clip: list[FrameResult], who: int, bins: TimeBins, max_gap_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and mean probabilities of each bin, by asking every tenth of a millisecond."""
    tick_s = 1e-4
    seconds = np.zeros(bins.count)
    sums = np.zeros((bins.count, len(bins.labels)))
    for before, after in pairwise(clip):
        begin, end = before.timestamp_s, after.timestamp_s
        if end - begin > max_gap_s:
            continue
        ticks = np.arange(begin + tick_s / 2, end, tick_s)
        places = ((ticks - bins.start_s) / bins.width_s).astype(int)
        for nearer, half in (
            (before, ticks < (begin + end) / 2),
            (after, ticks >= (begin + end) / 2),
        ):
            for seen in nearer:
                if seen.track_id == who:
                    counts = np.bincount(places[half], minlength=bins.count) * tick_s
                    shown = seen.smoothed or seen.expression
                    seconds += counts
                    sums += counts[:, None] * np.array(list(shown.probabilities.values()))
    return seconds, sums / np.maximum(seconds, 1e-12)[:, None]


@pytest.mark.parametrize("most", [8, 50])
def test_bins_are_means_over_time_and_empty_where_somebody_is_away(most: int) -> None:
    clip = any_clip(120)
    bins = binned(clip, most=most, first_width_s=0.05, max_gap_s=2.0)
    for who in bins.people:
        course = bins.person(who)
        seconds, means = by_ruler(clip, who, bins, 2.0)
        assert course.seconds == pytest.approx(seconds, abs=0.002)
        there = course.seconds > 0.02
        assert course.probabilities[there] == pytest.approx(means[there], abs=0.02)
        assert np.isnan(course.probabilities[course.seconds == 0]).all()
        assert course.probabilities[there].sum(axis=1) == pytest.approx(1)


def test_bins_and_summary_count_the_same_time() -> None:
    clip = any_clip(300, 4)
    bins, told = binned(clip), summary(clip)
    assert bins.people == [one.track_id for one in told.people]
    for one in told.people:
        course = bins.person(one.track_id or 0)
        assert course.seconds.sum() == pytest.approx(one.visible_s)
        weighted = np.nansum(course.probabilities * course.seconds[:, None], axis=0)
        assert weighted / one.visible_s == pytest.approx(list(one.means.values()))
    assert told.overall is not None
    everybody = bins.everybody()
    weighted = np.nansum(everybody.probabilities * everybody.seconds[:, None], axis=0)
    assert weighted / everybody.seconds.sum() == pytest.approx(list(told.overall.means.values()))


def test_a_hole_in_the_frames_is_empty() -> None:
    shown = expression("happiness", 0.9)
    times_s = [0.0, 0.5, 1.0, 7.0, 7.5, 8.0]
    bins = binned([frame(at_s, face(1, shown)) for at_s in times_s], max_gap_s=2.0)
    course = bins.person(1)
    middles = bins.start_s + (np.arange(bins.count) + 0.5) * bins.width_s
    inside = (middles < 1) | (middles > 7)
    assert np.array_equal(course.dominant >= 0, inside)
    assert set(course.dominant[inside].tolist()) == {bins.labels.index("happiness")}


@pytest.mark.parametrize("length_s", [0.2, 3.0, 47.9, 48.1, 3600.0, 40_000.0])
def test_there_are_never_too_many_bins_and_never_needlessly_few(length_s: float) -> None:
    step_s = length_s / 2000
    shown = expression("neutral", 0.8)
    clip = [frame(60 + n * step_s, face(1, shown)) for n in range(2001)]
    bins = binned(clip, max_gap_s=60)
    assert bins.count <= 960
    assert bins.count > 480 or bins.width_s == 0.05
    assert bins.start_s + bins.count * bins.width_s >= 60 + length_s - 1e-6
    assert bins.person(1).seconds.sum() == pytest.approx(length_s)


def test_what_is_kept_does_not_grow_with_length() -> None:
    shown = expression("neutral", 0.8)
    bins, most = TimeBins(most=100), 0
    for n in range(5000):
        # A new person every 2 s, two at a time, as a tracker that loses people makes them.
        bins.add(frame(n * 0.1, face(n // 20, shown), face(n // 20 + 1, shown)))
        most = max(most, sum(len(sums) for sums in bins._people.values()))
    assert most <= 2 * 100 + 2 * len(bins.people)


def test_no_frame_one_frame_and_frames_with_errors() -> None:
    assert TimeBins().count == 0
    assert TimeBins().everybody().probabilities.shape == (0, 0)
    lone = binned([frame(5.0, face(1, expression("fear", 0.5)))])
    assert (lone.count, lone.people) == (1, [])
    assert math.isclose(lone.person(1).seconds.sum(), 0.0)
    broken = FrameResult(0, 1.0, (0, 0), (), "fake", {}, error="no picture")
    assert binned([broken]).count == 0


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match="even number"):
        TimeBins(most=7)
    other = face(1, expression("fear", 0.9, labels=("fear", "anger")))
    with pytest.raises(LabelError, match="one label set"):
        binned([frame(0, face(1, expression("fear", 0.5))), frame(0.1, other)])
