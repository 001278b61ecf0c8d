"""The picture of a map: colours where parts speak, none where nothing does, on one scale."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.core.imaging import CropSquare
from mien.core.labels import FERPLUS
from mien.core.types import Box, Expression, Face
from mien.recognition.drawing.explanation import (
    AGAINST_RGB,
    FOR_RGB,
    FULL_FACTOR,
    colour_over,
)
from mien.recognition.explain import VIEW_PX
from mien.recognition.explanation import Explanation

UInt8Array = NDArray[np.uint8]

LANDMARKS = ((80.0, 85.0), (120.0, 85.0), (100.0, 100.0), (85.0, 120.0), (115.0, 120.0))


def make_explanation(values: NDArray[np.float32], *, roll_degrees: float = 0.0) -> Explanation:
    shares = {label: 0.65 if label == "surprise" else 0.05 for label in FERPLUS.labels}
    face = Face(Box(50, 50, 150, 150), 0.9, Expression(shares, "ferplus"), LANDMARKS)
    return Explanation(
        face=face,
        label="surprise",
        map=values,
        crop_gray=np.full(values.shape, 100, np.uint8),
        square=CropSquare(100, 100, 100, roll_degrees),
        picture_size=(200, 200),
        view_bgr=np.full((VIEW_PX, VIEW_PX, 3), 100, np.uint8),
        view_square=CropSquare(100, 100, 150),
        bundle="tiny",
    )


def panel_of(explanation: Explanation) -> UInt8Array:
    """The right of the two pictures, that with the map."""
    drawn = np.asarray(explanation.to_image())
    return np.asarray(drawn[88 : 88 + VIEW_PX, -24 - VIEW_PX : -24], np.uint8)


def colourful(panel: UInt8Array) -> NDArray[np.bool_]:
    return np.asarray(np.ptp(panel.astype(int), axis=2) > 25)


def half_map(value: float) -> NDArray[np.float32]:
    """Nothing in the upper half, `value` in the lower."""
    values = np.zeros((48, 48), np.float32)
    values[24:] = value
    return values


@pytest.mark.parametrize(("sign", "rgb"), [(1, FOR_RGB), (-1, AGAINST_RGB)])
def test_parts_that_speak_are_coloured_by_their_side(sign: int, rgb: tuple[int, ...]) -> None:
    panel = panel_of(make_explanation(half_map(sign * math.log(FULL_FACTOR))))
    middle = VIEW_PX // 2
    assert not colourful(panel[: middle - 20]).any()
    spot = panel[middle + 70, middle].astype(int)
    assert np.abs(spot - rgb).max() < 40
    assert (spot.argmax(), spot.argmin()) == (np.argmax(rgb), np.argmin(rgb))


def test_colour_means_the_same_in_every_picture() -> None:
    """A weak map must not look like a strong one: nothing is stretched to the scale."""
    shades = [
        np.ptp(panel_of(make_explanation(half_map(value)))[300, 216].astype(int))
        for value in (0.0, 0.1, 0.5, 1.0, 2.0)
    ]
    assert shades[0] == 0
    assert shades[1] < 10
    assert shades == sorted(shades)
    assert shades[4] == pytest.approx(4 * shades[2], rel=0.1)


def test_a_face_that_depends_on_nothing_has_no_colour_and_says_so() -> None:
    weak = make_explanation(half_map(0.05))
    assert weak.is_weak
    assert not colourful(panel_of(weak)).any()
    told = np.asarray(weak.to_image())[88 + VIEW_PX :, : VIEW_PX + 24]
    strong = np.asarray(make_explanation(half_map(2.0)).to_image())[88 + VIEW_PX :, : VIEW_PX + 24]
    assert (told != strong).any()


def test_parts_that_double_the_odds_are_outlined_others_are_not() -> None:
    lines = [
        (panel_of(make_explanation(half_map(sign * math.log(factor)))) == rgb).all(axis=2).sum()
        for factor in (1.9, 2.1)
        for sign, rgb in ((1, FOR_RGB), (-1, AGAINST_RGB))
    ]
    assert lines[:2] == [0, 0]
    assert min(lines[2:]) > VIEW_PX / 2


def test_beyond_the_end_of_the_scale_colours_are_the_ends() -> None:
    gray = np.full((1, 4), 90)
    full = math.log(FULL_FACTOR)
    values = np.array([[-9 * full, -full, full, 9 * full]], np.float32)
    (colours,) = colour_over(gray, values)
    assert (colours[0] == colours[1]).all() and (colours[2] == colours[3]).all()
    assert (colours[1] != colours[2]).any()


def test_the_two_sides_differ_without_red_and_green() -> None:
    """Colour blindness of either common kind leaves the blue-yellow axis, where they are apart."""
    yellow_blue = [(r + g) / 2 - b for r, g, b in (FOR_RGB, AGAINST_RGB)]
    assert yellow_blue[0] > 120 and yellow_blue[1] < -120


def test_the_square_is_drawn_where_the_model_looked() -> None:
    upright = panel_of(make_explanation(half_map(0)))
    white = (upright > 225).all(axis=2)
    rows, columns = np.nonzero(white)
    # The square's side is two thirds of the view's.
    assert (columns.min(), columns.max()) == pytest.approx((VIEW_PX / 6, VIEW_PX * 5 / 6), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx((VIEW_PX / 6, VIEW_PX * 5 / 6), abs=2)
    rolled = (panel_of(make_explanation(half_map(0), roll_degrees=45)) > 200).all(axis=2)
    rows, columns = np.nonzero(rolled)
    assert np.ptp(columns) == pytest.approx(VIEW_PX * math.sqrt(2) * 2 / 3, abs=4)


@pytest.mark.parametrize("landmarks", [None, LANDMARKS])
def test_pictures_are_of_one_size_for_any_face(
    landmarks: tuple[tuple[float, float], ...] | None,
) -> None:
    explanation = make_explanation(half_map(1.5))
    explanation = replace(explanation, face=replace(explanation.face, landmarks=landmarks))
    image = explanation.to_image()
    assert image.mode == "RGB"
    assert image.size == make_explanation(half_map(0)).to_image().size


def test_notebooks_show_the_picture_with_words_for_those_who_cannot_see_it() -> None:
    explanation = make_explanation(half_map(1.5))
    shown = explanation._repr_html_()
    assert 'alt="surprise 65%; ' in shown and "mouth x4.5" in shown
    data = base64.b64decode(shown.partition("base64,")[2].partition('"')[0])
    assert Image.open(io.BytesIO(data)).size == explanation.to_image().size
    assert repr(explanation).startswith("Explanation(surprise 65%: ")
