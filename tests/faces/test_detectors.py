"""What holds for every detector: a face is found, and no picture is too odd."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.imaging import eye_roll_degrees
from mien.core.types import Box
from mien.faces import DetectedFace, Detector, open_detector
from mien.faces.detector import keep_faces

REAL = ("blazeface", "haar")
ALL = (*REAL, "full")
# The eyes of the astronaut, read off the picture by hand.
RIGHT_EYE, LEFT_EYE = (203.0, 103.0), (246.0, 104.0)


@cache
def detector_of(name: str) -> Detector:
    return open_detector(name)


def only_face(name: str, image_bgr: NDArray[np.uint8]) -> DetectedFace:
    faces = detector_of(name).detect(image_bgr)
    assert len(faces) == 1
    return faces[0]


@pytest.mark.parametrize("name", REAL)
def test_the_astronauts_face_is_found_about_her_eyes(
    name: str, astronaut_bgr: NDArray[np.uint8]
) -> None:
    box = only_face(name, astronaut_bgr).box
    for x, y in (RIGHT_EYE, LEFT_EYE):
        assert box.x1 < x < box.x2
        assert box.y1 < y < box.centre[1]
    assert 85 < box.width < 125


def test_blazeface_knows_right_eye_left_eye_nose_and_mouth(
    astronaut_bgr: NDArray[np.uint8],
) -> None:
    landmarks = only_face("blazeface", astronaut_bgr).landmarks
    assert landmarks is not None
    right_eye, left_eye, nose, right_mouth, left_mouth = landmarks
    assert right_eye == pytest.approx(RIGHT_EYE, abs=6)
    assert left_eye == pytest.approx(LEFT_EYE, abs=6)
    assert right_eye[0] < nose[0] < left_eye[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < right_mouth[1] == left_mouth[1]


@pytest.mark.parametrize("name", REAL)
def test_a_face_moves_with_the_picture(name: str, astronaut_bgr: NDArray[np.uint8]) -> None:
    plain = only_face(name, astronaut_bgr).box
    moved = only_face(name, cv2.copyMakeBorder(astronaut_bgr, 60, 0, 90, 0, cv2.BORDER_REPLICATE))
    assert moved.box.centre == pytest.approx((plain.centre[0] + 90, plain.centre[1] + 60), abs=8)


@pytest.mark.parametrize("name", REAL)
def test_a_face_grows_with_the_picture(name: str, astronaut_bgr: NDArray[np.uint8]) -> None:
    plain = only_face(name, astronaut_bgr).box
    # The cascade also sees a few small things in the suit: the face is the largest.
    grown = detector_of(name).detect(cv2.resize(astronaut_bgr, None, fx=2, fy=2))[0].box
    assert grown.centre == pytest.approx((2 * plain.centre[0], 2 * plain.centre[1]), abs=12)
    assert grown.width == pytest.approx(2 * plain.width, rel=0.1)


@pytest.mark.parametrize("degrees", [-30, 30])
def test_blazeface_sees_by_how_much_a_face_is_rolled(
    degrees: int, astronaut_bgr: NDArray[np.uint8]
) -> None:
    upright = eye_roll_degrees(only_face("blazeface", astronaut_bgr).landmarks)
    # OpenCV turns anticlockwise for positive angles, mien counts clockwise.
    matrix = cv2.getRotationMatrix2D((225, 120), -degrees, 1)
    turned = cv2.warpAffine(astronaut_bgr, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    rolled = eye_roll_degrees(only_face("blazeface", turned).landmarks)
    assert rolled - upright == pytest.approx(degrees, abs=8)


def test_a_face_cut_off_by_the_edge_has_a_box_past_it(astronaut_bgr: NDArray[np.uint8]) -> None:
    cut = np.ascontiguousarray(astronaut_bgr[85:])
    assert only_face("blazeface", cut).box.y1 < 0


@pytest.mark.parametrize("name", REAL)
def test_several_faces_come_largest_first(name: str, astronaut_bgr: NDArray[np.uint8]) -> None:
    head = astronaut_bgr[20:220, 130:330]
    small = cv2.resize(head, (130, 130), interpolation=cv2.INTER_AREA)
    sheet = np.full((220, 420, 3), 190, np.uint8)
    sheet[45:175, 20:150], sheet[10:210, 190:390] = small, head
    faces = detector_of(name).detect(sheet)
    assert len(faces) == 2
    assert faces[0].side_px > faces[1].side_px
    assert faces[0].box.centre[0] > faces[1].box.centre[0]


@pytest.mark.parametrize("name", REAL)
def test_faces_below_the_minimum_size_are_left_out(
    name: str, astronaut_bgr: NDArray[np.uint8]
) -> None:
    side = only_face(name, astronaut_bgr).side_px
    # A cascade tries fixed sizes, so a larger minimum may move the box to the next of them.
    assert open_detector(name, min_face_px=1.4 * side).detect(astronaut_bgr) == []
    assert len(open_detector(name, min_face_px=0.8 * side).detect(astronaut_bgr)) == 1


@pytest.mark.parametrize("name", REAL)
def test_a_higher_threshold_finds_no_less_sure_face(
    name: str, astronaut_bgr: NDArray[np.uint8]
) -> None:
    sure = only_face(name, astronaut_bgr).confidence
    assert 0 < sure < 1
    strict = open_detector(name, threshold=(sure + 1) / 2)
    assert strict.detect(astronaut_bgr) == []
    assert strict.threshold == pytest.approx((sure + 1) / 2)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 1000), (1000, 1), (10, 4000), (2, 2), (23, 25), (193, 191), (333, 77)]
)
@pytest.mark.parametrize("kind", ["black", "white", "noise"])
def test_pictures_without_a_face_are_read_whatever_their_shape(
    name: str, shape: tuple[int, int], kind: str
) -> None:
    image = np.full((*shape, 3), {"black": 0, "white": 255, "noise": 0}[kind], np.uint8)
    if kind == "noise":
        image = np.random.default_rng(3).integers(0, 256, image.shape, dtype=np.uint8)
    faces = detector_of(name).detect(image)
    assert len(faces) == (1 if name == "full" else 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 260), st.integers(1, 260), st.integers(0, 2**32 - 1))
def test_blazeface_gives_finite_sorted_faces_for_any_picture(w: int, h: int, seed: int) -> None:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
    faces = open_detector_with_low_threshold().detect(np.asarray(image, np.uint8))
    sides = [face.side_px for face in faces]
    assert sides == sorted(sides, reverse=True)
    for face in faces:
        edges = np.array([face.box.x1, face.box.y1, face.box.x2, face.box.y2])
        assert np.isfinite(edges).all()
        assert face.box.width > 0 < face.box.height
        assert 0.05 <= face.confidence <= 1


@cache
def open_detector_with_low_threshold() -> Detector:
    return open_detector("blazeface", threshold=0.05, min_face_px=1)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_what_is_no_colour_picture_is_refused(name: str, image: NDArray[np.uint8]) -> None:
    with pytest.raises(ShapeError):
        detector_of(name).detect(image)


@pytest.mark.parametrize("name", ALL)
def test_threads_do_not_disturb_each_other(name: str, astronaut_bgr: NDArray[np.uint8]) -> None:
    pictures = [
        np.ascontiguousarray(np.roll(astronaut_bgr[:320, 100:400], 10 * k, axis=1))
        for k in range(4)
    ]
    alone = [detector_of(name).detect(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector_of(name).detect, pictures * 3))
    assert together == alone * 3


def test_detecting_leaves_the_picture_as_it_was(astronaut_bgr: NDArray[np.uint8]) -> None:
    before = astronaut_bgr.copy()
    for name in ALL:
        detector_of(name).detect(astronaut_bgr)
    np.testing.assert_array_equal(astronaut_bgr, before)


def test_faces_of_one_size_keep_one_order() -> None:
    left, right = (DetectedFace(Box(x, 0, x + 40, 40), 0.9) for x in (0, 50))
    assert keep_faces([right, left], min_face_px=24) == [left, right]
    assert keep_faces([left, right], min_face_px=24) == [left, right]


def test_a_box_turned_inside_out_is_no_face() -> None:
    assert keep_faces([DetectedFace(Box(10, 10, 5, 5), 0.9)], min_face_px=1) == []


def test_full_takes_the_whole_picture() -> None:
    (face,) = open_detector("full").detect(np.zeros((30, 40, 3), np.uint8))
    assert face == DetectedFace(Box(0, 0, 40, 30), 1.0, None)
