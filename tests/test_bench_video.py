"""What `python -m bench.video` counts, worked out by hand, and its films, read for real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import video
from bench.tracks.film import make_clip, make_long, two_faces
from mien.core.types import Box, Expression, Face, FrameResult
from mien.recognition.recognizer import Recognizer
from tests.bundles import write_tiny_bundle

HAPPY = Expression({"happiness": 0.7, "sadness": 0.3}, "two")
SAD = Expression({"happiness": 0.3, "sadness": 0.7}, "two")


def frame(index: int, *faces: Face) -> FrameResult:
    return FrameResult(index, index / 30, (640, 480), faces, "fake", {})


def test_predicted_boxes_are_compared_with_those_of_the_same_frame() -> None:
    seen = Face(Box(0, 0, 100, 100), 0.9, HAPPY)
    other = Face(Box(300, 0, 400, 100), 0.9, SAD)
    every = [frame(number, seen, other) for number in range(3)]
    moved = replace(seen, box=Box(50, 0, 150, 100), predicted=True)
    changed = replace(other, expression=HAPPY, predicted=True)
    results = [frame(0, seen, other), frame(1, moved, changed), frame(2, seen)]
    assert video.predicted_share(results) == pytest.approx(2 / 5)
    told = video.agreement(results, every)
    assert told == {"iou_with_search": pytest.approx((1 / 3 + 1) / 2), "same_dominant": 0.5}
    assert video.agreement(every, every) == {}
    assert video.predicted_share([]) == 0


def test_the_two_people_stay_in_the_picture_and_apart() -> None:
    frames = list(two_faces(20, 10))
    assert len(frames) == 200
    for one in frames:
        left, right = one.faces
        assert left.box.iou(right.box) == 0
        assert all(
            face.box.x1 > 0 and face.box.x2 < 1280 and face.box.y1 > 0 and face.box.y2 < 720
            for face in one.faces
        )


def test_films_are_read_in_every_way_and_both_faces_are_found(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", 0.3)
    recognizer = Recognizer(bundle, "blazeface")
    for way in video.WAYS:
        results = list(way.read(recognizer, clip))
        assert len(results) == (2 if "5 frames" in way.name else 9)
        assert all(len(result) == 2 for result in results)
        assert results[-1].timestamp_s == pytest.approx(0.2 if len(results) == 2 else 8 / 30)
    film = make_long(tmp_path / "long.mp4", 12, 1.0)
    told = video.read_once(film, str(bundle))
    assert (told["frames"], told["faces"]) == (12, 24)
    assert 30 < told["peak_mb"] < 5000
