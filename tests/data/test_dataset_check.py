from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from evaluations import smooth_faces
from fer2013_files import make_faces
from mien.core.labels import FER2013
from mien.data import FaceDataset, Problem, also_in_training, check_dataset, find_duplicates

TRAIN, VALIDATION, TEST = 0, 1, 2


@pytest.fixture
def dataset() -> FaceDataset:
    """Nine faces: 0 = 3 = 7, 1 = 2 (other label), 4 = 8; 6 is black, 5 is alone."""
    a, b, c, d = make_faces(4, size=6)
    black = np.zeros_like(a)
    return FaceDataset(
        name="made",
        images_gray=np.stack([a, b, b, a, c, d, black, a, c]),
        splits=np.array([0, 0, 0, 1, 1, 2, 2, 2, 2], np.int8),
        class_ids=np.array([3, 4, 5, 3, 0, 1, 2, -1, 0], np.int64),
        label_set=FER2013,
        votes=None,
        sources=tuple(range(10, 19)),
        problems=(Problem(3, "label", "why"), Problem(4, "label", "why"), Problem(5, "split", "x")),
        notes=("one",),
    )


def test_duplicates_are_grouped_and_an_unlabelled_one_disagrees_with_none(
    dataset: FaceDataset,
) -> None:
    groups = find_duplicates(dataset)
    assert [g.indices.tolist() for g in groups] == [[0, 3, 7], [1, 2], [4, 8]]
    assert [g.labels_disagree for g in groups] == [False, True, False]


def test_also_in_training_marks_only_faces_that_are_not_train(dataset: FaceDataset) -> None:
    assert np.flatnonzero(also_in_training(dataset)).tolist() == [3, 7]


def test_also_in_training_of_a_part_looks_into_the_training_that_it_is_given(
    dataset: FaceDataset,
) -> None:
    test = dataset.select_split("test")
    assert also_in_training(test, dataset).tolist() == [False, False, True, False]
    assert also_in_training(test).tolist() == [False] * 4


def test_one_pixel_makes_a_face_another(dataset: FaceDataset) -> None:
    images = dataset.images_gray.copy()
    images[7, 5, 5] ^= 1
    changed = replace(dataset, images_gray=images)
    assert np.flatnonzero(also_in_training(changed)).tolist() == [3]


def test_report_counts_everything(dataset: FaceDataset) -> None:
    report = check_dataset(dataset)
    assert report.constant == (6,)
    assert (len(report.duplicates), report.duplicate_faces, len(report.disagreeing)) == (3, 7, 1)
    assert report.also_in_training == {"validation": 1, "test": 1}
    assert report.across_splits == {
        ("train", "validation"): 1,
        ("train", "test"): 1,
        ("validation", "test"): 2,
    }
    assert report.problem_counts() == {"label": 2, "split": 1}
    assert report.unlabelled == 1
    assert report.no_face_votes is None
    assert json.loads(json.dumps(report.to_dict()))["notes"] == ["one"]


def test_findings_name_row_split_label_and_group(dataset: FaceDataset) -> None:
    findings = check_dataset(dataset).findings()
    assert [f["kind"] for f in findings] == ["label"] * 2 + ["split", "constant"] + [
        "duplicate"
    ] * 7
    assert findings[0] == {
        "kind": "label",
        "source": 3,
        "split": None,
        "label": None,
        "group": None,
        "detail": "why",
    }
    assert findings[3]["source"] == 16
    assert [(f["source"], f["split"], f["label"], f["group"]) for f in findings[4:9]] == [
        (10, "train", "happiness", 0),
        (13, "validation", "happiness", 0),
        (17, "test", None, 0),
        (11, "train", "sadness", 1),
        (12, "train", "surprise", 1),
    ]
    assert findings[7]["detail"] == "labels disagree"


def test_a_train_face_that_comes_again_a_little_changed_is_found_with_its_twin(
    dataset: FaceDataset,
) -> None:
    faces = smooth_faces(9)
    faces[4], faces[8] = faces[1][:, ::-1] // 2 + 40, faces[0]
    report = check_dataset(replace(dataset, images_gray=faces))
    assert report.also_in_training == {"validation": 0, "test": 1}
    assert report.alike_in_training == {"validation": 1, "test": 1}
    *_, found = report.findings()
    assert found == {
        "kind": "alike in train",
        "source": 14,
        "split": "validation",
        "label": "anger",
        "group": None,
        "detail": "like 11",
    }


def test_no_face_votes_are_those_with_a_majority_for_nf(dataset: FaceDataset) -> None:
    votes = np.zeros((9, 10), np.uint8)
    votes[:, 0], votes[:, 9] = 5, 5
    votes[2, 9] = 6
    assert check_dataset(replace(dataset, votes=votes)).no_face_votes == 1


def test_an_empty_dataset_has_nothing_wrong(dataset: FaceDataset) -> None:
    report = check_dataset(dataset.subset([]))
    assert report.constant == () and report.duplicates == () and report.findings() == []
