"""The collector keeps the right faces, and few of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import ConfigError, ShapeError
from mien.core.types import Box
from mien.reports.thumbnails import PeakCollector
from tests.reports.clips import expression, face, frame


def plain(level: int) -> NDArray[np.uint8]:
    return np.full((240, 320, 3), level, np.uint8)


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_the_picture_is_of_the_frame_in_which_the_expression_was_strongest() -> None:
    collector = PeakCollector()
    for number, strength in enumerate((0.6, 0.97, 0.7)):
        shown = face(1, expression("happiness", strength))
        collector.add(plain(50 * (number + 1)), frame(number * 0.05, shown))
    kept = collector.picture(1, "happiness", 0.05)
    assert kept is not None
    assert (kept.timestamp_s, kept.probability) == (0.05, pytest.approx(0.97))
    assert decoded(kept.jpeg).shape == (96, 96, 3)
    assert decoded(kept.jpeg).mean() == pytest.approx(100, abs=2)
    assert collector.picture(1, "sadness", 0.05) is None
    assert collector.picture(2, "happiness", 0.05) is None
    assert collector.picture(1, "happiness", 0.8) is None


def test_smoothed_expressions_decide_unless_told_otherwise() -> None:
    seen = face(1, expression("fear", 0.9), smoothed=expression("neutral", 0.8))
    collector, raw = PeakCollector(), PeakCollector(smoothed=False)
    for one in (collector, raw):
        one.add(plain(9), frame(0.0, seen))
    assert collector.picture(1, "neutral", 0.0) and not collector.picture(1, "fear", 0.0)
    assert raw.picture(1, "fear", 0.0) and not raw.picture(1, "neutral", 0.0)


def test_the_face_is_in_the_middle_and_colours_are_right() -> None:
    image_rgb = plain(0)
    image_rgb[110:130, 140:160] = (250, 20, 20)
    collector = PeakCollector()
    collector.add(
        image_rgb, frame(0.0, face(1, expression("anger", 0.9), box=Box(140, 110, 160, 130)))
    )
    portrait = collector.portrait(1)
    assert portrait is not None
    # BGR as OpenCV decodes: red, with a black edge of the margin around.
    blue, green, red = decoded(portrait)[30:66, 30:66].mean(axis=(0, 1))
    assert red > 200 > 80 > max(blue, green)
    assert decoded(portrait)[:6, :6].max() < 60


@pytest.mark.parametrize(
    "box",
    [
        Box(-30, -20, 40, 50),
        Box(290, 200, 350, 260),
        Box(-200, -200, 700, 700),
        Box(400, 300, 460, 360),
        Box(10.2, 10.1, 10.3, 10.2),
    ],
)
def test_a_face_at_the_edge_or_beyond_is_cut_out_all_the_same(box: Box) -> None:
    collector = PeakCollector(side_px=32)
    collector.add(plain(77), frame(0.0, face(1, expression("fear", 0.9), box=box)))
    portrait = collector.portrait(1)
    assert portrait is not None
    assert decoded(portrait).shape == (32, 32, 3)
    assert decoded(portrait).mean() == pytest.approx(77, abs=2)


def test_a_picture_of_one_pixel_is_no_problem() -> None:
    collector = PeakCollector()
    tiny = np.full((1, 1, 3), 200, np.uint8)
    collector.add(tiny, frame(0.0, face(1, expression("fear", 0.9), box=Box(0, 0, 1, 1))))
    assert collector.portrait(1) is not None


def test_a_long_video_keeps_a_bounded_number_of_pictures() -> None:
    collector = PeakCollector(side_px=8, slots=5)
    for number in range(3000):
        strength = 0.6 + 0.39 * abs(np.sin(number / 40))
        collector.add(plain(9), frame(number / 10, face(1, expression("fear", strength))))
    # Five moments and a portrait.
    assert len(collector) == 6


def test_of_too_many_people_those_seen_most_are_kept() -> None:
    collector = PeakCollector(side_px=8, most_pictures=12)
    for number in range(400):
        seen = [face(1, expression("fear", 0.9)), face(2, expression("anger", 0.9))]
        passing = face(100 + number, expression("neutral", 0.99))
        collector.add(plain(9), frame(number / 50, *seen, passing))
        assert len(collector) <= 12
    assert collector.portrait(1) is not None
    assert len(collector) > 0


def test_nothing_is_kept_of_who_has_no_number() -> None:
    collector = PeakCollector()
    collector.add(plain(9), frame(0.0, face(None, expression("fear", 0.9))))
    assert len(collector) == 0


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        PeakCollector(side_px=0)
    with pytest.raises(ShapeError, match=r"\(h, w, 3\)"):
        PeakCollector().add(np.zeros((4, 4), np.uint8), frame(0.0))
