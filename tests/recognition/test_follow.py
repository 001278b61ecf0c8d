"""Ids that last and probabilities that settle, against an independent filter."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import ConfigError
from mien.core.types import Box, Expression, Face, FrameResult
from mien.recognition.follow import FaceFollower, iou, match_boxes, smooth

HAPPY = {"happiness": 1.0, "sadness": 0.0}
SAD = {"happiness": 0.0, "sadness": 1.0}


def frame(
    timestamp_s: float, *boxes: Box, probabilities: dict[str, float] = HAPPY, labels: str = "two"
) -> FrameResult:
    faces = tuple(Face(box, 0.9, Expression(probabilities, labels)) for box in boxes)
    return FrameResult(0, timestamp_s, (640, 480), faces, "fake", {})


def square(x: float, y: float = 0.0, side: float = 100.0) -> Box:
    return Box(x, y, x + side, y + side)


def ids(follower: FaceFollower, result: FrameResult) -> list[int | None]:
    return [face.track_id for face in follower.update(result).raw]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (square(0), square(0), 1.0),
        (square(0), square(50), 1 / 3),
        (square(0), square(100), 0.0),
        (square(0), square(50, 50), 2500 / 17500),
        (square(0), square(25, 25, 50), 0.25),
        (Box(0, 0, 0, 0), square(0), 0.0),
        (Box(5, 5, 5, 5), Box(5, 5, 5, 5), 0.0),
    ],
)
def test_iou_by_hand(a: Box, b: Box, expected: float) -> None:
    assert iou(a, b) == pytest.approx(expected)
    assert iou(b, a) == pytest.approx(expected)


def test_boxes_pair_by_largest_overlap_and_only_once() -> None:
    known = [square(0), square(60)]
    seen = [square(50), square(58)]
    assert match_boxes(known, seen, min_iou=0.2) == {1: 1, 0: 0}


def test_a_moving_face_keeps_its_id() -> None:
    follower = FaceFollower()
    seen = {ids(follower, frame(step / 10, square(20.0 * step)))[0] for step in range(20)}
    assert seen == {1}


def test_faces_that_swap_their_order_keep_their_ids() -> None:
    follower = FaceFollower()
    assert ids(follower, frame(0, square(0), square(300))) == [1, 2]
    assert ids(follower, frame(0.1, square(305), square(5))) == [2, 1]


def test_a_short_gap_keeps_the_id_and_a_long_one_does_not() -> None:
    follower = FaceFollower(max_gap_s=1.0)
    assert ids(follower, frame(0, square(0))) == [1]
    assert ids(follower, frame(0.5)) == []
    assert ids(follower, frame(0.9, square(0))) == [1]
    assert ids(follower, frame(1.5)) == []
    assert ids(follower, frame(2.0, square(0))) == [2]


def test_a_face_elsewhere_is_a_new_one_and_ids_are_never_used_again() -> None:
    follower = FaceFollower()
    assert ids(follower, frame(0, square(0))) == [1]
    assert ids(follower, frame(0.1, square(400))) == [2]
    assert ids(follower, frame(9, square(400))) == [3]


def test_a_clip_that_starts_anew_is_another_session() -> None:
    follower = FaceFollower(time_constant_s=10)
    follower.update(frame(5, square(0)))
    again = follower.update(frame(0, square(0), probabilities=SAD))
    assert again.raw[0].track_id == 2
    assert again.smoothed[0].expression["sadness"] == 1.0


def test_after_one_time_constant_a_step_is_covered_to_63_percent() -> None:
    follower = FaceFollower(time_constant_s=0.5)
    follower.update(frame(0, square(0), probabilities=HAPPY))
    for step in range(1, 11):
        followed = follower.update(frame(step * 0.05, square(0), probabilities=SAD))
    assert followed.smoothed[0].expression["sadness"] == pytest.approx(1 - 1 / math.e)
    assert followed.raw[0].expression["sadness"] == 1.0


def test_smoothing_is_the_same_at_any_frame_rate() -> None:
    ends = []
    for rate in (5, 30):
        follower = FaceFollower(time_constant_s=0.4)
        follower.update(frame(0, square(0), probabilities=HAPPY))
        for number in range(1, rate + 1):
            last = follower.update(frame(number / rate, square(0), probabilities=SAD))
        ends.append(last.smoothed[0].expression["happiness"])
    assert ends[0] == pytest.approx(ends[1])


def test_each_face_is_smoothed_by_itself_and_keeps_its_place() -> None:
    follower = FaceFollower(time_constant_s=1.0)
    follower.update(frame(0, square(0), square(300), probabilities=HAPPY))
    mixed = FrameResult(
        1,
        0.1,
        (640, 480),
        (
            Face(square(0), 0.9, Expression(HAPPY, "two")),
            Face(square(300), 0.9, Expression(SAD, "two")),
        ),
        "fake",
        {},
    )
    followed = follower.update(mixed)
    assert followed.smoothed[0].expression["happiness"] == 1.0
    assert followed.smoothed[1].expression["happiness"] == pytest.approx(math.exp(-0.1))
    assert [f.box for f in followed.smoothed] == [f.box for f in mixed.faces]


def test_zero_time_constant_leaves_values_alone() -> None:
    follower = FaceFollower(time_constant_s=0)
    follower.update(frame(0, square(0), probabilities=HAPPY))
    followed = follower.update(frame(0, square(0), probabilities=SAD))
    assert followed.smoothed == followed.raw


def test_another_label_set_begins_anew() -> None:
    follower = FaceFollower(time_constant_s=5)
    follower.update(frame(0, square(0)))
    followed = follower.update(frame(0.1, square(0), probabilities={"fear": 1.0}, labels="one"))
    assert followed.raw[0].track_id == 1
    assert dict(followed.smoothed[0].expression.probabilities) == {"fear": 1.0}


@given(
    values=st.lists(st.floats(0, 1), min_size=2, max_size=20),
    gaps=st.lists(st.floats(0.001, 0.5), min_size=20, max_size=20),
    time_constant_s=st.floats(0.01, 5),
)
def test_smoothing_is_the_exact_response_of_a_first_order_filter(
    values: list[float], gaps: list[float], time_constant_s: float
) -> None:
    """Against the sum of weighted inputs, the filter's impulse response written out."""
    times = np.concatenate([[0.0], np.cumsum(gaps)])[: len(values)]
    current = Expression({"a": values[0], "b": 1 - values[0]}, "ab")
    for (before, now), value in zip(pairwise(times), values[1:], strict=True):
        raw = Expression({"a": value, "b": 1 - value}, "ab")
        current = smooth(
            current, raw, elapsed_s=float(now - before), time_constant_s=time_constant_s
        )
    decay = np.exp(-(times[-1] - times) / time_constant_s)
    weights = np.diff(np.concatenate([[0.0], decay]))
    assert current["a"] == pytest.approx(float(weights @ np.array(values)), abs=1e-9)
    assert sum(current.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_constant_s": -1},
        {"time_constant_s": math.nan},
        {"min_iou": 0},
        {"min_iou": 1.1},
        {"max_gap_s": -0.1},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FaceFollower(**wrong)
