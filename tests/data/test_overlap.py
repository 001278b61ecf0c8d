"""Faces of a split that are training faces as well, or show the same picture as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluations import make_dataset, smooth_faces
from mien.data import SPLITS, FaceDataset
from mien.data.overlap import training_overlap

TRAIN, VALIDATION, TEST = range(len(SPLITS))


@pytest.fixture
def dataset() -> FaceDataset:
    """Of six test faces the second is a training face, the fourth its mirror image with a sign."""
    faces = smooth_faces(9)
    marked = faces[2][:, ::-1].copy()
    marked[40:44, 3:9] = 255
    images = [*faces[:4], faces[4], faces[1], faces[5], marked, faces[6], faces[7]]
    splits = [TRAIN] * 3 + [VALIDATION] + [TEST] * 6
    return make_dataset(splits, [0] * 10, images)


def test_the_same_and_the_alike_are_marked_with_their_twins(dataset: FaceDataset) -> None:
    overlap = training_overlap(dataset, "test")
    assert overlap is not None
    assert np.flatnonzero(overlap.same).tolist() == [5]
    assert np.flatnonzero(overlap.alike).tolist() == [5, 7]
    assert overlap.twins.tolist() == [-1] * 5 + [1, -1, 2, -1, -1]


def test_faces_of_another_split_are_not_asked(dataset: FaceDataset) -> None:
    images = dataset.images_gray.copy()
    images[3] = images[0]
    copied = replace(dataset, images_gray=images)
    validation, test = (training_overlap(copied, name) for name in ("validation", "test"))
    assert validation is not None and test is not None
    assert np.flatnonzero(validation.alike).tolist() == [3]
    assert np.flatnonzero(test.alike).tolist() == [5, 7]


def test_some_of_the_faces_can_be_taken(dataset: FaceDataset) -> None:
    overlap = training_overlap(dataset, "test")
    assert overlap is not None
    some = overlap.at(np.array([7, 5, 4]))
    assert (some.same.tolist(), some.twins.tolist()) == ([False, True, False], [2, 1, -1])


def test_of_the_training_split_and_without_one_it_is_no_question(dataset: FaceDataset) -> None:
    assert training_overlap(dataset, "train") is None
    assert training_overlap(dataset.select_split("test"), "test") is None


def test_an_empty_split_has_none(dataset: FaceDataset) -> None:
    overlap = training_overlap(dataset.subset(dataset.splits != TEST), "test")
    assert overlap is not None
    assert not overlap.alike.any()
