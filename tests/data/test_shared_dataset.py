"""What was counted in FER2013 and FER+, by others; the readers must come to the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from mien.data import (
    FaceDataset,
    also_in_training,
    check_dataset,
    ferplus_targets,
    open_dataset,
    write_csv,
    write_folders,
)

pytestmark = pytest.mark.dataset

SPLIT_NAMES = ("Training", "PublicTest", "PrivateTest")


@pytest.fixture(scope="module")
def fer2013(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceDataset:
    return open_dataset(shared_data, cache_dir=tmp_path_factory.mktemp("cache"), strict=True)


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("Training", [3995, 436, 4097, 7215, 4830, 3171, 4965]),
        ("PublicTest", [467, 56, 496, 895, 653, 415, 607]),
        ("PrivateTest", [491, 55, 528, 879, 594, 416, 626]),
    ],
)
def test_faces_by_class_and_split(fer2013: FaceDataset, split: str, counts: list[int]) -> None:
    part = fer2013.select_split(split)
    assert np.bincount(part.class_ids, minlength=7).tolist() == counts
    assert isinstance(part.images_gray, np.memmap)


@pytest.mark.parametrize(
    ("rule", "counts"),
    [
        ("majority", [25_060, 3_199, 3_153]),
        ("argmax10", [28_389, 3_553, 3_546]),
        ("argmax8", [28_559, 3_579, 3_573]),
    ],
)
def test_rows_that_each_fer_plus_rule_keeps(
    fer2013: FaceDataset, rule: str, counts: list[int]
) -> None:
    found = []
    for split in SPLIT_NAMES:
        votes = fer2013.select_split(split).votes
        assert votes is not None
        found.append(int(ferplus_targets(votes, rule).keep.sum()))
    assert found == counts


def test_duplicates_and_leaks(fer2013: FaceDataset) -> None:
    report = check_dataset(fer2013)
    assert len(report.duplicates) == 1_518
    assert report.duplicate_faces == 3_373
    assert len(report.disagreeing) == 59
    assert report.also_in_training == {"validation": 280, "test": 288}
    assert int(also_in_training(fer2013).sum()) == 280 + 288
    assert report.alike_in_training == {"validation": 511, "test": 534}
    for overlap in report.overlaps.values():
        twins = fer2013.class_ids[overlap.twins[overlap.alike]]
        assert round((twins == fer2013.class_ids[overlap.alike]).mean(), 2) == 0.92


@pytest.mark.slow
def test_a_csv_written_from_it_is_the_published_file(fer2013: FaceDataset, tmp_path: Path) -> None:
    with write_csv(fer2013, tmp_path / "fer2013.csv").open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    assert sha256 == "dcfbee00a70bedf8f31c00255f8a36e03dbfba5bdb6ad0be86db519d616c21f6"


@pytest.mark.slow
def test_folders_and_back_lose_nothing(fer2013: FaceDataset, tmp_path: Path) -> None:
    part = fer2013.subset(np.arange(0, len(fer2013), 17))
    folder = write_folders(part, tmp_path / "faces")
    write_csv(open_dataset(folder, strict=True), tmp_path / "back" / "fer2013.csv")
    back = open_dataset(tmp_path / "back", cache_dir=tmp_path / "cache", strict=True)
    for name in ("images_gray", "splits", "class_ids", "votes"):
        np.testing.assert_array_equal(getattr(part, name), getattr(back, name), err_msg=name)
