"""Every perturbation against a formula of its own, on faces made by hand."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fer2013_files import make_faces
from mien.core.errors import ConfigError, ShapeError
from mien.evaluation import perturbations as p
from mien.evaluation.robustness_conditions import CONDITIONS

SIDE = 48
MIDDLE = (SIDE - 1) / 2
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(float)
NOTHING = p.Rectangle(0.5, 0.5, 0.5, 0.5)
Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def plane(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness that rises evenly down and across, so that sampling it is arithmetic."""
    return 20 + 1.5 * rows + 3 * columns


@pytest.mark.parametrize(
    "change",
    [
        partial(p.scale_crop, scale=1),
        p.shift_crop,
        partial(p.roll_face, degrees=0),
        partial(p.blur, sigma_px=0),
        partial(p.lose_resolution, side_px=SIDE),
        partial(p.change_contrast, factor=1),
        partial(p.change_gamma, gamma=1),
        partial(p.light_from_side, strength=0),
        partial(p.cover, part=NOTHING),
    ],
)
def test_no_strength_leaves_faces_as_they_are(change: Change) -> None:
    faces = make_faces(3)
    changed = change(faces)
    assert (changed == faces).all()
    assert not np.shares_memory(changed, faces)


@pytest.mark.parametrize(
    "change", [pytest.param(way, id=c.name) for c in CONDITIONS for way in c.ways.values()]
)
def test_conditions_change_new_faces_of_the_same_kind_and_always_alike(change: Change) -> None:
    faces = make_faces(2)
    before = faces.copy()
    changed = change(faces)
    assert (changed.shape, changed.dtype) == (faces.shape, np.uint8)
    assert (changed != faces).any()
    assert (faces == before).all()
    assert (change(faces) == changed).all()
    # A face does not depend on the others in its batch, and there may be none.
    assert (change(faces[1:])[0] == changed[1]).all()
    assert change(faces[:0]).shape == (0, SIDE, SIDE)


def test_crop_twice_as_wide_halves_a_square_in_the_middle() -> None:
    face = np.zeros((1, SIDE, SIDE), np.uint8)
    face[:, 16:32, 16:32] = 255
    half = np.zeros((SIDE, SIDE), np.uint8)
    half[20:28, 20:28] = 255
    assert (p.scale_crop(face, 2)[0] == half).all()


@pytest.mark.parametrize("scale", [0.8, 0.9, 1.1, 1.25])
def test_scale_samples_about_the_middle_and_repeats_the_edge(scale: float) -> None:
    rows = np.clip(MIDDLE + scale * (ROWS - MIDDLE), 0, SIDE - 1)
    columns = np.clip(MIDDLE + scale * (COLUMNS - MIDDLE), 0, SIDE - 1)
    changed = p.scale_crop(plane(ROWS, COLUMNS).astype(np.uint8)[None], scale)[0]
    # The plane is cut off to whole grays before, and rounded after.
    np.testing.assert_allclose(changed, plane(rows, columns), atol=1.5)


def test_shift_by_whole_pixels_moves_the_face_the_other_way() -> None:
    faces = make_faces(2)
    right = p.shift_crop(faces, right=2 / SIDE)
    assert (right[:, :, :-2] == faces[:, :, 2:]).all()
    assert (right[:, :, -2:] == faces[:, :, -1:]).all()
    up = p.shift_crop(faces, down=-3 / SIDE)
    assert (up[:, 3:] == faces[:, :-3]).all()
    assert (up[:, :3] == faces[:, :1]).all()


def test_shift_by_a_part_of_a_pixel_is_interpolated() -> None:
    columns = np.clip(COLUMNS + 0.05 * SIDE, 0, SIDE - 1)
    changed = p.shift_crop(plane(ROWS, COLUMNS).astype(np.uint8)[None], right=0.05)[0]
    np.testing.assert_allclose(changed, plane(ROWS, columns), atol=1.5)


def test_roll_of_a_right_angle_is_a_quarter_turn_clockwise() -> None:
    faces = make_faces(2)
    assert (p.roll_face(faces, 90) == np.rot90(faces, -1, axes=(1, 2))).all()
    assert (p.roll_face(faces, -90) == np.rot90(faces, 1, axes=(1, 2))).all()


@pytest.mark.parametrize("degrees", [10, -20])
def test_roll_turns_about_the_middle(degrees: float) -> None:
    angle = np.radians(degrees)
    x, y = COLUMNS - MIDDLE, ROWS - MIDDLE
    columns = MIDDLE + np.cos(angle) * x + np.sin(angle) * y
    rows = MIDDLE - np.sin(angle) * x + np.cos(angle) * y
    changed = p.roll_face(plane(ROWS, COLUMNS).astype(np.uint8)[None], degrees)[0]
    inside = np.hypot(x, y) < MIDDLE
    np.testing.assert_allclose(changed[inside], plane(rows, columns)[inside], atol=1.5)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_blur_spreads_a_point_into_a_gaussian(sigma: float) -> None:
    face = np.zeros((1, SIDE, SIDE), np.uint8)
    face[0, 24, 20] = 255
    bell = np.exp(-((ROWS - 24) ** 2 + (COLUMNS - 20) ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(p.blur(face, sigma)[0], 255 * bell / bell.sum(), atol=1.5)


def test_half_the_resolution_is_means_of_four_drawn_out_in_straight_lines() -> None:
    face = make_faces(1)[0]
    small = face.reshape(24, 2, 24, 2).mean(axis=(1, 3))

    def doubled(values: NDArray[np.float64]) -> NDArray[np.float64]:
        padded = np.pad(values, ((1, 1), (0, 0)), "edge")
        between = [0.25 * padded[:-2] + 0.75 * values, 0.75 * values + 0.25 * padded[2:]]
        return np.stack(between, axis=1).reshape(SIDE, -1)

    expected = doubled(doubled(small).T).T
    np.testing.assert_allclose(p.lose_resolution(face[None], 24)[0], expected, atol=1.5)


def test_jpeg_is_as_another_library_writes_it() -> None:
    face = (128 + 60 * np.sin(ROWS / 5) * np.cos(COLUMNS / 3) + make_faces(1)[0] / 16 - 8).astype(
        np.uint8
    )
    file = io.BytesIO()
    Image.fromarray(face).save(file, "JPEG", quality=30)
    other = np.asarray(Image.open(file), float)
    ours = p.compress_jpeg(face[None], 30)[0]
    assert np.abs(ours - other).mean() < 0.5
    assert np.abs(ours - face.astype(float)).mean() > 1


def test_contrast_is_about_the_mean_of_each_face() -> None:
    faces = np.array([[[0, 100], [100, 200]], [[10, 10], [10, 10]]], np.uint8)
    half, more = p.change_contrast(faces, 0.5), p.change_contrast(faces, 1.5)
    assert half.tolist() == [[[50, 100], [100, 150]], [[10, 10], [10, 10]]]
    assert more.tolist() == [[[0, 100], [100, 250]], [[10, 10], [10, 10]]]


def test_gamma_is_a_power_of_the_share_of_white() -> None:
    faces = np.array([[[0, 64, 255]]], np.uint8)
    assert p.change_gamma(faces, 0.5).tolist() == [[[0, round(255 * (64 / 255) ** 0.5), 255]]]
    assert p.change_gamma(faces, 2).tolist() == [[[0, round(64 * 64 / 255), 255]]]


def test_side_light_has_its_strength_at_the_ends_and_none_in_the_middle() -> None:
    faces = np.full((1, 2, 5), 100, np.uint8)
    assert p.light_from_side(faces, 0.6)[0, 0].tolist() == [40, 70, 100, 130, 160]
    assert p.light_from_side(faces, -0.6)[0, 1].tolist() == [160, 130, 100, 70, 40]
    assert p.light_from_side(2 * faces, 0.6)[0, 0].tolist() == [80, 140, 200, 255, 255]


@pytest.mark.parametrize(
    ("part", "rows", "columns"),
    [(p.EYES, (11, 23), (5, 43)), (p.MOUTH, (30, 43), (10, 38))],
)
def test_bar_covers_its_rectangle_and_nothing_else(
    part: p.Rectangle, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    faces = np.full((2, SIDE, SIDE), 7, np.uint8)
    covered = p.cover(faces, part)
    expected = faces.copy()
    expected[:, slice(*rows), slice(*columns)] = p.BAR_GRAY
    assert (covered == expected).all()


def test_side_light_in_the_table_is_four_times_brighter_on_one_side() -> None:
    (condition,) = (c for c in CONDITIONS if c.family == "side light")
    lit = condition.ways["from the right"](np.full((1, SIDE, SIDE), 100, np.uint8))[0]
    assert condition.name == "side light 4:1"
    assert lit[0, -1] == 4 * lit[0, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (partial(p.scale_crop, scale=0), "crop scale above 0"),
        (partial(p.blur, sigma_px=-1), "at least 0 px"),
        (partial(p.lose_resolution, side_px=0), "at least 1 px"),
        (partial(p.compress_jpeg, quality=101), "quality of 1 to 100"),
        (partial(p.change_contrast, factor=-1), "contrast of at least 0"),
        (partial(p.change_gamma, gamma=0), "gamma above 0"),
        (partial(p.light_from_side, strength=1.1), "side light of -1 to 1"),
    ],
)
def test_strengths_that_mean_nothing_are_refused(change: Change, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        change(make_faces(1))


def test_rectangle_must_lie_in_the_picture() -> None:
    for edges in ((0.5, 0, 0.4, 1), (0, 0, 1.1, 1), (0, -0.1, 1, 1)):
        with pytest.raises(ConfigError, match="0 <= left <= right <= 1"):
            p.Rectangle(*edges)


@pytest.mark.parametrize("function", [p.change_contrast, p.blur, p.scale_crop, p.change_gamma])
def test_other_arrays_are_refused(function: Callable[..., NDArray[np.uint8]]) -> None:
    for wrong in (make_faces(1)[0], make_faces(1).astype(np.float32), make_faces(1)[:, :0]):
        with pytest.raises(ShapeError, match="expected faces"):
            function(wrong, 1.5)


def test_what_moves_a_face_needs_a_square() -> None:
    with pytest.raises(ShapeError, match="square"):
        p.roll_face(make_faces(1)[:, :40], 5)
