"""Pictures that are one and the same, a little changed, are found; different ones are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.data.near_duplicates import alike_groups


def smooth_faces(n: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """(n, 48, 48) blotches as coarse as the features of a face, each its own."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (n, 7, 7)).astype(np.float32)
    fine = [cv2.resize(one, (48, 48), interpolation=cv2.INTER_CUBIC) for one in coarse]
    return np.clip(fine, 0, 255).astype(np.uint8)


def test_different_pictures_stay_alone() -> None:
    np.testing.assert_array_equal(alike_groups(smooth_faces(300)), np.arange(300))


def changed(face: NDArray[np.uint8], how: str) -> NDArray[np.uint8]:
    if how == "same":
        return face
    if how == "mirrored":
        return face[:, ::-1]
    if how == "shifted by a pixel":
        return np.roll(face, 1, axis=1)
    if how == "darker and flatter":
        return (face * 0.5 + 20).astype(np.uint8)
    packed = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize(
    "how", ["same", "mirrored", "shifted by a pixel", "darker and flatter", "JPEG"]
)
def test_a_picture_that_was_changed_a_little_is_in_one_group_with_itself(how: str) -> None:
    faces = smooth_faces(40)
    groups = alike_groups(np.concatenate([faces, changed(faces[7], how)[None]]))
    assert groups[-1] == groups[7]
    assert len(set(groups.tolist())) == 40


def test_groups_are_what_pairs_connect() -> None:
    # Each is like its neighbour, the first and the last are not like one another.
    a, b = smooth_faces(2).astype(float)
    chain = np.stack([(1 - t) * a + t * b for t in np.linspace(0, 1, 12)]).astype(np.uint8)
    assert len(set(alike_groups(chain[[0, -1]]).tolist())) == 2
    assert set(alike_groups(chain).tolist()) == {0}


def test_faces_far_apart_in_the_data_are_compared() -> None:
    faces = smooth_faces(1500)
    groups = alike_groups(np.concatenate([faces, faces[:3], faces[1200:1201, :, ::-1]]))
    assert groups[1500:].tolist() == [0, 1, 2, 1200]


def test_empty_pictures_are_one_group_whatever_their_gray() -> None:
    faces = smooth_faces(5)
    faces[1], faces[4] = 0, 130
    assert alike_groups(faces).tolist() == [0, 1, 2, 3, 1]


def test_no_faces_are_no_groups() -> None:
    assert alike_groups(np.zeros((0, 48, 48), np.uint8)).shape == (0,)
