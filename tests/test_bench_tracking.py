"""The scenes that trackers are measured on: their truth, their pictures, and their scores."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from bench.tracking import TRACKERS, add_up, run_trackers, sure_only
from bench.tracks.detector import NEUTRAL, USUAL_THRESHOLD, NoisyDetector
from bench.tracks.pictures import Painter
from bench.tracks.score import score
from bench.tracks.truth import DRAWN, SCENES, VISIT_GAP_S, TrueFace, TrueFrame, make_frames
from mien.core.types import Box, Face, FrameResult
from mien.faces import open_detector


def square(x: float, side: float = 100.0) -> Box:
    return Box(x, 300, x + side, 300 + side)


def true_frames(count: int, people: int = 2) -> list[TrueFrame]:
    """People side by side who stay where they are."""
    faces = tuple(TrueFace(who + 1, who, square(300.0 * who), 1.0) for who in range(people))
    return [TrueFrame(number / 10, faces) for number in range(count)]


def tracked(truth: list[TrueFrame], ids: list[list[int | None]]) -> list[FrameResult]:
    return [
        FrameResult(
            number,
            frame.timestamp_s,
            (1280, 720),
            tuple(
                Face(face.box, 0.9, NEUTRAL, track_id=one)
                for face, one in zip(frame.faces, row, strict=True)
            ),
            "fake",
            {},
        )
        for number, (frame, row) in enumerate(zip(truth, ids, strict=True))
    ]


def test_a_scene_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again, other = (list(make_frames(SCENES[0], seed, 2.0)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_scenes_have_people_in_the_picture_at_uneven_times(scene: object) -> None:
    frames = list(make_frames(scene, 4, 6.0))  # type: ignore[arg-type]
    steps = np.diff([frame.timestamp_s for frame in frames])
    assert steps.min() > 0 and steps.max() > 1.5 * steps.min()
    for frame in frames:
        assert len({face.visit for face in frame.faces}) == len(frame.faces)
        assert [face.box.side for face in frame.faces] == sorted(f.box.side for f in frame.faces)
        assert not frame.faces or frame.faces[-1].visible == 1


def test_people_cross_hide_each_other_leave_and_come_back() -> None:
    frames = list(make_frames(SCENES[1], 0, 15.0))
    faces = [face for frame in frames for face in frame.faces]
    assert any(face.visible < 0.3 for face in faces)
    visits: dict[int, list[tuple[int, float]]] = {}
    for frame in frames:
        for face in frame.faces:
            visits.setdefault(face.person, []).append((face.visit, frame.timestamp_s))
    changes = [
        (after, at_s - before_s)
        for seen in visits.values()
        for (before, before_s), (after, at_s) in pairwise(seen)
        if after != before
    ]
    assert changes and all(away_s > VISIT_GAP_S for _, away_s in changes)


def test_the_detector_errs_as_it_is_told() -> None:
    truth = true_frames(400)
    exact = NoisyDetector(
        np.random.default_rng(0), jitter=0, size_jitter=0, miss=0, ghosts_a_frame=0, turning=0
    )
    for frame, result in zip(truth, exact.see(truth), strict=True):
        assert [f.box for f in result] == [face.box for face in frame.faces]
    missing = NoisyDetector(np.random.default_rng(0), miss=0.25, ghosts_a_frame=0, turning=0)
    assert sum(map(len, missing.see(truth))) == pytest.approx(800 * 0.75, rel=0.1)
    ghosts = NoisyDetector(np.random.default_rng(0), miss=1.0, ghosts_a_frame=0.2)
    assert 0 < sum(map(len, ghosts.see(truth))) < 400


def test_a_face_is_drawn_where_the_truth_says_and_the_nearer_hides_the_other() -> None:
    box = Box(500, 250, 690, 450)
    painter = Painter(2, seed=1)
    alone = painter.draw(TrueFrame(0.0, (TrueFace(1, 0, box, 1.0),)))
    (found,) = open_detector("blazeface").detect(alone)
    assert found.box.iou(box) > 0.6
    near = TrueFace(2, 1, Box(480, 230, 700, 460), 1.0)
    both = painter.draw(TrueFrame(0.0, (TrueFace(1, 0, box, 0.0), near)))
    only = painter.draw(TrueFrame(0.0, (near,)))
    face = slice(250, 450), slice(500, 690)
    assert np.abs(both[face].astype(int) - only[face]).mean() < 1
    assert cv2.absdiff(both[face], alone[face]).mean() > 10


def test_right_ids_are_perfect() -> None:
    truth = true_frames(10)
    perfect = score(truth, tracked(truth, [[7, 8]] * 10))
    assert (perfect.mota, perfect.idf1, perfect.switches, perfect.fragments) == (1, 1, 0, 0)
    assert perfect.faces == 20


def test_swapped_lost_and_missing_ids_are_counted() -> None:
    truth = true_frames(10)
    swapped = score(truth, tracked(truth, [[1, 2]] * 6 + [[2, 1]] * 4))
    assert (swapped.switches, swapped.fragments, swapped.misses) == (2, 0, 0)
    assert swapped.mota == pytest.approx(1 - 2 / 20)
    assert swapped.idf1 == pytest.approx(12 / 20)
    broken = score(truth, tracked(truth, [[1, 2]] * 4 + [[None, 2]] * 2 + [[1, 2]] * 4))
    assert (broken.switches, broken.fragments, broken.misses) == (0, 1, 2)
    assert broken.mota == pytest.approx(0.9)
    assert broken.idf1 == pytest.approx(2 * 18 / (18 + 20))


def test_ids_on_nothing_are_false_but_not_those_on_hidden_faces() -> None:
    (frame,) = true_frames(1)
    result = tracked([frame], [[1, 2]])[0]
    hidden = replace(frame, faces=(frame.faces[0], replace(frame.faces[1], visible=0.1)))
    assert score([hidden], [result]).false == 0
    assert score([replace(frame, faces=frame.faces[:1])], [result]).false == 1


def test_scores_add_up_as_their_counts_do() -> None:
    truth = true_frames(10)
    good = score(truth, tracked(truth, [[1, 2]] * 10))
    bad = score(truth, tracked(truth, [[None, None]] * 10))
    together = add_up([dict.fromkeys(TRACKERS, good), dict.fromkeys(TRACKERS, bad)])
    assert all(one.mota == pytest.approx(0.5) and one.faces == 40 for one in together.values())


def test_doubtful_faces_are_left_out_of_what_is_sure() -> None:
    truth = list(make_frames(DRAWN, 2, 3.0))
    seen = list(NoisyDetector(np.random.default_rng(2)).see(truth))
    sure = list(sure_only(seen))
    assert sum(map(len, sure)) < sum(map(len, seen))
    assert min(face.confidence for frame in sure for face in frame) >= USUAL_THRESHOLD


def test_the_tracker_beats_the_greedy_one_on_a_crowd() -> None:
    def sequences() -> object:
        for seed in (100, 101):
            truth = list(make_frames(SCENES[2], seed, 6.0))
            yield run_trackers(truth, list(NoisyDetector(np.random.default_rng(seed)).see(truth)))

    scores = add_up(sequences())  # type: ignore[arg-type]
    greedy, same, doubtful = (scores[name] for name in TRACKERS)
    assert same.switches < greedy.switches / 2
    assert doubtful.switches < greedy.switches / 2
    assert doubtful.idf1 > greedy.idf1
    assert doubtful.mota > greedy.mota + 0.03
