"""Which faces are judged, and by whose probabilities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluations import SidePredictor, sample_dataset
from mien.core.errors import DatasetError
from mien.core.labels import FER2013
from mien.data import FaceDataset
from mien.evaluation.audit_answers import ask_model, choose_judged, read_answers

LABELS = FER2013.labels


def test_a_split_is_judged_without_unlabelled_faces_and_those_in_training() -> None:
    # 20 faces a split; test faces 40 to 44 are training faces as well.
    dataset = sample_dataset()
    class_ids = dataset.class_ids.copy()
    class_ids[[44, 50, 3]] = -1
    dataset = replace(dataset, class_ids=class_ids)
    judged = choose_judged(dataset, "PrivateTest", leave_out_seen=True)
    assert judged.indices.tolist() == [i for i in range(45, 60) if i != 50]
    assert (judged.split, judged.n_split, judged.unlabelled, judged.seen) == ("test", 20, 2, 4)
    everyone = choose_judged(dataset, "test", leave_out_seen=False)
    assert (len(everyone.indices), everyone.seen) == (18, 0)
    training = choose_judged(dataset, "train", leave_out_seen=True)
    assert (len(training.indices), training.seen) == (19, 0)


def test_splits_without_a_face_to_judge_are_refused() -> None:
    dataset = sample_dataset()
    with pytest.raises(DatasetError, match="no face in split test; audit another"):
        choose_judged(dataset.select_split("train"), "test", leave_out_seen=True)
    with pytest.raises(DatasetError, match="no face of split test has a label"):
        choose_judged(replace(dataset, class_ids=np.full(60, -1)), "test", leave_out_seen=True)
    copies = dataset.subset([*range(5), *range(40, 45)])
    with pytest.raises(DatasetError, match="every face of split test is among the training"):
        choose_judged(copies, "test", leave_out_seen=True)


def test_a_model_is_asked_about_face_and_mirror_image() -> None:
    dataset, told = sample_dataset(), []
    indices = np.array([41, 7, 30])
    answers = ask_model(
        SidePredictor("fer2013", sureness=2.0),
        dataset,
        indices,
        batch_size=2,
        on_progress=lambda done, total: told.append((done, total)),
    )
    # The predictor reads the corners: softmax of one 2 among six 0, mean over both looks.
    top = np.exp(2) / (np.exp(2) + 6)
    rest = (1 - top) / 6
    for row, index in zip(answers, indices, strict=True):
        left, right = (int(c) % 7 for c in dataset.images_gray[index, 0, [0, -1]])
        expected = np.full(7, rest)
        expected[left] += (top - rest) / 2
        expected[right] += (top - rest) / 2
        np.testing.assert_allclose(row, expected, atol=1e-6)
    assert told == [(2, 6), (4, 6), (5, 6), (6, 6)]


def test_a_model_of_other_labels_is_refused() -> None:
    with pytest.raises(DatasetError, match="sides answers in ferplus; take a model with a fer2013"):
        ask_model(SidePredictor("ferplus"), sample_dataset(), np.array([1]))


@pytest.fixture
def faces() -> FaceDataset:
    return sample_dataset().select_split("validation")


@pytest.fixture
def table(faces: FaceDataset) -> pd.DataFrame:
    """Probabilities of these faces in another order, among other columns and rows."""
    answers = np.random.default_rng(0).dirichlet(np.ones(7), len(faces) + 1)
    frame = pd.DataFrame(answers, columns=[f"p_{label}" for label in LABELS]).round(4)
    frame.insert(0, "source", ["none of them", *faces.sources[::-1]])
    return frame.assign(note="x").sample(frac=1, random_state=1)


def test_answers_of_a_file_are_those_of_its_rows(
    faces: FaceDataset, table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "answers.csv"
    # Columns in another order too.
    table[sorted(table.columns)].to_csv(path, index=False)
    answers = read_answers(path, faces)
    rows = table.set_index(table["source"].astype(str))
    for row, source in zip(answers, faces.sources, strict=True):
        expected = rows.loc[str(source), [f"p_{label}" for label in LABELS]].astype(float)
        np.testing.assert_allclose(row, expected, atol=2e-4)
    np.testing.assert_allclose(answers.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns=["p_fear"]), r"no predictions of fer2013: missing column p_fear"),
        (lambda t: t[t["source"] != 25], r"no predictions for 1 of 20 faces \(source 25\)"),
        (lambda t: pd.concat([t, t[t["source"] == 25]]), "more than one row for source 25"),
        (lambda t: t.assign(p_fear=0.9), "20 rows are not"),
        (lambda t: t.assign(p_fear="much"), "expected probabilities from 0 to 1"),
        (lambda t: t.assign(p_fear=t["p_fear"] - 2, p_anger=t["p_anger"] + 2), "20 rows are not"),
    ],
)
def test_files_that_do_not_answer_are_refused(
    faces: FaceDataset,
    table: pd.DataFrame,
    tmp_path: Path,
    spoil: object,
    message: str,
) -> None:
    path = tmp_path / "answers.csv"
    spoil(table).to_csv(path, index=False)  # type: ignore[operator]
    with pytest.raises(DatasetError, match=message):
        read_answers(path, faces)


def test_what_is_no_table_is_told(faces: FaceDataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*nowhere"):
        read_answers(tmp_path / "nowhere.csv", faces)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DatasetError, match="is no CSV file"):
        read_answers(tmp_path / "empty.csv", faces)
    (tmp_path / "binary.csv").write_bytes(b"\x80\x81\xff")
    with pytest.raises(DatasetError, match="is no CSV file"):
        read_answers(tmp_path / "binary.csv", faces)
