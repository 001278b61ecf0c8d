"""Corrections change the training faces that they name, and refuse data that they do not fit."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer2013_files import make_faces
from mien.core.errors import DatasetError
from mien.core.labels import FER2013
from mien.data import SPLITS, FaceDataset
from mien.data.corrections import CORRECTION_COLUMNS, correct_labels, read_corrections
from mien.data.duplicates import face_fingerprints

N = 12
GIVEN = FER2013.labels


def training() -> FaceDataset:
    """Twelve training faces with votes; face i is of class i modulo 7, from row 100 + i."""
    return FaceDataset(
        name="few",
        images_gray=make_faces(N, size=8),
        splits=np.zeros(N, np.int8),
        class_ids=np.arange(N) % 7,
        label_set=FER2013,
        votes=np.arange(N * 10, dtype=np.uint8).reshape(N, 10),
        sources=tuple(range(100, 100 + N)),
    )


def rows_of(faces: FaceDataset) -> list[dict[str, str]]:
    """A row for each face, all of them to keep."""
    return [
        {
            "source": str(source),
            "split": SPLITS[split],
            "face": face,
            "given": GIVEN[class_id],
            "likely": GIVEN[(class_id + 1) % 7],
            "suggestion": "keep",
            "quality": "0.5",
        }
        for source, split, face, class_id in zip(
            faces.sources, faces.splits, face_fingerprints(faces), faces.class_ids, strict=True
        )
    ]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_named_faces_are_dropped_or_relabelled_and_no_other(tmp_path: Path) -> None:
    faces, rows = training(), rows_of(training())
    rows[3]["suggestion"] = "drop"
    rows[8]["suggestion"] = "relabel"
    rows[9] |= {"suggestion": "relabel", "likely": "Angry"}
    path = write(tmp_path / "audit.csv", rows)
    corrected, done = correct_labels(faces, read_corrections(path))
    expected = np.arange(N) % 7
    expected[8], expected[9] = (8 + 1) % 7, GIVEN.index("anger")
    kept = np.delete(np.arange(N), 3)
    np.testing.assert_array_equal(corrected.class_ids, expected[kept])
    np.testing.assert_array_equal(corrected.images_gray, faces.images_gray[kept])
    assert corrected.votes is not None and faces.votes is not None
    np.testing.assert_array_equal(corrected.votes, faces.votes[kept])
    assert corrected.sources == tuple(100 + i for i in kept)
    assert done.to_dict() == {
        "file": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "dropped": 1,
        "relabelled": 2,
    }
    np.testing.assert_array_equal(faces.class_ids, np.arange(N) % 7)


def test_rows_may_be_left_out_and_put_in_any_order(tmp_path: Path) -> None:
    rows = rows_of(training())[5:2:-1]
    rows[0]["suggestion"] = "drop"
    corrected, done = correct_labels(
        training(), read_corrections(write(tmp_path / "few.csv", rows))
    )
    assert (done.dropped, done.relabelled) == (1, 0)
    assert 105 not in corrected.sources and len(corrected) == N - 1


def test_a_file_of_nothing_but_keep_changes_nothing(tmp_path: Path) -> None:
    faces = training()
    path = write(tmp_path / "keep.csv", rows_of(faces))
    corrected, done = correct_labels(faces, read_corrections(path))
    assert corrected.images_gray is faces.images_gray
    assert (done.dropped, done.relabelled) == (0, 0)


@pytest.mark.parametrize("what", ["pixels", "labels", "rows"])
def test_other_data_is_refused(tmp_path: Path, what: str) -> None:
    faces = training()
    path = write(tmp_path / "audit.csv", rows_of(faces))
    if what == "pixels":
        images = faces.images_gray.copy()
        images[4, 0, 0] ^= 1
        other = replace(faces, images_gray=images)
    elif what == "labels":
        class_ids = faces.class_ids.copy()
        class_ids[4] = -1
        other = replace(faces, class_ids=class_ids)
    else:
        other = faces.subset(np.arange(N) != 4)
    with pytest.raises(DatasetError, match=r"does not fit few: 1 of its 12 rows.*source 104"):
        correct_labels(other, read_corrections(path))


def test_faces_of_splits_that_measure_are_never_changed(tmp_path: Path) -> None:
    rows = rows_of(training())
    rows[2]["split"] = "validation"
    # A row that keeps its face is no change, so it needs not be there either.
    path = write(tmp_path / "audit.csv", rows)
    assert len(correct_labels(training(), read_corrections(path))[0]) == N
    rows[2]["suggestion"] = "drop"
    with pytest.raises(DatasetError, match=r"faces of validation and test \(source 102\)"):
        correct_labels(training(), read_corrections(write(path, rows)))


def test_dropping_everything_is_refused(tmp_path: Path) -> None:
    rows = [row | {"suggestion": "drop"} for row in rows_of(training())]
    with pytest.raises(DatasetError, match="drops every face"):
        correct_labels(training(), read_corrections(write(tmp_path / "audit.csv", rows)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suggestion": "delete"}, "line 2: expected a suggestion of keep, relabel, drop"),
        ({"split": "PublicTest"}, "line 2: expected a split of train, validation, test"),
        ({"suggestion": "relabel", "likely": "anger"}, "relabel to anger, which is the label"),
        ({"source": "101"}, "more than one row for source 101"),
    ],
)
def test_values_that_mean_nothing_are_refused(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    rows = rows_of(training())
    rows[0] |= change
    with pytest.raises(DatasetError, match=message):
        read_corrections(write(tmp_path / "audit.csv", rows))


def test_a_label_that_the_data_does_not_know_is_refused(tmp_path: Path) -> None:
    rows = rows_of(training())
    rows[0] |= {"suggestion": "relabel", "likely": "contempt"}
    with pytest.raises(DatasetError, match="source 100: 'contempt' is not in label set fer2013"):
        correct_labels(training(), read_corrections(write(tmp_path / "audit.csv", rows)))


@pytest.mark.parametrize("column", CORRECTION_COLUMNS)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    rows = rows_of(training())
    for row in rows:
        del row[column]
    with pytest.raises(DatasetError, match=f"missing column {column}; `mien data audit`"):
        read_corrections(write(tmp_path / "audit.csv", rows))


def test_what_is_no_csv_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*nowhere"):
        read_corrections(tmp_path / "nowhere.csv")
    (tmp_path / "binary").write_bytes(b"\x80\x81\xff")
    with pytest.raises(DatasetError, match="is no CSV file"):
        read_corrections(tmp_path / "binary")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DatasetError, match="missing columns source, split"):
        read_corrections(tmp_path / "empty")
