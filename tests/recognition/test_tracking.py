"""Ids that last through crossings, gaps and doubt, and expressions that settle."""

from __future__ import annotations

import math
import random

import pytest

from mien.core.errors import ConfigError
from mien.core.types import Box, Expression, Face, FrameResult
from mien.recognition.tracking.association import (
    FORBIDDEN,
    LONGEST_STEP_S,
    BoxTracker,
    assignment_costs,
)
from mien.recognition.tracking.motion import BoxMotion
from mien.recognition.tracking.tracker import FaceTracker, Smoother

HAPPY = {"happiness": 0.9, "sadness": 0.1}
SAD = {"happiness": 0.1, "sadness": 0.9}


def square(x: float, y: float = 0.0, side: float = 100.0) -> Box:
    return Box(x, y, x + side, y + side)


def face(
    box: Box, confidence: float = 0.9, probabilities: dict[str, float] = HAPPY, labels: str = "two"
) -> Face:
    return Face(box, confidence, Expression(probabilities, labels))


def frame(timestamp_s: float, *seen: Box | Face) -> FrameResult:
    faces = tuple(one if isinstance(one, Face) else face(one) for one in seen)
    return FrameResult(0, timestamp_s, (640, 480), faces, "fake", {})


def ids(tracker: FaceTracker, result: FrameResult) -> list[int | None]:
    return [one.track_id for one in tracker.update(result)]


def test_a_moving_face_keeps_its_id_even_where_its_boxes_do_not_overlap() -> None:
    tracker = FaceTracker()
    steps = [ids(tracker, frame(step / 5, square(110.0 * step)))[0] for step in range(1, 10)]
    assert steps == [1] * 9


def test_faces_that_swap_their_order_keep_their_ids() -> None:
    tracker = FaceTracker()
    assert ids(tracker, frame(0, square(0), square(300))) == [1, 2]
    assert ids(tracker, frame(0.1, square(305), square(5))) == [2, 1]


def test_two_who_cross_keep_their_ids_while_one_hides_the_other() -> None:
    tracker = FaceTracker()
    for step in range(41):
        left, right = square(8.0 * step), square(320 - 8.0 * step, 10, 80)
        hidden = abs(left.centre[0] - right.centre[0]) < 70
        found = ids(tracker, frame(step / 25, *([left] if hidden else [left, right])))
        assert found == ([1] if hidden else [1, 2]), f"at step {step}"


def test_assignment_is_the_best_for_all_and_not_for_the_first() -> None:
    """Both tracks like the face in the middle best; only one of them has another."""
    tracker = FaceTracker()
    tracker.update(frame(0, square(0), square(60)))
    assert ids(tracker, frame(0.1, square(40), square(95))) == [1, 2]


def test_a_short_gap_keeps_the_id_and_a_long_one_does_not() -> None:
    tracker = FaceTracker(max_gap_s=1.0)
    assert ids(tracker, frame(0, square(0))) == [1]
    assert ids(tracker, frame(0.5)) == []
    assert ids(tracker, frame(0.9, square(0))) == [1]
    assert ids(tracker, frame(1.5)) == []
    assert ids(tracker, frame(2.0, square(0))) == [None]
    assert ids(tracker, frame(2.1, square(0))) == [2]


def test_slow_frames_still_track_who_is_in_each_of_them() -> None:
    tracker = FaceTracker(max_gap_s=1.0)
    assert [ids(tracker, frame(3.0 * step, square(5.0 * step))) for step in range(4)] == [[1]] * 4
    assert ids(tracker, frame(9.0 + LONGEST_STEP_S + 0.1, square(15))) == [None]


def test_a_face_of_one_frame_never_gets_an_id_but_stays_in_the_result() -> None:
    tracker = FaceTracker()
    assert ids(tracker, frame(0.0, square(0))) == [1]
    result = tracker.update(frame(0.1, square(0), square(400)))
    assert [one.track_id for one in result] == [1, None]
    assert result[1].smoothed == result[1].expression
    assert ids(tracker, frame(0.2, square(0))) == [1]
    assert ids(tracker, frame(0.3, square(0), square(400))) == [1, None]
    assert ids(tracker, frame(0.4, square(0), square(400))) == [1, 2]


def test_how_often_a_face_must_be_seen_can_be_chosen() -> None:
    for needed in (1, 2, 4):
        tracker = FaceTracker(confirm_after=needed)
        tracker.update(frame(0))
        seen = [ids(tracker, frame(0.1 * step, square(0)))[0] for step in range(1, 6)]
        assert seen == [None] * (needed - 1) + [1] * (6 - needed)


def test_a_doubtful_box_continues_a_track_but_begins_none() -> None:
    tracker = FaceTracker(start_confidence=0.6)
    assert ids(tracker, frame(0, face(square(0), 0.9), face(square(300), 0.4))) == [1, None]
    for step in range(1, 5):
        seen = frame(step / 10, face(square(0), 0.4), face(square(300), 0.4))
        result = tracker.update(seen)
        assert [one.track_id for one in result] == [1, None]
        assert result[1].smoothed is None


def test_a_sure_box_is_preferred_to_a_doubtful_one() -> None:
    tracker = FaceTracker(start_confidence=0.6)
    tracker.update(frame(0, square(0)))
    assert ids(tracker, frame(0.1, face(square(1), 0.4), face(square(9), 0.9))) == [None, 1]


def test_who_is_lost_does_not_come_back_as_a_doubtful_box() -> None:
    tracker = FaceTracker(start_confidence=0.6)
    tracker.update(frame(0, square(0)))
    tracker.update(frame(0.1))
    assert ids(tracker, frame(0.2, face(square(0), 0.4))) == [None]
    assert ids(tracker, frame(0.3, face(square(0), 0.8))) == [1]


def test_a_face_elsewhere_is_a_new_one_and_ids_are_never_used_again() -> None:
    tracker = FaceTracker(confirm_after=1)
    assert ids(tracker, frame(0, square(0))) == [1]
    assert ids(tracker, frame(0.1, square(900))) == [2]
    assert ids(tracker, frame(9, square(900))) == [3]


def test_a_face_of_another_size_is_another_face() -> None:
    tracker = FaceTracker(confirm_after=1)
    assert ids(tracker, frame(0, square(0, side=60))) == [1]
    assert ids(tracker, frame(0.04, square(-45, -45, side=150))) == [2]


def test_a_clip_that_starts_anew_is_another_session() -> None:
    tracker = FaceTracker(time_constant_s=10)
    tracker.update(frame(5, square(0)))
    again = tracker.update(frame(0, face(square(0), probabilities=SAD)))
    assert again[0].track_id == 2
    assert again[0].smoothed == again[0].expression


def wanderers(seed: int, frames: int = 90) -> list[FrameResult]:
    """Five who walk about, come and go, and are missed now and then; and false alarms."""
    draw = random.Random(seed)
    speeds = [(draw.uniform(-90, 90), draw.uniform(-40, 40)) for _ in range(5)]
    starts = [(draw.uniform(0, 600), draw.uniform(0, 400)) for _ in range(5)]
    found = []
    for step in range(frames):
        at_s = step / 15
        seen = [
            face(
                square(x + at_s * dx + draw.gauss(0, 2), y + at_s * dy + draw.gauss(0, 2), 60),
                probabilities={"happiness": (share := draw.random()), "sadness": 1 - share},
            )
            for number, ((x, y), (dx, dy)) in enumerate(zip(starts, speeds, strict=True))
            if draw.random() > 0.15 and number != step // 20
        ]
        if draw.random() < 0.1:
            seen.append(face(square(draw.uniform(0, 600), draw.uniform(0, 400), 40)))
        found.append(frame(at_s, *seen))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_tracker_that_recalls_the_last_seconds_goes_on_with_the_same_ids(seed: int) -> None:
    frames = wanderers(seed)
    whole = FaceTracker()
    expected = [whole.update(one) for one in frames]
    for stop in range(1, len(frames), 3):
        known = [one.track_id or 0 for past in expected[:stop] for one in past]
        resumed = FaceTracker()
        resumed.recall(expected[max(0, stop - 60) : stop], last_id=max(known, default=0))
        for before, one in zip(expected[stop:], frames[stop:], strict=True):
            after = resumed.update(one)
            assert [each.track_id for each in after] == [each.track_id for each in before]
            for mine, true in zip(after, before, strict=True):
                assert mine.smoothed == true.smoothed


def test_smoothed_values_lie_beside_raw_ones_and_lag_by_the_time_constant() -> None:
    tracker = FaceTracker(time_constant_s=0.5)
    tracker.update(frame(0, square(0)))
    for step in range(1, 11):
        result = tracker.update(frame(step * 0.05, face(square(0), probabilities=SAD)))
    assert result[0].expression["sadness"] == 0.9
    smoothed = result[0].smoothed
    assert smoothed is not None
    odds = math.log(smoothed["sadness"] / smoothed["happiness"])
    assert odds == pytest.approx(math.log(9) * (1 - 2 / math.e))


def test_smoothing_is_the_same_at_any_frame_rate() -> None:
    ends = []
    for rate in (5, 30):
        tracker = FaceTracker(time_constant_s=0.4)
        tracker.update(frame(0, square(0)))
        for number in range(1, rate + 1):
            last = tracker.update(frame(number / rate, face(square(0), probabilities=SAD)))
        assert last[0].smoothed is not None
        ends.append(last[0].smoothed["happiness"])
    assert ends[0] == pytest.approx(ends[1])


def test_each_face_is_smoothed_by_itself_and_nothing_else_of_it_changes() -> None:
    tracker = FaceTracker(time_constant_s=1.0)
    tracker.update(frame(0, square(0), square(300)))
    mixed = frame(0.1, square(0), face(square(300), 0.7, SAD))
    result = tracker.update(mixed)
    assert result[0].smoothed is not None and result[1].smoothed is not None
    assert result[0].smoothed["happiness"] == pytest.approx(0.9)
    assert 0.1 < result[1].smoothed["happiness"] < 0.9
    for before, after in zip(mixed, result, strict=True):
        assert (after.box, after.confidence) == (before.box, before.confidence)
        assert after.expression == before.expression


def test_costs_grow_with_distance_and_vagueness_and_end_at_the_gate() -> None:
    near, old = BoxMotion(square(0), 1.0), BoxMotion(square(0), 0.0)
    faces = [face(square(x)) for x in (0.0, 10.0, 2000.0)]
    costs = assignment_costs([near, old], faces, 1.04)
    assert 0 <= costs[0, 0] < costs[0, 1] < costs[0, 2] == FORBIDDEN
    assert costs[1, 0] > costs[0, 0]


def test_crowds_of_any_size_get_each_id_once() -> None:
    dice = random.Random(3)
    tracker = FaceTracker(start_confidence=0.5)
    now_s = 0.0
    for _ in range(60):
        now_s += dice.uniform(0.01, 0.3)
        seen = [
            face(
                square(dice.uniform(0, 600), dice.uniform(0, 400), dice.uniform(0, 90)),
                dice.random(),
            )
            for _ in range(dice.randrange(0, 12))
        ]
        found = ids(tracker, frame(now_s, *seen))
        known = [one for one in found if one is not None]
        assert len(known) == len(set(known))
        assert len(found) == len(seen)


def test_memory_does_not_grow_with_what_was_lost() -> None:
    tracker = BoxTracker(max_gap_s=0.5, confirm_after=1)
    smoother = Smoother(time_constant_s=0.35, max_gap_s=0.5)
    for step in range(200):
        one = frame(step / 10, square(2000.0 * step))
        people = tracker.update(one.faces, one.timestamp_s)
        smoother.update(one, people)
    assert len(tracker) <= 7
    assert len(smoother._known) <= 10 * LONGEST_STEP_S + 2


def test_where_the_last_ones_seen_are_by_now_is_told_from_their_motion() -> None:
    tracker = BoxTracker()
    for step in range(10):
        tracker.update([face(square(10.0 * step)), face(square(300))], step / 10)
    tracker.update([face(square(100.0))], 1.0)
    ((person, box),) = tracker.expected(1.05).values()
    assert person.track_id == 1
    assert box.centre == pytest.approx((155, 50), abs=2)
    assert (box.width, box.height) == pytest.approx((100, 100), rel=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_constant_s": -1},
        {"time_constant_s": math.nan},
        {"max_gap_s": -0.1},
        {"start_confidence": 1.1},
        {"start_confidence": math.nan},
        {"confirm_after": 0},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FaceTracker(**wrong)  # type: ignore[arg-type]
