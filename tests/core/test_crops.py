"""The square cut about a face, against the formula that defines it, worked out on its own."""

from __future__ import annotations

import math
import pickle

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.imaging import (
    CropFrame,
    crop_face,
    crop_square,
    eye_roll_degrees,
    normalise,
    resize_gray,
    sharpness,
    to_gray,
)
from mien.core.types import Box

Points = tuple[tuple[float, float], ...]


def ramp(width: int, height: int, along_x: float, along_y: float) -> NDArray[np.uint8]:
    """A picture whose value is a plane, 128 in the middle, at pixel centres, rounded."""
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    return np.rint(np.clip(128 + along_x * x + along_y * y, 0, 255)).astype(np.uint8)


def landmarks_at(box: Box, roll_degrees: float) -> Points:
    """Five points whose eye line is rolled clockwise by roll_degrees about the box's middle."""
    angle = math.radians(roll_degrees)
    cx, cy = box.centre

    def turned(x: float, y: float) -> tuple[float, float]:
        return (
            cx + x * math.cos(angle) - y * math.sin(angle),
            cy + x * math.sin(angle) + y * math.cos(angle),
        )

    spots = ((-0.2, -0.15), (0.2, -0.15), (0, 0.05), (-0.15, 0.25), (0.15, 0.25))
    return tuple(turned(x * box.width, y * box.height) for x, y in spots)


def expected_centres(
    box: Box, frame: CropFrame, size: int, roll_degrees: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the centre of each pixel of the crop lies in the picture, pixel by pixel."""
    angle = math.radians(roll_degrees)
    right = np.array([math.cos(angle), math.sin(angle)])
    down = np.array([-math.sin(angle), math.cos(angle)])
    middle = np.array(box.centre)
    middle = middle + frame.shift_x * box.width * right + frame.shift_y * box.height * down
    side = frame.scale * math.sqrt(box.width * box.height)
    xs, ys = np.empty((size, size)), np.empty((size, size))
    for row in range(size):
        for column in range(size):
            across = ((column + 0.5) / size - 0.5) * side
            along = ((row + 0.5) / size - 0.5) * side
            xs[row, column], ys[row, column] = middle + across * right + along * down
    return xs, ys


@pytest.mark.parametrize("roll_degrees", [0.0, 17.0, -35.0, 90.0])
@pytest.mark.parametrize(
    "frame",
    [CropFrame(), CropFrame(scale=1.3), CropFrame(scale=0.8, shift_x=0.1, shift_y=-0.15)],
)
@pytest.mark.parametrize(
    "box", [Box(90, 110, 138, 158), Box(80.3, 90.8, 151.9, 180.2), Box(60, 60, 204, 200)]
)
def test_each_pixel_comes_from_where_the_formula_says(
    box: Box, frame: CropFrame, roll_degrees: float
) -> None:
    # A plane stays exact under linear sampling and averaging: each pixel's value tells
    # where it was taken, along x in one picture and along y in the other. The plane is as
    # steep as 0..255 allow, so that a small part of a pixel shows.
    size, middle = 24, 135
    xs, ys = expected_centres(box, frame, size, roll_degrees)
    landmarks = landmarks_at(box, roll_degrees)
    slope = 127 / max(np.abs(xs - middle).max(), np.abs(ys - middle).max())
    for slope_x, slope_y in ((slope, 0.0), (0.0, slope)):
        gray = ramp(2 * middle, 2 * middle, slope_x, slope_y)
        crop = crop_face(gray, box, size=size, frame=frame, landmarks=landmarks)
        errors = crop - (128 + slope_x * (xs - middle) + slope_y * (ys - middle))
        # Ramp, sampling and averaging each round to whole levels.
        assert np.abs(errors).max() <= 1.6
        assert abs(errors.mean()) / slope < 0.2, "the crop is off by a part of a pixel"


@pytest.mark.parametrize("roll_degrees", [0.0, 25.0, -40.0])
def test_the_squares_matrix_leads_from_each_pixel_to_where_it_is_from(roll_degrees: float) -> None:
    box, frame = Box(30.5, 20, 130, 145.25), CropFrame(scale=1.15, shift_x=0.03, shift_y=-0.06)
    square = crop_square(box, frame, landmarks_at(box, roll_degrees))
    assert square.roll_degrees == pytest.approx(roll_degrees)
    columns, rows = np.meshgrid(np.arange(12) + 0.5, np.arange(12) + 0.5)
    points = np.stack([columns.ravel(), rows.ravel(), np.ones(144)])
    xs, ys, ones = square.to_picture(12) @ points
    expected_x, expected_y = expected_centres(box, frame, 12, roll_degrees)
    np.testing.assert_allclose(xs.reshape(12, 12), expected_x, atol=1e-9)
    np.testing.assert_allclose(ys.reshape(12, 12), expected_y, atol=1e-9)
    assert (ones == 1).all()


def test_whole_picture_at_its_own_size_is_unchanged(astronaut_bgr: NDArray[np.uint8]) -> None:
    face = to_gray(astronaut_bgr)[70:118, 190:238]
    crop = crop_face(face, Box(0, 0, 48, 48), size=48, frame=CropFrame())
    np.testing.assert_array_equal(crop, face)


def test_face_of_a_whole_multiple_is_the_mean_of_its_blocks() -> None:
    gray = np.random.default_rng(3).integers(0, 256, (96, 96)).astype(np.uint8)
    crop = crop_face(gray, Box(0, 0, 96, 96), size=24, frame=CropFrame())
    means = gray.reshape(24, 4, 24, 4).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_allclose(crop, means, atol=0.51)


def test_large_face_shows_no_aliasing() -> None:
    checkers = ((np.indices((960, 960)).sum(axis=0) % 2) * 255).astype(np.uint8)
    crop = crop_face(checkers, Box(13, 21, 913, 921), size=48, frame=CropFrame())
    assert np.ptp(crop.astype(int)) < 12
    assert abs(crop.mean() - 127.5) < 2


def test_turned_face_is_upright_again(astronaut_bgr: NDArray[np.uint8]) -> None:
    gray = to_gray(astronaut_bgr)
    box, frame = Box(165, 60, 285, 180), CropFrame()
    upright = crop_face(gray, box, size=48, frame=frame)
    for roll in (-40, 25):
        # OpenCV's angle is counter-clockwise, ours clockwise.
        turn = cv2.getRotationMatrix2D((box.centre[0] - 0.5, box.centre[1] - 0.5), -roll, 1.0)
        turned = cv2.warpAffine(gray, turn, gray.shape[::-1], flags=cv2.INTER_CUBIC)
        crop = crop_face(
            np.asarray(turned, np.uint8),
            box,
            size=48,
            frame=frame,
            landmarks=landmarks_at(box, roll),
        )
        difference = np.abs(crop.astype(int) - upright.astype(int))
        assert difference.mean() < 3
        unturned = crop_face(np.asarray(turned, np.uint8), box, size=48, frame=frame)
        assert np.abs(unturned.astype(int) - upright.astype(int)).mean() > 12


def test_landmarks_do_not_matter_where_the_frame_does_not_align() -> None:
    gray = ramp(200, 200, 0.5, 0.6)
    box, frame = Box(50, 50, 150, 150), CropFrame(align=False)
    np.testing.assert_array_equal(
        crop_face(gray, box, size=32, frame=frame, landmarks=landmarks_at(box, 30)),
        crop_face(gray, box, size=32, frame=frame),
    )


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    gray = np.repeat(np.arange(100, 200, dtype=np.uint8)[:, None], 100, axis=1)
    crop = crop_face(gray, Box(0, -50, 100, 50), size=50, frame=CropFrame())
    assert (crop[:24] == 100).all()
    np.testing.assert_allclose(crop[25:, 0], 100 + 2 * np.arange(25) + 0.5, atol=0.51)


@pytest.mark.parametrize("corner", [(500.0, 20.0), (-500.0, 20.0), (20.0, 500.0), (20.0, -500.0)])
def test_face_wholly_outside_shows_the_nearest_edge(corner: tuple[float, float]) -> None:
    gray = np.full((100, 100), 9, np.uint8)
    gray[:, -1], gray[:, 0], gray[-1], gray[0] = 200, 200, 200, 200
    x, y = corner
    crop = crop_face(gray, Box(x, y, x + 60, y + 60), size=24, frame=CropFrame())
    assert (crop == 200).all()


@pytest.mark.parametrize("shape", [(90, 40_000), (40_000, 90)])
def test_face_in_a_very_wide_or_tall_picture_is_cut(shape: tuple[int, int]) -> None:
    gray = np.zeros(shape, np.uint8)
    far = max(shape) - 80
    rows, columns = (far, 20) if shape[0] > shape[1] else (20, far)
    gray[rows : rows + 48, columns : columns + 48] = np.arange(48, dtype=np.uint8) * 5
    box = Box(columns, rows, columns + 48, rows + 48)
    crop = crop_face(gray, box, size=48, frame=CropFrame())
    np.testing.assert_array_equal(crop, np.tile(np.arange(48, dtype=np.uint8) * 5, (48, 1)))


def test_enormous_box_needs_no_enormous_memory() -> None:
    gray = np.full((64, 64), 50, np.uint8)
    crop = crop_face(gray, Box(-1e6, -1e6, 1e6, 1e6), size=48, frame=CropFrame())
    assert crop.shape == (48, 48)
    assert (crop == 50).all()


@pytest.mark.parametrize(
    ("gray", "box"),
    [
        (np.zeros((9, 9, 2), np.uint8), Box(0, 0, 4, 4)),
        (np.zeros((9, 9), np.float32), Box(0, 0, 4, 4)),
        (np.zeros((9, 9), np.uint8), Box(4, 0, 4, 4)),
        (np.zeros((9, 9), np.uint8), Box(0, 8, 4, 4)),
        (np.zeros((9, 9), np.uint8), Box(0, 0, math.nan, 4)),
    ],
)
def test_crop_refuses_other_pictures_and_boxes_without_area(
    gray: NDArray[np.uint8], box: Box
) -> None:
    with pytest.raises(ShapeError, match="expected"):
        crop_face(gray, box, size=48, frame=CropFrame())


@pytest.mark.parametrize(
    ("right_eye", "left_eye", "roll"),
    [
        ((10, 10), (30, 10), 0),
        ((10, 10), (30, 30), 45),
        ((10, 30), (30, 10), -45),
        ((10, 10), (10, 30), 90),
        ((30, 10), (10, 10), 180),
    ],
)
def test_roll_is_clockwise_as_seen(
    right_eye: tuple[float, float], left_eye: tuple[float, float], roll: float
) -> None:
    landmarks = (right_eye, left_eye, (20, 20), (15, 30), (25, 30))
    assert eye_roll_degrees(landmarks) == pytest.approx(roll)


def test_no_landmarks_mean_no_roll() -> None:
    assert eye_roll_degrees(None) == 0


def test_gray_is_bt601_luma() -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    blue, green, red = (bgr[:, :, i].astype(np.float64) for i in range(3))
    np.testing.assert_allclose(to_gray(bgr), 0.299 * red + 0.587 * green + 0.114 * blue, atol=0.52)


def test_gray_picture_stays_as_it_is() -> None:
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert to_gray(gray) is gray


def test_resize_averages_to_shrink_and_interpolates_to_enlarge() -> None:
    gray = np.array([[0, 100], [200, 100]], np.uint8)
    assert resize_gray(gray, 1).item() == 100
    assert resize_gray(gray, 2) is gray
    enlarged = resize_gray(gray, 4)
    # Linear between pixel centres, by hand: a quarter and three quarters of the way.
    np.testing.assert_allclose(enlarged[0], [0, 25, 75, 100], atol=1)
    np.testing.assert_allclose(enlarged[:, 0], [0, 50, 150, 200], atol=1)


def test_normalise_matches_its_definition() -> None:
    crops = np.random.default_rng(1).integers(0, 256, (5, 8, 8)).astype(np.uint8)
    batch = normalise(crops, mean=0.5, std=0.25)
    assert batch.shape == (5, 1, 8, 8)
    assert batch.dtype == np.float32
    expected = (crops.astype(np.float64) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(batch[:, 0], expected, atol=1e-6)


def test_normalise_of_no_faces_is_an_empty_batch() -> None:
    assert normalise(np.empty((0, 48, 48), np.uint8), mean=0.5, std=0.3).shape == (0, 1, 48, 48)


@pytest.mark.parametrize("crops", [np.zeros((48, 48), np.uint8), np.zeros((1, 48, 48), np.float32)])
def test_normalise_refuses_what_is_no_stack_of_crops(crops: NDArray[np.uint8]) -> None:
    with pytest.raises(ShapeError, match=r"\(n, h, w\) uint8"):
        normalise(crops, mean=0, std=1)


def test_crop_frame_survives_dict_and_pickle() -> None:
    frame = CropFrame(scale=1.2, shift_x=0.01, shift_y=-0.03, align=False)
    assert CropFrame(**frame.to_dict()) == frame
    assert pickle.loads(pickle.dumps(frame)) == frame


def test_sharpness_is_the_variance_of_the_laplacian(astronaut_bgr: NDArray[np.uint8]) -> None:
    face = to_gray(astronaut_bgr)[65:180, 170:280]
    around = np.pad(face.astype(float), 1, mode="reflect")
    laplacian = (
        around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:] - 4.0 * face
    )
    assert sharpness(face) == pytest.approx(np.var(laplacian))
    assert sharpness(np.full((44, 44), 90, np.uint8)) == 0
    assert sharpness(cv2.GaussianBlur(face, (0, 0), 2)) < sharpness(face) / 10


def test_a_face_is_cut_out_of_a_coloured_picture_as_out_of_its_gray_one(
    astronaut_bgr: NDArray[np.uint8],
) -> None:
    gray = to_gray(astronaut_bgr)
    rgb = np.ascontiguousarray(astronaut_bgr[:, :, ::-1])
    np.testing.assert_array_equal(to_gray(rgb, colour_order="rgb"), gray)
    frame = CropFrame(scale=1.2)
    for box in (Box(171, 70, 280, 185), Box(-40, 400, 90, 600)):
        marks = landmarks_at(box, 17)
        cut = [
            crop_face(picture, box, size=44, frame=frame, landmarks=marks, colour_order=order)
            for picture, order in ((gray, "bgr"), (astronaut_bgr, "bgr"), (rgb, "rgb"))
        ]
        np.testing.assert_array_equal(cut[1], cut[0])
        np.testing.assert_array_equal(cut[2], cut[0])
    with pytest.raises(ShapeError, match="HW3"):
        crop_face(np.zeros((4, 4, 2), np.uint8), box, size=44, frame=frame)
