"""Pictures that are one and the same, a little changed, are found; different ones are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from evaluations import smooth_faces
from mien.data.near_duplicates import ALIKE_FROM, alike_groups, find_likest


def test_different_pictures_stay_alone() -> None:
    np.testing.assert_array_equal(alike_groups(smooth_faces(300)), np.arange(300))


CHANGES = ("same", "mirrored", "shifted by a pixel", "darker and flatter", "JPEG")


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


@pytest.mark.parametrize("how", CHANGES)
def test_a_picture_that_was_changed_a_little_is_in_one_group_with_itself(how: str) -> None:
    faces = smooth_faces(40)
    groups = alike_groups(np.concatenate([faces, changed(faces[7], how)[None]]))
    assert groups[-1] == groups[7]
    assert len(set(groups.tolist())) == 40


@pytest.mark.parametrize("how", CHANGES)
def test_the_likest_of_a_changed_picture_is_the_picture(how: str) -> None:
    # More faces than are compared at once, the wanted one among the last.
    faces = smooth_faces(1200)
    likest, alikeness = find_likest(changed(faces[1130], how)[None], faces)
    assert likest.tolist() == [1130]
    assert ALIKE_FROM <= alikeness[0] <= 1.0001


def test_the_likest_of_a_new_picture_is_not_alike() -> None:
    faces = smooth_faces(1300)
    likest, alikeness = find_likest(faces[:1100], faces[1100:])
    assert (alikeness < ALIKE_FROM).all() and (alikeness > 0).all()
    # By hand, for one that a mirror image is likest to and one that is likest as it is.
    small = np.stack([cv2.resize(f.astype(np.float32), (12, 12), interpolation=3) for f in faces])
    for face in (0, 1099):
        pairs = [
            [np.corrcoef(small[face].ravel(), way.ravel())[0, 1] for way in (one, one[:, ::-1])]
            for one in small[1100:]
        ]
        best = np.max(pairs, axis=1)
        assert likest[face] == best.argmax()
        assert alikeness[face] == pytest.approx(best.max(), abs=1e-4)


def test_an_empty_picture_is_like_an_empty_one_alone() -> None:
    faces, empty = smooth_faces(3), np.full((1, 48, 48), 90, np.uint8)
    likest, alikeness = find_likest(np.concatenate([empty, faces[:1]]), faces)
    assert alikeness[0] < ALIKE_FROM and likest[1] == 0
    likest, alikeness = find_likest(empty, np.concatenate([faces, empty // 2, empty]))
    assert (likest.tolist(), alikeness.tolist()) == ([3], [1.0])


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
