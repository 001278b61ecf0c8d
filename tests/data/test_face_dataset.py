from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer2013_files import make_faces
from mien.core.errors import DatasetError
from mien.core.labels import FER2013
from mien.data import SPLITS, FaceDataset, canonical_split


def make_dataset(n: int = 9) -> FaceDataset:
    return FaceDataset(
        name="made",
        images_gray=make_faces(n, size=4),
        splits=(np.arange(n) * 3 // n).astype(np.int8),
        class_ids=(np.arange(n, dtype=np.int64) % 8) - 1,
        label_set=FER2013,
        votes=np.arange(n * 10, dtype=np.uint8).reshape(n, 10),
        sources=tuple(range(100, 100 + n)),
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images_gray": np.zeros((9, 4), np.uint8)}, r"\(n, h, w\), got \(9, 4\)"),
        ({"images_gray": np.zeros((9, 4, 4), np.float32)}, "must be uint8"),
        ({"splits": np.zeros(8, np.int8)}, r"splits must be int8 of shape \(9,\)"),
        ({"splits": np.full(9, 3, np.int8)}, "splits must index"),
        ({"splits": np.full(9, -1, np.int8)}, "splits must index"),
        ({"class_ids": np.zeros(9, np.int32)}, "class_ids must be int64"),
        ({"class_ids": np.full(9, 7)}, r"must lie in -1..6 .* got 7..7"),
        ({"class_ids": np.full(9, -2)}, r"got -2..-2"),
        ({"votes": np.zeros((9, 8), np.uint8)}, r"votes must be uint8 of shape \(9, 10\)"),
        ({"sources": ("a",)}, "expected 9 sources"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        replace(make_dataset(), **changes)  # type: ignore[arg-type]


def test_an_empty_dataset_is_whole() -> None:
    empty = make_dataset().subset([])
    assert len(empty) == 0
    assert empty.image_size == (4, 4)
    assert len(empty.select_split("train")) == 0


@pytest.mark.parametrize(
    "wanted",
    [
        np.array([True, False, True] * 3),
        np.array([4, 0, 0, 8]),
        [2, 3, 4],
        [-1],
        slice(1, 6, 2),
    ],
    ids=["mask", "indices", "run", "negative", "slice"],
)
def test_subset_takes_every_array_the_same_way(wanted: object) -> None:
    whole = make_dataset()
    part = whole.subset(wanted)  # type: ignore[arg-type]
    numbers = np.arange(9)[wanted]  # type: ignore[index]
    np.testing.assert_array_equal(part.images_gray, whole.images_gray[numbers])
    np.testing.assert_array_equal(part.class_ids, whole.class_ids[numbers])
    np.testing.assert_array_equal(part.splits, whole.splits[numbers])
    assert part.votes is not None and whole.votes is not None
    np.testing.assert_array_equal(part.votes, whole.votes[numbers])
    assert part.sources == tuple(100 + int(i) for i in numbers)


def test_a_split_of_a_memory_map_stays_one(tmp_path: Path) -> None:
    whole = make_dataset()
    images = np.memmap(tmp_path / "images", np.uint8, "w+", shape=whole.images_gray.shape)
    images[:] = whole.images_gray
    part = replace(whole, images_gray=images).select_split("validation")
    assert np.shares_memory(part.images_gray, images)
    np.testing.assert_array_equal(part.images_gray, whole.images_gray[3:6])


def test_wrong_masks_and_indices_are_refused() -> None:
    whole = make_dataset()
    with pytest.raises(DatasetError, match=r"mask of shape \(9,\), got \(8,\)"):
        whole.subset(np.ones(8, bool))
    with pytest.raises(DatasetError, match=r"indices must lie in 0\.\.8, got 0\.\.9"):
        whole.subset([0, 9])
    with pytest.raises(DatasetError, match=r"indices .* got -10"):
        whole.subset([-10])


@pytest.mark.parametrize(
    ("spelling", "split"),
    [
        ("Training", "train"),
        ("PublicTest", "validation"),
        ("PrivateTest", "test"),
        (" VAL ", "validation"),
        ("valid", "validation"),
        ("private_test", "test"),
    ],
)
def test_splits_are_known_by_every_name(spelling: str, split: str) -> None:
    assert canonical_split(spelling) == split
    whole = make_dataset()
    part = whole.select_split(spelling)
    assert set(part.splits.tolist()) == {SPLITS.index(split)}
    assert len(part) == 3


def test_unknown_split_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"unknown split 'holdout'; known: train, validation"):
        make_dataset().select_split("holdout")


def test_repr_says_what_it_is() -> None:
    text = repr(make_dataset())
    assert text == "FaceDataset(made: 9 faces of 4x4 px: 3 train, 3 validation, 3 test, FER+ votes)"
