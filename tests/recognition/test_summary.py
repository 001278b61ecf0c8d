"""What a clip comes to, against sums worked out by hand and by a plain loop."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from mien.core.errors import ConfigError, LabelError, ShapeError
from mien.core.types import Box, Expression, Face, FrameResult
from mien.recognition.summary.summary import RunningSummary, summary

BOX = Box(0, 0, 100, 100)


def face(track_id: int | None, joy: float, label_set: str = "two") -> Face:
    expression = Expression({"happiness": joy, "sadness": 1 - joy}, label_set)
    return Face(BOX, 0.9, expression, track_id=track_id)


def frame(timestamp_s: float, *faces: Face, index: int = 0) -> FrameResult:
    return FrameResult(index, timestamp_s, (640, 480), faces, "fake", {}, source="clip.mp4")


def person(joys: Iterable[tuple[float, float]], track_id: int | None = 1) -> list[FrameResult]:
    return [
        frame(at_s, face(track_id, joy), index=number) for number, (at_s, joy) in enumerate(joys)
    ]


def test_time_counts_and_not_the_number_of_frames() -> None:
    """Happy for the second from 0 to 1, in two frames; sad from 1 to 2, in eleven."""
    sad = [(1.05 + 0.095 * step, 0.2) for step in range(11)]
    told = summary(person([(0.0, 0.9), (0.95, 0.9), *sad]))
    (one,) = told.people
    assert one.visible_s == pytest.approx(2.0)
    assert one.shares == pytest.approx({"happiness": 0.5, "sadness": 0.5})
    assert one.means["happiness"] == pytest.approx((0.9 + 0.2) / 2)
    assert (one.first_s, one.last_s, one.observations) == (0.0, 2.0, 13)


def test_a_gap_in_the_frames_is_no_time_in_view() -> None:
    told = summary(person([(0.0, 0.9), (1.0, 0.9), (61.0, 0.2), (62.0, 0.2)]), max_gap_s=2)
    assert told.duration_s == 62
    assert told.watched_s == told.people[0].visible_s == 2
    assert told.people[0].shares == {"happiness": 0.5, "sadness": 0.5}
    assert told.people[0].transitions == {}
    assert summary(person([(0.0, 0.9), (1.0, 0.9), (61.0, 0.2)]), max_gap_s=60).watched_s == 61


def test_who_is_out_of_the_picture_is_not_in_view() -> None:
    frames = [frame(float(at_s), face(1, 0.9)) for at_s in range(3)]
    frames += [frame(3.0), frame(4.0), frame(5.0, face(1, 0.9)), frame(6.0)]
    (one,) = summary(frames).people
    # Half of the first frame, two whole ones, and a whole one when they were back.
    assert one.visible_s == pytest.approx(0.5 + 1 + 1 + 1)


def test_everybody_counts_in_the_shares_and_once_in_the_time() -> None:
    frames = [frame(at_s / 10, face(1, 0.9), face(2, 0.2), face(None, 0.2)) for at_s in range(11)]
    told = summary(frames)
    assert [one.track_id for one in told.people] == [1, 2]
    assert told.overall is not None
    assert told.overall.track_id is None
    assert told.overall.visible_s == pytest.approx(1.0)
    assert told.overall.observations == 33
    assert told.overall.shares == pytest.approx({"happiness": 1 / 3, "sadness": 2 / 3})
    assert told.overall.means["happiness"] == pytest.approx((0.9 + 0.2 + 0.2) / 3)


def test_transitions_are_of_one_person_and_say_from_what_to_what() -> None:
    joys = [0.9, 0.8, 0.1, 0.9, 0.1, 0.1]
    frames = [frame(n / 10, face(1, joy), face(2, 0.1)) for n, joy in enumerate(joys)]
    told = summary(frames)
    assert told.people[0].transitions == {"happiness": {"sadness": 2}, "sadness": {"happiness": 1}}
    assert told.people[1].transitions == {}
    assert told.overall is not None
    assert told.overall.transitions == told.people[0].transitions


def test_peaks_are_strongest_first_apart_and_only_where_dominant() -> None:
    joys = [0.6, 0.8, 0.95, 0.9, 0.6, 0.4, 0.7, 0.55]
    told = summary(person([(n / 4, joy) for n, joy in enumerate(joys)]), peak_distance_s=0.75)
    peaks = told.people[0].peaks["happiness"]
    assert [(peak.timestamp_s, peak.frame_index) for peak in peaks] == [(0.5, 2), (1.5, 6)]
    assert [peak.probability for peak in peaks] == [0.95, 0.7]
    (low,) = told.people[0].peaks["sadness"]
    assert (low.timestamp_s, low.track_id) == (1.25, 1)
    never = summary(person([(n / 4, 0.9) for n in range(4)])).people[0]
    assert never.peaks["sadness"] == ()
    assert (
        len(summary(person([(5.0 * n, 0.9) for n in range(9)])).people[0].peaks["happiness"]) == 3
    )


def test_two_people_may_peak_at_the_same_moment() -> None:
    frames = [frame(n / 10, face(1, 0.9), face(2, 0.8)) for n in range(5)]
    overall = summary(frames).overall
    assert overall is not None
    assert [peak.track_id for peak in overall.peaks["happiness"]] == [1, 2]


def test_smoothed_expressions_count_where_there_are_some() -> None:
    calm = face(1, 0.8).expression
    frames = [frame(n / 10, replace(face(1, 0.1), smoothed=calm)) for n in range(5)]
    assert summary(frames).people[0].shares == {"happiness": 1, "sadness": 0}
    assert summary(frames, smoothed=False).people[0].shares == {"happiness": 0, "sadness": 1}


def test_a_lone_picture_has_shares_and_no_duration() -> None:
    told = summary([frame(0.0, face(None, 0.9), face(None, 0.3))])
    assert told.overall is not None
    assert (told.overall.visible_s, told.watched_s) == (0, 0)
    assert told.overall.shares == {"happiness": 0.5, "sadness": 0.5}
    assert told.people == ()


def test_nobody_and_nothing_are_told_as_such() -> None:
    empty = summary([])
    assert (empty.frames, empty.duration_s, empty.overall, empty.people) == (0, 0, None, ())
    alone = summary([frame(0.0), frame(1.0)])
    assert (alone.frames, alone.watched_s, alone.overall) == (2, 1, None)
    assert "no face" in str(alone)


def test_frames_that_could_not_be_read_are_passed_over() -> None:
    broken = replace(frame(0.5), error="damaged")
    told = summary([frame(0.0, face(1, 0.9)), broken, frame(1.0, face(1, 0.9))])
    assert (told.frames, told.people[0].visible_s) == (2, 1)


def test_what_cannot_be_summed_up_is_refused() -> None:
    with pytest.raises(ShapeError, match="order of time"):
        summary([frame(1.0), frame(0.0)])
    other = Face(BOX, 0.9, Expression({"fear": 1.0}, "one"))
    with pytest.raises(LabelError, match="one label set"):
        summary([frame(0.0, face(1, 0.9), other)])
    with pytest.raises(ConfigError, match="max_gap_s"):
        summary([], max_gap_s=-1)


def test_a_summary_is_json_and_text() -> None:
    told = summary(person([(n / 4, 0.9) for n in range(9)]))
    as_dict = json.loads(json.dumps(told.to_dict()))
    assert as_dict["source"] == "clip.mp4"
    assert as_dict["people"][0]["shares"] == {"happiness": 1.0, "sadness": 0.0}
    assert as_dict["people"][0]["peaks"]["happiness"][0]["probability"] == 0.9
    assert "person 1: in view 2.0 s; happiness 100%" in str(told)


def test_any_clip_agrees_with_a_plain_loop_over_its_steps() -> None:
    dice = random.Random(5)
    frames, now_s = [], 0.0
    for number in range(200):
        now_s += dice.choice([0.04, 0.1, 0.3, 5.0])
        present = [face(who, dice.random()) for who in range(3) if dice.random() < 0.7]
        frames.append(frame(now_s, *present, index=number))
    told = summary(frames, max_gap_s=1.0)
    visible: Counter[int | None] = Counter()
    joy: Counter[int | None] = Counter()
    for before, after in pairwise(frames):
        step_s = after.timestamp_s - before.timestamp_s
        for one in (*before, *after) if step_s <= 1.0 else ():
            visible[one.track_id] += step_s / 2
            joy[one.track_id] += step_s / 2 * one.expression["happiness"]
    for one in told.people:
        assert one.visible_s == pytest.approx(visible[one.track_id])
        assert one.means["happiness"] == pytest.approx(joy[one.track_id] / visible[one.track_id])
        assert sum(one.shares.values()) == pytest.approx(1)


def test_a_running_summary_may_be_asked_at_any_time() -> None:
    dice = random.Random(7)
    frames = [
        frame(n / 8, *(face(who, dice.random()) for who in (1, 2, None)), index=n)
        for n in range(60)
    ]
    running = RunningSummary()
    for number, one in enumerate(frames, start=1):
        running.add(one)
        if number in (1, 2, 30):
            assert running.summary() == summary(frames[:number])
    overall = running.summary().overall
    assert overall is not None
    joyful = [
        (seen.expression["happiness"], one.timestamp_s, seen.track_id)
        for one in frames
        for seen in one
        if seen.expression.dominant == "happiness"
    ]
    best = max(joyful)
    (top, *_) = overall.peaks["happiness"]
    assert (top.probability, top.timestamp_s, top.track_id) == best
