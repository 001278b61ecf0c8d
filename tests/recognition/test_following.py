"""Between two frames that are searched, a face is where its motion puts it."""

from __future__ import annotations

import pytest

from mien.core.types import Box
from mien.faces import DetectedFace
from mien.recognition.tracking.association import BoxTracker
from mien.recognition.tracking.following import LONGEST_BLIND_S, Follower, moved

SIZE = (640, 480)


def found(x: float, y: float = 100.0, side: float = 80.0, confidence: float = 0.9) -> DetectedFace:
    eyes = ((x + 0.3 * side, y + 0.4 * side), (x + 0.7 * side, y + 0.4 * side))
    return DetectedFace(Box(x, y, x + side, y + side), confidence, eyes)


def test_every_nth_frame_is_searched() -> None:
    follower = Follower(BoxTracker(), 3)
    assert [follower.asks(number / 30) for number in range(7)] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert (follower.knows_ahead(2), Follower(BoxTracker(), "auto").knows_ahead(2)) == (6, 0)


def test_a_predicted_box_follows_a_face_that_moves_and_its_landmarks_go_with_it() -> None:
    follower = Follower(BoxTracker(), 3)
    for step in range(30):
        at_s, x = step / 30, 20 + 6.0 * step
        if step % 3 == 0:
            (one,) = follower.see([found(x)], at_s)
            assert not one.predicted and one.face == found(x)
            continue
        (one,) = follower.predict(at_s, SIZE)
        assert one.predicted and one.person.number == 1
        if step > 9:  # once the speed is known
            assert one.face.box.centre[0] == pytest.approx(x + 40, abs=4)
            assert one.face.box.iou(found(x).box) > 0.9
            assert one.face.landmarks is not None
            inside = one.face.landmarks[0][0] - one.face.box.x1
            assert inside / one.face.box.width == pytest.approx(0.3)
        assert one.face.confidence == 0.9


def test_who_was_missed_or_has_left_the_picture_is_not_predicted() -> None:
    follower = Follower(BoxTracker(), 2)
    for step in range(20):
        follower.see([found(30.0 * step), found(300, 300)], step / 30)
    assert len(follower.predict(20 / 30, (1000, 480))) == 2
    # Going on at 900 px/s it leaves a picture that ends at 600.
    assert [one.person.number for one in follower.predict(20 / 30, (600, 480))] == [2]
    follower.see([found(300, 300)], 21 / 30)
    assert [one.person.number for one in follower.predict(22 / 30, SIZE)] == [2]


def test_doubtful_faces_count_only_where_somebody_was() -> None:
    follower = Follower(BoxTracker(start_confidence=0.6), 1)
    follower.see([found(100), found(400, confidence=0.4)], 0.0)
    people = follower.see([found(102, confidence=0.4), found(401, confidence=0.4)], 0.1)
    assert [one.face.box.x1 for one in people] == [102]
    assert people[0].person.track_id == 1


def searched(follower: Follower, frames: list[list[DetectedFace]], rate_hz: float) -> list[int]:
    """The numbers of the frames that `auto` searches."""
    numbers = []
    for number, faces in enumerate(frames):
        at_s = number / rate_hz
        if follower.asks(at_s):
            numbers.append(number)
            follower.see(faces, at_s)
        else:
            follower.predict(at_s, SIZE)
    return numbers


def test_auto_searches_ten_times_a_second_while_faces_are_where_they_are_expected() -> None:
    still = [[found(100), found(300)]] * 31
    assert searched(Follower(BoxTracker(), "auto"), still, 30) == [0, *range(1, 31, 3)]
    assert LONGEST_BLIND_S == 0.1
    empty: list[list[DetectedFace]] = [[]] * 13
    assert searched(Follower(BoxTracker(), "auto"), empty, 30) == [0, 3, 6, 9, 12]
    assert searched(Follower(BoxTracker(), "auto"), still[:6], 5) == list(range(6))


def test_auto_searches_the_very_next_frame_where_something_is_new() -> None:
    frames = [[found(100)]] * 5 + [[found(100), found(400)]] * 6 + [[found(400)]] * 6
    numbers = searched(Follower(BoxTracker(), "auto"), frames, 30)
    # Searched at 4, 7 (somebody came), 8, 11 (somebody left), 12 and then calmly on.
    assert numbers == [0, 1, 4, 7, 8, 11, 12, 15]
    leaping = [[found(100 + 150.0 * (number % 2))] for number in range(8)]
    assert searched(Follower(BoxTracker(), "auto"), leaping, 30) == list(range(8))


def test_a_face_without_landmarks_is_moved_alone() -> None:
    assert moved(DetectedFace(Box(0, 0, 10, 10), 0.5), Box(5, 5, 25, 25)) == DetectedFace(
        Box(5, 5, 25, 25), 0.5
    )
    assert moved(found(0, 0, 10), Box(100, 50, 120, 90)).landmarks == (
        pytest.approx((106, 66)),
        pytest.approx((114, 66)),
    )
