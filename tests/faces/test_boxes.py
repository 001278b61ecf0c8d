"""Boxes are merged, and pictures fitted, as plain counting of pixels says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.faces.boxes import fit_picture, merge_detections, overlaps, size_within

whole_box = st.tuples(
    st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(whole_box, st.lists(whole_box, min_size=1, max_size=5))
def test_overlap_is_shared_pixels_over_covered_pixels(one: tuple, others: list) -> None:
    def painted(box: tuple) -> np.ndarray:
        mask = np.zeros((40, 40), bool)
        mask[box[1] : box[3], box[0] : box[2]] = True
        return mask

    expected = [
        (painted(one) & painted(o)).sum() / (painted(one) | painted(o)).sum() for o in others
    ]
    found = overlaps(np.array(one, float), np.array(others, float))
    np.testing.assert_allclose(found, expected)


def test_boxes_without_area_overlap_nothing() -> None:
    point = np.array([5.0, 5.0, 5.0, 5.0])
    assert overlaps(point, np.array([[5.0, 5, 5, 5], [0, 0, 10, 10]])).tolist() == [0.0, 0.0]


ROWS = np.array([[0, 0, 10, 10, 5, 5], [1, 0, 11, 10, 7, 5], [40, 40, 50, 50, 45, 45]], dtype=float)
SCORES = np.array([0.6, 0.9, 0.8])


def test_greedy_merging_keeps_the_best_of_each_group() -> None:
    rows, scores = merge_detections(ROWS, SCORES, overlap=0.3, weighted=False)
    assert scores.tolist() == [0.9, 0.8]
    np.testing.assert_array_equal(rows, ROWS[[1, 2]])


def test_weighted_merging_averages_boxes_and_landmarks_by_score() -> None:
    rows, scores = merge_detections(ROWS, SCORES, overlap=0.3, weighted=True)
    np.testing.assert_allclose(rows[0], (0.6 * ROWS[0] + 0.9 * ROWS[1]) / 1.5)
    np.testing.assert_array_equal(rows[1], ROWS[2])
    assert scores.tolist() == [0.9, 0.8]


def test_doubtful_detections_have_no_say_where_sure_ones_are() -> None:
    both, scores = merge_detections(ROWS, SCORES, overlap=0.3, weighted=True, sure=0.7)
    sure_only, _ = merge_detections(ROWS[1:], SCORES[1:], overlap=0.3, weighted=True)
    np.testing.assert_array_equal(both, sure_only)
    assert scores.tolist() == [0.9, 0.8]
    doubtful, _ = merge_detections(ROWS, SCORES, overlap=0.3, weighted=True, sure=0.95)
    np.testing.assert_allclose(doubtful[0], (0.6 * ROWS[0] + 0.9 * ROWS[1]) / 1.5)


def test_overlapping_faces_below_the_limit_stay_two() -> None:
    rows, _ = merge_detections(ROWS[:2], SCORES[:2], overlap=0.9, weighted=True)
    assert len(rows) == 2


@pytest.mark.parametrize("weighted", [True, False])
def test_merging_nothing_gives_nothing(weighted: bool) -> None:
    rows, scores = merge_detections(np.empty((0, 6)), np.empty(0), overlap=0.3, weighted=weighted)
    assert rows.shape == (0, 6)
    assert scores.shape == (0,)


@given(st.integers(1, 300), st.integers(1, 300), st.booleans())
def test_a_fitted_picture_maps_back_to_its_own_corners(w: int, h: int, centred: bool) -> None:
    image = np.full((h, w, 3), 200, np.uint8)
    inner = size_within(w, h, 96, enlarge=True)
    fitted = fit_picture(image, inner=inner, outer=(96, 96), centred=centred)
    assert fitted.pixels.shape == (96, 96, 3)
    ys, xs = np.nonzero(fitted.pixels[:, :, 0])
    corners = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], float)
    np.testing.assert_allclose(fitted.to_picture(corners), [[0, 0, w, h]], atol=1e-9)
    assert max(inner) == 96


@pytest.mark.parametrize("size", [(1280, 720), (3840, 2160), (1281, 720), (900, 2)])
def test_a_large_picture_is_averaged_down_as_in_one_go(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    inner = size_within(*size, 192, enlarge=True)
    fitted = fit_picture(image, inner=inner, outer=(192, 192), centred=False)
    direct = cv2.resize(image, inner, interpolation=cv2.INTER_AREA).astype(int)
    found = fitted.pixels[: inner[1], : inner[0]].astype(int)
    # Noise of 0 to 255 is the worst there is; pictures differ by a level or two at most.
    assert np.abs(found - direct).mean() < 4
    assert found.mean() == pytest.approx(direct.mean(), abs=0.5)
    smooth = cv2.GaussianBlur(image, (0, 0), 4)
    found = fit_picture(smooth, inner=inner, outer=(192, 192), centred=False).pixels
    direct = cv2.resize(smooth, inner, interpolation=cv2.INTER_AREA)
    assert np.abs(found[: inner[1], : inner[0]].astype(int) - direct).max() <= 2
    assert fitted.scale_x == inner[0] / size[0] and fitted.scale_y == inner[1] / size[1]


@pytest.mark.parametrize(
    ("size", "enlarge", "expected"),
    [
        ((640, 480), False, (320, 240)),
        ((100, 50), False, (100, 50)),
        ((100, 50), True, (320, 160)),
        ((4000, 10), False, (320, 1)),
        ((1, 1000), False, (1, 320)),
    ],
)
def test_size_within_keeps_shape_and_at_least_one_pixel(
    size: tuple[int, int], enlarge: bool, expected: tuple[int, int]
) -> None:
    assert size_within(*size, 320, enlarge=enlarge) == expected
