"""Drawings show the face, the label and every bar, on any picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.labels import COLOURS, FERPLUS
from mien.core.types import Box, Expression, Face, FrameResult
from mien.recognition.drawing.still import MIN_LONG_SIDE_PX, annotate, ink_on

UInt8Array = NDArray[np.uint8]


def make_face(box: Box, dominant: str = "happiness", share: float = 0.72) -> Face:
    rest = (1 - share) / (len(FERPLUS) - 1)
    shares = {label: share if label == dominant else rest for label in FERPLUS.labels}
    return Face(box, 0.9, Expression(shares, "ferplus"))


def make_result(image: UInt8Array, *faces: Face) -> FrameResult:
    size = (image.shape[1], image.shape[0])
    return FrameResult(0, 0.0, size, faces, "blazeface", {})


def pixels_of(image: UInt8Array, colour: str) -> NDArray[np.bool_]:
    bgr = [int(colour[i : i + 2], 16) for i in (5, 3, 1)]
    return np.asarray((image == bgr).all(axis=2))


def picture(width: int, height: int, value: int = 128) -> UInt8Array:
    return np.full((height, width, 3), value, np.uint8)


def test_the_picture_itself_is_untouched() -> None:
    image = picture(800, 600)
    annotate(image, make_result(image, make_face(Box(100, 100, 300, 300))))
    assert (image == 128).all()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_the_box_is_drawn_where_the_face_is_on_any_ground(value: int) -> None:
    image = picture(800, 600, value)
    drawn = annotate(image, make_result(image, make_face(Box(100, 200, 300, 450))))
    ys, xs = np.nonzero(pixels_of(drawn[:, :800], COLOURS["happiness"]))
    assert (xs.min(), xs.max()) == (100, 300)
    assert ys.max() == 450
    # Beside the coloured line there is a dark one, which parts it from any ground.
    assert drawn[300, 99].max() < 40


def test_bars_are_as_long_as_the_probabilities_say() -> None:
    image = picture(1000, 700)
    face = make_face(Box(100, 200, 300, 450), share=0.72)
    card = annotate(image, make_result(image, face))[:, 1000:]
    lengths = {
        label: int(pixels_of(card, COLOURS[label])[60:].sum(axis=1).max())
        for label in FERPLUS.labels
    }
    track = lengths["happiness"] / 0.72
    for label in FERPLUS.labels:
        assert lengths[label] == pytest.approx(track * face.expression[label], abs=2)


def test_a_thumbnail_is_enlarged_until_it_can_be_read() -> None:
    image = picture(100, 80)
    drawn = annotate(image, make_result(image, make_face(Box(20, 20, 70, 70))))
    scale = drawn.shape[0] / 80
    assert MIN_LONG_SIDE_PX / 100 <= scale < 7
    ys, xs = np.nonzero(pixels_of(drawn[:, : round(100 * scale)], COLOURS["happiness"]))
    assert xs.min() == pytest.approx(20 * scale, abs=1)
    assert ys.max() == pytest.approx(70 * scale, abs=1)


def test_text_grows_with_the_picture() -> None:
    def card_width(width: int, height: int) -> int:
        image = picture(width, height)
        drawn = annotate(image, make_result(image, make_face(Box(9, 9, width / 2, height / 2))))
        return drawn.shape[1] - width

    assert card_width(3000, 2001) == pytest.approx(3 * card_width(1000, 667), rel=0.02)


def test_every_face_of_a_crowd_has_its_own_card() -> None:
    image = picture(900, 600)
    names = [FERPLUS.labels[k % 8] for k in range(24)]
    faces = [
        make_face(
            Box(20 + 110 * (k % 8), 60 + 180 * (k // 8), 90 + 110 * (k % 8), 130 + 180 * (k // 8)),
            name,
            1.0,
        )
        for k, name in enumerate(names)
    ]
    drawn = annotate(image, make_result(image, *faces))
    outside = drawn.copy()
    scale = max(1.0, drawn.shape[1] / 900)
    outside[: int(600 * scale), : int(900 * scale)] = 0
    for label in FERPLUS.labels:
        # Three cards, each with a chip and a bar.
        rows = np.flatnonzero(pixels_of(drawn, COLOURS[label]).any(axis=1))
        assert len(rows) > 3 * 13
    assert drawn.shape[0] * drawn.shape[1] < 2.6 * (900 * scale) * (600 * scale)


def test_no_face_says_so_in_the_picture() -> None:
    image = picture(800, 600, 255)
    drawn = annotate(image, make_result(image))
    assert drawn.shape == image.shape
    assert (drawn != image).any()
    assert (drawn[:400] == 255).all()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4000, 10), (3, 900), (640, 480)])
@pytest.mark.parametrize("faces", [0, 1, 3])
def test_any_shape_with_any_number_of_faces_is_drawn(width: int, height: int, faces: int) -> None:
    image = picture(width, height)
    boxes = [Box(-5, -5, width + 5, height + 5), Box(0, 0, 1, 1), Box(width - 1, 0, width, 9)]
    drawn = annotate(image, make_result(image, *(make_face(box) for box in boxes[:faces])))
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] >= height
    assert drawn.shape[1] >= width


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", COLOURS.values())
def test_ink_on_every_plate_can_be_read(colour: str) -> None:
    assert contrast(ink_on(colour), colour) >= 4.5
